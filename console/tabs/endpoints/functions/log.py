"""The log of one function, followed while it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.context import AppContext
from console.follow.log import LogFollower, Page
from console.look.theme import theme
from console.widgets.text.log_panel import LogPanel

if TYPE_CHECKING:
    from workers.services import Services

# A call that was just made in Test… should be seen at once; Lambda's own log takes seconds to arrive.
SECONDS = 2.0


class FunctionLog(QWidget):
    """Hidden until ``follow_function`` names one."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.function = ""
        self.panel = LogPanel("Log")
        self.panel.remember(ctx.settings)
        self.panel.setFixedHeight(theme().pixels(260))
        self._follower = LogFollower(ctx, self.panel.view, "endpoints:function-log", seconds=SECONDS)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.panel)
        self.hide()

    def follow_function(self, name: str) -> None:
        """Show and follow this function's log; an empty name changes nothing."""
        if not name or name == self.function:
            return
        self.function = name
        self.panel.set_title(f"Log of {name}")
        self.show()

        async def read(services: Services, position: str | None) -> Page:
            return await services.logs.read(f"/aws/lambda/{name}", "", position, from_end=True)

        self._follower.follow(read, label=f"Follow the log of {name}", waiting="No lines yet")

    def close_log(self) -> None:
        """Stop following and hide."""
        self.function = ""
        self._follower.stop()
        self.hide()
