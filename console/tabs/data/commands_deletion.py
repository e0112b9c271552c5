"""Deleting and restoring as commands: what was listed before, and nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.commands import Affected, Command, Confirmation
from console.models.format import count
from workers.storage.removal import Doomed, RemovalResult

if TYPE_CHECKING:
    from workers.services import Services

# Lines that fit a question without a scroll bar; more are counted.
NAMED_AT_MOST = 6


class _Removal(Command):
    """A removal that can be stopped; what was not tried then is told."""

    icon = "trash"
    noun = "object"

    def __init__(self, bucket: str, doomed: Sequence[Doomed]) -> None:
        self.bucket, self._doomed = bucket, tuple(doomed)
        self._stopped = False

    def _listen(self) -> None:
        if self.item is not None:
            self.item.cancel = self._stop

    def _stop(self) -> None:
        self._stopped = True

    def _told(self, done: int, total: int) -> bool:
        if self.item is not None:
            self.item.progress(done / total, f"{done:,} of {total:,}")
        return not self._stopped

    def done_text(self, result: RemovalResult) -> str:
        """How many are gone, and what became of the others."""
        parts = [f"{count(result.deleted, self.noun)} deleted"]
        if result.changed:
            parts.append(f"{len(result.changed):,} changed meanwhile and kept")
        if result.refused:
            parts.append(f"{len(result.refused):,} refused")
        if result.left:
            parts.append(f"stopped, {result.left:,} left")
        return ", ".join(parts)

    def events(self) -> list[tuple[str, str]]:
        """The bucket's contents changed."""
        return [("bucket", self.bucket)]


class DeleteObjects(_Removal):
    """Deletes objects that were listed and agreed to."""

    def __init__(self, bucket: str, doomed: Sequence[Doomed], cli: str = "", *, waits: bool = False) -> None:
        """``waits``: nothing was typed, so it can be undone for some seconds."""
        super().__init__(bucket, doomed)
        self.waits = waits
        self.title = f"Delete {count(len(self._doomed), 'object')} from {bucket}"
        self._cli = cli

    async def run(self, services: Services) -> RemovalResult:
        """Delete them as long as they are what was listed."""
        self._listen()
        return await services.storage.removals.remove(self.bucket, self._doomed, self._told)

    def undo(self, result: RemovalResult) -> Command | None:
        """Bring them back, where the bucket keeps versions."""
        return RestoreObjects(self.bucket, result.markers, ask=False) if result.markers else None

    def cli(self) -> str:
        """The same with the AWS CLI, where that is one line."""
        return self._cli


class DeleteBucket(_Removal):
    """Deletes a bucket with the versions that were listed and agreed to."""

    noun = "version"

    def __init__(self, bucket: str, doomed: Sequence[Doomed]) -> None:
        super().__init__(bucket, doomed)
        self.title = f"Delete bucket {bucket}"

    async def run(self, services: Services) -> RemovalResult:
        """Empty it, and delete it when nothing else is in it."""
        self._listen()
        return await services.storage.removals.remove_bucket(self.bucket, self._doomed, self._told)

    def cli(self) -> str:
        """The same with the AWS CLI, for a bucket without versions."""
        return f"aws s3 rb --force {shlex.quote(f's3://{self.bucket}')}"


class RestoreObjects(Command):
    """Brings back what delete markers hide."""

    icon = "history"

    def __init__(self, bucket: str, markers: Sequence[tuple[str, str]], *, ask: bool = True) -> None:
        self.bucket, self._markers, self._ask = bucket, tuple(markers), ask
        self.title = f"Restore {count(len(self._markers), 'object')} in {bucket}"

    def confirmation(self) -> Confirmation | None:
        """Names what comes back."""
        if not self._ask:
            return None
        shown = [Affected("file", key) for key, _ in self._markers[:NAMED_AT_MOST]]
        if len(self._markers) > len(shown):
            shown.append(Affected("dots", f"and {len(self._markers) - len(shown):,} more"))
        text = "They were deleted, and the bucket keeps their last versions."
        return Confirmation(
            f"{self.title}?", text, confirm_label="Restore", icon="history", danger=False, listed=tuple(shown)
        )

    async def run(self, services: Services) -> RemovalResult:
        """Take the delete markers away."""
        return await services.storage.removals.restore(self.bucket, self._markers)

    def done_text(self, result: RemovalResult) -> str:
        """How many are back."""
        back = f"{count(result.deleted, 'object')} restored"
        return f"{back}, {len(result.refused):,} refused" if result.refused else back

    def events(self) -> list[tuple[str, str]]:
        """The bucket's contents changed."""
        return [("bucket", self.bucket)]
