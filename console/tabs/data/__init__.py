"""The Data tab: a folder of pictures, what is in it, and the bucket that it goes to."""

from console.tabs.data.tab import DataTab

__all__ = ["DataTab"]
