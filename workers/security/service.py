"""The safety of one account: a look at everything, what one click changes, and what a role used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from workers.aws.session import AwsSession
from workers.errors.tree import Expired, SageDeckError, ServiceFault, Unreachable
from workers.security.buckets import BUCKETS
from workers.security.check import Area, examine, refused
from workers.security.functions import FUNCTIONS
from workers.security.groups import GROUPS
from workers.security.hosting import CONFIGS, MODELS
from workers.security.identity import ROOT, USERS
from workers.security.logs import LOG_GROUPS
from workers.security.machines import DEFAULTS, INSTANCES, VOLUMES
from workers.security.narrowing import RoleUse, role_use
from workers.security.notebooks import NOTEBOOKS
from workers.security.roles import PRINCIPALS
from workers.security.types import Change, Report, ordered

AREAS: tuple[Area[Any], ...] = (
    ROOT,
    USERS,
    PRINCIPALS,
    BUCKETS,
    GROUPS,
    INSTANCES,
    VOLUMES,
    DEFAULTS,
    FUNCTIONS,
    NOTEBOOKS,
    MODELS,
    CONFIGS,
    LOG_GROUPS,
)
# Called with how many areas were looked at, and of how many.
Progress = Callable[[int, int], object]


class Security:
    """Looks at the safety of one account and region. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def look(self, areas: Sequence[str] = (), progress: Progress | None = None) -> Report:
        """Make the checks of all areas, or of some by name. What may not be read is told as not checked.

        Raises only when the account does not answer at all.
        """
        wanted = [area for area in AREAS if not areas or area.name in areas]
        account = (await self._session.identity()).account
        reports: list[Report] = []
        for number, area in enumerate(wanted):
            if progress is not None:
                progress(number, len(wanted))
            reports.append(await self._look_at(area, account))
        return Report(
            ordered([finding for report in reports for finding in report.findings]),
            tuple(entry for report in reports for entry in report.not_checked),
            {check: count for report in reports for check, count in report.looked.items()},
            datetime.now(UTC),
            account,
            self._session.region,
        )

    async def _look_at(self, area: Area[Any], account: str) -> Report:
        region = self._session.region
        try:
            facts = await area.read(self._session)
        except (Expired, Unreachable):
            raise
        except SageDeckError as error:
            return refused(area, error, datetime.now(UTC), account, region)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # One strange answer must not hide what all other areas have.
            strange = ServiceFault(
                f"Could not look at {area.name}", f"AWS's answer was not understood ({type(error).__name__})."
            )
            return refused(area, strange, datetime.now(UTC), account, region)
        # Judging thousands of facts takes a while; the window answers meanwhile.
        return await asyncio.to_thread(examine, area, facts, datetime.now(UTC), account, region)

    async def apply(self, change: Change) -> None:
        """Carry out what was shown, if it is still so; ``Conflict`` tells that it is not."""
        await change.carry_out(self._session)

    async def role_use(self, role: str) -> RoleUse:
        """What a role may and what of it was used. Takes some seconds."""
        return await role_use(self._session, role)
