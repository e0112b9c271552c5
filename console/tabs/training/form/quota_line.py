"""The quota above the launch button: read when the instance type changes, never in the way of a launch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.tabs.training.commands_quota import RaiseQuota
from console.tabs.training.form.quota_words import QuotaWords, instances_at_a_time, quota_words, unknown_words
from console.widgets.forms.buttons import Button
from console.widgets.forms.lines import CheckLine, HintLine
from workers.aws.quotas import Quota
from workers.errors.tree import SageDeckError
from workers.tuning.types import TuningSpec
from workers.types import TrainingSpec

if TYPE_CHECKING:
    from workers.services import Services

# After the last change of the form; each look asks Service Quotas.
PAUSE_MS = 400


class QuotaLine(QWidget):
    """``check(spec)`` shows what is known at once and asks again after a pause; ``check(None)`` hides the line."""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ctx = ctx
        self._spec: TrainingSpec | TuningSpec | None = None
        self._known: dict[tuple[str, bool], Quota | None] = {}
        self._asked: tuple[str, bool] | None = None
        self.words: QuotaWords | None = None
        self._line = CheckLine("wait", "Quota", "being read", small=True)
        self._more = Button("Ask for more…", "link", small=True, on=self._ask_for_more)
        self._more.hide()
        self._advice = HintLine()
        self._advice.setContentsMargins(theme().pixels(16) + 8, 0, 0, 4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        head = QHBoxLayout()
        head.addWidget(self._line, 1)
        head.addWidget(self._more)
        column.addLayout(head)
        column.addWidget(self._advice)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._ask)
        ctx.resourceChanged.connect(self._changed)
        ctx.backendChanging.connect(self._forget)

    def check(self, spec: TrainingSpec | TuningSpec | None) -> None:
        """Look at this form."""
        self._spec = spec
        self.setVisible(spec is not None)
        if spec is None:
            return
        kind = (spec.instance_type, spec.spot)
        if kind in self._known:
            self._show(self._known[kind])
        if kind != self._asked:
            if kind not in self._known:
                self._line.set_content("wait", "Quota", "being read")
                self._advice.say("")
                self._more.hide()
            self._timer.start()

    def _ask(self) -> None:
        spec = self._spec
        if spec is None or not self._ctx.connected:
            return
        self._asked = (spec.instance_type, spec.spot)
        self._ctx.with_services(
            self._read, *self._asked, label="Read the quota", key="training:quota", on_error=lambda _: None
        )

    async def _read(self, services: Services, instance_type: str, spot: bool) -> None:
        kind = (instance_type, spot)
        try:
            self._known[kind] = await services.quotas.training(instance_type, spot)
        except SageDeckError as error:
            if self._is_shown(kind):
                self._say(unknown_words(error))
            return
        if self._is_shown(kind):
            self._show(self._known[kind])

    def _is_shown(self, kind: tuple[str, bool]) -> bool:
        return self._spec is not None and kind == (self._spec.instance_type, self._spec.spot)

    def _show(self, quota: Quota | None) -> None:
        if self._spec is None:
            return
        self._say(unknown_words(None) if quota is None else quota_words(self._spec, quota), quota)

    def _say(self, words: QuotaWords, quota: Quota | None = None) -> None:
        self.words = words
        self._line.set_content(words.tone, words.line)  # type: ignore[arg-type]
        self._line.setToolTip(quota.name if quota is not None else "")
        self._advice.say(words.advice)
        self._more.setVisible(quota is not None and bool(words.advice and quota.code))

    def _ask_for_more(self) -> None:
        spec = self._spec
        quota = self._known.get((spec.instance_type, spec.spot)) if spec is not None else None
        if spec is not None and quota is not None:
            self._ctx.start(RaiseQuota(quota, quota.used + instances_at_a_time(spec)))

    def renew(self) -> None:
        """Ask again, also about an instance type that is known."""
        self._asked = None
        self.check(self._spec)

    def _changed(self, kind: str, _name: str) -> None:
        """A job was launched, stopped or ended: other instances are in use now."""
        if kind in ("job", "tuning") and self._ctx.services is not None:
            self._ctx.services.quotas.forget_running()
            self.renew()
        elif kind == "quota":
            self.renew()

    def _forget(self) -> None:
        self._known.clear()
        self._asked = None
        self._timer.stop()
        self._line.set_content("wait", "Quota", "being read")
        self._advice.say("")
        self._more.hide()
