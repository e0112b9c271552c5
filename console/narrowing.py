"""A role that may more than it needs: the warning with the narrower policy, and the command that narrows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.commands import Affected, Command, Confirmation
from console.context import AppContext
from console.widgets.forms.buttons import Button
from console.widgets.frames.banner import Banner
from console.widgets.text.policy_diff import PolicyDiff
from workers.access.grants import BroadGrant, Narrowing
from workers.access.policies import Statement, as_list
from workers.access.role_check import RoleKind

if TYPE_CHECKING:
    from workers.services import Services

_SHOW = "Show the narrower policy"


class NarrowRole(Command):
    """Take a role's broad policies away and leave exactly what is needed by ``user``: a function, training jobs."""

    icon = "shield"

    def __init__(self, plan: Narrowing, user: str, function: str = "") -> None:
        self.plan, self._user, self._function = plan, user, function
        self.title = f"Narrow {plan.role}"

    def confirmation(self) -> Confirmation:
        """Which policies go, and what stays allowed."""
        gone = [arn.rsplit("/", 1)[-1] for arn in self.plan.detach]
        return Confirmation(
            f"{self.title}?",
            f"Only what {self._user} needs stays allowed.",
            confirm_label="Narrow the role",
            icon="shield",
            danger=False,
            also_deleted=(
                *(Affected("shield", name, "detached from this role") for name in gone),
                *(Affected("shield", name, "removed from this role") for name in self.plan.remove),
            ),
            kept=tuple(
                Affected("shieldok", ", ".join(_actions(statement)), str(statement["Resource"]).rsplit(":", 1)[-1])
                for statement in self.plan.document["Statement"]
            ),
        )

    async def run(self, services: Services) -> None:
        """Write the narrow policy, then take the broad ones away."""
        await services.grants.narrow(self.plan)

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return self.plan.cli

    def events(self) -> list[tuple[str, str]]:
        """The role changed, and the function whose role it is."""
        return [("role", self.plan.role), *([("function", self._function)] if self._function else [])]


def _actions(statement: Statement) -> list[str]:
    return as_list(statement["Action"])


class RoleNotice(QWidget):
    """Hidden unless the role that was given by ``show_role`` may more than it needs. ``plan`` is what would mend it."""

    def __init__(self, ctx: AppContext, key: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx, self._key = ctx, f"{key}:role"
        self._shown: tuple[str, ...] = ()
        self.plan: Narrowing | None = None
        self.banner = Banner("warn")
        self.show_button = Button(_SHOW, "link", small=True, on=self._toggle)
        self.policy = PolicyDiff(ground="bg")
        self.policy.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.banner)
        column.addWidget(self.show_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.policy)
        self.hide()
        ctx.resourceChanged.connect(self._resource_changed)

    def show_role(self, kind: RoleKind, arn: str, *uris: str) -> None:
        """Look at the role of a job or an endpoint; ``uris`` are the places in S3 that it uses."""
        wanted = (kind, arn, *uris)
        if wanted != self._shown:
            self._shown = wanted
            self.hide()
            self._look()

    def forget(self) -> None:
        """Look at no role."""
        self._shown = ()
        self.ctx.tasks.cancel(self._key)
        self.hide()

    def _look(self) -> None:
        if self._shown and self._shown[1]:
            self.ctx.with_services(self._check, self._shown, label="Check the role", key=self._key)

    async def _check(self, services: Services, wanted: tuple[str, ...]) -> None:
        kind, arn, *uris = wanted
        broad, plan = await services.role_checks.check("training" if kind == "training" else "endpoint", arn, uris)
        if wanted == self._shown:
            self.plan = plan
            self._say(broad, "training jobs need" if kind == "training" else "endpoints need")

    def _say(self, broad: tuple[BroadGrant, ...], user: str) -> None:
        self.setVisible(bool(broad))
        if not broad:
            return
        plan = self.plan
        self.banner.set_content(
            "warn",
            "Its role may more than it needs",
            f"{broad[0].role}: {'; '.join(f'{grant.policy} {grant.reason}' for grant in broad)}.",
            fix=("Narrow…", self._narrow) if plan is not None else None,
            primary_fix=False,
        )
        self.show_button.setVisible(plan is not None)
        self.show_button.setText(_SHOW)
        self.policy.hide()
        if plan is not None:
            self.policy.set_lines(plan.diff[2:-1], whole=True)
            self.policy.setToolTip(f"All that {user} on this bucket")

    def _toggle(self) -> None:
        self.policy.setVisible(self.policy.isHidden())
        self.show_button.setText(_SHOW if self.policy.isHidden() else "Hide the narrower policy")

    def _narrow(self) -> None:
        if self.plan is not None:
            users = "training jobs" if self._shown[0] == "training" else "endpoints"
            self.ctx.start(NarrowRole(self.plan, f"every one of the {users} on this bucket"))

    def _resource_changed(self, kind: str, name: str) -> None:
        if kind == "role" and self._shown and self._shown[1].rsplit("/", 1)[-1] == name:
            self._look()
