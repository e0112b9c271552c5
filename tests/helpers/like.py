"""Stand-ins that mypy holds to what they stand in for.

``SimpleNamespace(list=like(Endpoints.list)(self._endpoints))``: when the workers rename ``list``, or it takes or
returns something else, ``make lint`` fails at this line. (``tests/unit/test_fakes.py`` compares the names.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def like(real: Callable[Concatenate[Any, P], R]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """What gives back a stand-in for the method ``real`` of a class, if it can be called and answers like it."""
    return lambda fake: fake
