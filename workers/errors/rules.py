"""How AWS's, botocore's and the operating system's errors read in plain words."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from workers.errors.hints_by_words import hint_of
from workers.errors.tree import (
    AccessDenied,
    Conflict,
    Expired,
    Fix,
    InvalidInput,
    LocalProblem,
    ModelFailed,
    NotFound,
    QuotaExceeded,
    SageDeckError,
    ServiceFault,
    Throttled,
    Unreachable,
)
from workers.files.os_words import os_words

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


def is_local(url: str) -> bool:
    """True for an address of this computer."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host in LOOPBACK_HOSTS or host.startswith("127.") or host.endswith(".localhost")


EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
BAD_KEYS = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "NotSignedUp",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
CLOCK = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AllAccessDisabled", "Forbidden", "403"}
)
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException.Throttling",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
# Why Lambda lets a call not through now (TooManyRequestsException), and what to do about it.
FULL = {
    "ReservedFunctionConcurrentInvocationLimitExceeded": (
        "as many calls as it has reserved are under way.",
        "Reserve more for it in the Scaling tab, or call it less at a time.",
    ),
    "ConcurrentInvocationLimitExceeded": (
        "as many calls as the account may have at a time are under way.",
        "Give back what other functions have reserved, or ask AWS to raise the account's concurrency.",
    ),
}
QUOTA = frozenset(
    {
        "InstanceLimitExceeded",
        "LimitExceeded",
        "LimitExceededException",
        "ResourceLimitExceeded",
        "ServiceQuotaExceededException",
        "TooManyBuckets",
        "VcpuLimitExceeded",
    }
)
NOT_FOUND = frozenset(
    {
        "404",
        "InvocationDoesNotExist",
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchKey",
        "NoSuchUpload",
        "NoSuchVersion",
        "NotFound",
        "ObjectNotFoundException",
        "ProvisionedConcurrencyConfigNotFoundException",
        "ResourceNotFound",
        "ResourceNotFoundException",
    }
)
CONFLICT = frozenset(
    {
        "BucketAlreadyExists",
        "BucketAlreadyOwnedByYou",
        "BucketNotEmpty",
        "ConcurrentUpdateException",
        "Conflict",
        "ConflictException",
        "DeleteConflict",
        "EntityAlreadyExists",
        "IncorrectInstanceState",
        "IncorrectState",
        "InvalidGroup.Duplicate",
        "InvalidInstanceId",
        "OperationAborted",
        "ResourceAlreadyExistsException",
        "ResourceConflictException",
        "ResourceInUse",
        "ResourceInUseException",
    }
)
INVALID = frozenset(
    {
        "400",
        "BadDigest",
        "EntityTooLarge",
        "EntityTooSmall",
        "IllegalLocationConstraintException",
        "InvalidArgument",
        "InvalidBucketName",
        "InvalidDigest",
        "InvalidInput",
        "InvalidParameter",
        "InvalidParameterCombination",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "InvalidRequest",
        "InvalidRequestException",
        "KeyTooLongError",
        "MalformedPolicy",
        "MalformedPolicyDocument",
        "MalformedXML",
        "ValidationError",
        "ValidationException",
        "XAmzContentSHA256Mismatch",
    }
)
NOT_OFFERED = frozenset(
    {"InvalidAction", "MethodNotAllowed", "NotImplemented", "NotImplementedException", "UnknownOperationException"}
)
# EC2 has no free machine of this type just now; it is no limit of the account.
NO_CAPACITY = frozenset({"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity"})
NO_SPACE = frozenset({"InsufficientStorage", "InsufficientStorageException", "507"})

_NOT_AUTHORIZED = re.compile(
    r"(?:User: (?P<user>\S+) )?is not authorized to perform: (?P<action>[\w*-]+:[\w*]+)"
    r"(?: on resource: (?P<resource>\S+))?"
)
# DescribeTrainingJob of an unknown job says "Requested resource not found."
# "RecordNotFound" alone is what SageMaker says of a notebook instance.
_MISSING_SAGEMAKER = re.compile(r"could not find|does not exist|not ?found", re.IGNORECASE)
_TAKEN_SAGEMAKER = re.compile(r"already exist", re.IGNORECASE)
_S3_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteObjects": "DeleteObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
_IAM_PREFIX = {
    "application-autoscaling": "application-autoscaling",
    "events": "events",
    "s3": "s3",
    "sagemaker-runtime": "sagemaker",
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
}


def from_response(exc: BaseException, doing: str, service: str, profile: str | None) -> SageDeckError:
    """Translate a botocore ``ClientError``: the service answered, with an error code."""
    response: dict[str, Any] = getattr(exc, "response", {})
    error = response.get("Error", {})
    meta = response.get("ResponseMetadata", {})
    # EC2 and others wrap codes as "Client.UnauthorizedOperation"; JSON services prefix a namespace with "#".
    code = str(error.get("Code", "")).rsplit("#", 1)[-1].removeprefix("Client.")
    words = str(error.get("Message", "") or "").strip()
    status = int(meta.get("HTTPStatusCode", 0) or 0)
    facts: dict[str, Any] = {"code": code, "request_id": str(meta.get("RequestId", "") or ""), "details": words}
    could_not = f"Could not {doing}"

    if code in CLOCK or "not yet current" in words or "Signature expired" in words:
        return SageDeckError(
            "This computer's clock is wrong",
            f"{could_not}: AWS refuses requests whose time differs by more than 5 minutes.",
            "Set the clock (automatic time), then try again.",
            fix=Fix("Try again", "retry"),
            **facts,
        )
    if code in EXPIRED:
        return _sign_in("The sign-in has expired", f"{could_not}: the credentials are no longer valid.", profile, facts)
    if code in BAD_KEYS:
        return _sign_in(
            "The credentials were not accepted", f"{could_not}: AWS does not know these keys.", profile, facts
        )
    if "MultiFactorAuthentication failed" in words:
        return Expired(
            "The code was not accepted",
            f"{could_not}: AWS did not take the code of the second device.",
            "Each code counts once: wait for the next one, then connect again.",
            fix=Fix("Connect again", "reconnect"),
            **facts,
        )
    if code in DENIED:
        return _denied(exc, could_not, service, words, facts)
    if str(response.get("Reason", "")) in FULL:
        told, hint = FULL[response["Reason"]]
        return Throttled(
            "The function is throttled", f"{could_not}: {told} ({words} {response['Reason']})", hint, **facts
        )
    if code in THROTTLED:
        return Throttled(
            "AWS asks to slow down",
            f"{could_not}: too many requests, and retries did not help.",
            "Wait a minute, then try again.",
            fix=Fix("Try again", "retry"),
            **facts,
        )
    if code in QUOTA:
        return QuotaExceeded(
            "A quota of the account is used up",
            _sentence(words) or f"{could_not}: the account has reached a limit.",
            "Choose a smaller or another instance type, stop something that runs, or ask AWS to raise the quota.",
            fix=Fix("Ask for a higher quota", "raise_quota", {"service": service, "text": words}),
            **facts,
        )
    if code in NO_CAPACITY:
        return Conflict(
            "AWS has no free instance of this type now",
            _sentence(words) or f"{could_not}: there is no capacity.",
            "Choose another instance type, or try again in some minutes: AWS then looks in every zone again.",
            fix=Fix("Try again", "retry"),
            **facts,
        )
    if code == "BucketAlreadyExists":
        return Conflict(
            "The bucket name is taken",
            "Bucket names are shared by all AWS accounts, and somebody else has this one.",
            "Choose another name; the account number and region in it make it unique.",
            fix=Fix("Choose another name", "choose_name"),
            **facts,
        )
    if code in NO_SPACE or "No space left" in words:
        return ServiceFault(
            "The account's disk is full",
            f"{could_not}: there is no space left where the objects are kept. What was stored before is kept.",
            "Free some space, then start it again: it goes on where it stopped.",
            fix=Fix("Try again", "retry"),
            **facts,
        )
    if code == "ModelError":
        return _model_failed(response, could_not, facts)
    if code in NOT_FOUND or (code.startswith("Invalid") and code.endswith(".NotFound")):
        return NotFound(could_not, _sentence(words) or "It does not exist (any more).", hint_of(words), **facts)
    if code in ("ValidationException", "ValidationError") and _MISSING_SAGEMAKER.search(words):
        said = _sentence(words) if " " in words.strip() else "It does not exist (any more)."
        return NotFound(could_not, said, hint_of(words), **facts)
    if code in CONFLICT or (code in ("ValidationException", "ValidationError") and _TAKEN_SAGEMAKER.search(words)):
        return Conflict(could_not, _sentence(words) or "The name is taken or the resource is busy.", **facts)
    if code in NOT_OFFERED or status == 501:
        return ServiceFault(
            could_not, _sentence(words) or "This account does not offer the operation.", "Nothing was changed.", **facts
        )
    if code in INVALID or 400 <= status < 500:
        return InvalidInput(could_not, _sentence(words) or "AWS did not accept a value.", hint_of(words), **facts)
    return ServiceFault(
        could_not,
        _sentence(words) or "The service reported an internal error.",
        "This is usually over in a moment.",
        fix=Fix("Try again", "retry"),
        **facts,
    )


def from_botocore(exc: BaseException, doing: str, profile: str | None, own: bool = False) -> SageDeckError:
    """Translate what botocore raises before or instead of an answer of the service."""
    names = {cls.__name__ for cls in type(exc).__mro__}
    facts: dict[str, Any] = {"code": type(exc).__name__, "details": str(exc)}
    could_not = f"Could not {doing}"
    if names & {"SSOTokenLoadError", "LoginTokenLoadError", "NoAuthTokenError"}:
        who = f"the profile {profile}" if profile else "this account"
        return _sign_in(
            "Nobody is signed in yet", f"{could_not}: there is no sign-in of {who} on this computer.", profile, facts,
            again="",
        )  # fmt: skip
    if "RefreshWithMFAUnsupportedError" in names:
        return Expired(
            "The session with the second device is over",
            f"{could_not}: a new code is needed.",
            "Connect again and enter it.",
            fix=Fix("Connect again", "reconnect"),
            **facts,
        )
    if names & {"InvalidConfigError", "ConfigParseError", "ConfigNotFound"}:
        who = f"The profile {profile}" if profile else "The AWS CLI's file"
        return LocalProblem(f"{who} cannot be used", _sentence(str(exc)), "Mend it, then connect again.", **facts)
    if names & {"SSOError", "LoginError", "TokenRetrievalError"}:
        return _sign_in("The sign-in has expired", f"{could_not}: the profile needs a new sign-in.", profile, facts)
    if names & {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}:
        who = f"the profile {profile}" if profile else "this account"
        return _sign_in("No usable credentials", f"{could_not}: {who} gives no usable keys ({exc}).", profile, facts)
    if "ProfileNotFound" in names:
        return Expired(
            "The profile is gone",
            f"{could_not}: {exc}.",
            "Choose another one.",
            fix=Fix("Choose an account", "choose_backend"),
            **facts,
        )
    if "NoRegionError" in names:
        return InvalidInput(
            "No region is set",
            f"{could_not}: the profile names no region.",
            "Set one in ~/.aws/config, or choose another account.",
            **facts,
        )
    if names & {"ParamValidationError", "ValidationError"}:
        return InvalidInput(could_not, str(exc).replace("Parameter validation failed:\n", ""), **facts)
    if names & {"IncompleteReadError", "ResponseParserError", "ResponseStreamingError"}:
        return Unreachable(
            "The answer was cut off",
            f"{could_not}: the connection broke in the middle of the answer.",
            "Check the network (proxy, VPN), then try again.",
            fix=Fix("Try again", "retry"),
            **facts,
        )
    if names & {"ConnectionError", "HTTPClientError", "ReadTimeoutError", "EndpointConnectionError", "CallTimeout"}:
        return _unreachable(exc, could_not, profile, own, facts)
    return SageDeckError(could_not, str(exc), **facts)


def from_os(exc: OSError, doing: str) -> SageDeckError:
    """Translate a local file or network error."""
    where = f": {exc.filename}" if exc.filename else ""
    code = errno.errorcode.get(exc.errno or 0, type(exc).__name__)
    facts: dict[str, Any] = {"code": code, "details": str(exc)}
    could_not = f"Could not {doing}"
    if isinstance(exc, ConnectionError | TimeoutError):
        return Unreachable(
            could_not, f"The connection failed ({os_words(exc)}).", fix=Fix("Try again", "retry"), **facts
        )
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return LocalProblem("The disk is full", f"{could_not}: no space left{where}.", "Free some space.", **facts)
    if isinstance(exc, PermissionError) or exc.errno == errno.EROFS:
        return LocalProblem(could_not, f"This user may not read or write there{where}.", **facts)
    if isinstance(exc, FileNotFoundError):
        return LocalProblem(could_not, f"There is no such file or folder{where}.", **facts)
    return LocalProblem(could_not, f"{os_words(exc)}{where}.", **facts)


def _sentence(words: str) -> str:
    return words if not words or words.endswith((".", "!", "?")) else words + "."


def _sign_in(title: str, message: str, profile: str | None, facts: dict[str, Any], *, again: str = " again") -> Expired:
    if profile:
        fix, hint = Fix("Sign in", "sign_in", {"profile": profile}), f"Sign in to the profile {profile}{again}."
    else:
        fix = Fix("Choose an account", "choose_backend")
        hint = f"Connect to the account{again}, or choose another one."
    return Expired(title, message, hint, fix=fix, **facts)


def _denied(exc: BaseException, could_not: str, service: str, words: str, facts: dict[str, Any]) -> AccessDenied:
    found = _NOT_AUTHORIZED.search(words)
    if found:
        action, resource, principal = found["action"], (found["resource"] or "").rstrip(".,"), found["user"] or ""
    else:
        operation = str(getattr(exc, "operation_name", "") or "")
        if service == "s3":
            operation = _S3_ACTIONS.get(operation, operation)
        action = f"{_IAM_PREFIX.get(service, service)}:{operation}" if service and operation else ""
        resource = principal = ""
    on = f" on {resource}" if resource else ""
    message = f"{could_not}: the permission {action}{on} is missing." if action else f"{could_not}: AWS refused it."
    fix = (
        Fix("Show what is missing", "grant", {"action": action, "resource": resource, "principal": principal})
        if action
        else None
    )
    hint = "Ask whoever manages the account for this permission, or grant it yourself."
    if "explicit deny" in words:
        hint = "A policy forbids it explicitly; granting the permission elsewhere does not help."
    error = AccessDenied("Not allowed", message, hint, fix=fix, **facts)
    error.action, error.resource, error.principal = action, resource, principal
    return error


_LOG_HAS_IT = "The endpoint's log has the full text."


def _model_failed(response: Mapping[str, object], could_not: str, facts: dict[str, Any]) -> ModelFailed:
    original = str(response.get("OriginalMessage") or "") or facts["details"]
    status = response.get("OriginalStatusCode")
    says = f" with status {status}" if status else ""
    refused = isinstance(status, int) and 400 <= status < 500
    return ModelFailed(
        could_not,
        f"The model's container answered{says}: {original.strip()[-1000:]}",
        "The request cannot be used as it is; the model itself works." if refused else _LOG_HAS_IT,
        **facts,
    )


def _unreachable(
    exc: BaseException, could_not: str, profile: str | None, own: bool, facts: dict[str, Any]
) -> Unreachable:
    url = str(getattr(exc, "kwargs", {}).get("endpoint_url", "") or "")
    host = urlsplit(url).hostname or ""
    if is_local(url) and own:
        whose = f"the profile {profile}" if profile else "the environment"
        place = "its endpoint_url in the AWS CLI's files" if profile else "AWS_ENDPOINT_URL"
        return Unreachable(
            f"The endpoint of {whose} does not answer",
            f"{could_not}: nothing answers at {urlsplit(url).netloc}, an address of this computer that {whose} names.",
            f"Start the program that should answer there, or change {place}.",
            fix=Fix("Try again", "retry"),
            **facts,
        )
    if is_local(url):
        return Unreachable(
            "The sandbox does not answer",
            f"{could_not}: nothing answers at {host}:{urlsplit(url).port}. Everything stored in it is kept.",
            "Start it again.",
            fix=Fix("Restart the sandbox", "restart_sandbox"),
            **facts,
        )
    slow = "Timeout" in type(exc).__name__
    return Unreachable(
        "No answer from AWS",
        f"{could_not}: {host or 'the service'} {'did not answer in time' if slow else 'cannot be reached'}.",
        "Check the network (proxy, VPN), then try again.",
        fix=Fix("Try again", "retry"),
        **facts,
    )
