"""The tour: plays the main job by itself in the real window and keeps pictures of it.

``python -m console --tour OUT`` writes ``01-start-light.png`` … and ``tour.json`` into OUT. It works in an account
of its own, which is thrown away afterwards.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QDialog
from qasync import QEventLoop

from console.app import Application, Files, catching, make_qt_application
from console.collector import Collector
from console.look.theme import theme
from console.tour.hands import StoryFailed
from console.tour.story import Story
from console.tour.story_daily import TOUR_GRACE_SECONDS
from console.widgets.base import below

# The size of the pictures that the tour's are compared with.
SIZE = (1440, 900)
# A tour of minutes, with curves that rise.
CLASSES, PER_CLASS, EPOCHS = 10, 40, 10
# Fine-tuning is for GPUs: here of small pictures, and as many epochs as an interruption needs to be seen.
FINE_EPOCHS = 40
# CloudWatch has a point a minute: two jobs are two spikes when two points lie between them, and when each of them
# is busy for most of a minute, with so many views of each picture.
BETWEEN_JOBS, VIEWS = 125.0, 8
TRIALS, AT_ONCE, HOSTS = 12, 3, 4
# So long that the endpoint is updated meanwhile.
LOAD_RATE, LOAD_SECONDS = 4.0, 45
# Alarms of scaling take 3 and 15 minutes, and a tour is to end: its account's time runs fast, and the header says so.
TIME_FACTOR = "20"
SETTLE_SECONDS = 0.6
_VEIL = 60
_LOOKS = ("light", "dark")


def run_tour(out: Path, *, state_dir: Path | None = None) -> int:
    """Play the tour; returns 0, or 1 when a step failed (the pictures up to then are kept)."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("[0-9][0-9]-*.png"):
        old.unlink()
    os.environ.setdefault("SAGEDECK_TIME_FACTOR", TIME_FACTOR)
    app = make_qt_application()
    with asyncio.Runner(loop_factory=lambda: QEventLoop(app)) as runner:
        return runner.run(_play(out, state_dir))


async def _play(out: Path, state_dir: Path | None) -> int:
    from workers.account import sandbox as local_account

    work = Path(tempfile.mkdtemp(prefix="sagedeck-tour-"))
    state = state_dir or work / "sandbox"
    collector = Collector()
    application = Application(Files.inside(work / "window"), state_dir=state, look="light")
    application.window.painted.connect(collector.settle)
    application.window.resize(*SIZE)
    application.ctx.grace_seconds = TOUR_GRACE_SECONDS
    camera = _Camera(application, out)
    story = Story(application, work / "sample-dogs", camera.take)
    problem = ""
    with catching(application):
        application.show()
        try:
            await story.connect()
            await story.samples(CLASSES, PER_CLASS)
            await story.upload()
            await story.train(EPOCHS)
            await story.fine_tune(FINE_EPOCHS)
            await story.tune(TRIALS, AT_ONCE, EPOCHS)
            await story.compare(HOSTS)
            await story.deploy()
            await story.predict([work / "sample-dogs" / "test"])
            await story.evaluate(work / "sample-dogs", story.tuned_name, out)
            picture = next((work / "sample-dogs" / "test").rglob("*.jpg"))
            await story.function(picture)
            await story.second_function(story.tuned_name, f"{story.endpoint_name}-tuned", picture)
            first = story.endpoint_name
            await story.scale()
            await story.take_back(first)
            await story.reserve(picture)
            await story.load(LOAD_RATE, LOAD_SECONDS)
            await story.ebb()
            await story.park(picture)
            await story.launch_instance("dog-trainer")
            await story.train_on_instance("dogs-stopped", 1000, stop=True, views=VIEWS)
            await story.rest(BETWEEN_JOBS)
            await story.train_on_instance("dogs-on-ec2", EPOCHS, stop=False, views=VIEWS)
            await story.deploy_from_instance("dogs-from-ec2")
            await story.predict([picture])
            await story.end_instance()
            await story.delete()
            story.endpoint_name = first
            await story.overview()
            await story.look_closer()
            await story.find(first[:12])
            await story.follow_link(first)
            await story.notebook("dog-notebook")
            await story.delete()
            await story.security()
            await story.idle()
            await story.tear_down()
            await story.proof()
        except StoryFailed as error:
            problem = str(error)
            await camera.take("failed")
        _write(out, story, camera, problem)
        await application.close()
    collector.stop()
    await local_account.stop(state)
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    _tell(out, story, problem)
    return 1 if problem else 0


class _Camera:
    """Takes the window (and the dialog on it) in light and dark."""

    def __init__(self, application: Application, out: Path) -> None:
        self._application, self._out = application, out
        self._numbers = itertools.count(1)
        self.names: list[str] = []

    async def take(self, name: str) -> None:
        """Save ``NN-name-light.png`` and ``NN-name-dark.png``."""
        number = next(self._numbers)
        for look in _LOOKS:
            theme().set_preference(look)  # type: ignore[arg-type]
            theme().apply()
            await asyncio.sleep(SETTLE_SECONDS)
            file = f"{number:02d}-{name}-{look}.png"
            picture = self._picture()
            await asyncio.to_thread(picture.save, str(self._out / file))
            self.names.append(file)
        theme().set_preference("light")
        theme().apply()

    def _picture(self) -> QImage:
        """The window and, where there is one, the dialog above it: without a display nobody puts it there."""
        window = self._application.window
        picture = window.grab().toImage()
        ratio = picture.devicePixelRatio()
        for dialog in below(window, QDialog):
            if dialog.isVisible():
                painter = QPainter(picture)
                painter.fillRect(window.rect(), QColor(0, 0, 0, _VEIL))
                middle = window.rect().center() - dialog.rect().center()
                frame = dialog.grab().toImage()
                frame.setDevicePixelRatio(ratio)
                painter.drawImage(middle, frame)
                painter.end()
        return picture


def _write(out: Path, story: Story, camera: _Camera, problem: str) -> None:
    accuracy = next((step.result.get("test_accuracy") for step in story.steps if step.name == "train"), None)
    record = {
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "finished": not problem,
        "problem": problem,
        "test_accuracy": accuracy,
        "steps": [asdict(step) | {"seconds": round(step.seconds, 2)} for step in story.steps],
        "pictures": camera.names,
    }
    (out / "tour.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _tell(out: Path, story: Story, problem: str) -> None:
    for step in story.steps:
        figures = ", ".join(f"{key} {value}" for key, value in step.result.items() if not isinstance(value, list))
        print(f"{step.seconds:7.1f} s  {step.name}  {figures}")  # noqa: T201 - the tour's own report
    if problem:
        print(f"The tour stopped. {problem}", file=sys.stderr)  # noqa: T201
    print(f"Pictures and tour.json are in {out}.")  # noqa: T201
