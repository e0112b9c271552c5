"""The activity log: everything that was changed, by account, kept over restarts, only ever added to.

``Ledger`` writes one file for each account (JSON lines, one write and one fsync each) that turns over. What is begun is
noted before it is sent and each call as it was answered, so that a crash loses nothing that had reached AWS: what has
no end in the file was cut short. ``deeds`` puts the lines together again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from console.journal import Writer
from workers.aws.recording import SentCall
from workers.files import private
from workers.files.hiding import hidden, hidden_text

log = logging.getLogger(__name__)

# Some 4,000 deeds with their calls a file, and so many files: read in a second, and years of one operator.
MOST_BYTES = 4_000_000
KEEP_FILES = 5
# What has no end in the file may still be under way in a window with this name; another one will not tell of it.
RUN = secrets.token_hex(8)

DeedState = Literal["running", "done", "failed", "cancelled", "unknown"]


@dataclass
class Deed:
    """One thing that was done, or tried: who did it, where, with which calls, and how it ended."""

    id: str
    at: datetime
    title: str
    icon: str = "bolt"
    actor: str = ""
    account: str = ""
    region: str = ""
    state: DeedState = "unknown"
    text: str = ""
    cli: str = ""
    profile: str = ""
    ended: datetime | None = None
    calls: list[SentCall] = field(default_factory=list)

    @property
    def request_ids(self) -> list[str]:
        """The ids by which AWS's support finds the calls."""
        return [call.request_id for call in self.calls if call.request_id]

    @property
    def words(self) -> str:
        """What a filter looks into beside the columns: operations, parameters, request ids, the CLI line."""
        sent = " ".join(
            f"{call.operation} {call.request_id} {call.error} {json.dumps(call.parameters, ensure_ascii=False)}"
            for call in self.calls
        )
        return f"{sent} {self.cli} {self.account}"


class Ledger:
    """The files in ``folder``. Everything is handed to ``writer``; nothing here waits for a disk but ``load``."""

    def __init__(self, folder: Path, writer: Writer, *, most_bytes: int = MOST_BYTES, keep: int = KEEP_FILES) -> None:
        self.folder = folder
        self._writer, self._most, self._keep = writer, most_bytes, keep

    def begin(
        self, account: str, title: str, *, icon: str, actor: str, region: str, cli: str, profile: str = ""
    ) -> Noted:
        """Note that something is about to be sent; the answer takes its calls and its end. Returns at once."""
        noted = Noted(self, account, secrets.token_hex(8))
        self.append(
            account,
            {
                "what": "begun", "id": noted.id, "run": RUN, "at": _now(), "title": title, "icon": icon,
                "actor": actor, "account": account.partition(" ")[0], "region": region, "cli": cli,
                "profile": profile,
            },
        )  # fmt: skip
        return noted

    def append(self, account: str, record: Mapping[str, Any]) -> None:
        """Add one line to the account's file, without secrets. Returns at once; may be called from any thread."""
        # In ASCII: what ends a line for some, and what is no letter (a file's name may have such bytes), is escaped.
        line = json.dumps(hidden(record))
        self._writer.do(lambda: self._append(self.path(account), line))

    def flush(self) -> bool:
        """Wait until all of it is on disk. Blocking."""
        return self._writer.flush()

    def path(self, account: str) -> Path:
        """Where the account's lines are."""
        return self.folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', account) or 'unknown'}.jsonl"

    def load(self, account: str) -> list[dict[str, Any]]:
        """All lines kept of the account, oldest first; what is no JSON object is skipped. Blocking."""
        path = self.path(account)
        records = []
        for part in (*(self._turned(path, number) for number in range(self._keep, 0, -1)), path):
            try:
                lines = part.read_text("utf-8", errors="replace").split("\n")
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("the activity log %s could not be read: %s", part, error)
                continue
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    records.append(record)
        return records

    def _append(self, path: Path, line: str) -> None:
        private.make_folder(path.parent)
        data = line.encode() + b"\n"
        with _locked(path):
            if self._size(path) + len(data) > self._most:
                self._turn(path)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), private.FILE)
            try:
                size = os.fstat(handle).st_size
                if size:
                    # A line that a crash cut off must not swallow this one.
                    os.lseek(handle, size - 1, os.SEEK_SET)
                    if os.read(handle, 1) != b"\n":
                        data = b"\n" + data
                os.write(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)

    def _turn(self, path: Path) -> None:
        """Make room: the oldest file goes, the others move on by one."""
        for number in range(self._keep - 1, 0, -1):
            if self._turned(path, number).exists():
                self._turned(path, number).replace(self._turned(path, number + 1))
        if path.exists():
            path.replace(self._turned(path, 1))

    @staticmethod
    def _turned(path: Path, number: int) -> Path:
        return path.with_name(f"{path.name}.{number}")

    @staticmethod
    def _size(path: Path) -> int:
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0


@dataclass(frozen=True)
class Noted:
    """Something begun, to be told how it goes."""

    ledger: Ledger
    account: str
    id: str

    async def on_disk(self) -> None:
        """Wait until it is noted for good (a slow disk: some seconds at most): before that nothing is sent."""
        await asyncio.to_thread(self.ledger.flush)

    def sent(self, call: SentCall) -> None:
        """One of its calls was answered; called in any thread."""
        self.ledger.append(self.account, {"what": "call", "id": self.id, "call": call.as_record()})

    def ended(self, state: str, text: str) -> None:
        """How it ended, in words."""
        self.ledger.append(
            self.account, {"what": "ended", "id": self.id, "at": _now(), "state": state, "text": hidden_text(text)}
        )


def deeds(records: Iterable[Mapping[str, Any]]) -> list[Deed]:
    """What the lines tell of, the newest first. A line that nobody understands is left out."""
    found: dict[str, Deed] = {}
    for record in records:
        name = str(record.get("id", ""))
        try:
            if record.get("what") == "begun":
                state: DeedState = "running" if record.get("run") == RUN else "unknown"
                found[name] = deed = Deed(name, datetime.fromisoformat(record["at"]), "", state=state)
                for key in ("title", "icon", "actor", "account", "region", "cli", "profile"):
                    setattr(deed, key, str(record.get(key, "")))
            elif name in found and record.get("what") == "call":
                call = SentCall.from_record(record.get("call"))
                found[name].calls += [call] if call is not None else []
            elif name in found and record.get("what") == "ended" and record.get("state") in _ENDS:
                deed = found[name]
                deed.state, deed.text = record["state"], str(record.get("text", ""))
                deed.ended = datetime.fromisoformat(record["at"])
        except (KeyError, TypeError, ValueError):
            continue
    return sorted(found.values(), key=lambda deed: deed.at, reverse=True)


_ENDS = ("done", "failed", "cancelled")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _locked(path: Path) -> Any:
    """Two windows of one account write and turn over one file, one after the other."""
    from filelock import FileLock

    lock = path.with_name(f"{path.name}.lock")
    private.touch(lock)
    return FileLock(lock, timeout=10)
