"""The EC2 tab: instances without an open port, and the same training on them."""

from console.tabs.spec import TabSpec

TAB = TabSpec("compute", "EC2", "ec2", 4, "console.tabs.compute.tab:ComputeTab")
