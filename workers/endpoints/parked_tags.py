"""How a configuration says that parked endpoints come back from it. Read before configurations are deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable

# On every configuration that an endpoint was parked with; the memory itself is in tags of ``DATA_KEY``.
PARKED_TAG = "sagedeck:parked"
DATA_KEY = PARKED_TAG + ":{name}:{part}"
_DATA = re.compile(re.escape(PARKED_TAG) + r":([a-zA-Z0-9-]+):\d+")


def parked_names(keys: Iterable[str]) -> tuple[str, ...]:
    """The names of the endpoints that are remembered in tags with these keys."""
    return tuple(dict.fromkeys(found[1] for key in keys if (found := _DATA.fullmatch(key)) is not None))
