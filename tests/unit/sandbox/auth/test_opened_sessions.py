"""A session that another process opened in the state folder is known to the sandbox that runs on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.auth.credentials import Credentials, keep_session
from sandbox.core.state import Database, StateDir
from sandbox.roles import opened
from sandbox.roles.opened import RoleProblem, open_session

ROLE = "arn:aws:iam::123456789012:role/team/worker"
TRUSTS = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]}}]
}


def test_keys_that_another_process_kept_are_known_until_they_are_revoked(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    credentials = Credentials(state)
    outside = Database(tmp_path / "state" / "sandbox.db")
    keys = keep_session(outside, ROLE, "SageMaker", 60, "AROAX")
    outside.close()
    known = credentials.find(keys.access_key_id)
    assert known is not None
    assert (known.secret, known.token) == (keys.secret_access_key, keys.session_token)
    assert known.caller.arn == "arn:aws:sts::123456789012:assumed-role/worker/SageMaker"
    assert known.caller.role_arn == ROLE and known.caller.session is not None
    credentials.revoke(keys.access_key_id)
    assert credentials.find(keys.access_key_id) is None
    assert credentials.find("ASIAUNKNOWN") is None
    state.close()


@pytest.mark.parametrize(
    ("trust", "opens"),
    [
        (TRUSTS, True),
        ('%7B"Statement":%7B"Effect":"Allow","Principal":%7B"Service":"sagemaker.amazonaws.com"%7D%7D%7D', True),
        ({"Statement": [{"Effect": "Deny", "Principal": {"Service": "sagemaker.amazonaws.com"}}]}, False),
        ({"Statement": [{"Effect": "Allow", "Principal": "*"}]}, False),
    ],
)
def test_only_a_role_that_a_notebook_instance_could_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trust: Any, opens: bool
) -> None:
    state = StateDir(tmp_path / "state")
    credentials = Credentials(state)
    role = {"Arn": ROLE, "RoleId": "AROAX", "AssumeRolePolicyDocument": trust}
    monkeypatch.setattr(opened, "_role", lambda ready, name: role)
    if opens:
        keys = open_session(tmp_path / "state", {}, "worker")
        assert credentials.find(keys.access_key_id) is not None
    else:
        with pytest.raises(RoleProblem, match="does not trust sagemaker"):
            open_session(tmp_path / "state", {}, "worker")
    state.close()
