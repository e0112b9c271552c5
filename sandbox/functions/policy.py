"""A function's resource policy: AddPermission, RemovePermission, GetPolicy, and what IAM asks about it.

A version or an alias has a policy of its own, as on AWS; the statements say which one they are for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.core.account import ACCOUNT_ID
from sandbox.core.account import arn as account_arn
from sandbox.functions.members import PermissionMembers
from sandbox.functions.store import LATEST, FunctionStore, split_name
from sandbox.wire.errors import AwsError

_SETTING = "policy"
_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL_ARN = re.compile(r"arn:aws:(?:iam::(\d{12}):(?:root|(?:role|user)/.+)|sts::(\d{12}):assumed-role/.+)")
_CONDITIONS = (
    ("SourceArn", "ArnLike", "AWS:SourceArn"),
    ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
    ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
    ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
    ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
)


class FunctionPolicies:
    """The resource policies of all functions. ``exists`` tells whether a role or user of the account is there."""

    def __init__(self, store: FunctionStore, exists: Callable[[str], bool]) -> None:
        self._store, self._exists = store, exists

    def add(self, given: PermissionMembers) -> dict[str, Any]:
        """AddPermission. Raises ``AwsError`` for a taken statement id, a strange principal or an old revision."""
        name, qualifier = self._target(given)
        statements = self._statements(name, qualifier)
        if any(statement["Sid"] == given["StatementId"] for statement in statements):
            text = (
                f"The statement id ({given['StatementId']}) provided already exists. "
                "Please provide a new statement id, or remove the existing statement."
            )
            raise AwsError("ResourceConflictException", text, 409, Type="User")
        statement: dict[str, Any] = {
            "Sid": given["StatementId"],
            "Effect": "Allow",
            "Principal": self._principal(given["Principal"]),
            "Action": given["Action"],
            "Resource": self._store.function_arn(name, qualifier),
        }
        conditions: dict[str, dict[str, str]] = {}
        asked: Mapping[str, object] = given
        for member, operator, key in _CONDITIONS:
            if member in asked:
                conditions.setdefault(operator, {})[key] = str(asked[member])
        if conditions:
            statement["Condition"] = conditions
        self._save(name, qualifier, [*statements, statement])
        return {"Statement": json.dumps(statement)}

    def remove(self, given: PermissionMembers) -> None:
        """RemovePermission. Raises ``AwsError`` ResourceNotFoundException."""
        name, qualifier = self._target(given)
        statements = self._statements(name, qualifier)
        if not statements:
            text = "No policy is associated with the given resource."
            raise AwsError("ResourceNotFoundException", text, 404, Type="User")
        rest = [statement for statement in statements if statement["Sid"] != given["StatementId"]]
        if len(rest) == len(statements):
            text = f"Statement {given['StatementId']} is not found in resource policy."
            raise AwsError("ResourceNotFoundException", text, 404, Type="User")
        self._save(name, qualifier, rest)

    def get(self, given: PermissionMembers) -> dict[str, Any]:
        """GetPolicy. Raises ``AwsError`` ResourceNotFoundException when there is none."""
        name, qualifier = self._target(given)
        statements = self._statements(name, qualifier)
        if not statements:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", 404, Type="User")
        policy = json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": statements})
        return {"Policy": policy, "RevisionId": self._store.get(name)["RevisionId"]}

    def _target(self, given: PermissionMembers) -> tuple[str, str]:
        name, qualifier = split_name(given["FunctionName"], given.get("Qualifier", ""))
        if qualifier == LATEST:
            text = "We currently do not support adding policies for $LATEST."
            raise AwsError("InvalidParameterValueException", text, 400, Type="User")
        config = self._store.get(name, qualifier)
        self._store.check_revision(config, given.get("RevisionId"))
        return name, qualifier

    def _principal(self, principal: str) -> Any:
        if principal == "*":
            return principal
        if principal.endswith(".amazonaws.com"):
            return {"Service": principal}
        if _ACCOUNT.fullmatch(principal):
            return {"AWS": f"arn:aws:iam::{principal}:root"}
        found = _PRINCIPAL_ARN.fullmatch(principal)
        ours = found is not None and ACCOUNT_ID in found.groups()
        whole = principal == account_arn("iam", "root", "")
        if found is None or (ours and not whole and found[1] and not self._exists(principal)):
            text = "The provided principal was invalid. Please check the principal and try again."
            raise AwsError("InvalidParameterValueException", text, 400, Type="User")
        return {"AWS": principal}

    def _statements(self, name: str, qualifier: str) -> list[dict[str, Any]]:
        text = self._store.setting(name, f"{_SETTING}:{qualifier}" if qualifier else _SETTING)
        statements: list[dict[str, object]] = json.loads(text or "[]")
        return statements

    def _save(self, name: str, qualifier: str, statements: list[dict[str, Any]]) -> None:
        setting = f"{_SETTING}:{qualifier}" if qualifier else _SETTING
        self._store.put_setting(name, setting, json.dumps(statements) if statements else None)


def policy_of(store: FunctionStore, function_arn: str) -> dict[str, object] | None:
    """The policy that decides about a function, a version or an alias; None when it has none."""
    parts = function_arn.split(":")
    if len(parts) < 7:
        return None
    setting = f"{_SETTING}:{parts[7]}" if len(parts) > 7 else _SETTING
    text = store.setting(parts[6], setting)
    return {"Statement": json.loads(text)} if text else None
