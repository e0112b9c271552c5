"""The log of one function, followed while it is shown."""

from __future__ import annotations

import asyncio

from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.widgets.text.log_panel import LogPanel
from workers.errors.tree import NotFound, SageDeckError

SECONDS = 2.0
_KEY = "endpoints:function-log"


class FunctionLog(QWidget):
    """Hidden until ``follow_function`` names one."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.function = ""
        self.panel = LogPanel("Log")
        self.panel.remember(ctx.settings)
        self.panel.view.set_placeholder("No lines yet")
        self.panel.setFixedHeight(theme().pixels(260))
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
        self.panel.view.clear()
        self.show()
        self.ctx.tasks.start(self._follow(name), label=f"Follow the log of {name}", key=_KEY, on_error=self._failed)

    def close_log(self) -> None:
        """Stop following and hide."""
        self.function = ""
        self.ctx.tasks.cancel(_KEY)
        self.hide()

    async def _follow(self, name: str) -> None:
        token: str | None = None
        while (services := self.ctx.services) is not None:
            try:
                events, token = await services.logs.read(f"/aws/lambda/{name}", "", token, from_end=True)
                self.panel.view.append_events(events)
            except NotFound:
                self.panel.view.set_placeholder("It has not been called yet, so there is no log")
            await asyncio.sleep(SECONDS)

    def _failed(self, error: BaseException) -> None:
        words = error.title if isinstance(error, SageDeckError) else str(error)
        self.panel.view.set_placeholder(f"The log cannot be read: {words}")
