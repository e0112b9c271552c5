"""What Lambda's operations need."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.core.account import REGION, arn
from sandbox.functions.store import split_name
from sandbox.iam.needs.need import Names, Need, text
from sandbox.iam.needs.s3 import read_need
from sandbox.s3.requests.copy_source import CopySource
from sandbox.wire.call import Call

_OF_A_FUNCTION = frozenset(
    {
        *("CreateFunction", "GetFunction", "GetFunctionConfiguration", "DeleteFunction", "UpdateFunctionCode"),
        *("UpdateFunctionConfiguration", "PublishVersion", "ListVersionsByFunction", "CreateAlias", "UpdateAlias"),
        *("GetAlias", "ListAliases", "DeleteAlias", "Invoke", "InvokeWithResponseStream", "PutFunctionConcurrency"),
        *("GetFunctionConcurrency", "DeleteFunctionConcurrency", "AddPermission", "RemovePermission", "GetPolicy"),
        *("ListFunctionUrlConfigs", "GetFunctionUrlConfig", "ListFunctionEventInvokeConfigs"),
        *("ListTags", "TagResource", "UntagResource"),
        *("PutProvisionedConcurrencyConfig", "GetProvisionedConcurrencyConfig", "ListProvisionedConcurrencyConfigs"),
        "DeleteProvisionedConcurrencyConfig",
    }
)
_OF_NO_FUNCTION = frozenset({"ListFunctions", "GetAccountSettings"})
# Operations on a version or an alias: the permission is checked for that one, not for the function.
_OF_A_QUALIFIER = frozenset(
    {
        *("Invoke", "InvokeWithResponseStream", "PutProvisionedConcurrencyConfig"),
        *("GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"),
    }
)
_INVOCATIONS = frozenset({"Invoke", "InvokeWithResponseStream"})


def function_needs(call: Call, names: Names) -> list[Need] | None:
    """Of functions. The role of a function is asked about for all services alike."""
    if call.operation in _OF_NO_FUNCTION:
        return [Need(f"lambda:{call.operation}")]
    if call.operation not in _OF_A_FUNCTION:
        return None
    action = "lambda:InvokeFunction" if call.operation in _INVOCATIONS else f"lambda:{call.operation}"
    # A name, a partial ARN and an ARN mean the same function to the service, so they do here.
    name, qualifier = split_name(text(call, "FunctionName") or text(call, "Resource"), text(call, "Qualifier"))
    whole = f"function:{name}:{qualifier}" if qualifier and call.operation in _OF_A_QUALIFIER else f"function:{name}"
    return [Need(action, arn("lambda", whole, REGION)), *_reading_of_code(call.members)]


def _reading_of_code(members: Mapping[str, object]) -> list[Need]:
    """Lambda fetches a function's code with the caller's own permission to read it."""
    code = members.get("Code", members)
    if not isinstance(code, dict) or not (code.get("S3Bucket") and code.get("S3Key")):
        return []
    version = code.get("S3ObjectVersion")
    return [read_need(CopySource(str(code["S3Bucket"]), str(code["S3Key"]), str(version) if version else None))]
