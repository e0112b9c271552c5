"""The frozen values that the functions workers hand out. Times are seconds unless the name says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workers.access.grants import BroadGrant, Denial

ENDPOINT_VARIABLE = "ENDPOINT_NAME"


def description_of(endpoint: str) -> str:
    """What SageDeck writes into a function's description."""
    return f"Checks pictures and asks the endpoint {endpoint}"


@dataclass(frozen=True)
class FunctionSpec:
    """What the new-function form holds. ``allow_endpoint`` False makes a function that may not call it yet."""

    name: str
    endpoint_name: str
    memory_mb: int = 256
    timeout_s: int = 30
    s3_bucket: str = ""
    s3_prefix: str = ""
    allow_endpoint: bool = True


@dataclass(frozen=True)
class FunctionSettings:
    """What the settings form holds. ``variables`` are the environment besides ``ENDPOINT_NAME``; secrets maybe."""

    endpoint_name: str
    memory_mb: int
    timeout_s: int
    description: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Usage:
    """What a function was used in an hour: calls, and their billed time in milliseconds, all together."""

    calls: float
    billed_ms: float


@dataclass(frozen=True)
class Function:
    """One row of the function list. Figures are of the last 24 hours; None: not known.

    ``provisioned`` is the provisioned concurrency of all its versions together.
    """

    name: str
    arn: str
    runtime: str
    memory_mb: int
    timeout_s: int
    role_arn: str
    modified: datetime | None
    endpoint_name: str = ""
    code_sha256: str = ""
    code_size: int = 0
    state: str = "Active"
    invocations: int | None = None
    errors: int | None = None
    duration_ms: float | None = None
    last_invocation: datetime | None = None
    reserved_concurrency: int | None = None
    per_hour: tuple[float, ...] = ()
    broad: tuple[BroadGrant, ...] = ()
    description: str = ""
    handler: str = ""
    # The environment may hold secrets.
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    last_hour: Usage | None = None
    provisioned: int = 0

    @property
    def role(self) -> str:
        """The execution role's name."""
        return self.role_arn.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class FunctionVersion:
    """A published version, or ``$LATEST``, with the aliases that point to it."""

    version: str
    description: str
    modified: datetime | None
    code_sha256: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class TestResult:
    """How one call went: HTTP-like status of the handler's answer, the answer, the log's tail, a refusal if any."""

    # pytest would collect a class of this name.
    __test__ = False

    status: int | None
    payload: str = field(repr=False)
    function_error: str
    log: str = field(repr=False)
    seconds: float
    billed_ms: int | None = None
    memory_mb: int | None = None
    cold: bool = False
    denial: Denial | None = None
    report: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True when the function ended well and its answer is no error."""
        return not self.function_error and (self.status is None or self.status < 400)


def function_of(found: Mapping[str, Any]) -> Function:
    """A function from Lambda's FunctionConfiguration."""
    variables = found.get("Environment", {}).get("Variables", {})
    return Function(
        name=found["FunctionName"],
        arn=found["FunctionArn"],
        runtime=found.get("Runtime", ""),
        memory_mb=int(found.get("MemorySize", 0)),
        timeout_s=int(found.get("Timeout", 0)),
        role_arn=found.get("Role", ""),
        modified=when_of(found.get("LastModified", "")),
        endpoint_name=variables.get(ENDPOINT_VARIABLE, ""),
        code_sha256=found.get("CodeSha256", ""),
        code_size=int(found.get("CodeSize", 0)),
        state=found.get("State", "Active"),
        description=found.get("Description", ""),
        handler=found.get("Handler", ""),
        variables=variables,
    )


def when_of(text: str) -> datetime | None:
    """Lambda's LastModified as a time."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z") if text else None
