"""What AWS itself says it has billed: Cost Explorer, asked on a click alone, because AWS bills each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.models.format import cost, day_month
from console.widgets.base import label
from console.widgets.forms.buttons import Button
from console.widgets.frames.banner import Banner, error_words
from console.widgets.frames.dialog import Dialog
from console.widgets.text.key_values import KeyValues
from workers.inventory.types import Billed

if TYPE_CHECKING:
    from workers.services import Services

# A month's bill; Cost Explorer takes as much for one day.
DAYS = 30
# Services with a line of their own; the small rest is summed up.
_MOST = 12


class BilledDialog(Dialog):
    """``billed`` is the answer, ``None`` before it is there."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        words = "Cost Explorer's figures, up to a day late. SageDeck's own are by list prices, at once and for nothing."
        super().__init__("What AWS has billed", words, parent=parent)
        self._ctx = ctx
        self._shut = False
        self.billed: Billed | None = None
        self.problem = Banner("err")
        self.problem.hide()
        self.span = label("", "small", "text2")
        self.services = KeyValues()
        self.body.addWidget(self.problem)
        self.body.addWidget(self.span)
        self.body.addWidget(self.services)
        self.close_button = Button("Close", on=self.reject)
        self.ask_button = Button("Ask for $0.01", "primary", "coin", on=self.fetch)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.close_button)
        self.buttons.addWidget(self.ask_button)
        self.finished.connect(self._closed)

    def fetch(self) -> None:
        """Ask now."""
        self.ask_button.hinder("It is being asked")
        self.problem.hide()
        self.span.setText(f"Asking for the last {DAYS} days…")
        self._ctx.with_services(self._read, label="Ask Cost Explorer", key="billed", on_error=self._failed)

    async def _read(self, services: Services) -> None:
        found = await services.inventory.billed(DAYS)
        if not self._shut:
            self._show(found)

    def _show(self, found: Billed) -> None:
        self.billed = found
        today = found.end.date()
        estimated = ", some of it estimated" if found.estimated else ""
        self.span.setText(f"{day_month(found.start.date(), today)} to {day_month(today, today)}{estimated}")
        shown = list(found.by_service[:_MOST])
        rest = sum(dollars for _, dollars in found.by_service[_MOST:])
        rows = [(name, cost(dollars)) for name, dollars in shown]
        if rest:
            rows.append((f"{len(found.by_service) - _MOST} more", cost(rest)))
        self.services.set_rows([*rows, ("Together", cost(found.total))])
        self.ask_button.hide()

    def _failed(self, error: BaseException) -> None:
        if self._shut:
            return
        title, sentence, details = error_words(error)
        self.problem.set_content("err", title, sentence, details=details)
        self.problem.show()
        self.span.setText("")
        self.ask_button.hinder("")

    def _closed(self, _: int) -> None:
        self._shut = True
        self._ctx.tasks.cancel("billed")
