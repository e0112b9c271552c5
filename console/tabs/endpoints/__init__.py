"""The Endpoints tab: deploy, watch and delete endpoints."""

from console.tabs.spec import TabSpec

TAB = TabSpec("endpoints", "Endpoints", "endpoints", 5, "console.tabs.endpoints.tab:EndpointsTab")
