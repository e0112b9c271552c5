"""What is asked: the fields of the page's head, and what is known about the account's endpoints, functions and models.

The segments say of which kind A is; B and C, which appear one after the other, offer everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.cards import LETTERS
from console.models.columns import natural_key
from console.widgets.base import text_width
from console.widgets.forms.fields import ComboBox
from console.widgets.forms.segmented import Segmented
from console.widgets.tables.letter_chip import letter_icon
from workers.errors.tree import SageDeckError
from workers.inference.local import INSTALL, can_load
from workers.inference.targets import Target, targets_of
from workers.types import Endpoint

if TYPE_CHECKING:
    from workers.functions.types import Function
    from workers.services import Services
    from workers.types import TrainingJob

SERVING = ("InService", "Updating")
COMING = "Creating"
# The newest ones; an older one is asked from its job in Training.
MOST_MODELS = 100
_NOBODY = ("", "Compare with…")
# A name has at most 63 characters.
_WIDEST = 340
_ICONS = {"endpoint": "endpoints", "variant": "scaling", "function": "lambda", "model": "training"}
_SEGMENTS = (("endpoint", "Endpoint"), ("function", "Function"), ("model", "Model here"))
_PLACEHOLDERS = {
    "endpoint": "No endpoint in service", "function": "No function that asks an endpoint", "model": "No finished job",
}  # fmt: skip

State = Literal["unknown", "listed", "failed"]
Item = tuple[str, ...]


def segment_of(target: Target) -> str:
    """The segment that a target belongs to: variants are offered with the endpoints."""
    return "endpoint" if target.kind == "variant" else target.kind


class TargetBox(ComboBox):
    """A field of targets; with a letter set, the one chosen carries it."""

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
        at = self.currentIndex()
        if self.letter and at >= 0 and self.itemData(at):
            self.setItemIcon(at, letter_icon(self.letter))

    def _changed(self, _index: int = 0) -> None:
        self._dress()
        super()._changed(_index)


class TargetChoice(QWidget):
    """Signals: ``changed()``: others are asked, by the operator's choice or by a list that was read.

    What goes away while it is chosen stays in the field, so that its answers stay in sight, and is named in ``gone``.
    ``coming`` are endpoints being created. ``unread`` says of functions and models why they are not offered.
    """

    changed = Signal()

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ctx = ctx
        self._serving: dict[str, Endpoint] = {}
        self._functions: dict[str, Function] = {}
        self._targets: dict[str, Target] = {}
        self._unsure: frozenset[str] = frozenset()
        self._wanted = ""
        self.state: State = "unknown"
        self.error: BaseException | None = None
        self.coming: tuple[str, ...] = ()
        self.gone: frozenset[str] = frozenset()
        self.unread: dict[str, str] = {}
        self.kinds = Segmented(_SEGMENTS, "endpoint", name="What is asked", small=True)
        self.kinds.changed.connect(self._kind_chosen)
        self.a = TargetBox(name="Target A", placeholder=_PLACEHOLDERS["endpoint"])
        self.b = TargetBox([_NOBODY], "", name="Target B")
        self.c = TargetBox([_NOBODY], "", name="Target C")
        self.boxes = (self.a, self.b, self.c)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.kinds)
        for box in self.boxes:
            box.setMaximumWidth(theme().pixels(_WIDEST))
            row.addWidget(box, 1)
        row.addStretch(0)
        self.a.chosen.connect(self._first_chosen)
        for box in self.boxes[1:]:
            box.chosen.connect(self._chosen)
        self._arrange()

    @property
    def names(self) -> list[str]:
        """The endpoints that can be asked, by name."""
        return sorted(self._serving, key=natural_key)

    @property
    def some(self) -> bool:
        """True when anything can be asked."""
        return bool(self._targets)

    @property
    def asked(self) -> list[str]:
        """The keys of what is chosen: none, A, A and B, or all three."""
        return list(dict.fromkeys(key for box in self.boxes if (key := box.value())))

    def endpoint(self, key: str) -> Endpoint | None:
        """What is known about the endpoint behind a target."""
        target = Target.parse(key)
        if target.kind == "function":
            function = self._functions.get(target.name)
            return self._serving.get(function.endpoint_name) if function is not None else None
        return self._serving.get(target.name) if target.kind != "model" else None

    def model_of(self, key: str) -> str:
        """What tells the model behind a target from another one there; "" where that is not known."""
        target, endpoint = Target.parse(key), self.endpoint(key)
        if target.kind == "model":
            return key
        if endpoint is None or not endpoint.model_uri:
            return ""
        code = self._functions[target.name].code_sha256 if target.kind == "function" else ""
        return " ".join(part for part in (endpoint.model_uri, *endpoint.model_names, code) if part)

    def job_of(self, key: str) -> str:
        """The training job whose report tells of the model; "" where that is not known."""
        target, endpoint = Target.parse(key), self.endpoint(key)
        if target.kind == "model":
            return target.name
        # A variant's model may be another than the one that the endpoint's description begins with.
        return endpoint.job_name if endpoint is not None and target.kind != "variant" else ""

    def want(self, key: str) -> None:
        """Choose this when the lists are read next."""
        self._wanted = key

    async def read(self, services: Services) -> None:
        """Read what can be asked; raises ``SageDeckError`` when the endpoints cannot be read."""
        try:
            found = await services.endpoints.list()
        except SageDeckError as error:
            if self.state != "listed":
                self.state, self.error = "failed", error
            raise
        functions, jobs = await self._functions_of(services), await self._jobs_of(services)
        before = (self.asked, self.gone)
        self.state, self.error = "listed", None
        self._serving = {endpoint.name: endpoint for endpoint in found if endpoint.status in SERVING}
        self._functions = {function.name: function for function in functions}
        self._targets = {
            target.key: target for target in targets_of((self._serving[name] for name in self.names), functions, jobs)
        }
        self.coming = tuple(sorted((endpoint.name for endpoint in found if endpoint.status == COMING), key=natural_key))
        self._offer()
        if (self.asked, self.gone) != before:
            self.changed.emit()

    async def _functions_of(self, services: Services) -> list[Function]:
        try:
            found = [function async for function in services.functions.list_all()]
        except SageDeckError as error:
            self.unread["function"] = f"{error.title}. {error.message}"
            return list(self._functions.values())
        self.unread.pop("function", None)
        return sorted(found, key=lambda function: natural_key(function.name))

    async def _jobs_of(self, services: Services) -> list[TrainingJob]:
        if not can_load():
            self.unread["model"] = f"PyTorch is not installed here: {INSTALL}"
            return []
        try:
            page = await services.training.list(status="Completed", size=MOST_MODELS)
        except SageDeckError as error:
            self.unread["model"] = f"{error.title}. {error.message}"
            return []
        self.unread.pop("model", None)
        return list(page.jobs)

    def forget(self) -> None:
        """Another account: nothing is known."""
        self._serving, self._functions, self._targets = {}, {}, {}
        self.coming, self.gone, self.unread = (), frozenset(), {}
        self.state, self.error = "unknown", None
        self._fill([([], None), ([_NOBODY], ""), ([_NOBODY], "")])

    # What is offered

    def _offer(self) -> None:
        chosen = [box.value() or "" for box in self.boxes]
        chosen[0] = self._first(chosen[0])
        self.gone = frozenset(key for key in chosen if key and not self._there(key))
        if chosen[0]:
            self._show_kind(segment_of(Target.parse(chosen[0])))
        kind = self.kinds.current
        firsts = [key for key, target in self._targets.items() if segment_of(target) == kind]
        offers: list[tuple[list[Item], str | None]] = [(self._items(firsts, chosen[0]), chosen[0] or None)]
        taken = {chosen[0]}
        for key in chosen[1:]:
            others = [other for other in self._targets if other not in taken]
            key = key if key not in taken else ""
            offers.append(([_NOBODY, *self._items(others, key)], key))
            taken.add(key)
        self._fill(offers)

    def _first(self, now: str) -> str:
        """What A is: what was wished for, what it was, the one of last time, an endpoint."""
        if self._wanted and self._there(self._wanted):
            wanted, self._wanted = self._wanted, ""
            return wanted
        if now:
            return now
        last = self._ctx.settings.value("last_endpoint", "")
        if last in self._targets and Target.parse(last).kind != "model":
            return last
        # Nobody's computer begins to load a model by itself.
        usual = [key for key, target in self._targets.items() if target.kind != "model"]
        return usual[0] if usual else ""

    def _there(self, key: str) -> bool:
        """False for what is gone; what could not be read, or is an older job's, is thought to be there."""
        kind = Target.parse(key).kind
        return key in self._targets or kind == "model" or kind in self.unread

    def _items(self, keys: list[str], current: str) -> list[Item]:
        items: list[Item] = [(key, _words(Target.parse(key)), _ICONS[Target.parse(key).kind]) for key in keys]
        if current and current not in keys:
            target = Target.parse(current)
            words = f"{_words(target)}, gone" if current in self.gone else _words(target)
            items.append((current, words, _ICONS[target.kind]))
        return items

    def _fill(self, offers: list[tuple[list[Item], str | None]]) -> None:
        for box, (offered, current) in zip(self.boxes, offers, strict=True):
            blocked = box.blockSignals(True)
            box.set_items(offered, current)
            box.blockSignals(blocked)
        self._arrange()

    # What is chosen

    def _kind_chosen(self, kind: str) -> None:
        offered = [key for key, target in self._targets.items() if segment_of(target) == kind]
        others = [box.value() for box in self.boxes[1:]]
        first = next((key for key in offered if key not in others), offered[0] if offered else None)
        self.a.setPlaceholderText(_PLACEHOLDERS[kind])
        blocked = self.a.blockSignals(True)
        self.a.set_items(self._items(offered, ""), first)
        if first is None:
            self.a.setCurrentIndex(-1)
        self.a.blockSignals(blocked)
        self._first_chosen(first)

    def _show_kind(self, kind: str) -> None:
        if kind != self.kinds.current:
            blocked = self.kinds.blockSignals(True)
            self.kinds.set_current(kind)
            self.kinds.blockSignals(blocked)
        self.a.setPlaceholderText(_PLACEHOLDERS[kind])

    def _first_chosen(self, key: object) -> None:
        if isinstance(key, str) and key:
            self._ctx.settings.set("last_endpoint", key)
        self._chosen(key)

    def _chosen(self, _key: object) -> None:
        self._offer()
        self.changed.emit()

    def _arrange(self) -> None:
        asked = self.asked
        for letter, box in zip(LETTERS, self.boxes, strict=True):
            box.set_letter(letter if len(asked) > 1 else "")
        there = {segment_of(target) for target in self._targets.values()} | {self.kinds.current}
        for kind, _ in _SEGMENTS:
            self.kinds.set_segment_enabled(kind, kind in there)
        # A segment that cannot be chosen says why.
        self.kinds.setVisible(len(there) > 1 or bool(self.unread))
        off = [self.unread.get(kind, _PLACEHOLDERS[kind]) for kind, _ in _SEGMENTS if kind not in there]
        self.kinds.setToolTip("\n".join(off))
        self.a.setVisible(bool(self.a.count()))
        self.b.setVisible(bool(self.a.value()) and self.b.count() > 1)
        self.c.setVisible(bool(self.b.value()) and self.c.count() > 1)


def _words(target: Target) -> str:
    return f"{target.name}, here" if target.kind == "model" else target.words
