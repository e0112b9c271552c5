"""The tabs of the window, in order. Each package says in ``TAB`` what its tab is called and where it stands.

A tab's class is named, not imported, so that none is read from the disk before the start is over or the operator
opens it: the ``__init__`` of a tab's package imports nothing of the tab.
"""

from __future__ import annotations

from console.tabs import compute, data, endpoints, overview, predict, scaling, training
from console.tabs.spec import TabSpec

__all__ = ["CHANGES", "TABS", "TabSpec"]

TABS: list[TabSpec] = sorted(
    (overview.TAB, data.TAB, training.TAB, compute.TAB, endpoints.TAB, scaling.TAB, predict.TAB),
    key=lambda spec: spec.order,
)
# What can be put back after a restart.
CHANGES: tuple[str, ...] = tuple(change for spec in TABS for change in spec.changes)
