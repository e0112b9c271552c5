"""The Predict tab: endpoints above, a strip to drop pictures on, cards below, the score at the right."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QWidget

from console.context import AppContext
from console.models.base_cards import Answer, Card
from console.models.base_format import count, duration
from console.tabs.base import Tab
from console.tabs.predict import pictures
from console.tabs.predict.panel import ScorePanel
from console.tabs.predict.pictures import Picture
from console.tabs.predict.score import certainty, disagrees, is_wrong
from console.widgets.base import label
from console.widgets.buttons import Button
from console.widgets.drop_area import DropArea
from console.widgets.empty_state import EmptyState
from console.widgets.fields import ComboBox
from console.widgets.prediction_grid import PredictionGrid
from console.widgets.segmented import Segmented
from console.widgets.thumbs import thumbnails
from workers.errors import NotFound, SageDeckError
from workers.types import Endpoint

SIDE_WIDTH = 340
CONCURRENT = 4
_ORDERS = (
    ("given", "As dropped"),
    ("wrong", "Wrong first"),
    ("disagree", "Disagreements first"),
    ("unsure", "Least sure first"),
)
_REDRAW_SECONDS = 0.15
# With more pictures the score is drawn less often, so that drawing never takes most of the time.
PICTURES_DRAWN_FAST = 1000


class PredictTab(Tab):
    """Drop pictures or folders; one or two endpoints say what they show."""

    id, title, icon, order = "predict", "Predict", "predict", 7

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(ctx, parent)
        self._pictures: list[Picture] = []
        self._endpoints: dict[str, Endpoint] = {}
        self._listed = False
        self._wanted = ""
        self._took: float | None = None
        self._drawn = 0.0
        self.endpoint_a = ComboBox(name="Endpoint A", placeholder="No endpoint in service")
        self.endpoint_b = ComboBox([("", "Compare with…")], "", name="Endpoint B")
        for box in (self.endpoint_a, self.endpoint_b):
            box.chosen.connect(self._endpoint_chosen)
            self.head.add(box)
        self.drop = DropArea(
            "predict",
            "Drop pictures or folders here",
            "or paste",
            inline=True,
            accepts=pictures.looks_like_pictures,
        )
        self.drop.dropped.connect(self.add_paths)
        self.drop.chooseRequested.connect(self._choose)
        self.choose_button = Button("Choose…", on=self._choose)
        self.again_button = Button("Run again", icon="refresh", on=self.run_again)
        self.clear_button = Button("Clear", "ghost", on=self.clear)
        for control in (self.choose_button, self.again_button, self.clear_button):
            self.drop.tail.addWidget(control)
        self.body.addWidget(self.drop)
        self.body.addLayout(self._list_head())
        self.grid = PredictionGrid()
        self.grid.currentChanged.connect(self._card_chosen)
        self._empty = EmptyState("predict", "")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.grid)
        self._stack.addWidget(self._empty)
        self.body.addWidget(self._stack, 1)
        self.panel = ScorePanel(ctx)
        self.set_side(self.panel, "Result", width=SIDE_WIDTH)
        ctx.resourceChanged.connect(self._resource_changed)
        self._show()

    def _list_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(12)
        self._heading = label("Pictures", "section")
        self._number = label("", "section", "text3")
        self._status = label("", "small", "text2")
        self.sorting = ComboBox(_ORDERS, "given", name="Order")
        self.sorting.chosen.connect(lambda _: self._show())
        self.filter = Segmented([("all", "All"), ("wrong", "Wrong")], "all", name="Which pictures")
        self.filter.changed.connect(lambda _: self._show())
        for part in (self._heading, self._number, self._status):
            row.addWidget(part)
        row.addStretch(1)
        for control in (self.sorting, self.filter):
            row.addWidget(control)
        return row

    # What the window asks

    def activate(self, payload: Any = None) -> None:
        """Show the tab; ``endpoint`` in the payload is the one to ask, ``paths`` and ``images`` are pictures to add."""
        if isinstance(payload, dict):
            self._wanted = payload.get("endpoint", "")
            if payload.get("paths"):
                self.add_paths([Path(path) for path in payload["paths"]])
            for name, data in payload.get("images", ()):
                self.accept_image(data, name)
        self.refresh()

    def backend_changed(self) -> None:
        """Forget the endpoints and answers of the other account; the pictures stay."""
        self._endpoints.clear()
        self._listed = False
        for picture in self._pictures:
            picture.answers.clear()
            picture.truth = ""
        self.endpoint_a.set_items([])
        self.endpoint_b.set_items([("", "Compare with…")], "")
        self.panel.show_report(None)
        self._show()
        if self.active:
            self.refresh()

    def refresh(self) -> None:
        """Read which endpoints are in service."""
        if self.ctx.services is not None:
            self.start(self._refresh(), label="Read the endpoints", key="endpoints", on_error=self._refresh_failed)

    def accept_drop(self, paths: list[Path]) -> bool:
        """Take dropped pictures and folders."""
        if not pictures.looks_like_pictures(paths):
            return False
        self.add_paths(paths)
        return True

    def accept_image(self, data: bytes, name: str) -> bool:
        """Take a pasted picture."""
        picture = pictures.from_data(data, name)
        thumbnails().add_data(picture.key, data)
        self._add([picture])
        return True

    # Endpoints

    async def _refresh(self) -> None:
        services = self.ctx.services
        if services is None:
            return
        found = [
            endpoint for endpoint in await services.endpoints.list() if endpoint.status in ("InService", "Updating")
        ]
        self._endpoints = {endpoint.name: endpoint for endpoint in found}
        self._listed = True
        names = sorted(self._endpoints)
        last = self.ctx.settings.value("last_endpoint", "")
        wanted = self._wanted if self._wanted in names else (self.endpoint_a.value() or last)
        self._wanted = ""
        if wanted not in names:
            wanted = names[0] if names else None
        self.endpoint_a.set_items([(name, name, "endpoints") for name in names], wanted)
        others = [("", "Compare with…"), *((name, name, "endpoints") for name in names if name != wanted)]
        self.endpoint_b.set_items(others, self.endpoint_b.value() if self.endpoint_b.value() in names else "")
        self.endpoint_b.setVisible(len(names) > 1)
        self.ctx.mark_refreshed()
        self._endpoint_chosen()

    def _refresh_failed(self, error: BaseException) -> None:
        if not self._listed and not self._pictures:
            words = error.title if isinstance(error, SageDeckError) else "The endpoints cannot be read"
            self._empty.set_content("err", words, "", ("Try again", self.refresh))
        self.ctx.notify.error(error, "" if isinstance(error, SageDeckError) else "The endpoints cannot be read")

    def _asked(self) -> list[str]:
        return [name for name in (self.endpoint_a.value(), self.endpoint_b.value()) if name]

    def _endpoint_chosen(self, _key: object = None) -> None:
        name = self.endpoint_a.value()
        if name:
            self.ctx.settings.set("last_endpoint", name)
            self.start(self._load_report(name), label="Read the model's report", key="report")
        self._show()
        self._run()

    async def _load_report(self, name: str) -> None:
        services, endpoint = self.ctx.services, self._endpoints.get(name)
        self.panel.show_report(None)
        if services is None or endpoint is None or not endpoint.job_name:
            return
        try:
            job = await services.training.describe(endpoint.job_name)
            self.panel.show_report(await services.training.report(job), job.name)
        except NotFound:
            # A model that was not trained by SageDeck's script has no report.
            return

    # Pictures

    def add_paths(self, paths: list[Path]) -> None:
        """Add pictures, and those in folders; they are asked for at once."""
        self.start(self._find(list(paths)), label="Look for pictures", scope="window")

    async def _find(self, paths: list[Path]) -> None:
        found = await asyncio.to_thread(pictures.find, paths)
        if not found.paths:
            self.ctx.notify.info("No pictures there", "JPEG, PNG, WebP, BMP, GIF and TIFF files are taken.")
            return
        if found.others:
            self.ctx.notify.info(f"{count(found.others, 'file')} left out", "They do not end like a picture.")
        if found.over:
            self.ctx.notify.warn(
                f"{count(found.over, 'picture')} left out", f"At most {pictures.MOST_PICTURES:,} are taken at once."
            )
        self._add([pictures.from_path(path) for path in found.paths])

    def _add(self, new: list[Picture]) -> None:
        self._pictures += new
        self._show()
        self._run()

    def _choose(self) -> None:
        dialog = QFileDialog(self.window(), "Choose pictures")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilter("Pictures (*" + " *".join(sorted(pictures.SUFFIXES)) + ")")
        dialog.filesSelected.connect(lambda names: self.add_paths([Path(name) for name in names]))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def clear(self) -> None:
        """Take all pictures away."""
        self.cancel("ask")
        for picture in self._pictures:
            if picture.data is not None:
                thumbnails().forget_data(picture.key)
        self._pictures = []
        self._took = None
        self.panel.show_card(None)
        self._show()

    def run_again(self) -> None:
        """Ask for every picture anew."""
        for picture in self._pictures:
            picture.answers.clear()
        self._show()
        self._run()

    # Asking

    def _run(self) -> None:
        missing = [name for name in self._asked() if any(name not in picture.answers for picture in self._pictures)]
        if missing and self.ctx.services is not None:
            self.start(self._ask_all(), label="Classify pictures", key="ask")

    async def _ask_all(self) -> None:
        names = self._asked()
        waiting = [(p, name) for p in self._pictures for name in names if name not in p.answers]
        waiting.reverse()
        started = time.monotonic()
        total = len(waiting)
        item = None
        if total > CONCURRENT * 4:
            item = self.ctx.activity.begin(
                f"Classify {count(total, 'picture')}", "predict", cancellable=lambda: self.cancel("ask")
            )

        async def work() -> None:
            while waiting:
                picture, name = waiting.pop()
                picture.answers[name] = await self._ask(picture, name)
                self._answered(picture)
                if item is not None:
                    done = total - len(waiting)
                    item.progress(done / total, f"{done:,} of {total:,}")

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CONCURRENT):
                    group.create_task(work())
        except asyncio.CancelledError:
            if item is not None:
                item.cancelled(f"{total - len(waiting):,} of {total:,} were asked")
            raise
        self._took = time.monotonic() - started
        if item is not None:
            item.done(f"all answered in {duration(self._took)}")
        self._show()

    async def _ask(self, picture: Picture, name: str) -> Answer:
        services = self.ctx.services
        if services is None:
            return Answer(error="Not connected.")
        try:
            data = await asyncio.to_thread(pictures.read, picture)
            found = await services.inference.predict(name, data)
        except SageDeckError as error:
            return Answer(error=f"{error.title}. {error.message}", raw=error.details)
        except OSError as error:
            return Answer(error=f"The file cannot be read: {error.strerror or error}.")
        picture.learn_truth(_classes(found.raw) or found.labels)
        return Answer(found.labels, found.probabilities, found.latency_ms, raw=found.raw)

    def _answered(self, picture: Picture) -> None:
        now = time.monotonic()
        if self.filter.current == "all" and self.sorting.value() == "given":
            self.grid.update_card(picture.card(self._asked()))
        if now - self._drawn > _REDRAW_SECONDS * (1 + len(self._pictures) / PICTURES_DRAWN_FAST):
            self._drawn = now
            if self.filter.current == "all" and self.sorting.value() == "given":
                self._show_score()
            else:
                self._show()
        if self.grid.current is not None and self.grid.current.key == picture.key:
            self.panel.show_card(self.grid.current)

    # Showing

    def cards(self) -> list[Card]:
        """All cards, as dropped."""
        names = self._asked()
        return [picture.card(names) for picture in self._pictures]

    def _show(self) -> None:
        cards = self.cards()
        shown = [card for card in cards if is_wrong(card)] if self.filter.current == "wrong" else list(cards)
        orders: dict[str, Callable[[Card], Any]] = {
            "wrong": lambda card: not is_wrong(card),
            "disagree": lambda card: not disagrees(card),
            "unsure": certainty,
        }
        order = orders.get(self.sorting.value())
        if order is not None:
            shown.sort(key=order)
        self.grid.set_cards(shown)
        self._stack.setCurrentWidget(self.grid if shown else self._empty)
        self._say_empty(len(cards))
        self._number.setText(f"{len(cards):,}" if cards else "")
        for part in (self._heading, self.sorting, self.filter, self.again_button, self.clear_button):
            part.setVisible(bool(cards))
        self._show_score()

    def _show_score(self) -> None:
        cards = self.cards()
        names = self._asked()
        self.panel.show_cards(cards, len(names))
        wrong = sum(is_wrong(card) for card in cards)
        self.filter.set_text("all", f"All {len(cards)}" if cards else "All")
        self.filter.set_text("wrong", f"Wrong {wrong}" if cards else "Wrong")
        answered = sum(all(name in picture.answers for name in names) for picture in self._pictures) if names else 0
        if not cards or not names:
            self._status.setText("")
        elif answered < len(cards):
            self._status.setText(f"{answered:,} of {len(cards):,} answered")
        else:
            took = f" in {self._took:.1f} s" if self._took is not None else ""
            self._status.setText(f"all answered{took}")

    def _card_chosen(self, _key: str) -> None:
        self.panel.show_card(self.grid.current)

    def _say_empty(self, total: int) -> None:
        if total:
            answered = all(name in picture.answers for picture in self._pictures for name in self._asked())
            words = "No wrong answers" if answered else "No wrong answers so far"
            self._empty.set_content("filter", words, "", ("Show all", lambda: self.filter.set_current("all")))
        elif self._endpoints:
            self._empty.set_content(
                "predict", "No pictures yet", "Drop some anywhere on the window.", ("Choose pictures…", self._choose)
            )
        elif self.ctx.services is None:
            self._empty.set_content("endpoints", "Not connected", "Endpoints appear when an account is connected.")
        elif not self._listed:
            self._empty.set_content("endpoints", "Reading the endpoints…", "")
        else:
            self._empty.set_content(
                "endpoints",
                "No endpoint is in service",
                "Deploy a trained model, then drop pictures here.",
                ("Go to Endpoints", lambda: self.ctx.navigate("endpoints")),
            )

    def _resource_changed(self, kind: str, name: str) -> None:
        if kind == "endpoint" and self.active:
            self.refresh()


def _classes(raw: str) -> tuple[str, ...]:
    try:
        return tuple(json.loads(raw)["classes"])
    except (ValueError, KeyError, TypeError):
        return ()
