"""What a service of the sandbox is.

A service is a subclass of ``Service`` that fills ``operations``. The dispatcher reads each request once by AWS's model
of the service, checks its members, has it authorized from exactly these members and hands the same members to the
operation. ``sandbox/services.py`` lists the services that a sandbox has; what its operations need of a caller stands in
``sandbox/iam/needs``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any

from sandbox.context import SandboxContext
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import Caller, RestRequest, RestResponse
from sandbox.wire.reading import check, read_call

# The members are of the operation's own type (boto3-stubs has one for each), which no one type can say for all.
Operation = Callable[[Any, Caller], dict[str, Any] | None]
# What the caller may not do of a call that is answered piece by piece (the entries of a DeleteObjects).
Refusals = Mapping[Hashable, AwsError]
Undone = Mapping[str, Mapping[str, tuple[object, ...]]]


class Service:
    """One AWS service of the sandbox.

    ``name``: botocore's service id. ``operations``: what it does, by the operations' names; each gets the members
    (checked, in Python's types) and the caller and returns the members of the answer (``datetime`` values are written
    as the protocol wants). ``signing_name``: the service in the credential scope (default: ``name``). What is not in
    ``operations`` is answered as ``sandbox/moto_host/gate.py`` says. ``invalid``: AWS's code for members that break a
    constraint, where it is not the protocol's usual one. ``own_words``: its operations refuse values beyond the limits
    themselves, in AWS's words for each; names and types are checked all the same. ``undone``: by operation, the members
    that it does not act on, each with the values that ask for nothing; any other value is refused.
    """

    name: str = ""
    signing_name: str = ""
    invalid: str = ""
    own_words: bool = False
    undone: Undone = {}
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

    def served(self) -> Collection[str]:
        """The names of the operations that this service answers itself."""
        return self.operations

    def read(self, request: RestRequest, protocol: str, caller: Caller) -> Call:
        """The call that a request makes. Raises ``AwsError`` for what cannot be read."""
        return read_call(request, self.name, protocol, caller)

    def check(self, call: Call) -> Call:
        """The call with its members checked. Raises ``AwsError`` for what AWS, or the sandbox, would not take."""
        return self.refuse_undone(check(call, self.invalid, limits=not self.own_words))

    def refuse_undone(self, call: Call) -> Call:
        """The call, if nothing is asked for that ``undone`` names. Raises NotImplemented otherwise."""
        for member, harmless in self.undone.get(call.operation, {}).items():
            if member in call.members and call.members[member] not in harmless:
                raise not_implemented(call.service, f"{call.operation} with {member}")
        return call

    def handle(self, call: Call, refusals: Refusals) -> RestResponse | None:
        """Answer a call whose answer is more than members (S3, InvokeEndpoint); ``None`` hands it on to moto."""
        return None

    def preflight(self, raw_path: str, headers: Mapping[str, str]) -> RestResponse | None:
        """Answer a browser's unsigned question (OPTIONS) whether a page may ask this service; None: nobody may."""
        return None
