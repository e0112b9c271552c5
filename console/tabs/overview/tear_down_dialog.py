"""The dialog of a tear-down: what goes in its order, what stays and why, typed confirmation, progress, proof."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QHBoxLayout, QSizePolicy, QStackedWidget, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.tabs.overview.chosen import Chosen
from console.tabs.overview.commands import called
from console.tabs.overview.tear_down import (
    STAY_COLUMNS,
    STEP_COLUMNS,
    Key,
    Result,
    TearDown,
    left_behind,
    narrowed,
    only,
    summary,
)
from console.widgets.base import label, screen_area, set_tone
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import LineEdit
from console.widgets.forms.lines import CheckLine
from console.widgets.forms.segmented import Segmented
from console.widgets.forms.switch import Switch
from console.widgets.frames.banner import Banner
from console.widgets.frames.dialog import Dialog
from console.widgets.tables.table import ResourceTable
from workers.errors.tree import SageDeckError
from workers.inventory.types import Resource, TearDownChoice, TearDownPlan, TearDownProgress

if TYPE_CHECKING:
    from workers.services import Services

# Pixels: a name of 63 characters with its state, and some seven rows.
_WIDTH, _LIST = 640, 216
# Of the screen's height: what goes, what stays and the name to type stand above and below the list.
_MOST_OF_SCREEN = 0.3


class TearDownDialog(Dialog):
    """``resources``: just these go, and nothing is chosen; without them the account is taken down.

    ``plan`` is what would be carried out, ``None`` while it is being read; ``outcome`` how it ended. Closing it while
    it runs lets it go on. ``memory`` keeps that it was begun, until it has ended.
    """

    def __init__(
        self,
        ctx: AppContext,
        resources: Sequence[Resource] = (),
        choice: TearDownChoice | None = None,
        memory: Chosen | None = None,
        parent: QWidget | None = None,
    ) -> None:
        title = f"Delete {called(resources)}?" if resources else "Tear down?"
        super().__init__(title, "" if resources else _about(ctx), width=_WIDTH, parent=parent)
        self._ctx, self._resources, self._memory = ctx, tuple(resources), memory
        self._keys: Collection[Key] = {resource.key for resource in resources}
        self.plan: TearDownPlan | None = None
        self.outcome: Result | None = None
        self.command: TearDown | None = None
        self._task: asyncio.Task[object] | None = None
        self._shut = self._going = False
        chosen = choice or TearDownChoice()
        self.scope = Segmented(
            [("ours", "What SageDeck made"), ("all", "Everything in the region")],
            "all" if chosen.everything else "ours",
            name="What is to go",
            small=True,
        )
        self.buckets = Switch("Buckets with all that is in them", chosen.buckets)
        self.unread = Banner("warn")
        self.unread.hide()
        self.summary = label("", "body", "text", wrap=True)
        self.summary.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.pages = Segmented([("goes", "Goes"), ("stays", "Stays")], "goes", name="Shown", small=True)
        self.goes = ResourceTable(STEP_COLUMNS, key=_step_key, name="What goes, in its order", noun="things")
        self.goes.set_empty("ok", "Nothing is to go", "There is nothing of that in the account.")
        self.stays = ResourceTable(STAY_COLUMNS, key=_step_key, name="What stays, and why", noun="things", multi=False)
        self.stays.set_empty("ok", "Nothing stays")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.goes)
        self._stack.addWidget(self.stays)
        self.bar = ProgressBar()
        self.words = label("", "small", "text2", wrap=True)
        self.proof = CheckLine("ok", "")
        self._asked = label("", "label", "text2")
        self.field = LineEdit()
        self._asked.setBuddy(self.field)
        self.copy_button = Button("Copy as CLI", "ghost", "terminal", on=self._copy)
        self.cancel_button = Button("Cancel", on=self._cancel)
        words = "Delete" if resources else "Tear down"
        self.confirm_button = Button(words, "danger", "trash", on=self.carry_out)
        self._lay_out()
        self.scope.changed.connect(self._chosen)
        self.buckets.toggled.connect(self._chosen)
        self.pages.changed.connect(self._page)
        self.field.edited.connect(self._check)
        self.finished.connect(self._closed)
        self.read()

    def _lay_out(self) -> None:
        body = self.body
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.scope)
        row.addWidget(self.buckets)
        row.addStretch(1)
        body.addLayout(row)
        for part in (self.scope, self.buckets):
            part.setVisible(not self._resources)
        body.addWidget(self.unread)
        body.addWidget(self.summary)
        pages = QHBoxLayout()
        pages.addWidget(self.pages)
        pages.addStretch(1)
        body.addLayout(pages)
        most = round(screen_area(self).height() * _MOST_OF_SCREEN)
        self._stack.setFixedHeight(min(theme().pixels(_LIST), most))
        body.addWidget(self._stack)
        body.addSpacing(4)
        later: tuple[QWidget, ...] = (self.bar, self.words, self.proof, self._asked, self.field)
        for widget in later:
            body.addWidget(widget)
            widget.hide()
        body.addStretch(1)
        self.buttons.addWidget(self.copy_button)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.cancel_button)
        self.buttons.addWidget(self.confirm_button)
        self.cancel_button.setDefault(True)

    def _fit(self) -> None:
        """As high as the words need at this width: what they would need at their least width leaves a hole."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            self.setFixedHeight(layout.heightForWidth(self.width()))
        self._keep_in_sight()

    # The plan

    def read(self) -> None:
        """Read afresh what would go."""
        self.plan = None
        self.summary.setText("Reading what is there now…")
        self.goes.set_rows([])
        self.goes.set_loading()
        self.stays.set_rows([])
        self.stays.set_loading()
        self._check()
        self._task = self._ctx.with_services(
            self._read, label="Plan the tear-down", key="tear down plan", on_error=self._failed
        )

    async def _read(self, services: Services) -> None:
        inventory = services.inventory
        if self._resources:
            plan = await inventory.tear_down_plan(only(self._keys, inventory.known))
            plan = narrowed(plan, self._keys, called(self._resources))
        else:
            everything, buckets = self.scope.current == "all", self.buckets.isChecked()
            plan = await inventory.tear_down_plan(TearDownChoice(everything, buckets))
        if not self._shut:
            self._show_plan(plan)

    def _failed(self, error: BaseException) -> None:
        if self._shut:
            return
        title = getattr(error, "title", "") or "It could not be read"
        self.summary.setText(str(getattr(error, "message", "") or error))
        self.goes.set_error(error, fix=("Try again", self.read))
        self.goes.view.setAccessibleDescription(title)

    def _show_plan(self, plan: TearDownPlan) -> None:
        self.plan = plan
        self.goes.set_rows(list(plan.steps))
        self.stays.set_rows(list(plan.stays))
        self.pages.set_text("goes", f"Goes  {len(plan.steps)}")
        self.pages.set_text("stays", f"Stays  {len(plan.stays)}")
        self.summary.setText(summary(plan))
        if plan.unread:
            self.unread.set_content(
                "warn",
                "Not everything could be looked at",
                " ".join(f"{kind.words}." for kind in plan.unread) + " What is there goes on, and may bill.",
            )
        self.unread.setVisible(bool(plan.unread))
        self._asked.setText(f"Type {plan.confirm} to confirm" if plan.steps else "")
        self.field.setPlaceholderText(plan.confirm)
        self.field.setAccessibleName(f"Type {plan.confirm} to confirm")
        for part in (self._asked, self.field):
            part.setVisible(bool(plan.steps))
        self._check()

    def _chosen(self, *_: object) -> None:
        self.field.set_value("")
        self.read()

    def _page(self, page: str) -> None:
        self._stack.setCurrentWidget(self.goes if page == "goes" else self.stays)

    def _check(self) -> None:
        plan = self.plan
        typed = plan is not None and bool(plan.steps) and self.field.value() == plan.confirm
        under_way = "It is under way" if self.command is not None else ""
        untyped = "" if typed else f"Type {plan.confirm}" if plan is not None and plan.steps else "Nothing would go"
        self.confirm_button.hinder(self._ctx.hindrance or under_way or untyped)
        self.copy_button.allow(plan is not None and bool(plan.cli), "Nothing would go")

    # Carrying it out

    @property
    def running(self) -> bool:
        """True while it deletes, also when the dialog was closed."""
        return self._going

    def carry_out(self) -> None:
        """Begin; the plan shown is what is carried out."""
        if self.plan is None or self.command is not None:
            return
        self._going = True
        self.command = TearDown(self.plan, self._show_progress, prove=not self._resources)
        for part in (self._asked, self.field, self.scope, self.buckets, self.confirm_button):
            part.hide()
        self._say_title(f"Deleting {called(self._resources)}" if self._resources else "Tearing down")
        self.bar.show()
        self.words.show()
        self.words.setText("Beginning…")
        self.pages.set_current("goes")
        self.cancel_button.setText("Go on in the background")
        if self._memory is not None:
            self._memory.unfinished = self.plan.choice
        self._ctx.tasks.start(self._run(self.command), label=self.command.title, scope="backend")

    async def _run(self, command: TearDown) -> None:
        try:
            outcome = await self._ctx.run(command)
        except asyncio.CancelledError:
            self._stopped("It was stopped. What is not gone yet is still there.")
            raise
        finally:
            self._going = False
            # A failure can be tried again, and its command is kept for that: the dialog is not.
            command.told = None
        if outcome:
            self._finish(outcome.value)
        else:
            error = outcome.error
            self._stopped(str(error) if isinstance(error, SageDeckError) else "It did not end well.")

    def _show_progress(self, progress: TearDownProgress) -> None:
        if self._shut:
            return
        self.goes.set_rows(list(progress.steps))
        self.bar.set_fraction(progress.done / max(1, len(progress.steps)))
        self.words.setText(progress.words)

    def _finish(self, result: Result) -> None:
        self.outcome = result
        if self._memory is not None:
            self._memory.unfinished = None
        good = not result.failed and (result.proof is None or result.proof.nothing_bills)
        if self._shut:
            say = self._ctx.notify.success if good else self._ctx.notify.warn
            say(self.command.title if self.command is not None else "Tear down", result.words)
            return
        done = "Not all is gone" if result.failed else "Deleted" if self._resources else "Torn down"
        self._say_title(done)
        self.goes.set_rows(list(result.steps))
        self.bar.hide()
        self.words.setText(result.words if result.proof is None else "")
        self.words.setVisible(result.proof is None)
        if result.proof is not None:
            at = f"listed at {result.proof.at.astimezone():%H:%M:%S}"
            self.proof.set_content("ok" if result.proof.nothing_bills else "warn", result.proof.words, at)
            self.proof.show()
            self.stays.set_rows(list(left_behind(result, result.proof.left)))
            self.pages.set_text("goes", f"Gone  {len(result.steps) - len(result.failed)}")
            self.pages.set_text("stays", f"Left  {len(result.proof.left)}")
        self.summary.setText(f"{len(result.failed)} could not be deleted." if result.failed else "It is done.")
        set_tone(self.summary, "err" if result.failed else "text")
        self._close_only()

    def _say_title(self, title: str) -> None:
        """Once it was agreed to, the dialog asks nothing and warns of nothing any more."""
        self.setWindowTitle(title)
        self.heading.setText(title)
        self.sentence.hide()

    def _stopped(self, words: str) -> None:
        if self._shut:
            return
        self._say_title("It was stopped")
        self.bar.hide()
        self.words.setText(words)
        set_tone(self.words, "warn")
        self._close_only()

    def _close_only(self) -> None:
        self.cancel_button.setText("Close")
        self.cancel_button.setFocus()

    def _cancel(self) -> None:
        if self.outcome is not None:
            self.accept()
        else:
            self.reject()

    def _closed(self, _: int) -> None:
        self._shut = True
        if self.command is not None:
            self.command.told = None
        if self.command is None and self._task is not None:
            self._task.cancel()

    def _copy(self) -> None:
        if self.plan is not None:
            QApplication.clipboard().setText(self.plan.cli)
            self.copy_button.setText("Copied")
            self.copy_button.set_icon("check")


def _about(ctx: AppContext) -> str:
    account = ctx.identity.account if ctx.identity is not None else ""
    region = ctx.backend.region if ctx.backend is not None else ""
    order = "What depends on others goes first, roles and networks last."
    return f"Account {account}, {region}. {order} It cannot be undone."


def _step_key(row: object) -> Key:
    key: Key = row.resource.key  # type: ignore[attr-defined]
    return key
