"""Sign a profile in again with the AWS CLI: only the CLI may write the token that botocore then reads."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.account.profiles import read_profiles
from workers.aws.chosen import without_redirection
from workers.errors.tree import LocalProblem, SageDeckError
from workers.files.os_words import os_words

# The sign-in page of AWS gives up after 10 minutes; so does the CLI.
SIGN_IN_SECONDS = 660.0
KEPT_LINES = 40
MOST_HOPS = 5
# What a role's profile takes its own credentials from.
_SSO, _LOGIN = ("sso_session", "sso_start_url"), ("login_session",)


@dataclass(frozen=True)
class SignIn:
    """How a profile is signed in: ``arguments`` after ``aws``. ``asks``: it asks for keys, so it needs a terminal."""

    profile: str
    arguments: tuple[str, ...]
    asks: bool = False

    @property
    def command(self) -> str:
        """The line to type in a terminal of this system."""
        words = ["aws", *self.arguments]
        if sys.platform == "win32":
            return subprocess.list2cmdline(words)
        return shlex.join(words)


def plan(profile: str, environ: Mapping[str, str] | None = None) -> SignIn:
    """How ``profile`` is signed in: by SSO or ``aws login`` in the browser, else by entering keys.

    Blocking, no network. A profile that takes a role is signed in through its ``source_profile``.
    """
    profiles = read_profiles(os.environ if environ is None else environ)
    name = profile
    for _ in range(MOST_HOPS):
        values = profiles.get(name, {})
        if any(values.get(key) for key in _SSO):
            return SignIn(name, ("sso", "login", "--profile", name))
        if any(values.get(key) for key in _LOGIN):
            return SignIn(name, ("login", "--profile", name))
        source = values.get("source_profile", "")
        if not source or source == name:
            break
        name = source
    return SignIn(name, ("configure", "--profile", name), asks=True)


async def sign_in(way: SignIn, on_line: Callable[[str], object]) -> None:
    """Run the AWS CLI in a child process until the operator has signed in; ``on_line`` gets what it says.

    The CLI opens the browser. Cancelling ends the child. Raises ``LocalProblem`` (its ``details`` hold the command to
    type) when there is no AWS CLI, when the way needs a terminal, and when the CLI fails.
    """
    program = shutil.which("aws")
    if way.asks or program is None:
        why = (
            f"The profile {way.profile} has no sign-in in the browser: its keys are entered in a terminal."
            if way.asks
            else "The AWS CLI is not on this computer, and only it can sign in."
        )
        raise typed(way, why)
    loop = asyncio.get_running_loop()
    try:
        process = await asyncio.to_thread(_spawn, [program, *way.arguments])
    except OSError as error:
        raise typed(way, f"The AWS CLI cannot be started ({os_words(error)}).") from error
    said: list[str] = []
    ended = loop.create_future()

    def hear(line: str) -> None:
        said.append(line)
        del said[:-KEPT_LINES]
        on_line(line)

    threading.Thread(target=_read, args=(process, loop, hear, ended), name="aws sign-in", daemon=True).start()
    try:
        async with asyncio.timeout(SIGN_IN_SECONDS):
            code = await ended
    except TimeoutError as error:
        raise typed(way, "Nobody signed in on the page for 10 minutes.") from error
    finally:
        if process.poll() is None:
            process.kill()
    if code:
        raise typed(way, _reason(said, code))


def typed(way: SignIn, why: str) -> SageDeckError:
    """The error that tells the operator what to type."""
    return LocalProblem(
        f"Sign in to {way.profile} in a terminal",
        why,
        f"Type {way.command}, then connect again.",
        details=way.command,
    )


def _reason(said: list[str], code: int) -> str:
    """What stopped the CLI, in a sentence."""
    if any("invalid choice" in line.lower() for line in said):
        return "The AWS CLI of this computer is too old to sign in: version 2 can."
    faults = [line for line in said if "error" in line.lower()] or said[-1:] or [f"it ended with exit code {code}"]
    return f"The AWS CLI could not sign in: {faults[-1].rstrip('.')}."


def _spawn(words: list[str]) -> subprocess.Popen[str]:
    # A pager or a prompt would wait for a terminal that is not there.
    quiet = {"AWS_PAGER": "", "AWS_CLI_AUTO_PROMPT": "off", "PYTHONUNBUFFERED": "1"}
    group = {"process_group": 0} if os.name == "posix" else {}
    return subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        cwd=Path.home(),
        env=without_redirection(os.environ) | quiet,
        **group,  # type: ignore[call-overload]
    )


def _read(
    process: subprocess.Popen[str],
    loop: asyncio.AbstractEventLoop,
    hear: Callable[[str], object],
    ended: asyncio.Future[int],
) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.strip():
                loop.call_soon_threadsafe(hear, line.strip())
        loop.call_soon_threadsafe(_settle, ended, process.wait())
    except RuntimeError:
        # The event loop is closed, so nobody waits for this any more.
        process.kill()
        process.wait()


def _settle(ended: asyncio.Future[int], code: int) -> None:
    if not ended.done():
        ended.set_result(code)
