"""AWS's errors in plain words, with nothing lost."""

from __future__ import annotations

import errno

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from workers.errors import tree as errors
from workers.errors.tree import translate
from workers.errors.wire import from_wire, to_wire


def client_error(code: str, message: str = "", status: int = 400, operation: str = "PutObject", **extra) -> ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "REQ1"},
        **extra,
    }
    return ClientError(response, operation)


@pytest.mark.parametrize(
    ("code", "message", "kind", "action"),
    [
        ("ExpiredToken", "The provided token has expired.", errors.Expired, "sign_in"),
        ("InvalidClientTokenId", "The security token is invalid", errors.Expired, "sign_in"),
        ("ThrottlingException", "Rate exceeded", errors.Throttled, "retry"),
        ("SlowDown", "", errors.Throttled, "retry"),
        ("ResourceLimitExceeded", "The account-level service limit …", errors.QuotaExceeded, "raise_quota"),
        ("BucketAlreadyExists", "", errors.Conflict, "choose_name"),
        ("BucketNotEmpty", "The bucket is not empty", errors.Conflict, None),
        ("NoSuchBucket", "The specified bucket does not exist", errors.NotFound, None),
        ("404", "Not Found", errors.NotFound, None),
        ("ValidationException", 'Could not find endpoint "x".', errors.NotFound, None),
        ("ValidationException", "RecordNotFound", errors.NotFound, None),
        ("ValidationException", "Cannot create already existing endpoint", errors.Conflict, None),
        ("ValidationException", "1 validation error detected", errors.InvalidInput, None),
        ("InsufficientInstanceCapacity", "We currently do not have sufficient m5.large", errors.Conflict, "retry"),
        ("IncorrectInstanceState", "The instance is not in a state", errors.Conflict, None),
        ("InvalidInstanceId", "Instances not in a valid state for account", errors.Conflict, None),
        ("InvocationDoesNotExist", "", errors.NotFound, None),
        ("VcpuLimitExceeded", "You have requested more vCPU capacity", errors.QuotaExceeded, "raise_quota"),
        ("InvalidInstanceID.NotFound", "The instance ID does not exist", errors.NotFound, None),
        ("NotImplemented", "The sandbox does not offer s3:X.", errors.ServiceFault, None),
        ("InsufficientStorage", "The disk is full", errors.ServiceFault, "retry"),
        ("InternalError", "We encountered an internal error", errors.ServiceFault, "retry"),
        ("com.amazonaws.sagemaker#ResourceNotFound", "", errors.NotFound, None),
    ],
)
def test_codes_become_kinds_and_keep_code_and_request_id(code, message, kind, action):
    status = 500 if code == "InternalError" else 400
    error = translate(client_error(code, message, status), "do it", service="s3", profile="work")
    assert type(error) is kind
    assert (error.fix.action if error.fix else None) == action
    assert error.code == code.rsplit("#", 1)[-1]
    assert error.request_id == "REQ1"
    assert error.details == message
    assert error.title and error.message


def test_a_refusal_names_action_resource_and_principal_from_the_wording():
    wording = (
        "User: arn:aws:sts::123456789012:assumed-role/fn/fn is not authorized to perform: sagemaker:InvokeEndpoint "
        "on resource: arn:aws:sagemaker:us-east-1:123456789012:endpoint/dogs because no identity-based policy allows "
        "the sagemaker:InvokeEndpoint action"
    )
    error = translate(client_error("AccessDeniedException", wording, 403), "ask the endpoint dogs")
    assert isinstance(error, errors.AccessDenied)
    assert error.action == "sagemaker:InvokeEndpoint"
    assert error.resource == "arn:aws:sagemaker:us-east-1:123456789012:endpoint/dogs"
    assert error.principal == "arn:aws:sts::123456789012:assumed-role/fn/fn"
    assert error.action in error.message and error.resource in error.message
    assert error.fix.data["resource"] == error.resource


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("s3", "ListObjectsV2", "s3:ListBucket"),
        ("s3", "HeadObject", "s3:GetObject"),
        ("sagemaker-runtime", "InvokeEndpoint", "sagemaker:InvokeEndpoint"),
    ],
)
def test_a_bare_refusal_is_named_after_the_operation(service, operation, action):
    error = translate(client_error("AccessDenied", "Access Denied", 403, operation), "look", service=service)
    assert error.action == action
    assert action in error.message


def test_an_explicit_deny_says_that_granting_does_not_help():
    wording = "User: arn:x is not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy"
    assert "explicitly" in translate(client_error("AccessDenied", wording, 403), "send").hint


def test_a_wrong_clock_is_told_from_wrong_keys():
    skewed = translate(client_error("RequestTimeTooSkewed"), "list")
    late = translate(client_error("SignatureDoesNotMatch", "Signature expired: 20260101T0 is now earlier"), "list")
    wrong = translate(client_error("SignatureDoesNotMatch", "The request signature we calculated"), "list")
    assert "clock" in skewed.title and "clock" in late.title
    assert isinstance(wrong, errors.Expired)


def test_a_function_that_lambda_holds_says_which_limit_it_was():
    reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
    told = translate(client_error("TooManyRequestsException", "Rate Exceeded.", 429, Reason=reason), "call f")
    assert isinstance(told, errors.Throttled) and "reserved" in told.message and reason in told.message
    other = translate(client_error("TooManyRequestsException", "Rate Exceeded.", 429), "call f")
    assert other.title == "AWS asks to slow down"


def test_the_containers_words_are_shown():
    exc = client_error(
        "ModelError", "Received server error", 424, OriginalStatusCode=500, OriginalMessage="KeyError: 7"
    )
    error = translate(exc, "predict")
    assert isinstance(error, errors.ModelFailed)
    assert "KeyError: 7" in error.message and "500" in error.message
    assert "log" in error.hint


def test_what_the_container_refuses_is_not_said_to_be_the_models_fault():
    sentence = "The picture cannot be used: it is cut off."
    exc = client_error("ModelError", "Received client error", 424, OriginalStatusCode=400, OriginalMessage=sentence)
    error = translate(exc, "predict")
    assert sentence in error.message and "log" not in error.hint and "the model itself works" in error.hint


@pytest.mark.parametrize(
    ("exc", "kind", "action"),
    [
        (boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:5000/"), errors.Unreachable, "restart_sandbox"),
        (boto.ReadTimeoutError(endpoint_url="http://127.0.0.1:5000/"), errors.Unreachable, "restart_sandbox"),
        (boto.EndpointConnectionError(endpoint_url="https://s3.amazonaws.com/"), errors.Unreachable, "retry"),
        (boto.NoCredentialsError(), errors.Expired, "sign_in"),
        (boto.UnauthorizedSSOTokenError(), errors.Expired, "sign_in"),
        (boto.SSOTokenLoadError(error_msg="x"), errors.Expired, "sign_in"),
        (boto.ProfileNotFound(profile="work"), errors.Expired, "choose_backend"),
        (boto.NoRegionError(), errors.InvalidInput, None),
        (boto.ParamValidationError(report="Missing required parameter"), errors.InvalidInput, None),
        (ConnectionResetError(errno.ECONNRESET, "reset"), errors.Unreachable, "retry"),
        (OSError(errno.ENOSPC, "No space left on device"), errors.LocalProblem, None),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), errors.LocalProblem, None),
    ],
)
def test_failures_without_an_answer(exc, kind, action):
    error = translate(exc, "list the buckets", profile="work", own=False)
    assert type(error) is kind
    assert (error.fix.action if error.fix else None) == action


def test_signing_in_names_the_profile_and_without_one_offers_the_choice():
    assert translate(boto.NoCredentialsError(), "x", profile="work").fix.data == {"profile": "work"}
    assert translate(boto.NoCredentialsError(), "x").fix.action == "choose_backend"


def test_what_is_translated_stays_and_unknown_things_keep_their_text():
    first = errors.NotFound("a", "b")
    assert translate(first, "x") is first
    odd = translate(RuntimeError("boom"), "count")
    assert "boom" in odd.message and odd.title == "Could not count"


def test_an_error_survives_the_way_out_of_a_child_process():
    error = translate(client_error("AccessDenied", "Access Denied", 403), "send", service="s3")
    back = from_wire(to_wire(error))
    assert type(back) is errors.AccessDenied
    assert (str(back), back.action, back.fix, back.request_id) == (str(error), error.action, error.fix, "REQ1")
