"""The child process of an upload, seen from outside: its spec in, its messages out."""

from __future__ import annotations

import asyncio

from workers.children.parent import run_child
from workers.errors.tree import Expired, LocalProblem
from workers.errors.wire import from_wire
from workers.upload.uploader import UploadControl


def messages_of(spec):
    async def main():
        return [message async for message in run_child("workers.upload.child", spec)]

    return asyncio.run(asyncio.wait_for(main(), 120))


def spec(tmp_path, **backend):
    return {
        "backend": {"kind": "aws", "label": "t", "region": "us-east-1", **{"profile_name": None, **backend}},
        "folder": str(tmp_path / "set"),
        "bucket": "photos",
        "prefix": "",
        "manifest": str(tmp_path / "manifest.sqlite"),
        "target": "1/photos",
    }


def test_a_profile_that_is_gone_is_told_as_such(tmp_path):
    last = messages_of(spec(tmp_path, profile_name="no-such-profile"))[-1]
    error = from_wire(last["error"])
    assert isinstance(error, Expired) and error.fix.action == "choose_backend"


def test_progress_comes_before_the_end_and_an_empty_folder_is_told(tmp_path):
    (tmp_path / "set").mkdir()
    messages = messages_of(spec(tmp_path, access_key_id="AK", secret_access_key="SK"))
    assert messages[0]["progress"]["phase"] == "scanning"
    error = from_wire(messages[-1]["error"])
    assert isinstance(error, LocalProblem) and error.code == "EmptyFolder"
    assert messages[-1]["result"]["sent"] == 0


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
