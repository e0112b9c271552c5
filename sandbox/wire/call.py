"""One request, read: what everybody who decides about it and who carries it out goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.model import OperationModel

from sandbox.wire.messages import Caller, RestRequest


@dataclass(frozen=True)
class Call:
    """One call of one operation. The dispatcher makes it once; nobody reads the request's body a second time.

    ``service`` is botocore's name; ``members`` are the operation's own members under the model's names, in Python's
    types. ``model`` is None for a service that botocore does not know. ``http`` is what was sent, for bodies that are
    streamed and for moto. ``looked_up`` has what was given for a member that the service replaced by what it stands
    for (``ImageId``: ``resolve:ssm:/my/image``), so that what is authorized is what is carried out.
    """

    service: str
    operation: str
    members: dict[str, Any]
    caller: Caller
    protocol: str
    http: RestRequest
    model: OperationModel | None = None
    looked_up: Mapping[str, str] = field(default_factory=dict)

    @property
    def region(self) -> str:
        """The region that the request was signed for."""
        return self.http.region
