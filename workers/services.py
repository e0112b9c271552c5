"""All services of one account over one session: what a window, a notebook or a script connects to."""

from __future__ import annotations

import threading

from workers.access.grants import Grants
from workers.access.role_check import RoleChecks
from workers.access.roles import Roles
from workers.audit.trail import Trail
from workers.aws.logs import Logs
from workers.aws.machines import Machines
from workers.aws.metrics import Metrics
from workers.aws.quotas import Quotas
from workers.aws.session import AwsSession
from workers.aws.tags import Tags
from workers.compute.service import Compute
from workers.endpoints.service import Endpoints
from workers.evaluation.service import Evaluations
from workers.functions.service import Functions
from workers.inference.invoke import Inference
from workers.inventory.service import InventoryService
from workers.launcher.client import Launcher
from workers.load.service import LoadTests
from workers.notebooks.service import Notebooks
from workers.parking.service import Parking
from workers.prices.refresh import Pricing
from workers.prices.table import PriceTable
from workers.scaling.service import Scaling
from workers.security.service import Security
from workers.storage.buckets import Storage
from workers.training.jobs import Training
from workers.tuning.jobs import Tuning
from workers.types import Backend, Identity
from workers.upload.uploader import Uploader


class Services:
    """One of each service for one backend. Connect to another backend with another ``Services``."""

    def __init__(self, backend: Backend, launcher: Launcher | None = None) -> None:
        """``launcher`` creates the jobs; left out, it is the SageMaker SDK in a process of its own."""
        self.backend = backend
        self.session = AwsSession(backend)
        self.prices = PriceTable.load()
        self.pricing = Pricing(self.session, self.prices)
        self.launcher = launcher or Launcher(backend)
        self.roles = Roles(self.session)
        self.storage = Storage(self.session)
        self.uploader = Uploader(self.session)
        self.logs = Logs(self.session)
        self.metrics = Metrics(self.session)
        self.machines = Machines(self.session)
        self.training = Training(self.session, self.launcher, self.roles)
        self.tuning = Tuning(self.session, self.launcher, self.roles)
        self.quotas = Quotas(self.session, self.training)
        self.tags = Tags(self.session)
        self.endpoints = Endpoints(self.session, self.roles, self.prices)
        self.parking = Parking(self.session, self.endpoints)
        self.notebooks = Notebooks(self.session, self.roles)
        self.compute = Compute(self.session, self.prices)
        self.training.elsewhere = self.compute.jobs
        self.scaling = Scaling(self.session, self.prices)
        self.load = LoadTests(self.session, self.prices)
        self.functions = Functions(self.session)
        self.inference = Inference(self.session, self.functions, self.training)
        self.evaluations = Evaluations(self.session, self.endpoints, self.functions, self.inference)
        self.trail = Trail(self.session)
        self.inventory = InventoryService(
            self.session, self.prices, self.endpoints, self.functions, self.parking, self.trail
        )
        self.security = Security(self.session)
        self.grants = Grants(self.session)
        self.role_checks = RoleChecks(self.session, self.grants)

    @property
    def region(self) -> str:
        """The region all calls go to."""
        return self.backend.region

    async def identity(self) -> Identity:
        """Who the credentials belong to. Raises ``SageDeckError``."""
        return await self.session.identity()

    async def prewarm(self) -> None:
        """Start what takes long before it is needed: the launcher with the SageMaker SDK. Raises ``SageDeckError``."""
        await self.launcher.prewarm()

    def close(self) -> None:
        """Disconnect: pending calls are dropped, the launcher ends. Returns at once."""
        self.session.close()
        self.inference.close()
        # Ending the launcher may take a few seconds, and a window must not wait for it.
        threading.Thread(target=self.launcher.close, name="launcher close", daemon=True).start()
