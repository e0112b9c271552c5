"""Which instance types have several GPUs, as far as the table of prices knows (``resources/prices.json``)."""

from __future__ import annotations

import json
from functools import cache

from workers.paths import RESOURCES


def gpus(instance_type: str) -> int:
    """How many GPUs an instance type has; 0 for none, and for a type that the table does not know."""
    return _gpus().get(instance_type, 0)


@cache
def _gpus() -> dict[str, int]:
    table = json.loads((RESOURCES / "prices.json").read_text(encoding="utf-8"))
    return {name: int(size.get("gpus", 0)) for name, size in table["instances"].items()}
