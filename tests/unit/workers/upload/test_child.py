"""The child process of an upload, seen from outside: its spec in, its messages out."""

from __future__ import annotations

import asyncio

import pytest

from workers.children.parent import run_child
from workers.errors.tree import Expired, LocalProblem, SageDeckError
from workers.upload.uploader import UploadControl


def messages_of(spec):
    """What it tells, and the error that it ends with."""
    heard = []

    async def main():
        async for message in run_child("workers.upload.child", spec):
            heard.append(message)

    with pytest.raises(SageDeckError) as told:
        asyncio.run(asyncio.wait_for(main(), 120))
    return heard, told.value


def spec(tmp_path, **backend):
    return {
        "backend": {"kind": "aws", "label": "t", "region": "us-east-1", "profile_name": None, **backend},
        "folder": str(tmp_path / "set"),
        "bucket": "photos",
        "prefix": "",
        "manifest": str(tmp_path / "manifest.sqlite"),
        "target": "1/photos",
        "merge": False,
        "look": False,
    }


@pytest.mark.parametrize("member", ["merge", "look", "prefix", "backend"])
def test_a_wish_that_did_not_come_over_is_no_wish(tmp_path, member):
    """Above all: who only wants to look must not send anything."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.jpg").write_bytes(b"a")
    whole = spec(tmp_path, access_key_id="AK", secret_access_key="SK")
    del whole[member]
    heard, error = messages_of(whole)
    assert f"UploadRequest: {member} is missing" in error.message and heard == []


def test_a_profile_that_is_gone_is_told_as_such(tmp_path):
    _, error = messages_of(spec(tmp_path, profile_name="no-such-profile"))
    assert isinstance(error, Expired) and error.fix.action == "choose_backend"


def test_progress_comes_before_the_end_and_an_empty_folder_is_told(tmp_path):
    (tmp_path / "set").mkdir()
    messages, error = messages_of(spec(tmp_path, access_key_id="AK", secret_access_key="SK"))
    assert messages[0].value["phase"] == "scanning"
    assert isinstance(error, LocalProblem) and error.code == "EmptyFolder"
    assert {message.kind for message in messages} == {"progress"}


def test_wishes_from_before_the_start_are_told_to_the_child():
    class FakeChild:
        def __init__(self):
            self.heard = []

        def send(self, command):
            self.heard.append(command)

    control, child = UploadControl(), FakeChild()
    control.pause()
    control.resume()
    control.pause()
    control.cancel()
    control.attach(child)
    control.resume()
    control.detach()
    control.cancel()
    assert child.heard == ["pause", "cancel", "resume"]
