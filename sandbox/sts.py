"""STS: who the caller is, and temporary keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sandbox.account import ACCOUNT_ID
from sandbox.credentials import SessionCredentials
from sandbox.errors import AwsError
from sandbox.registry import Caller, SandboxContext, Service

ROLE_ARN = re.compile(r"^arn:aws[a-z-]*:iam::(\d{12}):role/([\w+=,.@/-]+)$")
SESSION_NAME = re.compile(r"^[\w+=,.@-]{2,64}$")
MIN_SECONDS, MAX_ROLE_SECONDS, MAX_TOKEN_SECONDS = 900, 43_200, 129_600


class StsService(Service):
    """The STS of the sandbox. Its sessions are known to the signature check and survive a restart."""

    name = "sts"

    def start(self, ctx: SandboxContext) -> None:
        """Register the operations."""
        self._ctx = ctx
        self.operations = {
            "GetCallerIdentity": self._identity,
            "AssumeRole": self._assume_role,
            "GetSessionToken": self._session_token,
            "GetAccessKeyInfo": self._key_info,
        }

    def _identity(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}

    def _assume_role(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
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
        self._ctx.access.check_assume(caller, arn)
        seconds = _seconds(params, 3600, MAX_ROLE_SECONDS)
        keys = self._ctx.credentials.issue_session(arn, name, seconds, role["RoleId"])
        return {
            "Credentials": _credentials(keys),
            "AssumedRoleUser": {"AssumedRoleId": keys.assumed_role_id, "Arn": keys.arn},
            "PackedPolicySize": 0,
        }

    def _session_token(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        if caller.role_arn is not None:
            raise AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
        keys = self._ctx.credentials.issue_user_session(caller, _seconds(params, 43_200, MAX_TOKEN_SECONDS))
        return {"Credentials": _credentials(keys)}

    def _key_info(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        if self._ctx.credentials.find(str(params.get("AccessKeyId", ""))) is None:
            raise AwsError("InvalidClientTokenId", "The access key is not known to this sandbox.", 403)
        return {"Account": ACCOUNT_ID}


def _seconds(params: dict[str, Any], default: int, largest: int) -> int:
    try:
        seconds = int(params.get("DurationSeconds") or default)
    except ValueError as exc:
        raise AwsError("ValidationError", "DurationSeconds must be a number.") from exc
    if not MIN_SECONDS <= seconds <= largest:
        raise AwsError("ValidationError", f"DurationSeconds must be between {MIN_SECONDS} and {largest}.")
    return seconds


def _credentials(keys: SessionCredentials) -> dict[str, Any]:
    return {
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
        "Expiration": datetime.fromtimestamp(keys.expires, UTC),
    }
