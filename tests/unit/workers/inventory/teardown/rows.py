"""Rows and plans for the tests of tear-downs."""

from __future__ import annotations

from datetime import UTC, datetime

from workers.inventory.teardown.plan import make_plan
from workers.inventory.types import Inventory, Resource, TearDownChoice

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
STATES = {"training-job": "InProgress", "tuning-job": "InProgress", "processing-job": "InProgress",
          "transform-job": "InProgress", "endpoint": "InService", "instance": "running"}  # fmt: skip


def row(kind, name="x", ours=True, **fields):
    fields = {"state": STATES.get(kind, ""), "dollars_per_hour": 0.1, **fields}
    return Resource(kind, f"id-{kind}-{name}", name, ours=ours, **fields)


def plan_of(*rows, everything=False, buckets=True, keep=(), unread=(), roles_of=lambda row: ()):
    choice = TearDownChoice(everything, buckets, frozenset(keep))
    return make_plan(Inventory(rows, tuple(unread), NOW), choice, "123456789012", "us-east-1", roles_of)
