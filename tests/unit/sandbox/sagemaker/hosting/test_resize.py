"""Instances that are scaled in answer what they were asked before they end."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox.sagemaker.hosting.fleet import Fleet, Variant
from tests.helpers.waiting import wait_for


class Busy:
    """An instance without a process."""

    def __init__(self, waiting: int) -> None:
        self.waiting, self.state = waiting, "ready"

    def close(self) -> None:
        self.state = "closed"


@pytest.mark.parametrize(("routing", "chosen"), [("RANDOM", {0, 1}), ("LEAST_OUTSTANDING_REQUESTS", {1}), ("", {1})])
def test_the_routing_strategy_chooses(tmp_path: Path, routing: str, chosen: set[int]) -> None:
    variant = Variant("v", {"PrimaryContainer": {}}, 2, 1.0, routing=routing)
    instances = [Busy(5), Busy(1)]
    variant.instances = cast(Any, instances)
    fleet = Fleet("e", tmp_path / "fleet", [variant], cast(Any, None))
    picked = [fleet.pick(None, 1.0) for _ in range(100)]
    assert {instances.index(cast(Any, found[1])) for found in picked if found is not None} == chosen


def test_scaling_in_waits_for_the_answers_that_are_on_their_way(tmp_path: Path) -> None:
    stays, goes = Busy(0), Busy(1)
    variant = Variant("v", {"PrimaryContainer": {}}, 2, 1.0)
    variant.instances = cast(Any, [stays, goes])
    fleet = Fleet("e", tmp_path / "fleet", [variant], cast(Any, None))
    shrinking = threading.Thread(target=fleet.resize, args=("v", 1))
    shrinking.start()
    wait_for(lambda: len(variant.instances) == 1)
    # Nobody new gets it, and it is still there for the one that it answers.
    assert fleet.pick(None, 1.0) == (variant, stays)
    shrinking.join(0.1)
    assert shrinking.is_alive() and goes.state == "ready"
    goes.waiting = 0
    shrinking.join(30)
    assert (goes.state, stays.state) == ("closed", "ready")
