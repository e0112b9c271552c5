"""What a service of the sandbox is.

A service is a subclass of ``Service``. RPC services (JSON 1.0/1.1, query, rpcv2Cbor) fill ``operations``;
REST services override ``handle``. ``sandbox/services.py`` lists the services that a sandbox has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.context import SandboxContext
from sandbox.wire.messages import Caller, RestRequest, RestResponse

Operation = Callable[[dict[str, Any], Caller], dict[str, Any] | None]


class Service:
    """One AWS service of the sandbox.

    ``name``: botocore's service id. ``operations``: RPC operations by name; each gets the parameters and the
    caller and returns the members of the answer (``datetime`` values are written as the protocol wants).
    ``target``: the name before the operation in ``X-Amz-Target``; another service's is refused.
    ``signing_name``: the service in the credential scope (default: ``name``). ``moto``: True lets moto answer what
    is not in ``operations``.
    """

    name: str = ""
    signing_name: str = ""
    target: str = ""
    moto: bool = False
    # A REST service: method and path alone name the operation, whatever a header says.
    rest: bool = False

    def __init__(self) -> None:
        self.operations: dict[str, Operation] = {}

    def start(self, ctx: SandboxContext) -> None:
        """Called once, before the first request. May start threads."""

    def stop(self) -> None:
        """Called once at an orderly end."""

    def busy(self) -> bool:
        """True while the sandbox must not end itself for being idle (a running job, an endpoint's work)."""
        return False

    def claims(self, request: RestRequest) -> bool:
        """Whether the request is for this service; for services that share a signing name."""
        return True

    def handle(self, request: RestRequest, caller: Caller) -> RestResponse | None:
        """Answer a REST request; ``None`` hands it on to moto (if ``moto``) or to NotImplemented."""
        return None
