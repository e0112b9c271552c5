"""Makes what was found unsafe safe: each change is what was shown, carried out while it is still so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from console.commands import Affected, Command, Confirmation
from console.ways_back import all_ways_back, way_back
from workers.errors.tree import Conflict, Left, SageDeckError
from workers.security.functions import Reserve
from workers.security.types import Change

if TYPE_CHECKING:
    from workers.services import Services


class Secure(Command):
    """Carry out changes that end findings. ``agreed``: what it does was shown already."""

    icon = "shield"

    def __init__(self, changes: Sequence[Change], *, agreed: bool = False) -> None:
        self.changes, self._agreed = tuple(changes), agreed
        alone = len(self.changes) == 1
        self.title = self.changes[0].title if alone else f"Fix {len(self.changes):,} findings"

    def confirmation(self) -> Confirmation | None:
        """What is done, and what may stop working."""
        if self._agreed:
            return None
        alone = len(self.changes) == 1
        first = self.changes[0]
        return Confirmation(
            f"{self.title}?",
            first.sentence if alone else " ".join(dict.fromkeys(change.sentence for change in self.changes)),
            confirm_label=first.label if alone else "Fix all",
            icon=self.icon,
            danger=any(change.danger for change in self.changes),
            listed=() if alone else tuple(Affected(self.icon, change.title) for change in self.changes),
        )

    async def run(self, services: Services) -> int:
        """One after the other. What has changed meanwhile is left alone, and told when all were tried."""
        done, failed = 0, []
        for change in self.changes:
            try:
                await services.security.apply(change)
                done += 1
            except SageDeckError as error:
                if len(self.changes) == 1:
                    raise
                kind, name = change.subject
                failed.append(Left(kind, name, error.title))
        if failed:
            title = f"{len(failed)} of {len(self.changes)} stayed as they were"
            raise Conflict(title, f"{self.title}: {done} done.", "Look at each of them.").leaving(failed)
        return done

    def done_text(self, result: int) -> str:
        """What was done."""
        return "Done" if result == 1 else f"{result} changes made"

    def undo(self, result: int) -> Mapping[str, Any] | None:
        """What was reserved of the pool can be given back; all else that is made safe is not made unsafe again."""
        backs = [
            way_back("SetReserved", {"name": change.function, "count": change.count}, None)
            for change in self.changes
            if isinstance(change, Reserve)
        ]
        if len(backs) == 1:
            return backs[0]
        words = f"Reserve concurrency for {len(backs)} functions"
        return all_ways_back(words, self.icon, backs) if backs else None

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return "\n".join(change.cli for change in self.changes)

    def events(self) -> list[tuple[str, str]]:
        """They changed."""
        return [change.subject for change in self.changes]
