"""What is remembered of a parked endpoint, as tags of its configuration: in the account, not on this computer.

Configuration and model cost nothing and stay as they are, so nothing of them is copied (a model's environment may hold
secrets). What goes with the endpoint (scaling, alarms, tags, counts, weights) is packed into tag values, which hold
256 of few characters: JSON, compressed, in base64. The first value begins with the version and the number of values, so
that an older program knows what it cannot read. Nothing here asks the network.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from workers.aws.tags import LONGEST_VALUE, MOST_TAGS
from workers.endpoints.parked_tags import DATA_KEY, PARKED_TAG
from workers.errors.tree import InvalidInput, SageDeckError

VERSION = 1
RESUMED_BY = "resumed"
# What ``PARKED_TAG`` itself says; the search for parked endpoints asks for its key only.
_MARK = "yes"
_FIRST = re.compile(r"(\d{1,4})/(\d{1,2})/(.*)", re.DOTALL)
_MAX_UNPACKED = 1024 * 1024

Raw = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """Of one variant: its type, how many instances it had, and its weight; ``count`` None: it is serverless."""

    name: str
    instance_type: str
    count: int | None
    weight: float | None


@dataclass(frozen=True)
class Memory:
    """All that brings an endpoint back as it was. ``created``: the endpoint's creation, milliseconds since 1970.

    ``targets``, ``policies``, ``schedules`` and ``alarms`` have AWS's own members, those that a request can have.
    """

    endpoint: str
    config: str
    created: int
    parked: int
    variants: tuple[Kept, ...] = ()
    models: tuple[str, ...] = ()
    job: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[Raw, ...] = ()
    policies: tuple[Raw, ...] = ()
    schedules: tuple[Raw, ...] = ()
    alarms: tuple[Raw, ...] = ()

    @property
    def parked_at(self) -> datetime:
        """When it was parked."""
        return datetime.fromtimestamp(self.parked / 1000, UTC)

    @property
    def created_at(self) -> datetime:
        """When the endpoint that is remembered was created."""
        return datetime.fromtimestamp(self.created / 1000, UTC)

    def same_as(self, other: Memory) -> bool:
        """Whether both remember the same state of the same endpoint, whenever they were written."""
        return _comparable(self) == _comparable(other)


class Unreadable(SageDeckError):
    """A memory that this program cannot read: of a newer version, or not whole."""


def milliseconds(at: datetime) -> int:
    """A moment as it is remembered."""
    return round(at.timestamp() * 1000)


def pack(memory: Memory, present: Mapping[str, str]) -> dict[str, str]:
    """The tags that hold the memory. Raises ``InvalidInput`` when they do not fit beside the ``present`` ones."""
    given = asdict(memory) | {"variants": [list(asdict(kept).values()) for kept in memory.variants]}
    text = json.dumps(given, separators=(",", ":"), sort_keys=True)
    data = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode()
    size = LONGEST_VALUE - len(f"{VERSION}/99/")
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    tags = {DATA_KEY.format(name=memory.endpoint, part=number): part for number, part in enumerate(parts)}
    first = DATA_KEY.format(name=memory.endpoint, part=0)
    tags[first] = f"{VERSION}/{len(parts)}/{tags[first]}"
    tags[PARKED_TAG] = _MARK
    # The token of the resumption needs one more.
    if len(set(present) | set(tags)) + 1 > MOST_TAGS:
        raise InvalidInput(
            f"{memory.endpoint} cannot be parked",
            f"What is to be remembered needs {len(tags)} tags of the configuration {memory.config}, which has "
            f"{len(present)} of at most {MOST_TAGS}.",
            "Take tags away from the configuration, or delete the endpoint and deploy it again later.",
        )
    return tags


def unpack(name: str, tags: Mapping[str, str]) -> Memory:
    """The memory of this endpoint in the tags of a configuration. Raises ``Unreadable``."""
    found = _FIRST.fullmatch(tags.get(DATA_KEY.format(name=name, part=0), ""))
    if found is None:
        raise _damaged(name)
    version, number = int(found[1]), int(found[2])
    if version > VERSION:
        raise Unreadable(
            f"{name} was parked by a newer SageDeck",
            f"What it remembered has version {version}; this program reads up to {VERSION}.",
            "Bring it back with the newer program. Nothing was changed.",
            code="NewerMemory",
        )
    parts = [found[3], *(tags.get(DATA_KEY.format(name=name, part=part), "") for part in range(1, number))]
    try:
        unzip = zlib.decompressobj()
        text = unzip.decompress(base64.b64decode("".join(parts).encode(), b"-_", validate=True), _MAX_UNPACKED)
        given = json.loads(text)
        given["variants"] = tuple(Kept(*kept) for kept in given["variants"])
        lists = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
        known = {member.name for member in fields(Memory)}
        memory = Memory(**{key: value for key, value in (given | lists).items() if key in known})
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error, binascii.Error, RecursionError) as error:
        raise _damaged(name) from error
    if memory.endpoint != name or not unzip.eof:
        raise _damaged(name)
    return memory


def data_keys(name: str, tags: Iterable[str]) -> list[str]:
    """The keys of the tags that belong to the memory of this endpoint."""
    prefix = DATA_KEY.format(name=name, part="")
    return [key for key in tags if key.startswith(prefix)]


def token_key(name: str) -> str:
    """The key of the tag that says which attempt brings the endpoint back."""
    return DATA_KEY.format(name=name, part=RESUMED_BY)


def _damaged(name: str) -> Unreadable:
    return Unreadable(
        f"What was remembered of {name} is not whole",
        "Tags of its configuration were changed or removed since it was parked. Configuration and model are there.",
        "Without its scaling it comes back by aws sagemaker create-endpoint with that configuration.",
        code="DamagedMemory",
    )


def _comparable(memory: Memory) -> str:
    given = asdict(memory)
    del given["parked"]
    for policy in given["policies"]:
        policy.pop("PolicyARN", None)
    return json.dumps(given, sort_keys=True)
