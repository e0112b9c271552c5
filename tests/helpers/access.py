"""Access control for tests that are about something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.wire.messages import Caller


class Unrestricted:
    """Access control for tests of one service alone: every role may do everything."""

    def authorize_role(
        self, role_arn: str, action: str, resource: str, context: Mapping[str, str] | None = None
    ) -> None:
        """Never refuses."""

    def allows_role(self, role_arn: str, action: str, resource: str) -> bool:
        """Always."""
        return True

    def check_assume(self, caller: Caller, role_arn: str, actions: Sequence[str], context: Mapping[str, str]) -> None:
        """Never refuses."""

    def trusts_service(self, role_arn: str, service: str, source_arn: str = "") -> bool:
        """Always."""
        return True

    def exists(self, arn: str) -> bool:
        """Knows nobody."""
        return False
