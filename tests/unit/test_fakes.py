"""The stand-ins for an account have no call that the workers lack, and take what the workers' calls must be given."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers.full_account import FullServices
from tests.helpers.held import held
from tests.helpers.models import ModelServices
from tests.helpers.training_tab import FakeAccount
from tests.helpers.window import SANDBOX, FakeServices
from workers.services import Services


def calls_of(fake: object, real: object, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted name, the stand-in's call, the workers' call or None) of every call in ``fake``'s parts."""
    for name, part in vars(fake).items():
        if name.startswith("_"):
            continue
        there = getattr(real, name, None)
        if isinstance(part, SimpleNamespace):
            yield from calls_of(part, there, f"{path}{name}.")
        elif type(part).__module__.startswith("tests."):
            for call in (call for call in dir(type(part)) if not call.startswith("_")):
                if inspect.isroutine(inspect.getattr_static(type(part), call)) and hasattr(there, call):
                    yield f"{path}{name}.{call}", getattr(part, call), getattr(there, call)
        elif path and callable(part):
            yield f"{path}{name}", part, there


def problem(fake: Any, real: Any) -> str:
    """What is wrong with the stand-in; "" for nothing."""
    if not callable(real):
        return "the workers have none"
    if inspect.iscoroutinefunction(fake) != inspect.iscoroutinefunction(real):
        return "one of the two is awaited, the other is not"
    needed = [
        parameter
        for parameter in inspect.signature(real).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    positional = [None for parameter in needed if parameter.kind is not parameter.KEYWORD_ONLY]
    named = {parameter.name: None for parameter in needed if parameter.kind is parameter.KEYWORD_ONLY}
    try:
        inspect.signature(fake).bind(*positional, **named)
    except TypeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "make",
    [
        lambda: FakeServices(SANDBOX),
        ModelServices,
        lambda: FakeAccount([], [], 10),
        FullServices,
    ],
    ids=["FakeServices", "ModelServices", "FakeAccount", "FullServices"],
)
def test_a_stand_in_has_the_calls_of_the_workers(make: Any) -> None:
    real = Services(SANDBOX)
    try:
        found = list(calls_of(make(), real))
        assert found
        assert [f"{name}: {said}" for name, fake, there in found if (said := problem(fake, there))] == []
    finally:
        real.close()


def test_the_calls_that_mypy_holds_are_those_of_the_stand_ins_that_are_classes() -> None:
    """A call that is added to them, and that the workers have, is to be held, too."""
    fake, real = FakeServices(SANDBOX), Services(SANDBOX)
    try:
        known = {(type(call.__self__).__name__, call.__name__) for call in held(fake)}
        parts = [(fake.inventory, real.inventory), (fake.security, real.security), (fake.trail, real.trail)]
        parts += [(fake.load, real.load), (fake.scaling, real.scaling)]
        there = {
            (type(part).__name__, name)
            for part, counterpart in parts
            for name, call in inspect.getmembers(type(part), inspect.isroutine)
            if not name.startswith("_") and hasattr(counterpart, name)
        }
        assert there <= known
    finally:
        real.close()
