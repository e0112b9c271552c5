"""The Predict tab: what is asked above, a strip to drop pictures on, cards below, the score at the right; or the
evaluations in their place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from console.models.cards import LETTERS, Answer, Card
from console.tabs.base import Tab
from console.tabs.predict import TAB, collecting, messages, pictures
from console.tabs.predict.asking import Asker
from console.tabs.predict.choice import TargetChoice
from console.tabs.predict.evaluation.page import EvaluationPage
from console.tabs.predict.evaluation.report import EvaluationReport
from console.tabs.predict.list_head import ListHead
from console.tabs.predict.looking import Looking, Owner
from console.tabs.predict.panel import ScorePanel
from console.tabs.predict.pictures import Picture
from console.tabs.predict.score import ended, underway
from console.widgets.forms import focus
from console.widgets.forms.buttons import Button
from console.widgets.forms.drop_area import DropArea
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.banner import Banner
from console.widgets.frames.empty_state import EmptyState
from console.widgets.pictures.prediction_grid import PredictionGrid
from workers.errors.tree import NotFound, SageDeckError
from workers.types import JobReport, TrainingJob

if TYPE_CHECKING:
    from workers.services import Services

# Pixels: three figures side by side.
SIDE_WIDTH = 340
# Answers come faster than eyes; a long list takes longer to draw and is drawn more seldom.
_REDRAW_SECONDS = 0.15
# With more pictures the score is drawn less often, so that drawing never takes most of the time.
PICTURES_DRAWN_FAST = 1000
# While an endpoint comes up, the list is read this often.
_COMING_MS = 3000
_ASK = "ask"


class PredictTab(Tab):
    """Drop pictures or folders, and one to three targets say what they show; or evaluate a labelled folder."""

    spec = TAB

    def build(self) -> Iterator[None]:
        """The endpoints, the place to drop on, the cards and the score."""
        ctx = self.ctx
        self._pictures: list[Picture] = []
        # Of each endpoint the model that gave its answers.
        self._models: dict[str, str] = {}
        self._collecting = 0
        self._drawn = 0.0
        self._asker = Asker(ctx, self._answered)
        self.mode = Segmented([("pictures", "Pictures"), ("evaluations", "Evaluations")], name="Page")
        self.head.add(self.mode)
        self.choice = TargetChoice(ctx)
        self.choice.changed.connect(self._endpoints_changed)
        self.body.addWidget(self.choice)
        self.drop = DropArea(
            "predict", "Drop pictures or folders here", "or paste", inline=True, accepts=pictures.looks_like_pictures
        )
        self.drop.dropped.connect(self.add_paths)
        self.drop.chooseRequested.connect(self._choose)
        self.choose_button = Button("Choose…", on=self._choose)
        self.choose_button.setAccessibleName("Choose pictures…")
        self.again_button = Button("Run again", icon="refresh", on=self._again_or_stop)
        self.clear_button = Button("Clear", "ghost", on=self.clear)
        for control in (self.choose_button, self.again_button, self.clear_button):
            self.drop.tail.addWidget(control)
        yield
        self.banner = Banner()
        self.list_head = ListHead()
        self.list_head.changed.connect(self._show)
        self.grid = PredictionGrid()
        self.grid.currentChanged.connect(self._card_chosen)
        self.grid.activated.connect(self._show_raw)
        self.empty = EmptyState("predict", "")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.grid)
        self._stack.addWidget(self.empty)
        self.looking = Looking(ctx, self, self.grid, Owner(lambda: self.choice.asked, self.ask_about, self.remove))
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        for part in (self.drop, self.banner, self.list_head):
            column.addWidget(part)
        column.addWidget(self._stack, 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(page)
        self.body.addWidget(self.pages, 1)
        yield
        self.panel = ScorePanel()
        self.panel.confusions.cellChosen.connect(self._cell_chosen)
        yield
        report = EvaluationReport(ctx.settings)
        yield
        self.evaluations = EvaluationPage(ctx, self._answering, report)
        yield
        self.pages.addWidget(self.evaluations)
        self._sides = QStackedWidget()
        self._sides.addWidget(self.panel)
        self._sides.addWidget(self.evaluations.panel)
        self.mode.changed.connect(self.show_page)
        self.set_side(self._sides, "Result", width=SIDE_WIDTH)
        yield
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.refresh)
        self._actions = messages.Actions(
            choose=self._choose,
            refresh=self.refresh,
            show_all=lambda: self.list_head.filter.set_current("all"),
            go_to_endpoints=lambda: ctx.navigate("endpoints"),
            go_to_training=lambda: ctx.navigate("training"),
        )
        self._show()

    # What the window asks

    def activate(self, payload: Any = None) -> None:
        """Show the tab; ``target`` (a key) or ``endpoint`` in the payload is asked, ``paths``, ``images`` are added."""
        if isinstance(payload, dict):
            self.choice.want(payload.get("target") or payload.get("endpoint", ""))
            if payload.get("paths"):
                self.add_paths([Path(path) for path in payload["paths"]])
            for name, data in payload.get("images", ()):
                self.accept_image(data, name)
        self.refresh()

    def show_page(self, key: str) -> None:
        """Show ``pictures`` or ``evaluations``."""
        self.mode.set_current(key)
        at = 1 if key == "evaluations" else 0
        self.pages.setCurrentIndex(at)
        self._sides.setCurrentIndex(at)
        if at and self.active:
            self.evaluations.refresh()

    @property
    def evaluating(self) -> bool:
        """True while the page Evaluations is shown."""
        return self.mode.current == "evaluations"

    def landing(self, payload: Any = None) -> QWidget | None:
        """The pictures; without any what chooses some. Of the evaluations what chooses a folder, or their list."""
        if self.evaluating:
            table = self.evaluations.table
            return table.view if table.model.total else self.evaluations.setup.folder_button
        return self.grid if self.grid.isVisible() else self.choose_button

    def deactivate(self) -> None:
        """Read no more lists; answers that are asked for go on."""
        self._soon.stop()

    def forget_account(self) -> None:
        """Forget the endpoints and answers of the other account; the pictures stay."""
        self._soon.stop()
        for picture in self._pictures:
            picture.answers.clear()
            picture.truth = ""
        self._asker.forget()
        self.choice.forget()
        self.looking.set_reports({})
        self.panel.show_reports({})
        self.evaluations.forget_account()
        self._show()

    def backend_changed(self) -> None:
        """Read the endpoints of this account."""
        self.forget_account()
        super().backend_changed()

    def refresh(self) -> None:
        """Read which endpoints are in service."""
        self.with_services(self._refresh, label="Read the endpoints", key="endpoints", on_error=self._refresh_failed)
        if self.evaluating:
            self.evaluations.refresh()

    def accept_drop(self, paths: list[Path]) -> bool:
        """Take dropped pictures and folders; of the evaluations one labelled folder."""
        if self.evaluating and len(paths) == 1 and paths[0].is_dir():
            self.evaluations.look_at(paths[0])
            return True
        if not pictures.looks_like_pictures(paths):
            return False
        self.show_page("pictures")
        self.add_paths(paths)
        return True

    def accept_image(self, data: bytes, name: str) -> bool:
        """Take a pasted picture."""
        self.show_page("pictures")
        self._add([collecting.pasted(data, name)])
        return True

    # Endpoints

    async def _refresh(self, services: Services) -> None:
        await self.choice.read(services)
        self.ctx.mark_refreshed()
        if self._other_models():
            self._endpoints_changed()
        self._show()
        if self.choice.coming and self.active:
            self._soon.start(_COMING_MS)

    def _other_models(self) -> bool:
        """Forget what endpoints said that have gone over to another model; True when there were some."""
        changed = set()
        for name in {*self.choice.asked, *(name for picture in self._pictures for name in picture.answers)}:
            model = self.choice.model_of(name)
            if model:
                if self._models.setdefault(name, model) != model:
                    changed.add(name)
                self._models[name] = model
        for picture in self._pictures:
            for name in changed & picture.answers.keys():
                del picture.answers[name]
        return bool(changed)

    def _refresh_failed(self, error: BaseException) -> None:
        self._show()
        self.ctx.notify.error(error, "" if isinstance(error, SageDeckError) else "The endpoints cannot be read")

    def _endpoints_changed(self) -> None:
        self.with_services(self._load_reports, self.choice.asked, label="Read the models' reports", key="report")
        self._run()

    async def _load_reports(self, services: Services, names: list[str]) -> None:
        reports: dict[str, tuple[str, JobReport]] = {}
        jobs: dict[str, TrainingJob] = {}
        for letter, name in zip(LETTERS, names, strict=False):
            job_name = self.choice.job_of(name)
            if not job_name:
                continue
            try:
                job = await services.training.describe(job_name)
                reports[letter] = (job.name, await services.training.report(job))
                jobs[letter] = job
            except NotFound:
                # A model that was not trained by SageDeck's script has no report.
                continue
        self.looking.set_reports(reports, jobs)
        self.panel.show_reports(reports)

    def resource_changed(self, kind: str, name: str) -> None:
        """Read what can be asked after some of it changed."""
        if kind in ("endpoint", "function") and self.active:
            self.refresh()

    # Pictures

    def add_paths(self, paths: list[Path]) -> None:
        """Add pictures, and those in folders; they are asked for at once."""
        self.start(self._collect(list(paths)), label="Look for pictures", scope="window")

    async def _collect(self, paths: list[Path]) -> None:
        self._collecting += 1
        self._show()
        found: list[Picture] = []
        try:
            found = await collecting.collect(self.ctx, paths)
        finally:
            self._collecting -= 1
            if not self.ctx.tasks.closed:
                self._add(found)

    def _add(self, new: list[Picture]) -> None:
        # One file is one card: added again, it is asked about again, as it is now.
        again = {picture.origin for picture in new}
        collecting.drop([had for had in self._pictures if had.origin in again])
        self._pictures = [had for had in self._pictures if had.origin not in again] + new
        if new:
            # Nobody adds pictures to have them hidden.
            self.list_head.filter.set_current("all")
        self._run()

    def _choose(self) -> None:
        collecting.choose_files(self.window(), self._take_chosen)

    def _take_chosen(self, paths: list[Path]) -> None:
        self.add_paths(paths)
        # What asked for them may be gone: the empty list's button, the palette.
        focus.give(self.choose_button)

    def remove(self, picture: Picture) -> None:
        """Take one picture away."""
        collecting.drop([picture])
        self._pictures = [kept for kept in self._pictures if kept is not picture]
        self._show()

    def ask_about(self, picture: Picture) -> None:
        """Ask anew about one picture."""
        for name in self._answering():
            picture.answers.pop(name, None)
        self._run()

    def clear(self) -> None:
        """Take all pictures away."""
        self.cancel(_ASK)
        collecting.drop(self._pictures)
        self._pictures = []
        self._asker.forget()
        self.panel.show_card(None)
        self._show()

    # Asking

    @property
    def asking(self) -> bool:
        """True while answers are waited for."""
        return self.running(_ASK)

    def run_again(self) -> None:
        """Ask for every picture anew."""
        self._forget_answers(lambda answer: True)

    def ask_rest(self) -> None:
        """Ask for what got no answer, or an error."""
        self._forget_answers(lambda answer: bool(answer.error))

    def _forget_answers(self, which: Callable[[Answer], bool]) -> None:
        """Ask again for these answers and those that lack; an endpoint that is gone keeps what it said."""
        for picture in self._pictures:
            for name in self._answering():
                if name in picture.answers and which(picture.answers[name]):
                    del picture.answers[name]
        self._run()

    def _answering(self) -> list[str]:
        return [name for name in self.choice.asked if name not in self.choice.gone]

    def _lacking(self) -> bool:
        """True when a picture was not asked for yet."""
        return any(name not in picture.answers for picture in self._pictures for name in self._answering())

    def _again_or_stop(self) -> None:
        if self.asking:
            self.cancel(_ASK)
        elif self._lacking():
            self.ask_rest()
        else:
            self.run_again()

    def _run(self) -> None:
        """Ask for what lacks an answer, and show at once that it is being asked for."""
        task = None
        if self._lacking():
            task = self.with_services(self._ask, self._answering(), label="Classify pictures", key=_ASK)
        if task is not None:
            task.add_done_callback(lambda _: self._ended())
        self._show()

    async def _ask(self, services: Services, names: list[str]) -> None:
        await self._asker.ask(services, self._pictures, names, lambda: self.cancel(_ASK))
        if any(isinstance(self._asker.stopped.get(name), NotFound) for name in names):
            self.refresh()

    def _ended(self) -> None:
        if not self.ctx.tasks.closed:
            self._show()

    def _answered(self, picture: Picture) -> None:
        now = time.monotonic()
        if self.list_head.plain:
            self.grid.update_card(picture.card(self.choice.asked, asking=True))
        if now - self._drawn > _REDRAW_SECONDS * (1 + len(self._pictures) / PICTURES_DRAWN_FAST):
            self._drawn = now
            if self.list_head.plain:
                self._show_score(self.cards())
            else:
                self._show()
        self.looking.update()
        if self.grid.current is not None and self.grid.current.key == picture.key:
            self.panel.show_card(self.grid.current)

    # Showing

    def cards(self) -> list[Card]:
        """All cards, as dropped."""
        names, asking = self.choice.asked, self.asking
        return [picture.card(names, asking=asking) for picture in self._pictures]

    def _show(self) -> None:
        cards = self.cards()
        self.looking.set_pictures(self._pictures)
        self.looking.update()
        shown = self.list_head.arranged(cards)
        self.grid.set_cards(shown)
        self.panel.show_card(self.grid.current)
        self._stack.setCurrentWidget(self.grid if shown else self.empty)
        if not shown:
            messages.fill_empty(
                self.empty,
                self.choice,
                self._pictures,
                self.ctx.connected,
                self._actions,
                collecting=bool(self._collecting),
                what=self.list_head.wanted,
            )
        for part in (self.list_head, self.again_button, self.clear_button):
            part.setVisible(bool(cards))
        self._show_trouble()
        self._show_score(cards)
        self.evaluations.update_targets()

    def _show_score(self, cards: list[Card]) -> None:
        names = self.choice.asked
        self.panel.show_cards(cards, len(names))
        self.list_head.show_counts(cards, len(names), self._status(cards) if names else "")
        asking = self.asking
        self.again_button.setText("Stop" if asking else "Ask the rest" if self._lacking() else "Run again")
        self.again_button.set_icon("stop" if asking else "refresh")
        self.again_button.allow(asking or bool(self._answering()), "Nothing that was chosen can answer")

    def _status(self, cards: list[Card]) -> str:
        if not cards:
            return ""
        if any(None in card.answers for card in cards):
            return underway(cards)
        words, seconds = ended(cards, len(self.choice.asked)), self._asker.seconds
        if seconds is None or self._asker.questions != len(cards) * len(self.choice.asked):
            # The last run asked about some of these only: its time is not that of all answers.
            return words
        return f"{words} in {seconds:.1f} s"

    def _show_trouble(self) -> None:
        found = messages.trouble(self.choice, self._pictures, {} if self.asking else self._asker.stopped)
        self.banner.setVisible(found is not None)
        if found is None:
            return
        error = found.error
        fix = ("Ask again", self.ask_rest) if found.again else ("Go to Endpoints", self._actions.go_to_endpoints)
        if error is not None and error.fix is not None and error.fix.action != "retry":
            fix = self.ctx.notify.fix(error) or fix
        details = error.details if error is not None else ""
        self.banner.set_content(found.tone, found.title, found.sentence, fix=fix, details=details)

    def _cell_chosen(self, letter: str, truth: int, answer: int) -> None:
        said = self.looking.look_at_cell(letter, truth, answer)
        if said:
            self.panel.confusions.say(said)

    def _card_chosen(self, _key: str) -> None:
        self.panel.show_card(self.grid.current)

    def _show_raw(self, _key: str) -> None:
        self.panel.raw.unfold()
        self.show_side()
