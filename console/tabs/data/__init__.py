"""The Data tab: a folder of pictures, what is in it, and the bucket that it goes to."""

from console.tabs.spec import TabSpec

TAB = TabSpec("data", "Data", "data", 2, "console.tabs.data.tab:DataTab", works_alone=True)
