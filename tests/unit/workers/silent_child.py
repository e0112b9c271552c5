"""Stands in for a launcher child that is still importing: it says nothing until its input is closed."""

import sys

for _ in sys.stdin:
    continue
