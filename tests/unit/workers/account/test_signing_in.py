"""Signing in: which command a profile needs, and the AWS CLI (a stand-in on the path) run in a child process."""

from __future__ import annotations

import asyncio
import sys

import pytest

from workers.account.signing_in import SignIn, plan, sign_in
from workers.errors.tree import LocalProblem

CONFIG = """\
[profile sso]
sso_session = corp

[profile old sso]
[profile legacy]
sso_start_url = https://example.com/start

[profile browser]
login_session = arn:aws:iam::123456789012:user/me

[profile role]
role_arn = arn:aws:iam::123456789012:role/Deploy
source_profile = sso

[profile circle]
source_profile = round
[profile round]
source_profile = circle

[profile keys]
region = eu-west-1
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")


@pytest.mark.parametrize(
    ("profile", "command", "asks"),
    [
        ("sso", "aws sso login --profile sso", False),
        ("legacy", "aws sso login --profile legacy", False),
        ("browser", "aws login --profile browser", False),
        ("role", "aws sso login --profile sso", False),
        ("keys", "aws configure --profile keys", True),
        ("gone", "aws configure --profile gone", True),
    ],
)
def test_the_command_follows_the_profile(tmp_path, profile, command, asks):
    (tmp_path / "config").write_text(CONFIG)
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    way = plan(profile, files)
    assert (way.command, way.asks) == (command, asks)


def test_profiles_in_a_circle_end(tmp_path):
    (tmp_path / "config").write_text(CONFIG)
    assert plan("circle", {"AWS_CONFIG_FILE": str(tmp_path / "config")}).asks


def test_a_name_with_spaces_can_be_typed():
    words = SignIn("two words", ("sso", "login", "--profile", "two words")).command
    assert words.endswith(("'two words'", '"two words"'))


def stand_in(tmp_path, monkeypatch, script):
    program = tmp_path / "bin" / "aws"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


WAY = SignIn("work", ("sso", "login", "--profile", "work"))


@posix
def test_what_the_cli_says_is_passed_on(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, 'echo "$@"\necho\necho open https://example.com and enter ABCD >&2\n')
    said = []
    asyncio.run(sign_in(WAY, said.append))
    assert said == ["sso login --profile work", "open https://example.com and enter ABCD"]


@posix
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'aws: error: argument operation: Invalid choice, valid choices are:'; echo help; exit 252", "version 2"),
        ("echo 'Error when retrieving token'; echo bye; exit 255", "Error when retrieving token"),
        ("exit 7", "exit code 7"),
    ],
)
def test_a_cli_that_fails_is_told_with_its_words_and_the_command(tmp_path, monkeypatch, script, words):
    stand_in(tmp_path, monkeypatch, script)
    with pytest.raises(LocalProblem) as caught:
        asyncio.run(sign_in(WAY, print))
    assert words in caught.value.message
    assert caught.value.details == "aws sso login --profile work"
    assert caught.value.details in caught.value.hint


def test_without_the_cli_the_command_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalProblem, match="not on this computer") as caught:
        asyncio.run(sign_in(WAY, print))
    assert "aws sso login --profile work" in caught.value.hint


def test_keys_are_never_asked_for_without_a_terminal(tmp_path, monkeypatch):
    way = SignIn("keys", ("configure", "--profile", "keys"), asks=True)
    with pytest.raises(LocalProblem, match="entered in a terminal"):
        asyncio.run(sign_in(way, print))


@posix
def test_cancelling_ends_the_child(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid\necho waiting\nexec sleep 600\n")

    async def body():
        heard = asyncio.Event()
        task = asyncio.ensure_future(sign_in(WAY, lambda _: heard.set()))
        await asyncio.wait_for(heard.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(body(), 120))
    import psutil

    pid = int((tmp_path / "pid").read_text())
    try:
        psutil.Process(pid).wait(60)
    except psutil.NoSuchProcess:
        return
