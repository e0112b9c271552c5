"""What the Training tab changes about tags."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from console.commands import Command, Reversible
from console.models.format import count

if TYPE_CHECKING:
    from workers.services import Services


class EditTags(Reversible):
    """Add tags to one job or change them (``added``), and take others away (``removed``, keys)."""

    icon = "key"
    value_is = dict[str, str | None]

    def __init__(self, kind: str, name: str, arn: str, added: Mapping[str, str], removed: Sequence[str]) -> None:
        self.kind, self.name, self.arn = kind, name, arn
        self.added, self.removed = dict(added), tuple(removed)
        self.title = f"Tag {name}"

    @property
    def wanted(self) -> dict[str, str | None]:
        """The tags that change; None: there is none."""
        return {**dict.fromkeys(self.removed), **self.added}

    async def value(self, services: Services) -> dict[str, str | None]:
        """The same tags as they are."""
        found = await services.tags.of(self.arn)
        return {key: found.get(key) for key in self.wanted}

    def reverse(self) -> Command:
        """The values of before; what was not there is taken away."""
        kept = {key: value for key, value in self.before.items() if value is not None}
        return EditTags(self.kind, self.name, self.arn, kept, [key for key in self.before if key not in kept])

    async def change(self, services: Services) -> None:
        """Add first: when that is refused (too many tags), nothing has been lost."""
        if self.added:
            await services.tags.add(self.arn, self.added)
        if self.removed:
            await services.tags.remove(self.arn, self.removed)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        parts = [f"{count(len(self.added), 'tag')} set"] if self.added else []
        parts += [f"{count(len(self.removed), 'tag')} removed"] if self.removed else []
        return ", ".join(parts)

    def cli(self) -> str:
        """One line for what is added and one for what is removed."""
        lines = []
        if self.added:
            lines.append(f"aws sagemaker add-tags --resource-arn {self.arn}{tags_cli(self.added)}")
        if self.removed:
            keys = " ".join(shlex.quote(key) for key in self.removed)
            lines.append(f"aws sagemaker delete-tags --resource-arn {self.arn} --tag-keys {keys}")
        return "\n".join(lines)

    def events(self) -> list[tuple[str, str]]:
        """The job's tags changed."""
        return [("tags", self.arn)]


def tags_cli(tags: Mapping[str, str]) -> str:
    """`` --tags Key=…,Value=… …`` with the blank before it; "" without tags."""
    pairs = [shlex.quote(f"Key={key},Value={value}") for key, value in tags.items()]
    return f" --tags {' '.join(pairs)}" if pairs else ""
