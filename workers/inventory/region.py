"""Whether keys are refused because the region is switched off: AWS then says the same as of wrong keys."""

from __future__ import annotations

from workers.aws.session import AwsSession
from workers.errors.tree import Conflict, Expired, SageDeckError

# What the services of a region that is not switched on answer to good keys.
_CODES = frozenset({"InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "OptInRequired"})
_OFF = frozenset({"DISABLED", "DISABLING"})


async def region_error(session: AwsSession, error: Expired) -> SageDeckError:
    """The error to tell: that the region is switched off, where the account says so; else the one that came."""
    if error.code not in _CODES:
        return error
    try:
        answer = await session.call(
            "account", "get_region_opt_status", doing="ask whether the region is switched on", RegionName=session.region
        )
    except SageDeckError:
        return error
    if answer.get("RegionOptStatus") not in _OFF:
        return error
    return Conflict(
        f"The region {session.region} is switched off",
        f"This account does not use {session.region}: its services refuse all keys.",
        "Switch it on in the account's settings (Regions), which takes some minutes, or connect to another region.",
        code="RegionDisabled",
    )
