"""Which endpoints are asked: the two fields of the page's head, and what is known about the account's endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.columns import natural_key
from console.widgets.base import text_width
from console.widgets.forms.fields import ComboBox
from console.widgets.tables.letter_chip import letter_icon
from workers.errors.tree import SageDeckError
from workers.types import Endpoint

if TYPE_CHECKING:
    from workers.services import Services

SERVING = ("InService", "Updating")
COMING = "Creating"
_NOBODY = ("", "Compare with…")

State = Literal["unknown", "listed", "failed"]
Item = tuple[str, ...]


class EndpointBox(ComboBox):
    """A field of endpoints; with a letter set, the one chosen carries it."""

    letter = ""

    def set_letter(self, letter: str) -> None:
        """Show this letter ("" for none) instead of the kind's icon."""
        if letter != self.letter:
            self.letter = letter
            self._dress()

    def minimumSizeHint(self) -> QSize:
        """The words of an empty choice are never cut; names give way."""
        least = super().minimumSizeHint()
        wanted = round(text_width(_NOBODY[1])) + theme().pixels(48)
        return QSize(min(self.sizeHint().width(), max(least.width(), wanted)), least.height())

    def _dress(self) -> None:
        super()._dress()
        for at in range(self.count() if self.letter else 0):
            if self.itemData(at):
                self.setItemIcon(at, letter_icon(self.letter))


class EndpointChoice(QWidget):
    """Signals: ``changed()``: other endpoints are asked, by the operator's choice or by a list that was read.

    An endpoint that goes away while it is chosen stays in the field, so that its answers stay in sight, and is
    named in ``gone``. ``coming`` are those being created.
    """

    changed = Signal()

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ctx = ctx
        self._serving: dict[str, Endpoint] = {}
        self._wanted = ""
        self.state: State = "unknown"
        self.error: BaseException | None = None
        self.coming: tuple[str, ...] = ()
        self.gone: frozenset[str] = frozenset()
        self.a = EndpointBox(name="Endpoint A", placeholder="No endpoint in service")
        self.b = EndpointBox([_NOBODY], "", name="Endpoint B")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.a)
        row.addWidget(self.b)
        self.a.chosen.connect(self._first_chosen)
        self.b.chosen.connect(self._chosen)
        self._arrange()

    @property
    def names(self) -> list[str]:
        """The endpoints that can be asked, by name."""
        return sorted(self._serving, key=natural_key)

    @property
    def asked(self) -> list[str]:
        """The endpoints chosen: none, A, or A and B."""
        return [name for name in (self.a.value(), self.b.value()) if name]

    def endpoint(self, name: str) -> Endpoint | None:
        """What is known about an endpoint that can be asked."""
        return self._serving.get(name)

    def want(self, name: str) -> None:
        """Choose this endpoint when the list is read next."""
        self._wanted = name

    async def read(self, services: Services) -> None:
        """Read the account's endpoints; raises ``SageDeckError``."""
        try:
            found = await services.endpoints.list()
        except SageDeckError as error:
            if self.state != "listed":
                self.state, self.error = "failed", error
            raise
        before = (self.asked, self.gone)
        self.state, self.error = "listed", None
        self._serving = {endpoint.name: endpoint for endpoint in found if endpoint.status in SERVING}
        self.coming = tuple(sorted((endpoint.name for endpoint in found if endpoint.status == COMING), key=natural_key))
        self._offer()
        if (self.asked, self.gone) != before:
            self.changed.emit()

    def forget(self) -> None:
        """Another account: nothing is known."""
        self._serving, self.coming, self.gone = {}, (), frozenset()
        self.state, self.error = "unknown", None
        self._fill([], None, [_NOBODY], "")

    def _offer(self) -> None:
        names = self.names
        first, second = self.a.value(), self.b.value() or ""
        if self._wanted in names:
            first, self._wanted = self._wanted, ""
        elif not first:
            last = self._ctx.settings.value("last_endpoint", "")
            first = last if last in names else (names[0] if names else None)
        self.gone = frozenset(name for name in (first, second) if name and name not in names)
        kept = [(name, f"{name}, gone", "endpoints") for name in (first,) if name in self.gone]
        items = [(name, name, "endpoints") for name in names] + kept
        others = [(name, name, "endpoints") for name in names if name != first]
        others += [(second, f"{second}, gone", "endpoints")] if second in self.gone and second != first else []
        second = second if second in [name for name, *_ in others] else ""
        self._fill(items, first, [_NOBODY, *others], second)

    def _fill(
        self, items: list[tuple[str, ...]], first: str | None, others: list[tuple[str, ...]], second: str
    ) -> None:
        for box, offered, current in ((self.a, items, first), (self.b, others, second)):
            blocked = box.blockSignals(True)
            box.set_items(offered, current)
            box.blockSignals(blocked)
        self._arrange()

    def _first_chosen(self, name: object) -> None:
        if isinstance(name, str) and name:
            self._ctx.settings.set("last_endpoint", name)
        self._chosen(name)

    def _chosen(self, _name: object) -> None:
        self._offer()
        self.changed.emit()

    def _arrange(self) -> None:
        compared = len(self.asked) > 1
        self.a.set_letter("A" if compared else "")
        self.b.set_letter("B" if compared else "")
        self.a.setVisible(bool(self.a.count()))
        self.b.setVisible(self.b.count() > 1)
