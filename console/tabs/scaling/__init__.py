"""The Scaling tab: concurrency of functions, instances of endpoint variants, and a plan for both."""

from console.tabs.spec import TabSpec

TAB = TabSpec("scaling", "Scaling", "scaling", 6, "console.tabs.scaling.tab:ScalingTab")
