"""EC2 and SSM of one account: what the EC2 tab, a notebook or a script uses."""

from __future__ import annotations

from datetime import datetime

from workers.aws.session import AwsSession
from workers.compute.access import InstanceAccess
from workers.compute.commands import Commands
from workers.compute.images import Images
from workers.compute.instances import Instances, up_seconds
from workers.compute.jobs import InstanceJobs
from workers.compute.launch import Launches
from workers.compute.preflight import Preflight
from workers.compute.types import Instance
from workers.prices.table import PriceTable


class Compute:
    """One of each for one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, prices: PriceTable) -> None:
        self._session, self._prices = session, prices
        self.access = InstanceAccess(session)
        self.images = Images(session)
        self.instances = Instances(session)
        self.preflight = Preflight(session, self.images, self.access)
        self.launches = Launches(session, self.access, self.preflight)
        self.commands = Commands(session)
        self.jobs = InstanceJobs(session, self.commands, self.instances)

    def per_hour(self, instance: Instance) -> float | None:
        """US dollars an hour that the instance costs now, without its disk: 0 unless it runs, ``None``: not known."""
        return self.list_price(instance) if instance.running else 0.0

    def list_price(self, instance: Instance) -> float | None:
        """US dollars an hour that its type costs while it runs, without its disk; ``None``: not known."""
        return self._prices.per_hour(instance.type, "ec2", self._session.region)

    async def per_hour_now(self) -> float:
        """US dollars an hour that all running instances cost, without disks; those without a known price are left out.

        Raises ``SageDeckError``.
        """
        return sum(self.per_hour(instance) or 0.0 for instance in await self.instances.running())

    def cost_since_start(self, instance: Instance, now: datetime | None = None) -> float | None:
        """US dollars of its last run, without its disk; ``None`` when price or end are not known."""
        price = self.list_price(instance)
        seconds = up_seconds(instance, now)
        # EC2 bills Linux by the second, at least a minute of each run (EC2 on-demand pricing).
        return None if price is None or seconds is None else max(seconds, 60.0) / 3600 * price
