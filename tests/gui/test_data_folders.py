"""Odd folders in the real window: each is told in words, and what can be uploaded is."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel

from console.widgets.base import below
from tests.helpers.data_tab import button, checked, connected, in_bucket, open_tab, uploaded
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.window import until
from workers.samples.maker import make_samples

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "state") as process:
        yield process


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two breeds × ten pictures."""
    folder = tmp_path_factory.mktemp("drawn") / "dogs"
    asyncio.run(make_samples(folder, 2, 10, 3))
    return folder


@pytest.fixture
def dogs(drawn: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(drawn, tmp_path / "dogs"))


def keep_only(folder: Path, breed: str) -> None:
    for found in folder.glob("*/*"):
        if found.name != breed:
            shutil.rmtree(found)


@pytest.mark.parametrize(
    ("what", "said", "uploads"),
    [
        ("side by side", "No class folders 8 pictures side by side", False),
        ("one class", "Only one breed Akita; the training needs at least two", False),
        ("no pictures", "No pictures there is no picture in it", False),
        ("a 🐕 .. name", "Every picture opens 20 JPEG", True),
        ("a link in a circle", "1 link cannot be followed it is left out of the upload and the training", True),
    ],
)
async def test_odd_folders_are_told_in_words(
    make_application: Callable[..., Any], sandbox: SandboxProcess, dogs: Path, what: str, said: str, uploads: bool
) -> None:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    # One bucket each: what another case sent would be another set.
    await in_bucket(tab, services, f"dogs-{what.encode().hex()[:40]}")
    akita, place = dogs / "train" / "004.Akita", dogs
    if what == "side by side":
        place = akita
    elif what == "one class":
        keep_only(dogs, akita.name)
    elif what == "no pictures":
        place = dogs.parent / "texts"
        place.mkdir()
        (place / "note.txt").write_text("x")
    elif what == "a link in a circle":
        (akita / "up").symlink_to(dogs)
    else:
        first = next(akita.iterdir())
        first.rename(akita / "a 🐕 .. name.jpg")
    await checked(tab, place)
    assert any(text.startswith(said) for text in tab.folder_panel.texts()), tab.folder_panel.texts()
    assert tab.upload_panel.upload_button.isEnabled() == uploads
    application.window.resize(1280, 800)
    [words] = [found for found in below(tab.upload_panel, QLabel) if found.text() == tab.upload_panel.note]
    # What hinders it is read to its end.
    await until(lambda: words.height() >= words.heightForWidth(words.width()) > 0)
    if uploads:
        await uploaded(tab)
        assert tab.uploading.result is not None and not tab.uploading.result.failed
        assert tab.upload_panel.train_button.isVisible()


async def test_the_folder_around_the_classes_offers_the_right_one(
    make_application: Callable[..., Any], dogs: Path, tmp_path: Path
) -> None:
    _, tab = open_tab(make_application)
    await checked(tab, dogs)
    assert tab.breeds.title.text() == "Breeds"
    place = tmp_path / "archive"
    (place / "PetImages").mkdir(parents=True)
    for index, found in enumerate(sorted((dogs / "train").iterdir())):
        found.rename(place / "PetImages" / ("Cat", "Dog")[index])
    await checked(tab, place)
    assert "The classes are in PetImages 2 classes: Cat, Dog" in tab.folder_panel.texts()
    (await button(tab.folder_panel, "Use PetImages")).click()
    await until(lambda: tab.dataset.folder == place / "PetImages" and tab.dataset.state == "checked")
    assert tab.dataset.report is not None and tab.dataset.report.usable
    assert tab.breeds.title.text() == "Classes"
