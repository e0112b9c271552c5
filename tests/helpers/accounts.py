"""A stand-in account in which every name begins with a word of its own, and what of it a window shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QComboBox, QLabel, QLineEdit, QPlainTextEdit, QWidget

from tests.helpers.compute import FakeCompute, instance
from tests.helpers.inventory import resource
from tests.helpers.models import NOW, ModelServices, endpoint, job
from tests.helpers.safety import happened, open_group
from tests.helpers.scaling import FakeScaling
from workers.errors.tree import AccessDenied
from workers.functions.types import Function
from workers.scaling.types import FunctionRow, Variant
from workers.tuning.costs import estimate
from workers.tuning.types import ContinuousRange, TuningJob, TuningPage
from workers.types import Backend, Bucket, BucketSafety, JobPage, Listing, S3Object


class _Refused:
    """A service of which every call is refused."""

    def __getattr__(self, name: str) -> Any:
        async def refuse(*_: Any, **__: Any) -> Any:
            raise AccessDenied("Not allowed", "This account may not do that.")

        return refuse


class NamedAccount(ModelServices):
    """Buckets, jobs, endpoints and functions whose names begin with ``word``; none at all with an empty one.

    While ``gate`` is not set every answer waits for it; then ``fault`` is raised, if there is one.
    """

    def __init__(self, word: str, backend: Backend) -> None:
        super().__init__(backend)
        self.word = word
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None
        self.waiting = 0
        if word:
            self.job_rows = [job(f"{word}-job", instance_type="ml.m5.large", instance_count=1, data_uri=self.data)]
            self.endpoint_rows = [endpoint(f"{word}-endpoint", job_name=f"{word}-job")]
            self.lines[f"{word}-endpoint"] = [f"{word}-line of the log"]
            self.answers[f"{word}-endpoint"] = lambda data: ((f"{word}-breed",), (1.0,))
        functions = [
            Function(f"{word}-function", f"arn:{word}", "python3.12", 512, 30, f"arn:role/{word}-role", NOW)
        ] if word else []  # fmt: skip
        refused = _Refused()
        self.functions = SimpleNamespace(  # type: ignore[assignment]
            list_all=lambda: self._each(functions), measured=self._measured, per_hour=self._functions_per_hour,
            detailed=refused.anything, describe=refused.anything, versions=refused.anything, changes=refused,
        )  # fmt: skip
        self.storage = SimpleNamespace(
            buckets=self._buckets, list=self._listing, safety=self._safety, objects=lambda *_: self._each(()),
            preview=refused.anything,
        )  # fmt: skip
        self.uploader = SimpleNamespace(pending=self._pending, places=self._places)
        self.tuning = SimpleNamespace(
            list=self._tunings, describe=refused.anything, trials=refused.anything, check_name=self._nothing,
            pictures=self._pictures,
            estimate=lambda spec, prices, count: estimate(spec, prices, self.region, count),
        )  # fmt: skip
        self.compute, self.scaling = FakeCompute(), FakeScaling()
        self.compute.answered = self.scaling.answered = self.inventory.answered = self._answered
        self.security.answered = self.trail.answered = self._answered
        if word:
            self.security.facts = {"security groups": [replace(open_group(), name=f"{word}-group")]}
            self.trail.events = [happened(1, "CreateEndpoint", f"{word}-endpoint", 3)]
            self.inventory.rows = (resource("endpoint", f"{word}-endpoint", "InService", dollars_per_hour=0.1),)
            self.compute.rows = [instance(f"{word}-instance")]
            self.scaling.variant_rows = [Variant(f"{word}-endpoint", "AllTraffic", "InService", "ml.m5.large", 1, 1)]
            self.scaling.function_rows = [FunctionRow(f"{word}-function", 512)]
        self.training.log, self.training.check_name = refused.anything, self._nothing
        self.training.list = self._jobs_page
        self.role_checks = refused
        self.logs = refused

    @property
    def data(self) -> str:
        """Where the account's pictures are."""
        return f"s3://{self.word}-bucket/{self.word}-pictures"

    async def _answered(self) -> None:
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        if self.fault is not None:
            raise self.fault

    async def _each(self, rows: Any) -> AsyncIterator[Any]:
        await self._answered()
        for row in rows:
            yield row

    async def _endpoints(self, *, details: bool = True) -> Any:
        await self._answered()
        return tuple(self.endpoint_rows)

    async def _measured(self, functions: Any) -> Any:
        await self._answered()
        return functions

    async def _buckets(self) -> Any:
        await self._answered()
        return (Bucket(f"{self.word}-bucket", NOW),) if self.word else ()

    async def _listing(self, bucket: str, prefix: str = "", token: str | None = None) -> Listing:
        await self._answered()
        return Listing(prefix, (f"{self.word}-pictures/",), (S3Object(f"{self.word}-file.txt", 5, NOW, "e"),), None)

    async def _safety(self, bucket: str) -> BucketSafety:
        return BucketSafety(True, True, True)

    async def _pending(self) -> Any:
        return ()

    async def _places(self, _: Any) -> list[Any]:
        return []

    async def _tunings(self, **_: Any) -> TuningPage:
        await self._answered()
        rates = (ContinuousRange("learning_rate", 1e-4, 1e-1, "Logarithmic"),)
        made = TuningJob(f"{self.word}-tuning", "Completed", NOW, ranges=rates, objective_metric="valid:accuracy")
        return TuningPage((made,) if self.word else (), None)

    async def _jobs_page(self, *, status: str | None = None, **_: Any) -> JobPage:
        await self._answered()
        return JobPage(tuple(self.job_rows), None)

    async def _pictures(self, uri: str) -> int:
        return 7

    async def _nothing(self, *_: Any) -> None:
        return None

    async def prewarm(self) -> None:
        """Nothing is to be started."""


def said(root: QWidget, *, hidden_models: bool = True) -> Iterator[tuple[str, str]]:
    """``(where, text)`` of all that is in sight below ``root``, and what lists and fields hold even out of sight."""
    for widget in [root, *root.findChildren(QWidget)]:
        where = f"{type(widget).__name__} {widget.objectName()}".strip()
        texts: list[str] = []
        seen = widget.isVisibleTo(root)
        if isinstance(widget, QAbstractItemView) and (seen or hidden_models) and widget.model() is not None:
            model = widget.model()
            cells = [model.index(row, at) for row in range(model.rowCount()) for at in range(model.columnCount())]
            texts += [str(model.data(cell, Qt.ItemDataRole.DisplayRole)) for cell in cells]
        if isinstance(widget, QComboBox) and (seen or hidden_models):
            texts += [widget.itemText(at) for at in range(widget.count())]
        if seen:
            texts += [widget.toolTip(), widget.accessibleName(), widget.accessibleDescription()]
            if isinstance(widget, QLabel | QAbstractButton | QLineEdit):
                texts.append(widget.text())
            if isinstance(widget, QPlainTextEdit):
                texts.append(widget.toPlainText())
        yield from ((where, text) for text in texts if text)
