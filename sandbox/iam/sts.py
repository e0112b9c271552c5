"""STS: who the caller is, and temporary keys."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sandbox.auth.credentials import SessionCredentials
from sandbox.context import SandboxContext
from sandbox.core.account import ACCOUNT_ID
from sandbox.iam.needs import assume_context
from sandbox.policy.document import problem
from sandbox.policy.text import as_list
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import (
        AssumeRoleRequestTypeDef,
        GetAccessKeyInfoRequestTypeDef,
        GetSessionTokenRequestTypeDef,
    )


ROLE_ARN = re.compile(r"^arn:aws[a-z-]*:iam::(\d{12}):role/([\w+=,.@/-]+)$")
SESSION_NAME = re.compile(r"^[\w+=,.@-]{2,64}$")
# STS API Reference: sessions of 15 minutes to 12 hours, of GetSessionToken 36; a chained role has one hour.
MIN_SECONDS, MAX_ROLE_SECONDS, MAX_TOKEN_SECONDS = 900, 43_200, 129_600
MAX_CHAINED_SECONDS = 3600
MAX_POLICY_ARNS = 10
MAX_PACKED_CHARACTERS = 2048


class StsService(Service):
    """The STS of the sandbox. Its sessions are known to the signature check and survive a restart."""

    name = "sts"
    undone = {
        "AssumeRole": {
            "TransitiveTagKeys": ([],),
            "ProvidedContexts": ([],),
            "SourceIdentity": (),
            "MinimumSessionTokenSize": (),
        },
        "GetSessionToken": {"MinimumSessionTokenSize": ()},
    }

    def start(self, ctx: SandboxContext) -> None:
        """Register the operations."""
        self._ctx = ctx
        self.operations = {
            "GetCallerIdentity": self._identity,
            "AssumeRole": self._assume_role,
            "GetSessionToken": self._session_token,
            "GetAccessKeyInfo": self._key_info,
        }

    def _identity(self, params: Mapping[str, object], caller: Caller) -> dict[str, object]:
        return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}

    def _assume_role(self, params: AssumeRoleRequestTypeDef, caller: Caller) -> dict[str, object]:
        arn, name = str(params.get("RoleArn", "")), str(params.get("RoleSessionName", ""))
        match = ROLE_ARN.match(arn)
        if match is None:
            raise AwsError("ValidationError", f"{arn} is invalid")
        if not SESSION_NAME.match(name):
            raise AwsError("ValidationError", "RoleSessionName must be 2 to 64 characters of [\\w+=,.@-].")
        role = None
        if match[1] == ACCOUNT_ID:
            try:
                role = self._ctx.call("iam", "GetRole", {"RoleName": match[2].rsplit("/", 1)[-1]})["Role"]
            except AwsError as exc:
                if exc.code != "NoSuchEntity":
                    raise
        if role is None or role["Arn"] != arn:
            message = f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            raise AwsError("AccessDenied", message, 403)
        _refuse_mfa(params)
        tags = _tags(params)
        actions = ["sts:AssumeRole", *(["sts:TagSession"] if tags else [])]
        context = {**assume_context(params), **{f"aws:RequestTag/{key}": value for key, value in tags.items()}}
        self._ctx.access.check_assume(caller, arn, actions, context)
        seconds = _seconds(params, 3600, MAX_ROLE_SECONDS)
        if caller.role_arn is not None and seconds > MAX_CHAINED_SECONDS:
            text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
            raise AwsError("ValidationError", text)
        if seconds > int(role.get("MaxSessionDuration") or 3600):
            text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            raise AwsError("ValidationError", text)
        policies, packed = self._session_policies(params)
        keys = self._ctx.credentials.issue_session(arn, name, seconds, role["RoleId"], policies=policies, tags=tags)
        return {
            "Credentials": _credentials(keys),
            "AssumedRoleUser": {"AssumedRoleId": keys.assumed_role_id, "Arn": keys.arn},
            "PackedPolicySize": packed,
        }

    def _session_policies(self, params: Mapping[str, object]) -> tuple[list[str], int]:
        """The session policies as texts, and how much of the allowed size they take in percent."""
        texts, size = [], 0
        inline = params.get("Policy")
        if inline:
            texts.append(_checked(str(inline)))
            size += len(str(inline))
        arns = [
            str(given.get("arn", "")) for given in as_list(params.get("PolicyArns") or []) if isinstance(given, dict)
        ]
        if len(arns) > MAX_POLICY_ARNS:
            raise AwsError("ValidationError", f"At most {MAX_POLICY_ARNS} PolicyArns can be given.")
        for policy_arn in arns:
            texts.append(self._managed(policy_arn))
            size += len(policy_arn)
        percent = math.ceil(100 * size / MAX_PACKED_CHARACTERS)
        if percent > 100:
            raise AwsError("PackedPolicyTooLarge", f"Packed policy consumes {percent}% of allotted space")
        return texts, percent

    def _managed(self, policy_arn: str) -> str:
        try:
            version = self._ctx.call("iam", "GetPolicy", {"PolicyArn": policy_arn})["Policy"]["DefaultVersionId"]
            asked = {"PolicyArn": policy_arn, "VersionId": version}
            document = self._ctx.call("iam", "GetPolicyVersion", asked)["PolicyVersion"]["Document"]
        except AwsError as exc:
            if exc.code != "NoSuchEntity":
                raise
            raise AwsError("ValidationError", f"The policy {policy_arn} does not exist.") from None
        return unquote(document) if isinstance(document, str) else json.dumps(document)

    def _session_token(self, params: GetSessionTokenRequestTypeDef, caller: Caller) -> dict[str, object]:
        if caller.role_arn is not None:
            raise AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
        _refuse_mfa(params)
        keys = self._ctx.credentials.issue_user_session(caller, _seconds(params, 43_200, MAX_TOKEN_SECONDS))
        return {"Credentials": _credentials(keys)}

    def _key_info(self, params: GetAccessKeyInfoRequestTypeDef, caller: Caller) -> dict[str, object]:
        if self._ctx.credentials.find(str(params.get("AccessKeyId", ""))) is None:
            raise AwsError("InvalidClientTokenId", "The access key is not known to this sandbox.", 403)
        return {"Account": ACCOUNT_ID}


def _refuse_mfa(params: Mapping[str, object]) -> None:
    """Nobody here has an MFA device, so a code of one is wrong."""
    if params.get("SerialNumber") or params.get("TokenCode"):
        text = (
            "MultiFactorAuthentication failed, unable to validate MFA code.  "
            "Please verify your MFA serial number is valid and associated with this user."
        )
        raise AwsError("AccessDenied", text, 403)


def _checked(text: str) -> str:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json") from None
    if wrong := problem(document, for_resource=False):
        raise AwsError("MalformedPolicyDocument", wrong)
    return text


def _tags(params: Mapping[str, object]) -> dict[str, str]:
    given = [tag for tag in as_list(params.get("Tags") or []) if isinstance(tag, dict) and tag.get("Key")]
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in given}


def _seconds(params: Mapping[str, Any], default: int, largest: int) -> int:
    try:
        seconds = int(params.get("DurationSeconds") or default)
    except ValueError as exc:
        raise AwsError("ValidationError", "DurationSeconds must be a number.") from exc
    if not MIN_SECONDS <= seconds <= largest:
        raise AwsError("ValidationError", f"DurationSeconds must be between {MIN_SECONDS} and {largest}.")
    return seconds


def _credentials(keys: SessionCredentials) -> dict[str, object]:
    return {
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
        "Expiration": datetime.fromtimestamp(keys.expires, UTC),
    }
