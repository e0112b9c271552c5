"""Stand-ins for the window's tests: services that answer at once, and tabs that record what they were told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QLabel

from console.tabs import TabSpec
from console.tabs.base import Tab
from console.widgets.tables.table import ResourceTable
from tests.helpers.compute import FakeCompute
from tests.helpers.inventory import FakeInventory
from tests.helpers.like import like
from tests.helpers.load import FakeLoad
from tests.helpers.safety import FakeSecurity, FakeTrail
from tests.helpers.scaling import FakeScaling
from tests.helpers.waiting import until
from workers.aws.machine_use import MachineUse
from workers.aws.machines import Machines
from workers.aws.quotas import Quota, Quotas
from workers.aws.session import AwsSession
from workers.aws.tags import Tags
from workers.endpoints.service import Endpoints
from workers.functions.service import Functions
from workers.functions.types import Function
from workers.prices.refresh import Pricing
from workers.prices.table import PriceTable
from workers.training.jobs import Training
from workers.types import Backend, Endpoint, Identity, TrainingJob

SANDBOX = Backend("sandbox", "Sandbox", "us-east-1", endpoint_url="http://127.0.0.1:9")
AWS = Backend("aws", "work", "eu-central-1", profile_name="work")


class FakeServices:
    """What ``console`` uses of ``workers.services.Services``, without an account."""

    def __init__(self, backend: Backend, account: str = "123456789012", error: Exception | None = None) -> None:
        self.backend = backend
        self.region = backend.region
        self.prices = PriceTable.load()
        self.pricing = SimpleNamespace(refresh=like(Pricing.refresh)(self._refresh_prices))
        self.closed = False
        self.job_rows: list[TrainingJob] = []
        self.endpoint_rows: list[Endpoint] = []
        self.who = Identity(account, f"arn:aws:iam::{account}:user/operator")
        self._error = error
        self.session = SimpleNamespace(identity=like(AwsSession.identity)(self.identity))
        self.training = SimpleNamespace(
            jobs=like(Training.jobs)(self._jobs), complete=like(Training.complete)(self._complete)
        )
        self.endpoints = SimpleNamespace(list=like(Endpoints.list)(self._endpoints))
        self.function_rows: list[Function] = []
        self.functions = SimpleNamespace(
            per_hour=like(Functions.per_hour)(self._functions_per_hour),
            list_all=like(Functions.list_all)(self._functions),
        )
        self.functions_cost = 0.0
        self.compute = FakeCompute()
        self.scaling = FakeScaling()
        self.load = FakeLoad()
        self.inventory = FakeInventory()
        self.security = FakeSecurity()
        self.trail = FakeTrail()
        self.use = MachineUse()
        self.machines = SimpleNamespace(
            job=like(Machines.job)(self._job_use), endpoint=like(Machines.endpoint)(self._endpoint_use)
        )
        self.quota: Quota | None = Quota("for training job usage", "L-1", 20)
        self.quotas = SimpleNamespace(
            training=like(Quotas.training)(self._quota), forget_running=like(Quotas.forget_running)(lambda: None)
        )
        self.tag_rows: dict[str, dict[str, str]] = {}
        self.tags = SimpleNamespace(
            of=like(Tags.of)(self._tags),
            of_all_jobs=like(Tags.of_all_jobs)(self._all_tags),
            add=like(Tags.add)(self._tag),
            remove=like(Tags.remove)(self._untag),
        )

    async def identity(self) -> Identity:
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        return self.who

    async def _refresh_prices(self) -> bool:
        return False

    async def _jobs(self, **filters: Any) -> AsyncIterator[TrainingJob]:
        for job in self.job_rows:
            if filters.get("status") in (None, job.status):
                yield job

    async def _complete(self, jobs: Iterable[TrainingJob]) -> tuple[TrainingJob, ...]:
        return tuple(jobs)

    async def _functions(self) -> AsyncIterator[Function]:
        for function in self.function_rows:
            yield function

    async def _endpoints(self, *, details: bool = True) -> tuple[Endpoint, ...]:
        return tuple(self.endpoint_rows)

    async def _quota(self, instance_type: str, spot: bool = False) -> Quota | None:
        return self.quota

    async def _job_use(self, job: TrainingJob, now: datetime | None = None) -> MachineUse:
        return self.use

    async def _endpoint_use(self, name: str, variant: str = "", now: datetime | None = None) -> MachineUse:
        return self.use

    async def _tags(self, arn: str) -> dict[str, str]:
        return dict(self.tag_rows.get(arn, {}))

    async def _all_tags(self) -> dict[str, dict[str, str]]:
        return dict(self.tag_rows)

    async def _tag(self, arn: str, tags: Mapping[str, str]) -> None:
        self.tag_rows.setdefault(arn, {}).update(tags)

    async def _untag(self, arn: str, keys: Collection[str]) -> None:
        for key in keys:
            self.tag_rows[arn].pop(key, None)

    async def _functions_per_hour(self, prices: PriceTable) -> float:
        return self.functions_cost

    def close(self) -> None:
        self.closed = True


class RecordingTab(Tab):
    """Records ``(what, value)`` of every call."""

    spec = TabSpec("data", "Data", "data", 1, f"{__name__}:RecordingTab")
    takes = True

    def __init__(self, ctx: Any) -> None:
        super().__init__(ctx)
        self.calls: list[tuple[str, Any]] = []

    def activate(self, payload: Any = None) -> None:
        self.calls.append(("activate", payload))

    def deactivate(self) -> None:
        self.calls.append(("deactivate", None))

    def refresh(self) -> None:
        self.calls.append(("refresh", None))

    def accept_drop(self, paths: list[Path]) -> bool:
        self.calls.append(("drop", paths))
        return self.takes

    def accept_image(self, data: bytes, name: str) -> bool:
        self.calls.append(("image", name))
        return self.takes

    def said(self, what: str) -> list[Any]:
        return [value for name, value in self.calls if name == what]


class RefusingTab(RecordingTab):
    spec = TabSpec("training", "Training", "training", 2, f"{__name__}:RefusingTab")
    takes = False


class PredictTab(RecordingTab):
    spec = TabSpec("predict", "Predict", "predict", 7, f"{__name__}:PredictTab")


class BrokenTab(Tab):
    spec = TabSpec("endpoints", "Endpoints", "endpoints", 5, f"{__name__}:BrokenTab")

    def __init__(self, ctx: Any) -> None:
        raise RuntimeError("no such widget")


async def dialog_of(kind: type[Any], parent: Any) -> Any:
    """The dialog of this class above ``parent``, once it is shown."""
    return await until(lambda: next((shown for shown in parent.findChildren(kind) if shown.isVisible()), None))


def texts(parent: Any) -> str:
    """What labels below ``parent`` say, a line each."""
    return "\n".join(found.text() for found in parent.findChildren(QLabel) if found.isVisible())


def saying(kind: type[Any], parent: Any, words: str) -> Any:
    """The only widget of this class below ``parent`` that is shown and says or is called what holds ``words``."""
    [found] = [
        widget
        for widget in parent.findChildren(kind)
        if widget.isVisibleTo(parent) and words in f"{widget.accessibleName()}\n{getattr(widget, 'text', str)()}"
    ]
    return found


def menu_of(table: ResourceTable) -> list[str]:
    """What the menu of the selected rows offers before what every list offers."""
    menu = table.open_menu(QPoint(10, 10))
    words = [action.text() for action in menu.actions() if not action.isSeparator()]
    menu.close()
    return words[: words.index("Copy rows" if table.selected_rows() else "Copy all rows")]


async def activate(window: Any) -> None:
    """Make ``window`` the active one, as keys need it."""
    window.activateWindow()
    await until(window.isActiveWindow)


async def connect(application: Any, backend: Backend = SANDBOX) -> FakeServices:
    """Put stand-in services in force, as a finished connection does."""
    services = FakeServices(backend)
    application.connection.state = "ready"
    application.ctx.enter(backend, services, await services.identity())
    application.connection.changed.emit()
    return services


SPECS = [RecordingTab.spec, RefusingTab.spec, PredictTab.spec]


async def shown(make_application: Any, specs: Any = SPECS, size: tuple[int, int] = (1440, 900), **options: Any) -> Any:
    """A window that has painted, not connected."""
    application = make_application(specs, **options)
    application.window.resize(*size)
    painted = asyncio.Event()
    application.window.painted.connect(painted.set)
    application.show(connect=False)
    await painted.wait()
    return application
