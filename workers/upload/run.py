"""One upload from beginning to end: scan, compare, send, look again. Blocking; runs in the child process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from workers.errors.tree import LocalProblem, SageDeckError, translate, translate_for
from workers.types import UploadResult
from workers.upload.delivery import Delivery, HopelessError, Kept, remember
from workers.upload.manifest import Hashes, Manifest, Sent
from workers.upload.plan import Others, Plan, clean_prefix, find_others, find_twins, gone_keys, make_plan
from workers.upload.progress import Meter
from workers.upload.remote import Destination, Remote, RemoteObject
from workers.upload.request import UploadRequest
from workers.upload.scan import LocalFile, Scan, scan
from workers.upload.small import Sender
from workers.upload.wishes import Wishes

RETRY_SECONDS = 1.0


class UploadRun:
    """Does what ``request`` asks. Call ``run`` once.

    Nothing is sent to a prefix that holds another set, unless the request may ``merge``. With ``look`` nothing is sent
    at all: the result tells what is there and how much is ``missing``.
    """

    def __init__(
        self,
        request: UploadRequest,
        remote: Remote,
        manifest: Manifest,
        meter: Meter,
        wishes: Wishes,
        *,
        sender: Callable[[Destination], Sender] = Sender,
    ) -> None:
        self._remote, self._manifest, self._target = remote, manifest, request.target
        self._folder, self._prefix = Path(request.folder), clean_prefix(request.prefix)
        self._meter, self._wishes = meter, wishes
        self._make_sender, self._merge, self._look = sender, request.merge, request.look
        self._others = Others((), 0)
        self._twins: tuple[str, ...] = ()
        self._sent: dict[str, Sent] = {}
        self._known: dict[str, Hashes] = {}
        kept = Kept(manifest, request.target, self._folder)
        self._delivery = Delivery(remote, self._prefix, kept, meter, wishes)
        self._to_send = 0
        self._began = time.monotonic()

    def run(self) -> UploadResult:
        """Do it. Raises ``SageDeckError`` when it cannot go on; what was sent until then is kept."""
        found = self._scan()
        if not found.files and not self._wishes.cancelled:
            raise _nothing_found(self._folder, found)
        listing = self._guard(f"list {self._remote.bucket}", lambda: self._remote.listing(self._prefix, self._keep_on))
        plan = self._plan(found, listing)
        if self._wishes.cancelled:
            return self._result(found, plan, ())
        self._others = find_others(found, self._prefix, listing, plan, self._sent, str(self._folder))
        self._twins = find_twins(file.name for file in found.files)
        if not self._merge and (self._others.extra or self._others.overwrites):
            return self._result(found, plan, (), asks=True)
        if self._look:
            return self._result(found, plan, (), self._gone(found, listing), missing=len(plan.send))
        target = (self._target, self._folder)
        self._remember_own(plan, listing)
        remember(lambda: self._manifest.begin(*target, self._remote.bucket, self._prefix, len(found.files)))
        self._meter.phase("uploading")
        changed: tuple[str, ...] = ()
        self._to_send = len(plan.send)
        if plan.send:
            sender = self._make_sender(self._remote.destination())
            self._wishes.on_cancel = sender.cancel
            self._send(sender, plan.send)
            if not self._wishes.cancelled:
                found, changed = self._look_again(sender, plan)
        gone = self._gone(found, listing)
        if not self._wishes.cancelled and not self._delivery.failed and not changed:
            remember(lambda: self._manifest.finish(*target, self._prefix))
        return self._result(found, plan, changed, gone)

    def partial(self) -> UploadResult:
        """What was sent so far, when ``run`` raised."""
        delivery = self._delivery
        return UploadResult(
            sent=len(delivery.sent),
            skipped=0,
            bytes_sent=delivery.bytes_sent,
            seconds=time.monotonic() - self._began,
        )

    def _scan(self) -> Scan:
        def keep_on(files: int) -> bool:
            self._meter.found(files)
            return not self._wishes.cancelled

        try:
            return scan(self._folder, keep_on)
        except OSError as exc:
            raise translate(exc, "read the folder") from exc

    def _plan(self, found: Scan, listing: dict[str, Any]) -> Plan:
        self._meter.phase("comparing")

        def keep_on(compared: int) -> bool:
            self._meter.compared(compared)
            return not self._wishes.cancelled

        known = self._manifest.hashes(self._folder, found.files)
        sent = self._sent = self._manifest.sent(self._target, self._prefix)
        began = time.time_ns()
        plan = make_plan(found.files, self._prefix, listing, known, sent, keep_on)
        self._known = {**known, **{file.name: hashes for file, hashes in plan.hashed}}
        remember(lambda: self._manifest.remember_hashes(self._folder, plan.hashed, began))
        there = sum(file.size for file in plan.there)
        every = sum(file.size for file in found.files)
        self._meter.plan(len(found.files), every, len(plan.there), there)
        return plan

    def _remember_own(self, plan: Plan, listing: dict[str, RemoteObject]) -> None:
        """What is there with this folder's content is its own from now on, whoever sent it."""
        rows = []
        for file in plan.there:
            key = self._prefix + file.name
            own = Sent(listing[key].etag, self._known[file.name].sha256, str(self._folder))
            if self._sent.get(key) != own:
                rows.append((key, own))
        if rows:
            remember(lambda: self._manifest.remember_sent(self._target, rows))

    def _gone(self, found: Scan, listing: dict[str, RemoteObject]) -> tuple[str, ...]:
        sent_keys = (self._prefix + name for name in self._delivery.sent)
        others = set(self._others.extra)
        keys = (key for key in {**listing, **dict.fromkeys(sent_keys)} if key not in others)
        return gone_keys(found, self._prefix, keys)

    def _send(self, sender: Sender, files: Iterable[LocalFile]) -> None:
        """One pass over ``files``. Raises ``SageDeckError`` when there is no use in going on."""
        try:
            self._delivery.run(sender, files)
        except HopelessError as hopeless:
            raise self._stopped(hopeless.cause) from hopeless.cause

    def _look_again(self, sender: Sender, plan: Plan) -> tuple[Scan, tuple[str, ...]]:
        """The folder may have changed meanwhile: send once more what is new, changed or failed."""
        self._meter.phase("verifying")
        found = self._scan()
        again = self._differing(found, plan)
        retried = any(file.name in self._delivery.failed for file in again)
        self._delivery.second_chance()
        if not again or self._wishes.cancelled:
            return found, ()
        self._meter.phase("uploading")
        self._meter.more(len(again), sum(file.size for file in again))
        if retried:
            time.sleep(RETRY_SECONDS)
        self._send(sender, again)
        self._meter.phase("verifying")
        found = self._scan()
        failed = self._delivery.failed
        return found, tuple(file.name for file in self._differing(found, plan) if file.name not in failed)

    def _differing(self, found: Scan, plan: Plan) -> list[LocalFile]:
        settled = {file.name: file for file in plan.there}
        settled.update((name, file) for name, (file, _) in self._delivery.sent.items())
        refused = {name for name, _ in plan.problems}
        return [
            file
            for file in found.files
            if file.name not in refused and not (file.name in settled and file.same_state(settled[file.name]))
        ]

    def _keep_on(self, _: int) -> bool:
        return not self._wishes.cancelled

    def _guard(self, doing: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (ClientError, BotoCoreError, OSError) as exc:
            raise translate_for(self._remote.backend, exc, doing, "s3") from exc

    def _stopped(self, cause: Exception) -> SageDeckError:
        error = translate_for(self._remote.backend, cause, f"send to {self._remote.bucket}", "s3")
        kept = f"What was sent ({len(self._delivery.sent):,} of {self._to_send:,} files) is kept; start again to go on."
        error.hint = f"{error.hint} {kept}".strip()
        return error

    def _result(
        self,
        found: Scan,
        plan: Plan,
        changed: tuple[str, ...],
        gone: tuple[str, ...] = (),
        asks: bool = False,
        missing: int = 0,
    ) -> UploadResult:
        delivery = self._delivery
        return UploadResult(
            sent=len(delivery.sent),
            skipped=len(plan.there),
            bytes_sent=delivery.bytes_sent,
            seconds=time.monotonic() - self._began,
            failed=tuple(sorted([*delivery.reasons(), *plan.problems, *found.problems])),
            changed_during_upload=changed,
            gone=gone,
            cancelled=self._wishes.cancelled,
            ignored=tuple(found.ignored),
            others=self._others.extra,
            overwrites=self._others.overwrites,
            asks=asks,
            twins=self._twins,
            missing=missing,
        )


def _nothing_found(folder: Path, found: Scan) -> LocalProblem:
    why = "It has no files."
    if found.problems:
        why = f"None of its files can be sent: {found.problems[0][0]}: {found.problems[0][1]}."
    elif found.ignored:
        why = f"It has only hidden files or dead links ({len(found.ignored)}), which are left out."
    return LocalProblem("There is nothing to send", f"{folder}: {why}", "Choose another folder.", code="EmptyFolder")
