"""One upload from beginning to end: scan, compare, send, look again. Blocking; runs in the child process."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from workers.errors import LocalProblem, SageDeckError, translate
from workers.types import UploadResult
from workers.upload_large import send_large
from workers.upload_manifest import Hashes, Manifest, Sent
from workers.upload_plan import PART_SIZE, Plan, clean_prefix, content_type, gone_keys, make_plan
from workers.upload_progress import Meter
from workers.upload_remote import Remote
from workers.upload_scan import LocalFile, Scan, scan
from workers.upload_send import Cancelled, NotVerified, Sender

READ_TRIES = 3
SETTLE_SECONDS = 0.05
RETRY_SECONDS = 1.0
REMEMBER_EVERY = 500
# So many failures one after the other are not the fault of single files.
HOPELESS = 20
FATAL_CODES = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "InsufficientStorage",
        "InvalidAccessKeyId",
        "InvalidToken",
        "NoSuchBucket",
        "QuotaExceeded",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)


class Control:
    """Pause, resume and cancel, from any thread."""

    def __init__(self) -> None:
        self._running = threading.Event()
        self._running.set()
        self._cancelled = threading.Event()
        self.on_cancel: Callable[[], None] = lambda: None

    @property
    def cancelled(self) -> bool:
        """True once ``cancel`` was called."""
        return self._cancelled.is_set()

    def pause(self) -> None:
        """Send nothing new; what is on its way arrives."""
        self._running.clear()

    def resume(self) -> None:
        """Go on."""
        self._running.set()

    def cancel(self) -> None:
        """Send nothing new and give up what is on its way."""
        self._cancelled.set()
        self._running.set()
        self.on_cancel()

    def wait(self, meter: Meter) -> bool:
        """Wait while paused; False when cancelled."""
        if not self._running.is_set():
            meter.paused()
            self._running.wait()
            meter.paused()
        return not self.cancelled


@dataclass
class _Outcome:
    """What became of the files of a pass; filled from several threads."""

    sent: dict[str, tuple[LocalFile, Sent]] = field(default_factory=dict)
    failed: dict[str, tuple[LocalFile, Exception]] = field(default_factory=dict)
    bytes_sent: int = 0
    in_a_row: int = 0
    fatal: Exception | None = None


class Upload:
    """Sends ``folder`` to ``bucket``/``prefix``. Call ``run`` once."""

    def __init__(
        self,
        remote: Remote,
        manifest: Manifest,
        target: str,
        folder: Path,
        prefix: str,
        meter: Meter,
        control: Control,
        sender: Callable[[Any], Sender] = Sender,
    ) -> None:
        self._remote, self._manifest, self._target = remote, manifest, target
        self._folder, self._prefix = folder, clean_prefix(prefix)
        self._meter, self._control = meter, control
        self._make_sender = sender
        self._lock = threading.Lock()
        self._outcome = _Outcome()
        self._to_send = 0
        self._unsaved: list[tuple[str, Sent]] = []
        self._unsaved_hashes: list[tuple[LocalFile, Hashes]] = []
        self._began = time.monotonic()
        # Every file is read later than this; what was written just before it is not trusted.
        self._began_at_ns = time.time_ns()

    def run(self) -> UploadResult:
        """Do it. Raises ``SageDeckError`` when it cannot go on; what was sent until then is kept."""
        found = self._scan()
        if not found.files and not self._control.cancelled:
            raise _nothing_found(self._folder, found)
        listing = self._guard(f"list {self._remote.bucket}", lambda: self._remote.listing(self._prefix, self._keep_on))
        plan = self._plan(found, listing)
        if self._control.cancelled:
            return self._result(found, plan, ())
        target = (self._target, self._folder)
        self._remember(lambda: self._manifest.begin(*target, self._remote.bucket, self._prefix, len(found.files)))
        self._meter.phase("uploading")
        changed: tuple[str, ...] = ()
        self._to_send = len(plan.send)
        if plan.send:
            sender = self._make_sender(self._remote.destination())
            self._control.on_cancel = sender.cancel
            self._send(sender, plan.send)
            if not self._control.cancelled:
                found, changed = self._look_again(sender, plan)
        sent_keys = (self._prefix + name for name in self._outcome.sent)
        gone = gone_keys(found, self._prefix, {**listing, **dict.fromkeys(sent_keys)})
        if not self._control.cancelled and not self._outcome.failed and not changed:
            self._remember(lambda: self._manifest.finish(*target, self._prefix))
        return self._result(found, plan, changed, gone)

    def partial(self) -> UploadResult:
        """What was sent so far, when ``run`` raised."""
        outcome = self._outcome
        return UploadResult(
            sent=len(outcome.sent),
            skipped=0,
            bytes_sent=outcome.bytes_sent,
            seconds=time.monotonic() - self._began,
        )

    def _scan(self) -> Scan:
        def keep_on(files: int) -> bool:
            self._meter.found(files)
            return not self._control.cancelled

        try:
            return scan(self._folder, keep_on)
        except OSError as exc:
            raise translate(exc, "read the folder") from exc

    def _plan(self, found: Scan, listing: dict[str, Any]) -> Plan:
        self._meter.phase("comparing")

        def keep_on(compared: int) -> bool:
            self._meter.compared(compared)
            return not self._control.cancelled

        known = self._manifest.hashes(self._folder, found.files)
        sent = self._manifest.sent(self._target, self._prefix)
        began = time.time_ns()
        plan = make_plan(found.files, self._prefix, listing, known, sent, keep_on)
        self._remember(lambda: self._manifest.remember_hashes(self._folder, plan.hashed, began))
        there = sum(file.size for file in plan.there)
        every = sum(file.size for file in found.files)
        self._meter.plan(len(found.files), every, len(plan.there), there)
        return plan

    def _send(self, sender: Sender, files: Iterable[LocalFile]) -> None:
        """One pass over ``files``. Raises ``SageDeckError`` when there is no use in going on."""
        for file in files:
            if not self._control.wait(self._meter) or self._outcome.fatal:
                break
            try:
                self._send_one(sender, file)
            except Cancelled:
                break
            except (OSError, ClientError, BotoCoreError) as exc:
                self._failed(file, exc)
            self._save(REMEMBER_EVERY)
        if self._outcome.fatal:
            sender.cancel()
        sender.wait()
        self._save(1)
        if self._outcome.fatal:
            raise self._stopped(self._outcome.fatal)

    def _send_one(self, sender: Sender, file: LocalFile) -> None:
        key, kind = self._prefix + file.name, content_type(file.name)
        if file.size > PART_SIZE:
            etag, sha256 = send_large(
                self._remote.client, file, self._remote.bucket, key, kind, self._meter.moved, self._is_cancelled
            )
            self._sent(file, Sent(etag, sha256))
            return
        data, read = _read_settled(file)

        def done(etag: str, sha256: str, error: Exception | None) -> None:
            if error is None:
                self._meter.moved(read.size)
                self._sent(read, Sent(etag, sha256))
            elif not isinstance(error, Cancelled):
                self._failed(read, error)

        sender.put(key, data, kind, done)

    def _look_again(self, sender: Sender, plan: Plan) -> tuple[Scan, tuple[str, ...]]:
        """The folder may have changed meanwhile: send once more what is new, changed or failed."""
        self._meter.phase("verifying")
        found = self._scan()
        again = self._differing(found, plan)
        retried = any(file.name in self._outcome.failed for file in again)
        # What failed and does not exist any more is no failure; what does exist gets its second chance.
        self._outcome.failed.clear()
        self._outcome.in_a_row = 0
        if not again or self._control.cancelled:
            return found, ()
        self._meter.phase("uploading")
        self._meter.more(len(again), sum(file.size for file in again))
        if retried:
            time.sleep(RETRY_SECONDS)
        self._send(sender, again)
        self._meter.phase("verifying")
        found = self._scan()
        failed = self._outcome.failed
        return found, tuple(file.name for file in self._differing(found, plan) if file.name not in failed)

    def _differing(self, found: Scan, plan: Plan) -> list[LocalFile]:
        settled = {file.name: file for file in plan.there}
        settled.update((name, file) for name, (file, _) in self._outcome.sent.items())
        refused = {name for name, _ in plan.problems}
        return [
            file
            for file in found.files
            if file.name not in refused and not (file.name in settled and file.same_state(settled[file.name]))
        ]

    def _sent(self, file: LocalFile, sent: Sent) -> None:
        with self._lock:
            outcome = self._outcome
            outcome.in_a_row = 0
            outcome.sent[file.name] = (file, sent)
            outcome.bytes_sent += file.size
            self._unsaved.append((self._prefix + file.name, sent))
            self._unsaved_hashes.append((file, Hashes(sent.sha256)))
        self._meter.ended()

    def _failed(self, file: LocalFile, error: Exception) -> None:
        with self._lock:
            outcome = self._outcome
            outcome.failed[file.name] = (file, error)
            local = isinstance(error, OSError)
            outcome.in_a_row += 0 if local else 1
            if not local and (_is_fatal(error) or outcome.in_a_row >= HOPELESS):
                outcome.fatal = outcome.fatal or error
        self._meter.ended()

    def _save(self, at_least: int) -> None:
        with self._lock:
            if len(self._unsaved) < at_least:
                return
            sent, self._unsaved = self._unsaved, []
            hashes, self._unsaved_hashes = self._unsaved_hashes, []
        self._remember(lambda: self._manifest.remember_sent(self._target, sent))
        self._remember(lambda: self._manifest.remember_hashes(self._folder, hashes, self._began_at_ns))

    def _remember(self, write: Callable[[], None]) -> None:
        """A manifest that cannot be written (disk full, locked) costs a comparison later, not this upload."""
        try:
            write()
        except sqlite3.Error:
            return

    def _is_cancelled(self) -> bool:
        return self._control.cancelled

    def _keep_on(self, _: int) -> bool:
        return not self._control.cancelled

    def _guard(self, doing: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (ClientError, BotoCoreError, OSError) as exc:
            raise translate(exc, doing, service="s3", profile=self._remote.profile) from exc

    def _stopped(self, cause: Exception) -> SageDeckError:
        error = translate(cause, f"send to {self._remote.bucket}", service="s3", profile=self._remote.profile)
        kept = f"What was sent ({len(self._outcome.sent):,} of {self._to_send:,} files) is kept; start again to go on."
        error.hint = f"{error.hint} {kept}".strip()
        return error

    def _result(self, found: Scan, plan: Plan, changed: tuple[str, ...], gone: tuple[str, ...] = ()) -> UploadResult:
        outcome = self._outcome
        failed = [(name, _reason(error)) for name, (_, error) in outcome.failed.items()]
        return UploadResult(
            sent=len(outcome.sent),
            skipped=len(plan.there),
            bytes_sent=outcome.bytes_sent,
            seconds=time.monotonic() - self._began,
            failed=tuple(sorted([*failed, *plan.problems, *found.problems])),
            changed_during_upload=changed,
            gone=gone,
            cancelled=self._control.cancelled,
            ignored=tuple(found.ignored),
        )


def _read_settled(file: LocalFile) -> tuple[bytes, LocalFile]:
    """The file's content, and its state at that moment; read again while somebody writes to it."""
    for _ in range(READ_TRIES):
        with open(file.path, "rb") as stream:  # noqa: PTH123 - 8,000 Path objects are not free
            before = os.fstat(stream.fileno())
            data = stream.read()
            after = os.fstat(stream.fileno())
        if before.st_mtime_ns == after.st_mtime_ns and len(data) == after.st_size:
            break
        time.sleep(SETTLE_SECONDS)
    # What is sent is what was read; the look afterwards tells whether the file is still like this.
    return data, LocalFile(file.path, file.name, len(data), before.st_mtime_ns, before.st_ino)


def _is_fatal(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in FATAL_CODES
    return not isinstance(error, NotVerified)


def _reason(error: Exception) -> str:
    if isinstance(error, NotVerified):
        return "What arrived is not what was sent; it was sent twice"
    if isinstance(error, FileNotFoundError):
        return "The file was gone before it could be sent"
    told = translate(error, "send the file", service="s3")
    return told.message


def _nothing_found(folder: Path, found: Scan) -> LocalProblem:
    why = "It has no files."
    if found.problems:
        why = f"None of its files can be sent: {found.problems[0][0]}: {found.problems[0][1]}."
    elif found.ignored:
        why = f"It has only hidden files ({len(found.ignored)}), which are left out."
    return LocalProblem("There is nothing to send", f"{folder}: {why}", "Choose another folder.", code="EmptyFolder")
