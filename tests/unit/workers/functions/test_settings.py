"""Changing a function's settings: what becomes of its role, in which order, and what is put back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.access.grants import Grants
from workers.errors.tree import InvalidInput
from workers.functions.role import INVOKE, POLICY_NAME
from workers.functions.settings import FunctionChanges, SettingsChange, SettingsContext
from workers.functions.types import Function, FunctionSettings

ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/{}"
LOG = {"Sid": "WriteItsOwnLog", "Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": "arn:aws:logs:x"}


def ask(endpoint: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": INVOKE, "Resource": ARN.format(endpoint)} | more


def context(inline: Mapping[str, Any] | None, *, others: tuple[str, ...] = (), **variables: str) -> SettingsContext:
    function = Function(
        "ask", "arn:aws:lambda:us-east-1:123456789012:function:ask", "python3.12", 256, 30,
        "arn:aws:iam::123456789012:role/ask-role", None, "dogs", variables={"ENDPOINT_NAME": "dogs"} | variables,
    )  # fmt: skip
    return SettingsContext(function, "revision-1", inline, True, tuple(ARN.format(other) for other in others))


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {POLICY_NAME: {"Version": "2012-10-17", "Statement": list(statements)}}


def to(endpoint: str, **variables: str) -> FunctionSettings:
    return FunctionSettings(endpoint, 512, 20, "", variables)


def allowed(documents: Mapping[str, Any]) -> set[tuple[str, str]]:
    found = set()
    for document in documents.values():
        for statement in document["Statement"]:
            actions, resources = statement["Action"], statement["Resource"]
            for action in [actions] if isinstance(actions, str) else actions:
                for resource in [resources] if isinstance(resources, str) else resources:
                    found.add((action, resource))
    return found


def test_a_role_goes_over_to_exactly_the_new_endpoint() -> None:
    change = context(policy(LOG, ask("dogs", Sid="AskTheEndpoint"))).role_change(to("cats"))
    assert change is not None
    assert allowed(change.after) == {("logs:PutLogEvents", "arn:aws:logs:x"), (INVOKE, ARN.format("cats"))}
    assert (change.gains, change.loses, change.changed) == (("cats",), ("dogs",), (POLICY_NAME,))
    assert "endpoint/cats" in [line.text for line in change.diff if line.mark][-1]


def test_a_grant_elsewhere_goes_too_and_an_empty_policy_is_deleted() -> None:
    inline = policy(LOG) | {"sagedeck-grants": {"Statement": [ask("dogs")]}}
    change = context(inline).role_change(to("cats"))
    assert change is not None
    assert change.after["sagedeck-grants"]["Statement"] == []
    assert allowed(change.after) == {("logs:PutLogEvents", "arn:aws:logs:x"), (INVOKE, ARN.format("cats"))}
    assert any("delete-role-policy" in line for line in change.cli)


def test_other_rights_and_other_functions_endpoints_stay() -> None:
    both = {"Effect": "Allow", "Action": [INVOKE, "sagemaker:DescribeEndpoint"], "Resource": ARN.format("dogs")}
    several = {"Effect": "Allow", "Action": INVOKE, "Resource": [ARN.format("dogs"), ARN.format("birds")]}
    change = context(policy(both, several), others=("birds",)).role_change(to("cats"))
    assert change is not None
    assert allowed(change.after) == {
        ("sagemaker:DescribeEndpoint", ARN.format("dogs")),
        (INVOKE, ARN.format("birds")),
        (INVOKE, ARN.format("cats")),
    }


def test_nothing_changes_where_nothing_must() -> None:
    change = context(policy(LOG, ask("dogs"))).role_change(to("dogs", LEVEL="debug"))
    assert change is not None and change.changed == () and change.diff == ()
    assert context(None).role_change(to("cats")) is None


def test_the_s3_places_follow_their_variable() -> None:
    change = context(policy(LOG, ask("dogs"))).role_change(to("dogs", ALLOWED_S3="pictures/in/, other/x/"))
    assert change is not None
    places = {resource for action, resource in allowed(change.after) if action == "s3:GetObject"}
    assert places == {"arn:aws:s3:::pictures/in/*", "arn:aws:s3:::other/x/*"}
    read = {"Sid": "ReadThePictures", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/b*"}
    change = context(policy(ask("dogs"), read), ALLOWED_S3="a/b").role_change(to("dogs"))
    assert change is not None and allowed(change.after) == {(INVOKE, ARN.format("dogs"))}


def test_values_that_may_be_secret_are_not_in_the_command_line() -> None:
    change = SettingsChange(context({}), to("cats", TOKEN="hush-hush", ALLOWED_S3="a/b/"), None)
    assert "hush" not in change.cli and "TOKEN=VALUE" in change.cli and "ALLOWED_S3=a/b/" in change.cli
    assert "hush" not in repr(change)


class Lambda(FakeSession):
    """A function and its role's policies; ``writes`` are the documents in the order they were written."""

    def __init__(self, failure: Refused | None = None) -> None:
        super().__init__(
            put_role_policy=self._put, update_function_configuration=self._update, get_function_configuration=self._get
        )
        self.failure, self.polls, self.settings = failure, 0, {}
        self.writes: list[set[tuple[str, str]]] = []

    def _put(self, RoleName: str, PolicyName: str, PolicyDocument: str) -> dict[str, Any]:
        document = json.loads(PolicyDocument)
        sids = [statement["Sid"] for statement in document["Statement"] if "Sid" in statement]
        assert len(sids) == len(set(sids)), "IAM refuses a policy with two statements of one identifier"
        self.writes.append(allowed({PolicyName: document}))
        return {}

    def _update(self, **settings: Any) -> dict[str, Any]:
        if self.failure is not None:
            raise self.failure
        self.settings = settings
        return {}

    def _get(self, FunctionName: str) -> dict[str, Any]:
        self.polls += 1
        return {"LastUpdateStatus": "InProgress" if self.polls < 2 else "Successful"}


def changed(session: Lambda) -> None:
    found = context(policy(ask("dogs", Sid="AskTheEndpoint")))
    settings = to("cats", LEVEL="debug")
    asyncio.run(
        FunctionChanges(session, Grants(session)).apply(SettingsChange(found, settings, found.role_change(settings)))
    )


def test_no_call_in_between_is_refused() -> None:
    session = Lambda()
    changed(session)
    dogs, cats = (INVOKE, ARN.format("dogs")), (INVOKE, ARN.format("cats"))
    assert session.writes == [{dogs, cats}, {cats}]
    assert session.order == ["put_role_policy", "update_function_configuration", "put_role_policy"]
    assert session.settings["Environment"] == {"Variables": {"ENDPOINT_NAME": "cats", "LEVEL": "debug"}}
    assert session.settings["RevisionId"] == "revision-1"
    assert session.polls == 2, "the old permission goes only once the new settings are in force"


def test_a_role_changed_in_vain_is_put_back() -> None:
    session = Lambda(Refused("InvalidParameterValueException", "no"))
    with pytest.raises(InvalidInput):
        changed(session)
    assert session.writes[-1] == {(INVOKE, ARN.format("dogs"))}
