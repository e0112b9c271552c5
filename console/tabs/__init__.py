"""The tabs of the window, in order.

A tab is named by its module and class, so that none is imported before the operator opens it. Only tabs that are
built are listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.tabs.base import Tab


@dataclass(frozen=True)
class TabSpec:
    """How a tab looks in the navigation, and where its class is (``module:Class``)."""

    id: str
    title: str
    icon: str
    order: int
    target: str

    def load(self) -> type[Tab]:
        """Import the tab's class."""
        module, name = self.target.split(":")
        loaded: type[Tab] = getattr(import_module(module), name)
        return loaded


TABS: list[TabSpec] = [
    TabSpec("data", "Data", "data", 2, "console.tabs.data.tab:DataTab"),
    TabSpec("training", "Training", "training", 3, "console.tabs.training.tab:TrainingTab"),
    TabSpec("endpoints", "Endpoints", "endpoints", 5, "console.tabs.endpoints.tab:EndpointsTab"),
    TabSpec("predict", "Predict", "predict", 7, "console.tabs.predict.tab:PredictTab"),
]
