"""What can be asked about a picture: an endpoint, one of its variants, a function, or a job's model on this computer.

A target's ``key`` is one text, so that it can be a choice, a setting and a column: ``dogs``, ``dogs/blue``,
``function:dogs-predict``, ``model:dogs-1``. AWS allows neither ``/`` nor ``:`` in these names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from workers.functions.types import Function
from workers.types import Endpoint, TrainingJob

TargetKind = Literal["endpoint", "variant", "function", "model"]


@dataclass(frozen=True)
class Target:
    """``name`` is the endpoint's, the function's or the training job's."""

    kind: TargetKind
    name: str
    variant: str = ""

    @classmethod
    def parse(cls, key: str) -> Target:
        """The target of a ``key``."""
        before, between, rest = key.partition(":")
        if between and before in ("function", "model"):
            return cls("function" if before == "function" else "model", rest)
        name, between, variant = key.partition("/")
        return cls("variant", name, variant) if between else cls("endpoint", key)

    @property
    def key(self) -> str:
        """The target as one text."""
        if self.kind in ("function", "model"):
            return f"{self.kind}:{self.name}"
        return f"{self.name}/{self.variant}" if self.kind == "variant" else self.name

    @property
    def words(self) -> str:
        """What people call it where only its name is wanted: ``dogs / blue``."""
        return f"{self.name} / {self.variant}" if self.kind == "variant" else self.name

    @property
    def full_words(self) -> str:
        """With its kind: ``endpoint dogs``, ``model of dogs-1 on this computer``."""
        if self.kind == "model":
            return f"model of {self.name} on this computer"
        return f"{self.kind} {self.words}"


def words_of(key: str) -> str:
    """``Target.words`` of a key."""
    return Target.parse(key).words


def targets_of(
    endpoints: Iterable[Endpoint], functions: Iterable[Function] = (), jobs: Iterable[TrainingJob] = ()
) -> list[Target]:
    """What can be asked, of what exists: variants only of endpoints that have several, only functions that ask an
    endpoint, and the jobs that have ended and may have left a model."""
    found: list[Target] = []
    for endpoint in endpoints:
        found.append(Target("endpoint", endpoint.name))
        # Shadows have no weight: their answers are not given to anybody.
        variants = [fleet.variant for fleet in endpoint.fleets if fleet.variant and fleet.weight is not None]
        if len(variants) > 1:
            found += [Target("variant", endpoint.name, variant) for variant in dict.fromkeys(variants)]
    found += [Target("function", function.name) for function in functions if function.endpoint_name]
    found += [Target("model", job.name) for job in jobs if job.status in ("Completed", "Stopped")]
    return found
