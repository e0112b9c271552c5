"""What the Training tab can ask AWS for when a quota is too small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands import Command, Confirmation
from console.models.format import count
from workers.aws.quotas import Quota, increase_cli

if TYPE_CHECKING:
    from workers.services import Services


class RaiseQuota(Command):
    """Ask AWS for a higher quota."""

    icon = "up"

    def __init__(self, quota: Quota, wanted: int) -> None:
        self.quota, self.wanted = quota, wanted
        self.title = f"Ask for {count(wanted, 'instance')}"

    def confirmation(self) -> Confirmation:
        """It starts a case with AWS, so it is asked first."""
        return Confirmation(
            f"Ask AWS for {count(self.wanted, 'instance')}?",
            f"The quota “{self.quota.name}” is {self.quota.limit} now. AWS decides, which may take minutes or "
            "days. The request costs nothing, and until then the quota stays as it is.",
            confirm_label="Ask",
            icon="up",
            danger=False,
        )

    async def run(self, services: Services) -> str:
        """Send the request."""
        return await services.quotas.request(self.quota, self.wanted)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        state = str(result).replace("_", " ").lower()
        return f"{self.quota.name}: {self.wanted}, {state or 'sent'}"

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return increase_cli(self.quota, self.wanted)

    def events(self) -> list[tuple[str, str]]:
        """The quota may be another one."""
        return [("quota", self.quota.code)]
