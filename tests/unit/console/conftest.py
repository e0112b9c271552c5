"""The window's unit tests need Qt, but no display."""

from __future__ import annotations

import os

os.environ["QT_QPA_PLATFORM"] = os.environ.get("SAGEDECK_TEST_PLATFORM", "offscreen")
