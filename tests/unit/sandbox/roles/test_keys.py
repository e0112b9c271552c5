"""Keys of a container: short-lived, renewed, and gone with it."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.session import Session

from sandbox.auth.credentials import Credentials
from sandbox.core.state import StateDir
from sandbox.roles.keys import LIFE_SECONDS, RENEW_SECONDS, RoleKeys

ROLE = "arn:aws:iam::123456789012:role/worker"


@pytest.fixture
def credentials(tmp_path: Path) -> Iterator[Credentials]:
    state = StateDir(tmp_path / "state")
    yield Credentials(state)
    state.close()


def test_an_sdk_finds_the_keys_and_renews_them(
    credentials: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = RoleKeys(credentials, ROLE, tmp_path / 'a folder\'s "aws"', "us-east-1", "http://127.0.0.1:1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in keys.environment.items():
        monkeypatch.setenv(name, value)
    found = Session().get_credentials()
    assert found is not None and found.method == "custom-process"
    first = found.get_frozen_credentials().access_key
    known = credentials.find(first)
    assert known is not None and known.caller.role_arn == ROLE
    assert known.expires is not None and 0 < known.expires - time.time() <= LIFE_SECONDS
    keys.renew()
    again = Session().get_credentials()
    assert again is not None and again.get_frozen_credentials().access_key != first
    assert credentials.find(first) is not None, "who has read them already goes on"
    keys.close()


def test_all_keys_are_revoked_with_their_container(credentials: Credentials, tmp_path: Path) -> None:
    keys = RoleKeys(credentials, ROLE, tmp_path, "us-east-1", "http://127.0.0.1:1")
    issued = []
    for _ in range(5):
        issued.append(json.loads((tmp_path / "keys.json").read_text())["AccessKeyId"])
        keys.renew()
    assert credentials.find(issued[0]) is None and credentials.find(issued[-1]) is not None
    keys.close()
    assert [key for key in issued if credentials.find(key) is not None] == []
    assert not (tmp_path / "keys.json").exists()


def test_nobody_else_can_read_them_and_they_outlast_the_next_renewal(credentials: Credentials, tmp_path: Path) -> None:
    keys = RoleKeys(credentials, ROLE, tmp_path, "us-east-1", "http://127.0.0.1:1")
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert not any("SECRET" in name or "TOKEN" in name for name in keys.environment)
    # botocore asks again 15 minutes before the end.
    assert LIFE_SECONDS - RENEW_SECONDS > 15 * 60
    keys.close()


def test_keys_of_a_process_end_with_the_sandbox(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    first = Credentials(state)
    process = first.issue_session(ROLE, "process", kept=False).access_key_id
    person = first.issue_session(ROLE, "person").access_key_id
    again = Credentials(state)
    assert again.find(process) is None and again.find(person) is not None
    state.close()
