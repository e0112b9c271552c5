"""What must be changed in moto (5.2.5) before its services are imported.

Its clock and its random numbers are put under our control, so that a journal of requests replays to the same ids
and dates; and work that it does again and again is done once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

ENVIRONMENT = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    "MOTO_ALLOW_NONEXISTENT_REGION": "false",
}


PARTITION = "aws"


class Clock:
    """moto's idea of now; ``fixed`` (naive UTC) while a journalled request runs."""

    def __init__(self) -> None:
        self.fixed: datetime | None = None

    def utcnow(self) -> datetime:
        """Naive UTC, as moto keeps it."""
        return self.fixed or datetime.now(UTC).replace(tzinfo=None)


class Control:
    """Handle on the patched moto."""

    def __init__(self, seed: str) -> None:
        self.clock = Clock()
        self._seed = seed
        self._random: Any = None

    def apply(self) -> None:
        """Patch moto; of its services it imports IAM's alone, which every account needs at once."""
        os.environ.update(ENVIRONMENT)
        import moto.core.utils as utils
        from moto import backends
        from moto.core import base_backend, responses
        from moto.moto_api._internal import mock_random

        self._random = mock_random
        utils.utcnow = self.clock.utcnow
        modules = list(backends.list_of_moto_modules())
        backends.list_of_moto_modules = lambda: modules
        responses.method_names_from_class = cache(responses.method_names_from_class)
        self._patch_backends(base_backend)
        _patch_managed_policies()

    def _patch_backends(self, base_backend: Any) -> None:
        """A backend draws its first ids (default VPC, subnets) from numbers of its own, whenever it is made."""
        original = base_backend.AccountSpecificBackend.__getitem__
        control = self

        def getitem(self: Any, region_name: str) -> Any:
            name = PARTITION if region_name == "global" else region_name
            if name in self.keys():
                return original(self, region_name)
            with control.seeded(f"{self.service_name}/{self.account_id}/{name}"):
                return original(self, region_name)

        base_backend.AccountSpecificBackend.__getitem__ = getitem

    @contextlib.contextmanager
    def seeded(self, name: str) -> Iterator[None]:
        """Random numbers that depend on the state folder and ``name`` only."""
        state = self._random.getstate()
        self._random.seed(hashlib.sha256(f"{self._seed}/{name}".encode()).digest())
        try:
            yield
        finally:
            self._random.setstate(state)

    @contextlib.contextmanager
    def replaying(self, seed: bytes, at: float) -> Iterator[None]:
        """Random numbers from ``seed`` and a clock that stands at ``at`` (epoch seconds)."""
        self._random.seed(seed)
        self.clock.fixed = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
        try:
            yield
        finally:
            self.clock.fixed = None
            self._random.seed()


def _patch_managed_policies() -> None:
    """Read AWS's own policies for the account's partition alone.

    moto looks an access key up in six partitions and would parse 1,500 policies for each, a second of every start.
    """
    from moto.iam.models import IAMBackend

    original = IAMBackend._init_aws_policies

    def init_aws_policies(self: Any) -> Any:
        return original(self) if self.region_name == PARTITION else []

    IAMBackend._init_aws_policies = init_aws_policies
