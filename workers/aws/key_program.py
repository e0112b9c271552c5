"""A profile's ``credential_process``: bounded in time, and told by its name when it gives no usable keys."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePath

from workers.aws.chosen import without_redirection
from workers.errors.tree import Expired, Fix, SageDeckError

# Some ask for a password or open a browser; longer, the window would seem to hang.
SECONDS = 60.0
_LONGEST = 300
# Keys, tokens and signatures: whatever is long and has no spaces.
_SECRET = re.compile(r"[A-Za-z0-9/+_=.\-]{16,}")


class KeyProgram:
    """Stands in for ``subprocess.Popen`` where botocore runs the program; its errors are ``SageDeckError``."""

    def __init__(self, words: Sequence[str], **_: object) -> None:
        self._words = list(words)
        self.returncode = 0

    @property
    def name(self) -> str:
        """The program, without its folder and arguments."""
        return PurePath(self._words[0]).name if self._words else "it"

    def communicate(self) -> tuple[bytes, bytes]:
        """Run the program and return what it printed. Raises ``SageDeckError``."""
        try:
            done = subprocess.run(
                self._words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                env=without_redirection(os.environ),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except subprocess.TimeoutExpired as exc:
            raise self._error(
                f"did not answer within {SECONDS:.0f} seconds and was ended", "It may wait for an answer in a terminal."
            ) from exc
        except (OSError, ValueError) as exc:
            raise self._error("cannot be started", "Is it installed, and is the path right?", str(exc)) from exc
        said = without_keys(done.stderr.decode("utf-8", "replace"))
        if done.returncode:
            why = f": {_last(said)}" if said else ""
            raise self._error(f"ended with exit code {done.returncode}{why}", "Run it in a terminal.", said)
        self._look_at(done.stdout, said)
        return done.stdout, done.stderr

    def _look_at(self, printed: bytes, said: str) -> None:
        try:
            found = json.loads(printed.decode("utf-8-sig"))
        except ValueError as exc:
            what = "printed something else besides the keys" if b"{" in printed else "printed no keys"
            raise self._error(what, "Its standard output must be one JSON object and nothing else.", said) from exc
        if not isinstance(found, dict):
            raise self._error("printed no JSON object", "Its standard output must be one.", said)
        try:
            until = datetime.fromisoformat(str(found["Expiration"]))
        except (KeyError, ValueError):
            return
        until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        if until <= datetime.now(UTC):
            ended = f"{until.astimezone():%d %b %Y %H:%M}"
            raise self._error(f"gave keys that ended on {ended}", "Sign in with it in a terminal.", said)

    def _error(self, what: str, hint: str, details: str = "") -> SageDeckError:
        return Expired(
            "The program that gives the keys failed",
            f"{self.name}, the profile's credential_process, {what.rstrip('.')}.",
            hint,
            code="CredentialProcess",
            fix=Fix("Connect again", "reconnect"),
            details=details,
        )


def without_keys(text: str) -> str:
    """``text`` without what may be a key or a token."""
    return _SECRET.sub("[hidden]", text).strip()


def _last(said: str) -> str:
    return said.splitlines()[-1][:_LONGEST] if said else ""
