"""What the activity log offers to copy runs as it is: the AWS CLI's lines and the Python script do the same again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.sandbox import SandboxProcess
from workers.aws.as_commands import as_cli, as_python
from workers.aws.recording import SentCall, recording
from workers.services import Services

pytestmark = pytest.mark.integration
ROLE, WORDS = "copied", 'it\'s a "test" with $HOME, `id` and ä'
TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
})  # fmt: skip
CLI = Path(sys.executable).with_name("aws")


async def change(services: Services) -> list[SentCall]:
    """Two changes and a look; returns what was told of them."""
    seen: list[SentCall] = []
    with recording(seen.append):
        await services.session.call(
            "iam", "create_role", RoleName=ROLE, AssumeRolePolicyDocument=TRUST, Description=WORDS
        )
        await services.session.call("iam", "tag_role", RoleName=ROLE, Tags=[{"Key": "team", "Value": "vision"}])
        await services.session.call("iam", "get_role", RoleName=ROLE)
    return seen


@pytest.mark.skipif(not CLI.exists(), reason="the AWS CLI is not installed")
def test_what_was_sent_can_be_sent_again_by_both(sandbox: SandboxProcess, services: Services, run: Any) -> None:
    seen = run(change(services))
    assert [call.operation for call in seen] == ["CreateRole", "TagRole"]
    assert all(call.request_id and not call.error for call in seen)
    place = sandbox.shell_environ()
    place |= {"PATH": f"{CLI.parent}{os.pathsep}{place.get('PATH', '')}", "PYTHONUTF8": "1"}
    for command in (["/bin/sh", "-ec", as_cli(seen)], [sys.executable, "-c", as_python(seen)]):
        run(services.session.call("iam", "delete_role", RoleName=ROLE))
        ended = subprocess.run(command, env=place, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr
        again = run(services.session.call("iam", "get_role", RoleName=ROLE))["Role"]
        assert again["Description"] == WORDS and again["Tags"] == [{"Key": "team", "Value": "vision"}]
