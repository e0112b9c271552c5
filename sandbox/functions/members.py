"""What Lambda's operations are given: the members that they read, in Python's types.

Each operation has some of them; the dispatcher has refused a request that lacks one that its operation needs.
"""

from __future__ import annotations

from typing import TypedDict


class CodeMembers(TypedDict, total=False):
    """Where a function's code comes from: the zip itself, or an object. Images are refused."""

    ZipFile: bytes
    S3Bucket: str
    S3Key: str
    S3ObjectVersion: str
    ImageUri: str


class EnvironmentMembers(TypedDict, total=False):
    """A function's own variables."""

    Variables: dict[str, str]


class FunctionMembers(CodeMembers, total=False):
    """A function, its code, its configuration, its versions and aliases."""

    FunctionName: str
    Qualifier: str
    RevisionId: str
    PackageType: str
    Runtime: str
    Handler: str
    Role: str
    Description: str
    Timeout: int
    MemorySize: int
    Layers: list[str]
    Code: CodeMembers
    Environment: EnvironmentMembers
    Tags: dict[str, str]
    Publish: bool
    DryRun: bool
    CodeSha256: str
    Name: str
    FunctionVersion: str
    RoutingConfig: dict[str, dict[str, float]]
    Marker: str
    MaxItems: int
    ReservedConcurrentExecutions: int
    ProvisionedConcurrentExecutions: int


class CallMembers(TypedDict, total=False):
    """One call of a function."""

    FunctionName: str
    Qualifier: str
    InvocationType: str
    LogType: str
    Payload: bytes


class PermissionMembers(TypedDict, total=False):
    """A statement of a function's policy; the conditions' names are AWS's."""

    FunctionName: str
    Qualifier: str
    RevisionId: str
    StatementId: str
    Action: str
    Principal: str
    SourceArn: str
    SourceAccount: str
    PrincipalOrgID: str
    EventSourceToken: str
    FunctionUrlAuthType: str
    InvokedViaFunctionUrl: bool


class TagMembers(TypedDict, total=False):
    """The tags of a function."""

    Resource: str
    Tags: dict[str, str]
    TagKeys: list[str]
