"""What the operator of a sandbox sets by the environment: time factor, limits of the account, spot, root, walls."""

from __future__ import annotations

import math
import os

TIME_FACTOR = "SAGEDECK_TIME_FACTOR"
CONCURRENCY = "SAGEDECK_LAMBDA_CONCURRENCY"
INVOCATIONS = "SAGEDECK_INVOCATIONS_PER_SECOND"
ROOT_MFA = "SAGEDECK_ROOT_MFA"
ROOT_KEYS = "SAGEDECK_ROOT_KEYS"
WALLS = "SAGEDECK_WALLS"
SPOT_INTERRUPTIONS = "SAGEDECK_SPOT_INTERRUPTIONS"
# What accounts have on AWS: new ones 10 or 50, others 1,000.
QUOTAS = (10, 50, 1000)
MOST_TIMES = 100.0


class WrongSetting(ValueError):
    """A setting that the sandbox cannot work with; the text says which and what it may be."""


def time_factor() -> float:
    """How many seconds of periods and waits pass in one second of the clock: 1 to 100 (default 1).

    Raises ``WrongSetting``.
    """
    text = os.environ.get(TIME_FACTOR, "").strip() or "1"
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 1.0 <= factor <= MOST_TIMES:
        raise WrongSetting(f"{TIME_FACTOR} must be a number from 1 to {MOST_TIMES:.0f}, not {text!r}.")
    return factor


def account_concurrency() -> int:
    """How many calls of functions the account may have under way at once: 10, 50 or 1,000 (the default).

    Raises ``WrongSetting``.
    """
    text = os.environ.get(CONCURRENCY, "").strip() or str(QUOTAS[-1])
    if text not in {str(quota) for quota in QUOTAS}:
        raise WrongSetting(f"{CONCURRENCY} must be 10, 50 or 1000, not {text!r}.")
    return int(text)


def invocations_per_second() -> float | None:
    """How many InvokeEndpoint calls a second the account may make before it is throttled; None: any number.

    Raises ``WrongSetting``.
    """
    text = os.environ.get(INVOCATIONS, "").strip()
    if not text:
        return None
    if not text.isdecimal() or not int(text):
        raise WrongSetting(f"{INVOCATIONS} must be a whole number of at least 1, not {text!r}.")
    return float(text)


def spot_interruptions() -> tuple[float, ...]:
    """After how many seconds of training each spot job loses its instances, a number for each of its runs.

    ``20, 60``: the first run after 20 seconds, the second after 60, the third not at all. Empty (the default): never.
    Raises ``WrongSetting``.
    """
    text = os.environ.get(SPOT_INTERRUPTIONS, "").strip()
    try:
        seconds = tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        seconds = (math.nan,)
    if not all(0 < number < math.inf for number in seconds):
        raise WrongSetting(f"{SPOT_INTERRUPTIONS} must be seconds above 0, separated by commas, not {text!r}.")
    return seconds


def root_has_mfa() -> bool:
    """Whether the account's root user has an MFA device: yes or no (the default, as in a new account).

    Raises ``WrongSetting``.
    """
    return _yes(ROOT_MFA)


def root_has_keys() -> bool:
    """Whether the account's root user has access keys: yes or no (the default). Raises ``WrongSetting``."""
    return _yes(ROOT_KEYS)


def walls_wanted() -> bool:
    """Whether children are kept from the operator's files where the system can do it: yes (the default) or no.

    Raises ``WrongSetting``.
    """
    return _yes(WALLS, "yes")


def _yes(name: str, default: str = "no") -> bool:
    text = os.environ.get(name, "").strip().lower() or default
    if text not in ("yes", "no"):
        raise WrongSetting(f"{name} must be yes or no, not {text!r}.")
    return text == "yes"


def check_settings() -> None:
    """Raise ``WrongSetting`` for the first setting that the sandbox cannot work with."""
    time_factor()
    account_concurrency()
    invocations_per_second()
    spot_interruptions()
    root_has_mfa()
    root_has_keys()
    walls_wanted()
