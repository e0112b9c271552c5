"""IAM after a restart: exactly as it was, and as fast after thousands of changes as after none."""

from __future__ import annotations

import contextlib
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.core.state import StateDir
from sandbox.moto_host.journal import Journal
from tests.helpers.functions import TRUST
from tests.helpers.journals import count, fill
from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration

READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def text(action: str) -> str:
    statement = {"Effect": "Allow", "Action": f"s3:{action}", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def everything(iam: Any) -> dict[str, Any]:
    """All that can be read about the account's own IAM, in the order in which IAM tells it (policies: by name)."""
    details: dict[str, Any] = {}
    asked = ["User", "Role", "Group", "LocalManagedPolicy"]
    for page in iam.get_paginator("get_account_authorization_details").paginate(Filter=asked):
        for kind, found in page.items():
            if isinstance(found, list):
                details.setdefault(kind, []).extend(found)
    details["Policies"].sort(key=lambda policy: policy["Arn"])
    details["roles"] = [iam.get_role(RoleName=role["RoleName"])["Role"] for role in iam.list_roles()["Roles"]]
    details["profiles"] = iam.list_instance_profiles()["InstanceProfiles"]
    details["aws"] = iam.get_policy(PolicyArn=READ_ONLY)["Policy"]["AttachmentCount"]
    return details


def change(iam: Any, dice: random.Random) -> None:
    """One random change; many are refused, as the names are few."""
    name = dice.choice("abc")
    role, profile = {"RoleName": f"role-{name}"}, {"InstanceProfileName": f"profile-{dice.choice('ab')}"}
    arn = dice.choice([READ_ONLY, "arn:aws:iam::123456789012:policy/own-a", "arn:aws:iam::123456789012:policy/own-b"])
    own = {"PolicyArn": f"arn:aws:iam::123456789012:policy/own-{dice.choice('ab')}"}
    inline = {**role, "PolicyName": dice.choice("xy")}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (iam.create_role, {**role, "AssumeRolePolicyDocument": json.dumps(TRUST), "Description": str(dice.random())}),
        (iam.create_role, {**role, "AssumeRolePolicyDocument": json.dumps(TRUST)}),
        (iam.delete_role, role),
        (iam.delete_role, role),
        (iam.put_role_policy, {**inline, "PolicyDocument": text(dice.choice(["GetObject", "PutObject", "*"]))}),
        (iam.delete_role_policy, inline),
        (iam.attach_role_policy, {**role, "PolicyArn": arn}),
        (iam.detach_role_policy, {**role, "PolicyArn": arn}),
        (iam.detach_role_policy, {**role, "PolicyArn": arn}),
        (iam.tag_role, {**role, "Tags": [{"Key": dice.choice("kl"), "Value": str(dice.random())}]}),
        (iam.update_assume_role_policy, {**role, "PolicyDocument": json.dumps(TRUST)}),
        (iam.put_role_permissions_boundary, {**role, "PermissionsBoundary": arn}),
        (iam.delete_role_permissions_boundary, role),
        (iam.create_policy, {"PolicyName": own["PolicyArn"].rpartition("/")[2], "PolicyDocument": text("Get*")}),
        (iam.create_policy_version, {**own, "PolicyDocument": text("List*"), "SetAsDefault": True}),
        (iam.delete_policy, own),
        (iam.create_instance_profile, profile),
        (iam.add_role_to_instance_profile, {**profile, **role}),
        (iam.remove_role_from_instance_profile, {**profile, **role}),
        (iam.delete_instance_profile, profile),
        (iam.create_user, {"UserName": "u"}),
        (iam.create_access_key, {"UserName": "u"}),
        (iam.delete_user, {"UserName": "u"}),
    ]
    call, given = dice.choice(calls)
    # What is refused changes nothing.
    with contextlib.suppress(ClientError):
        call(**given)


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    dice = random.Random(1)
    with SandboxProcess(tmp_path / "state") as sandbox:
        for _ in range(2):
            iam = sandbox.client("iam")
            for _ in range(200):
                change(iam, dice)
            before = everything(iam)
            assert before["RoleDetailList"] or before["Policies"]
            sandbox.restart()
            assert everything(sandbox.client("iam")) == before


def test_thousands_of_roles_that_are_gone_do_not_make_a_start_slower(tmp_path: Path) -> None:
    def seconds(name: str) -> float:
        with SandboxProcess(tmp_path / name) as sandbox:
            began = time.monotonic()
            assert sandbox.client("iam").list_roles(MaxItems=1)["Roles"] is not None
            return time.monotonic() - began

    SandboxProcess(tmp_path / "fresh").__enter__().stop()
    state = StateDir(tmp_path / "used")
    fill(Journal(state), state, 5000)
    assert count(state) == 20_100
    state.db.execute("DELETE FROM moto_journal WHERE id > 20000")
    state.close()
    fresh, used = seconds("fresh"), seconds("used")
    # The 20,000 requests alone would take many times as long to replay.
    assert used < fresh * 2 + 10
    state = StateDir(tmp_path / "used")
    assert count(state) < 10
    state.close()
