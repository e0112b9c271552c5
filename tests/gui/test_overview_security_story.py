"""The whole way in the real window over a real sandbox: made unsafe, found, fixed with one click, gone, remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.tabs.overview import TAB
from console.tabs.overview.security.part import SecurityPart
from console.tabs.overview.security.role_dialog import RoleDialog
from console.tour.story import Story
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.backends import backend_of
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.window import dialog_of, until
from workers.services import Services

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

FULL = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def make_unsafe(sandbox: SandboxProcess) -> str:
    """Opens SSH to the world and gives a role too much; the group's id."""
    ec2, iam = sandbox.client("ec2"), sandbox.client("iam")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = str(ec2.create_security_group(GroupName="wide", Description="open", VpcId=vpc)["GroupId"])
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    iam.create_role(RoleName="dogs", AssumeRolePolicyDocument=json.dumps(TRUST))
    sandbox.client("logs").create_log_group(logGroupName="/for/ever")
    iam.attach_role_policy(RoleName="dogs", PolicyArn=FULL)
    return group


def titles(part: SecurityPart) -> list[str]:
    return [finding.title for finding in part.report.findings] if part.report is not None else []


async def test_found_fixed_with_a_click_and_gone(make_application: Callable[..., Any], tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "account") as sandbox:
        group = make_unsafe(sandbox)
        application = make_application([TAB])
        application.window.resize(1440, 900)
        application.show(connect=False)
        services = Services(backend_of(sandbox))
        application.connection.state = "ready"
        application.ctx.enter(services.backend, services, await services.identity())
        application.connection.changed.emit()
        tab = application.window.pages.tab("overview")
        part = await until(lambda: next((part for part in tab.side.parts if isinstance(part, SecurityPart)), None))
        await until(lambda: "SSH open to everyone" in titles(part))

        line = next(line for line in part.lines if line.findings[0].title == "SSH open to everyone")
        line.button.click()
        (await dialog_of(ConfirmDialog, application.window)).confirm_button.click()
        await until(lambda: "SSH open to everyone" not in titles(part))
        (left,) = sandbox.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
        assert left["IpPermissions"] == []

        line = next(line for line in part.lines if line.findings[0].title == "Role has full access")
        line.button.click()
        dialog = await dialog_of(RoleDialog, application.window)
        await until(lambda: dialog.use is not None)
        dialog.narrow_button.click()
        await until(lambda: "Role has full access" not in titles(part))
        assert sandbox.client("iam").list_attached_role_policies(RoleName="dogs")["AttachedPolicies"] == []

        events = tab.events.show_events(group)
        await until(lambda: events.table.model.total)
        happened = {(row.source, row.text.split(" by ")[0]) for row in events.table.model.visible_rows()}
        assert ("CloudTrail", "revoke security group ingress") in happened
        assert any(source == "SageDeck" for source, _ in happened)
        events.reject()

        pictures: list[str] = []

        async def take(name: str) -> None:
            pictures.append(name)

        story = Story(application, tmp_path / "dogs", take)
        await story.security()
        assert pictures == ["security-findings", "security-fix", "events"]
        assert story.steps[-1].result["left"] < story.steps[-1].result["found"]
        groups = sandbox.client("logs").describe_log_groups(logGroupNamePrefix="/for/ever")["logGroups"]
        assert [found["retentionInDays"] for found in groups] == [90]
