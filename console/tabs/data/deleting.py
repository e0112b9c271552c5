"""Deletes from the bucket in hand: lists and counts while the question is open, then carries out what was shown."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from console.activity.model import ActivityItem
from console.commands import Affected, Confirmation
from console.context import AppContext
from console.models.format import count
from console.tabs.data.bucket import BucketBrowser
from console.tabs.data.commands_deletion import DeleteBucket, DeleteObjects, RestoreObjects
from console.tabs.data.deletion_dialog import DeletionDialog
from console.tabs.data.rows import ObjectRow
from workers.errors.tree import SageDeckError
from workers.storage.dependents import find_dependents, holds_model
from workers.storage.removal import Doomed, RemovalResult
from workers.types import S3Object

if TYPE_CHECKING:
    from workers.services import Services

# Lines that fit a question without a scroll bar; more are counted.
NAMED_AT_MOST = 6
Find = Callable[["Services", DeletionDialog], Awaitable[tuple[Doomed, ...]]]


class Deleting:
    """Every deletion of the Data tab; all methods return whether what was agreed to was done whole.

    ``removed(bucket, keys)`` is told what was tried to be deleted; ``None`` stands for all keys.
    """

    def __init__(
        self,
        ctx: AppContext,
        browser: BucketBrowser,
        removed: Callable[[str, Iterable[str] | None], None],
        parent: QWidget,
    ) -> None:
        self._ctx, self._browser, self._removed, self._parent = ctx, browser, removed, parent

    async def rows(self, bucket: str, rows: Sequence[ObjectRow]) -> bool:
        """Delete objects and folders that are selected."""
        folders = [row.key for row in rows if row.is_folder]
        objects = [
            S3Object(row.key, row.size or 0, row.modified, row.etag)
            for row in rows
            if not row.is_folder and row.modified is not None
        ]
        typed = self._typed(bucket, folders, [item.key for item in objects])
        names = [*folders, *(item.key for item in objects)]
        question = self._question(bucket, names, what_words(folders, len(objects)), typed, folders)

        async def find(services: Services, dialog: DeletionDialog) -> tuple[Doomed, ...]:
            return await services.storage.removals.find(bucket, objects, folders=folders, on_found=dialog.tell)

        return await self._objects(bucket, question, find, _cli(bucket, names))

    async def keys(self, bucket: str, keys: Sequence[str], why: str) -> bool:
        """Delete objects by their keys; ``why`` is said first."""
        typed = bucket if any(map(holds_model, keys)) else ""
        question = self._question(bucket, keys, what_words([], len(keys)), typed, (), why)

        async def find(services: Services, dialog: DeletionDialog) -> tuple[Doomed, ...]:
            return await services.storage.removals.find(bucket, keys=keys, on_found=dialog.tell)

        return await self._objects(bucket, question, find, _cli(bucket, keys))

    async def bucket(self, bucket: str) -> bool:
        """Delete a whole bucket, with all versions of everything in it."""
        text = "Everything in it goes for good, older versions too. Nothing of it can be restored."
        question = Confirmation(f"Delete bucket {bucket}?", text, type_name=bucket)

        async def find(services: Services, dialog: DeletionDialog) -> tuple[Doomed, ...]:
            return await services.storage.removals.find_versions(bucket, dialog.tell)

        agreed = await self._ask(bucket, question, find, f"aws s3 rb --force s3://{bucket}", noun="version")
        if agreed is None:
            return False
        outcome = await self._ctx.run(DeleteBucket(bucket, agreed))
        self._removed(bucket, None)
        if not outcome:
            self._browser.changed()
        return bool(outcome) and self._whole(bucket, outcome.value)

    async def restore(self, services: Services, bucket: str, prefix: str) -> bool:
        """Bring back what was deleted under ``prefix``, where the bucket keeps versions."""
        markers = await services.storage.removals.hidden(bucket, prefix)
        if not markers:
            self._ctx.notify.info("Nothing to restore", f"No deleted object is kept in {bucket}/{prefix}.")
            return False
        return bool(await self._ctx.run(RestoreObjects(bucket, markers)))

    async def _objects(self, bucket: str, question: Confirmation, find: Find, cli: str) -> bool:
        agreed = await self._ask(bucket, question, find, cli)
        if agreed is None:
            return False
        command = DeleteObjects(bucket, agreed, cli, waits=not question.type_name)
        outcome = await self._ctx.run(command)
        self._removed(bucket, (item.key for item in agreed))
        if not outcome:
            # Some of it may be gone all the same.
            self._browser.changed()
        return bool(outcome) and self._whole(bucket, outcome.value, command.item)

    async def _ask(
        self, bucket: str, question: Confirmation, find: Find, cli: str, noun: str = "object"
    ) -> tuple[Doomed, ...] | None:
        """What was shown and agreed to; None when it was not."""
        services = self._ctx.services
        if services is None or self._ctx.read_only:
            why = "Read-only mode is on" if self._ctx.read_only else "Not connected"
            self._ctx.notify.warn(why, f"Nothing was deleted from {bucket}.")
            return None
        dialog = DeletionDialog(question, cli, self._parent.window())
        found: list[tuple[Doomed, ...]] = []

        async def count_all() -> None:
            try:
                doomed = await find(services, dialog)
                dependents = await find_dependents(bucket, doomed, services.endpoints, services.training)
            except SageDeckError as error:
                dialog.show_failure(error.message)
                return
            found.append(doomed)
            dialog.show_found(doomed, dependents, noun)

        counting = self._ctx.tasks.start(count_all(), label="Counting what would be deleted", key="data:deletion")
        try:
            agreed = await dialog.ask()
        finally:
            counting.cancel()
        if not agreed or not found:
            return None
        if self._ctx.services is not services:
            self._ctx.notify.warn("Another account is in force", f"Nothing was deleted from {bucket}.")
            return None
        return found[0]

    def _question(
        self,
        bucket: str,
        names: Sequence[str],
        what: str,
        typed: str,
        folders: Sequence[str] = (),
        why: str = "",
    ) -> Confirmation:
        shown = [Affected("folder" if name in folders else "file", name) for name in names[:NAMED_AT_MOST]]
        if len(names) > len(shown):
            shown.append(Affected("dots", f"and {len(names) - len(shown):,} more"))
        safety = self._browser.safety if self._browser.name == bucket else None
        back = back_words(safety.versioned if safety is not None else None, typed=bool(typed))
        text = " ".join(part for part in (why, back) if part)
        return Confirmation(f"Delete {what} from {bucket}?", text, listed=tuple(shown), type_name=typed)

    @staticmethod
    def _typed(bucket: str, folders: Sequence[str], keys: Sequence[str]) -> str:
        """What has to be typed: a folder's name, or the bucket's where several go or a model does."""
        if len(folders) == 1 and not keys:
            return folders[0].rstrip("/").rpartition("/")[2] or bucket
        return bucket if folders or any(map(holds_model, keys)) else ""

    def _whole(self, bucket: str, result: RemovalResult, item: ActivityItem | None = None) -> bool:
        stay = [*result.changed, *(key for key, _ in result.refused)]
        if stay or result.left:
            names = ", ".join(stay[:NAMED_AT_MOST]) + (f" and {len(stay) - NAMED_AT_MOST:,} more" if stay[6:] else "")
            why = []
            if result.changed:
                why.append(f"{len(result.changed):,} changed since they were shown")
            if result.refused:
                why.append(f"{len(result.refused):,} refused: {result.refused[0][1]}")
            if result.left:
                why.append(f"{result.left:,} not tried, because it was stopped")
            told = f"{count(result.deleted, 'object')} deleted; {', '.join(why)}."
            self._ctx.notify.warn(f"Not everything was deleted from {bucket}", f"{told} {names}".strip())
        elif item is not None and item.put_back is not None:
            # The entry in the activity panel goes on offering it when the message is gone.
            self._ctx.notify.success(
                f"{count(result.deleted, 'object')} deleted from {bucket}",
                "The bucket keeps their last versions.",
                action=("Restore", item.put_back),
            )
        return not stay and not result.left


def back_words(versioned: bool | None, *, typed: bool) -> str:
    """Whether what is deleted can be had back. What is not ``typed`` waits some seconds, with Undo in sight."""
    if versioned:
        return "The bucket keeps versions: they can be restored."
    gone = "This cannot be undone" if typed else "This cannot be undone once it was sent"
    return f"{gone}." if versioned is False else f"{gone}, unless the bucket keeps versions."


def what_words(folders: Sequence[str], objects: int) -> str:
    """``2 folders and 1 object``."""
    parts = [count(len(folders), "folder")] if folders else []
    return " and ".join([*parts, count(objects, "object")] if objects or not folders else parts)


def _cli(bucket: str, names: Sequence[str]) -> str:
    if len(names) != 1:
        return ""
    recursive = "--recursive " if names[0].endswith("/") else ""
    return f"aws s3 rm {recursive}{shlex.quote(f's3://{bucket}/{names[0]}')}"
