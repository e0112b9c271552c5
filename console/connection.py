"""Which accounts there are to choose from, and getting one of them to answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal

from console.absence import Absence, not_connected
from console.commands import Affected, Confirmation
from console.context import AppContext
from workers.errors.tree import Fix, LocalProblem, SageDeckError
from workers.types import Backend

if TYPE_CHECKING:
    from workers.services import Services

log = logging.getLogger(__name__)

SANDBOX_KEY = "sandbox"
# What the sandbox printed; the reason why it did not start is near its end.
KEEP_LINES = 200
# A sandbox that ends by itself so often is not started again without being asked.
MOST_ENDS = 3
ENDS_WITHIN_SECONDS = 120.0

State = Literal["idle", "connecting", "ready", "failed"]


@dataclass(frozen=True)
class Choice:
    """One entry of the header's backend menu. ``backend`` is None for the sandbox: it has to be started first."""

    key: str
    label: str
    kind: Literal["sandbox", "aws"]
    detail: str = ""
    backend: Backend | None = None


SANDBOX = Choice(SANDBOX_KEY, "Sandbox", "sandbox", "on this computer, nothing is billed")


def list_choices() -> list[Choice]:
    """The sandbox, then the AWS profiles of this machine. Blocking: reads small files."""
    from workers.account.profiles import list_profiles

    return [SANDBOX] + [
        Choice(
            f"aws:{backend.profile_name or backend.label}",
            backend.label,
            "aws",
            f"{backend.region}, no region is set" if backend.region_assumed else backend.region,
            backend,
        )
        for backend in list_profiles()
    ]


def list_problems() -> list[str]:
    """What keeps profiles from being listed, in sentences. Blocking: reads small files."""
    from workers.account.profiles import unreadable_files

    return unreadable_files()


class Connection(QObject):
    """Connects the context to a chosen account, and says how that goes.

    Signals: ``changed()`` whenever ``state``, ``text``, ``choice``, ``error`` or ``lines`` changed;
    ``choicesChanged()`` when the list of accounts was read.
    """

    changed = Signal()
    choicesChanged = Signal()

    def __init__(self, ctx: AppContext, state_dir: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.state_dir = state_dir
        self.state: State = "idle"
        self.text = ""
        self.choice: Choice = SANDBOX
        self.error: SageDeckError | None = None
        self.lines: list[str] = []
        self.choices: list[Choice] = [SANDBOX]
        self.problems: list[str] = []
        self._ends: list[float] = []
        self._pid = 0
        self._held = ""
        # Makes what a worker's thread calls for a code of a second device; set by the application.
        self.code_asker: Callable[[str], Callable[[str], str | None]] | None = None
        ctx.accountForgotten.connect(self._forgotten)

    def load_choices(self) -> None:
        """Read the machine's profiles in the background."""

        self.ctx.tasks.start(self._read_choices(), label="Reading the AWS profiles", key="profiles", scope="window")

    async def _read_choices(self) -> None:
        self.choices, self.problems = await asyncio.to_thread(lambda: (list_choices(), list_problems()))
        self.choicesChanged.emit()

    def request(self, choice: Choice) -> None:
        """What the menu does: ask first when work of this window would stop, then ``choose``."""
        running = [item for item in self.ctx.activity.running if item.cancel is not None]
        ask = self.ctx.ask
        if not running or ask is None:
            self.choose(choice)
            return
        question = Confirmation(
            f"Leave {self.choice.label}?",
            "What runs in this window stops. Jobs and endpoints of the account go on.",
            confirm_label="Leave",
            icon="arrow",
            danger=False,
            stops_working=tuple(Affected(item.icon, item.title, item.text) for item in running),
            stops_title="Stops",
        )

        async def asked() -> None:
            if await ask(question, ""):
                self.choose(choice)

        self.ctx.tasks.start(asked(), label="Changing the account", key="change account", scope="window")

    def choose(self, choice: Choice) -> None:
        """Leave the account in force and connect to ``choice``."""
        self.choice = choice
        self.ctx.settings.set("backend", choice.key)
        self.ctx.set_read_only(bool(self.ctx.settings.value(f"read_only:{choice.key}", False)))
        self._begin(choice, restart=False)

    def choose_remembered(self) -> None:
        """Connect to what was used last, the sandbox if that is gone."""
        key = self.ctx.settings.value("backend", SANDBOX_KEY)
        if key == SANDBOX_KEY:
            self.choose(SANDBOX)
            return

        async def find() -> None:
            await self._read_choices()
            found = next((choice for choice in self.choices if choice.key == key), None)
            if found is None:
                why = " ".join(self.problems) or "It is not among the AWS profiles of this computer any more."
                self.ctx.notify.warn(f"The account {key.removeprefix('aws:')} is gone, the sandbox is used", why)
            self.choose(found or SANDBOX)

        self.ctx.tasks.start(find(), label="Reading the AWS profiles", key="profiles", scope="window")

    def retry(self) -> None:
        """Connect to the same account again."""
        self._begin(self.choice, restart=False)

    def restart_sandbox(self) -> None:
        """End the sandbox and start it again; what it stores is kept."""
        self.choice = SANDBOX
        self._begin(SANDBOX, restart=True)

    @property
    def sandbox_running(self) -> bool:
        """True while the sandbox is the account in force."""
        return self.state == "ready" and self.choice.kind == "sandbox"

    def stop_sandbox(self) -> None:
        """Disconnect from the sandbox and end its process; what it stores is kept."""

        async def stop() -> None:
            from workers.account import sandbox as local_account

            await local_account.stop(self.state_dir)
            self.ctx.notify.info("The sandbox was stopped", "What it stores is kept.")

        self.ctx.leave()
        self.error = None
        self._set("failed", "The sandbox is stopped")
        self.ctx.tasks.start(stop(), label="Stopping the sandbox", key="connect", scope="window")

    def cancel(self) -> None:
        """Stop waiting for the account."""
        if self.ctx.tasks.cancel("connect"):
            self.error = None
            self._set("failed", "Connecting was cancelled")

    def _begin(self, choice: Choice, *, restart: bool) -> None:
        self._leave(choice)
        self.error = None
        self.lines = []
        name = "the sandbox" if choice.kind == "sandbox" else choice.label
        self._set("connecting", f"Connecting to {name}…")
        self.ctx.tasks.start(self._connect(choice, restart), label="Connecting", key="connect", scope="window")

    async def _connect(self, choice: Choice, restart: bool) -> None:
        services: Services | None = None
        try:
            backend = choice.backend or await self._sandbox(restart)
            self._status("Signing in…")
            services = made = await asyncio.to_thread(_make_services, backend)
            if self.code_asker is not None:
                made.session.ask_code = self.code_asker(choice.label)
            identity = await made.session.identity()
        except SageDeckError as error:
            if services is not None:
                services.close()
            self._failed(error)
            return
        except BaseException as error:
            if services is not None:
                services.close()
            if isinstance(error, asyncio.CancelledError):
                raise
            log.exception("connecting to %s failed", choice.label)
            self._failed(SageDeckError("Could not connect", f"{type(error).__name__}: {error}"))
            return
        self.text, self.state = "", "ready"
        self.ctx.enter(backend, services, identity)
        self._held = self._place(choice)
        self.changed.emit()
        if choice.kind == "sandbox" and self._pid:
            self.ctx.tasks.start(self._watch(self._pid), label="Watching the sandbox", key="watch")
        if backend.region_assumed:
            self._tell_assumed_region(backend)

    def _tell_assumed_region(self, backend: Backend) -> None:
        profile = f" --profile {backend.profile_name}" if backend.profile_name else ""
        self.ctx.notify.warn(
            f"No region is set for {backend.label}",
            f"{backend.region} is used. Another one is set by: aws configure set region REGION{profile}",
        )

    async def _sandbox(self, restart: bool) -> Backend:
        from workers.account import sandbox as local_account

        start: Callable[..., Any] = local_account.restart if restart else local_account.attach_or_start
        backend = await start(self.state_dir, self._status)
        assert isinstance(backend, Backend)
        ready = await asyncio.to_thread(local_account.read_ready, self.state_dir or local_account.default_state_dir())
        self._pid = ready.pid if ready is not None else 0
        # A sandbox that was attached to has told its notice to the window that started it.
        if ready is not None and ready.notice and ready.notice in self.lines:
            self.ctx.notify.warn("The sandbox began with an empty folder", ready.notice)
        return backend

    async def _watch(self, pid: int) -> None:
        """Say when the sandbox's process ends; one that was killed is started again, but not over and over."""
        from workers.account import sandbox as local_account

        how = await local_account.until_ended(pid, self.state_dir)
        now = time.monotonic()
        self._ends = [at for at in self._ends if now - at < ENDS_WITHIN_SECONDS] + [now]
        if how == "stopped":
            self._leave(self.choice)
            self._failed(_was_stopped())
        elif len(self._ends) >= MOST_ENDS:
            self._ends.clear()
            self._leave(self.choice)
            self._failed(_keeps_ending(self.state_dir or local_account.default_state_dir()))
        else:
            self._begin(self.choice, restart=False)
            self.ctx.notify.warn(
                "The sandbox stopped",
                "It is started again. What it stores is kept; jobs that were running have failed.",
            )

    def _status(self, text: str) -> None:
        self._set("connecting", text)

    def _failed(self, error: SageDeckError) -> None:
        self.error = error
        self.lines += error.details.splitlines()
        self._set("failed", error.title)

    def _set(self, state: State, text: str) -> None:
        self.state, self.text = state, text
        self.lines.append(text)
        del self.lines[:-KEEP_LINES]
        self.ctx.set_absence(self._absence())
        self.changed.emit()

    def _place(self, choice: Choice) -> str:
        """Which account a choice stands for: a sandbox is known by its folder."""
        return f"{choice.key} {self.state_dir or ''}" if choice.kind == "sandbox" else choice.key

    def _leave(self, choice: Choice) -> None:
        """Leave the account in force; only when ``choice`` is the same one do its rows stay, with their age."""
        self.ctx.leave(keep_rows=self._held == self._place(choice))

    def _forgotten(self) -> None:
        self._held = ""

    def _absence(self) -> Absence:
        """What the tabs say while no account is in force."""
        name = "the sandbox" if self.choice.kind == "sandbox" else self.choice.label
        as_of = self.ctx.refreshed_at if self._held else None
        if self.state == "connecting":
            return Absence(f"Connecting to {name}", self.text, True, (("Cancel", self.cancel),), as_of)
        handler = self.ctx.notify.fix_handler
        return not_connected(name, self.text, self.error, self.retry, handler, as_of)


def _was_stopped() -> SageDeckError:
    return LocalProblem(
        "The sandbox was stopped",
        "Another window or a command ended it. What it stores is kept.",
        "Retry starts it, or connects to one that was started meanwhile.",
    )


def _keeps_ending(state_dir: Path) -> SageDeckError:
    from workers.account.sandbox import log_path

    return LocalProblem(
        "The sandbox keeps ending",
        f"It ended {MOST_ENDS} times within {ENDS_WITHIN_SECONDS / 60:.0f} minutes. What it stores is kept.",
        f"The log has the reason: {log_path(state_dir)}",
        fix=Fix("Restart the sandbox", "restart_sandbox"),
    )


def _make_services(backend: Backend) -> Services:
    from workers.services import Services

    return Services(backend)
