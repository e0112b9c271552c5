"""What all parts of the window share: the account in force, tasks, messages, activity, settings.

Tabs know each other only through this: ``resourceChanged`` announces what a command changed, ``navigate`` opens
another tab.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVarTuple

from PySide6.QtCore import QObject, Signal

from console.absence import Absence
from console.activity.ledger import Ledger, Noted
from console.activity.model import ActivityItem, ActivityModel
from console.commands import Command, Confirmation, Outcome, Reversible
from console.look.theme import Theme
from console.notify import Notifier
from console.settings import Settings
from console.tasks import ErrorHandler, TaskRegistry
from console.ways_back import command_of, written
from workers.aws.recording import SentCall, recording, spoken
from workers.errors.tree import SageDeckError

if TYPE_CHECKING:
    from workers.services import Services
    from workers.types import Backend, Identity

log = logging.getLogger(__name__)

NO_ACCOUNT = "No account is connected"
READ_ONLY = "Read-only mode is on"
UNKNOWN_BEFORE = "What was there before could not be read: it cannot be put back"

Rest = TypeVarTuple("Rest")

Ask = Callable[[Confirmation, str], Awaitable[bool]]


class AppContext(QObject):
    """The shared state of one window.

    Signals:
        ``backendChanging()``: the account in force goes away; stop using ``services``.
        ``accountForgotten()``: another account is wanted, or none: whatever shows the old one's things forgets them.
        ``absenceChanged(Absence or None)``: why no account is in force; None: one is.
        ``backendChanged(backend)``: another account is in force and answers.
        ``resourceChanged(kind, name)``: a command changed something ("bucket", "dogs-1").
        ``navigateRequested(tab_id, payload)``: show a tab, and hand it ``payload``.
        ``readOnlyChanged(on)``; ``refreshed(datetime)``: a tab has fresh rows.
        ``pricesChanged()``: the account's own list prices were read.
        ``costChanged(dollars per hour or None)``: what runs costs that much, or would in the sandbox;
        ``cost_missing`` names what is not in it.
    """

    backendChanging = Signal()
    accountForgotten = Signal()
    absenceChanged = Signal(object)
    backendChanged = Signal(object)
    resourceChanged = Signal(str, str)
    navigateRequested = Signal(str, object)
    readOnlyChanged = Signal(bool)
    refreshed = Signal(object)
    pricesChanged = Signal()
    costChanged = Signal(object)

    def __init__(
        self,
        *,
        settings: Settings,
        theme: Theme,
        activity: ActivityModel,
        notify: Notifier,
        ledger: Ledger | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.ledger = ledger
        # How long what deletes or ends something can be undone before it is sent; the application sets it.
        self.grace_seconds = 0.0
        self.settings, self.theme, self.activity, self.notify = settings, theme, activity, notify
        self.tasks = TaskRegistry(self._task_failed)
        self.services: Services | None = None
        self.backend: Backend | None = None
        self.identity: Identity | None = None
        self.absence: Absence | None = None
        self.refreshed_at: datetime | None = None
        self.cost_missing: tuple[str, ...] = ()
        self._held: tuple[str, str] | None = None
        self.ask: Ask | None = None
        # The changes that can be put back after a restart, as the tabs name them.
        self.changes: tuple[str, ...] = ()
        activity.put_back_later = self._put_back_later
        self._read_only = False

    @property
    def connected(self) -> bool:
        """True while ``services`` may be used."""
        return self.services is not None

    @property
    def read_only(self) -> bool:
        """True when commands are refused."""
        return self._read_only

    @property
    def hindrance(self) -> str:
        """Why nothing of the account can be changed now; "" when it can."""
        return NO_ACCOUNT if self.services is None else READ_ONLY if self._read_only else ""

    def set_read_only(self, on: bool) -> None:
        """Refuse or allow every command."""
        if on != self._read_only:
            self._read_only = on
            self.readOnlyChanged.emit(on)

    def with_services(
        self,
        work: Callable[[Services, *Rest], Coroutine[Any, Any, Any]],
        *rest: *Rest,
        label: str,
        key: str | None = None,
        on_error: ErrorHandler | None = None,
    ) -> asyncio.Task[Any] | None:
        """Run ``work(services, *rest)`` with the account in force; None, and nothing runs, while there is none.

        When the account is left the task is cancelled: ``work`` never sees another one, and need not ask whether
        there is one. For the rest see ``TaskRegistry.start``.
        """
        if self.services is None:
            return None
        return self.tasks.start(work(self.services, *rest), label=label, key=key, on_error=on_error)

    def navigate(self, tab_id: str, payload: Any = None) -> None:
        """Show the tab ``tab_id``; its ``activate`` gets ``payload``."""
        self.navigateRequested.emit(tab_id, payload)

    def mark_refreshed(self) -> None:
        """Tell the status bar that rows have just been read."""
        self.refreshed_at = datetime.now().astimezone()
        self.refreshed.emit(self.refreshed_at)

    def enter(self, backend: Backend, services: Services, identity: Identity) -> None:
        """Make an account that answered the one in force."""
        held, self._held = self._held, (identity.account, backend.region)
        if held is not None and held != self._held:
            self.accountForgotten.emit()
        self.backend, self.services, self.identity = backend, services, identity
        services.session.on_change = self._told_elsewhere(identity, backend)
        self.activity.account = f"{identity.account} {backend.region}"
        self.refreshed_at = None
        self.set_absence(None)
        self.backendChanged.emit(backend)

    def set_absence(self, absence: Absence | None) -> None:
        """Tell why no account is in force; None when one is."""
        if absence != self.absence:
            self.absence = absence
            self.absenceChanged.emit(absence)

    def leave(self, *, keep_rows: bool = False) -> None:
        """Stop using the account in force: its tasks are cancelled and its connections closed.

        ``keep_rows``: what was read of it may stay in sight, with its age; without it everything of it is forgotten.
        """
        services = self.services
        self.backendChanging.emit()
        self.tasks.cancel_scope("backend")
        self.services = self.identity = None
        self.activity.account = ""
        if services is not None:
            services.close()
        if not keep_rows:
            self.refreshed_at, self._held = None, None
            self.accountForgotten.emit()

    def start(self, command: Command) -> asyncio.Task[Any]:
        """Run ``command`` as a task; see ``run``."""
        return self.tasks.start(self.run(command), label=command.title)

    async def run(self, command: Command) -> Outcome:
        """Ask, run ``command``, record it in the activity panel, announce what changed.

        Errors are shown, recorded with a Retry, and returned in the outcome; they are not raised.
        """
        if self._only_reads(command):
            return Outcome("refused")
        if self.services is None:
            self.notify.warn("Not connected", f"{command.title} was not done: no account is connected.")
            return Outcome("refused")
        services = self.services
        command.look_up(services)
        confirmation = command.confirmation()
        if confirmation is not None and self.ask is not None and not await self.ask(confirmation, command.cli()):
            return Outcome("declined")
        if self.services is not services:
            self._refuse_elsewhere(command)
            return Outcome("refused")
        # It may have been turned on while the question was open.
        if self._only_reads(command):
            return Outcome("refused")
        asked = confirmation is not None and confirmation.danger and not confirmation.type_name
        waits = (asked or command.waits) and not command.urgent
        if not (waits and self.grace_seconds):
            return await self._carry_out(command, services, self._begin(command))
        item = self._begin(command)
        if not await self._may_still_be_undone(command, item):
            return Outcome("declined")
        return await self._if_unchanged(command, services, item)

    def _only_reads(self, command: Command) -> bool:
        """Whether read-only mode is on, which is then told."""
        if self._read_only:
            self.notify.warn(
                "Read-only mode is on",
                f"{command.title} was not done.",
                action=("Turn it off", lambda: self.set_read_only(False)),
            )
        return self._read_only

    def _begin(self, command: Command) -> ActivityItem:
        item = self.activity.begin(command.title, command.icon)
        item.cli = command.cli()
        command.item = item
        return item

    async def _may_still_be_undone(self, command: Command, item: ActivityItem) -> bool:
        """Wait before anything is sent; False when it was undone meanwhile."""
        undone = asyncio.Event()
        item.cancel = undone.set
        notice = self.notify.warn(
            f"{command.title}: sent in {self.grace_seconds:.0f} s", "Nothing was sent yet.", action=("Undo", undone.set)
        )
        try:
            ends = asyncio.get_running_loop().time() + self.grace_seconds
            while not undone.is_set() and (left := ends - asyncio.get_running_loop().time()) > 0:
                item.progress(1 - left / self.grace_seconds, f"sent in {math.ceil(left)} s; nothing was sent yet")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(undone.wait(), min(left, 1.0))
        except asyncio.CancelledError:
            item.cancelled("Nothing was sent: the account was left, or the window closed")
            raise
        finally:
            self.notify.withdraw(notice)
        if undone.is_set():
            item.cancelled("Undone: nothing was sent")
            return False
        item.restart()
        return True

    async def _if_unchanged(self, command: Command, services: Services, item: ActivityItem) -> Outcome:
        """Carry it out if what was shown is still so: it was agreed to some seconds ago."""
        try:
            changed = "" if self._read_only else await command.changed(services)
        except asyncio.CancelledError:
            item.cancelled("Nothing was sent")
            raise
        except Exception as error:
            item.fail(error, retry=lambda: self._start_there(command, services))
            self.notify.error(error)
            return Outcome("failed", error=error)
        if self._read_only:
            item.cancelled("Nothing was sent: read-only mode was turned on")
            return Outcome("refused")
        if changed:
            item.fail(f"Not done: {changed}")
            self.notify.warn(f"{command.title} was not done", changed)
            return Outcome("refused")
        return await self._carry_out(command, services, item)

    def _start_there(self, command: Command, services: Services) -> None:
        """Try it again, or take something back: never in another account than the one that it was done in."""
        if self.services is services:
            self.start(command)
        else:
            self._refuse_elsewhere(command)

    def _refuse_elsewhere(self, command: Command) -> None:
        self.notify.warn("Another account is in force", f"{command.title} was meant for the one before: not done.")

    async def _carry_out(self, command: Command, services: Services, item: ActivityItem) -> Outcome:
        task = asyncio.current_task()
        item.cancel = task.cancel if task else None
        self.activity.changed.emit(item)
        noted = self._note(item)

        def sent(call: SentCall) -> None:
            item.calls.append(call)
            if noted is not None:
                noted.sent(call)

        try:
            with recording(sent):
                return await self._run(command, services, item, noted)
        finally:
            if noted is not None:
                noted.ended(item.state, item.text)

    @property
    def ledger_account(self) -> str:
        """Under which name the activity log keeps the account in force; "" while there is none."""
        if self.backend is None or self.identity is None:
            return ""
        return f"{self.identity.account} {self.backend.kind}"

    def _told_elsewhere(self, identity: Identity, backend: Backend) -> Callable[[SentCall], None] | None:
        """What notes changes that no command makes: what goes on in the background finishes what was begun."""
        ledger, account = self.ledger, self.ledger_account
        if ledger is None:
            return None

        def note(call: SentCall) -> None:
            noted = ledger.begin(
                account, f"In the background: {spoken(call.operation)}", icon="refresh", actor=identity.arn,
                region=backend.region, cli="", profile=backend.profile_name or "",
            )  # fmt: skip
            noted.sent(call)
            noted.ended("failed" if call.error else "done", call.error)

        return note

    def _note(self, item: ActivityItem) -> Noted | None:
        account, identity, backend = self.ledger_account, self.identity, self.backend
        if self.ledger is None or identity is None or backend is None:
            return None
        item.actor, item.region, item.profile = identity.arn, backend.region, backend.profile_name or ""
        return self.ledger.begin(
            account,
            item.title,
            icon=item.icon,
            actor=item.actor,
            region=item.region,
            cli=item.cli,
            profile=item.profile,
        )

    async def _run(self, command: Command, services: Services, item: ActivityItem, noted: Noted | None) -> Outcome:
        try:
            if noted is not None:
                await noted.on_disk()
            result = await command.run(services)
        except asyncio.CancelledError:
            item.cancelled()
            raise
        except Exception as error:
            item.fail(error, retry=lambda: self._start_there(command, services))
            if isinstance(error, SageDeckError):
                self.notify.error(error)
                if error.left:
                    # It did change something: the lists must show what is there now.
                    self._announce(command)
            else:
                self.notify.error(error, f"{command.title} failed")
            return Outcome("failed", error=error)
        self._keep_way_back(command.undo(result), item, services)
        lost = UNKNOWN_BEFORE if isinstance(command, Reversible) and not command.knows_before else ""
        item.done(". ".join(filter(None, (command.done_text(result), lost))))
        self._announce(command)
        return Outcome("done", result)

    def _keep_way_back(self, back: Command | Mapping[str, Any] | None, item: ActivityItem, services: Services) -> None:
        item.place = self._place
        if isinstance(back, Command):
            item.back = written(back)
            item.put_back = lambda: self._start_there(back, services)
        elif back is not None:
            item.back = back
            item.put_back = lambda: self._put_back_later(item)

    @property
    def _place(self) -> str:
        """What tells the account in force from another one with its number: sandboxes all have the same."""
        if self.backend is None:
            return ""
        keys = self.backend.access_key_id if self.backend.kind == "sandbox" else None
        return f"{self.backend.kind} {hashlib.sha256(keys.encode()).hexdigest()[:12]}" if keys else self.backend.kind

    def _put_back_later(self, item: ActivityItem) -> None:
        """Put back what ``item`` did, in this run or an earlier one, by what was written down of it."""
        if self.services is None:
            self.notify.warn("Not connected", f"{item.title} was not put back: no account is connected.")
            return
        if (item.account, item.place) != (self.activity.account, self._place):
            account, _, region = item.account.partition(" ")
            where = "a sandbox" if item.place.startswith("sandbox") else "AWS"
            self.notify.warn(
                "Another account is in force",
                f"{item.title} was done in {where}, account {account}, {region}: it is put back there only.",
            )
            return
        try:
            command = command_of(item.back or {}, self.changes)
        except ValueError as error:
            log.warning("%s cannot be put back: %s", item.title, error)
            self.notify.warn(
                "It cannot be put back", f"What was kept of {item.title} is nothing that this version can read."
            )
            return
        self.start(command)

    def _announce(self, command: Command) -> None:
        for kind, name in command.events():
            self.resourceChanged.emit(kind, name)

    def _task_failed(self, label: str, error: BaseException) -> None:
        if isinstance(error, SageDeckError):
            self.notify.error(error)
        else:
            self.notify.error(error, f"{label} failed")
