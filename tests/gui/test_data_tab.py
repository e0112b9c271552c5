"""The Data tab's real widgets against a real sandbox process, with drawn pictures."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from console.tabs.data.crumbs import Crumbs
from console.tabs.data.dialogs import BucketDialog, FilesDialog, FindingsDialog, SamplesDialog, SplitDialog
from console.widgets.forms.buttons import Button
from console.widgets.frames.confirm import ConfirmDialog
from console.widgets.frames.empty_state import EmptyState
from tests.helpers.backends import backend_of
from tests.helpers.data_tab import button, checked, connected, in_bucket, open_tab, uploaded
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.window import dialog_of, until
from workers.samples.maker import make_samples
from workers.services import Services
from workers.types import Identity

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "state") as process:
        yield process


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four breeds × ten pictures."""
    folder = tmp_path_factory.mktemp("drawn") / "dogs"
    asyncio.run(make_samples(folder, 4, 10, 3))
    return folder


@pytest.fixture
def dogs(drawn: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(drawn, tmp_path / "dogs"))


async def test_without_a_folder_the_next_action_is_offered(make_application: Callable[..., Any]) -> None:
    _, tab = open_tab(make_application)
    empty = next(
        state for state in tab.findChildren(EmptyState) if state.isVisible() and "No pictures" in state.title.text()
    )
    assert {found.text() for found in empty.findChildren(Button)} == {"Sample pictures…", "Choose folder…"}
    assert not tab.upload_panel.isVisible()
    assert tab.bucket_panel.table.state == "empty"


async def test_from_sample_pictures_to_a_bucket(
    make_application: Callable[..., Any], sandbox: SandboxProcess, tmp_path: Path
) -> None:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    changes: list[tuple[str, str]] = []
    application.ctx.resourceChanged.connect(lambda kind, name: changes.append((kind, name)))

    tab.samples_button.click()
    dialog = await dialog_of(SamplesDialog, tab)
    dialog.form.set_values({"classes": 3, "per_class": 6, "folder": tmp_path / "samples"})
    assert "18 pictures" in dialog.cost.text()
    dialog.ok_button.click()
    await until(lambda: tab.dataset.state == "checked")
    assert tab.folder_panel.texts() == [
        "Same 3 breeds in train, valid and test",
        next(text for text in tab.folder_panel.texts() if text.startswith("Every picture opens 18 JPEG")),
    ]
    assert [row.name for row in tab.breeds.table.model.visible_rows()] == ["Akita", "Basset hound", "Dalmatian"]
    assert (tmp_path / "samples" / "train" / "004.Akita").is_dir()

    await until(lambda: tab.upload_panel.bucket_button.isVisible())
    tab.upload_panel.bucket_button.click()
    dialog = await dialog_of(BucketDialog, tab)
    dialog.form.set_values({"name": "Not_A_Name"})
    assert not dialog.ok_button.isEnabled()
    dialog.form.set_values({"name": "dogs-story"})
    dialog.ok_button.click()
    await until(lambda: tab.browser.name == "dogs-story" and tab.browser.safety is not None)
    assert tab.browser.safety is not None
    assert (tab.browser.safety.private, tab.browser.safety.encrypted) == (True, True)
    assert tab.bucket_panel.combo.value() == "dogs-story"

    assert tab.upload_panel.prefix.value() == "samples"
    await uploaded(tab)
    assert tab.uploading.state == "done"
    assert tab.uploading.result is not None
    assert tab.uploading.result.sent == 18
    assert ("dataset", "s3://dogs-story/samples") in changes
    assert application.ctx.settings.value("last_data_uri", "") == "s3://dogs-story/samples"
    assert (await services.storage.count("dogs-story", "samples/"))[0] == 18
    await until(lambda: tab.browser.count == 18)

    wanted: list[Any] = []
    application.ctx.navigateRequested.connect(lambda tab_id, payload: wanted.append((tab_id, payload)))
    application.ctx.navigateRequested.disconnect(application.window.show_tab)
    tab.upload_panel.train_button.click()
    assert wanted == [("training", {"data_uri": "s3://dogs-story/samples"})]


async def test_a_second_upload_sends_nothing_and_offers_to_remove_what_is_gone(
    make_application: Callable[..., Any], sandbox: SandboxProcess, dogs: Path
) -> None:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    await checked(tab, dogs)
    await in_bucket(tab, services, "dogs-twice")
    await uploaded(tab)
    tab.upload_panel.close_button.click()
    gone = dogs / "train" / "004.Akita" / "Akita_00001.jpg"
    gone.unlink()
    await checked(tab, dogs)
    await uploaded(tab)
    result = tab.uploading.result
    assert result is not None
    assert (result.sent, result.skipped, result.gone) == (0, 39, ("dogs/train/004.Akita/Akita_00001.jpg",))
    assert "Nothing to send" in tab.upload_panel.note

    (await button(tab.upload_panel, "Remove from the bucket…")).click()
    question = await dialog_of(ConfirmDialog, application.window)
    assert "Delete 1 object from dogs-twice" in question.windowTitle()
    await until(question.confirm_button.isEnabled)
    question.confirm_button.click()
    await until(lambda: tab.uploading.state == "idle")
    assert (await services.storage.count("dogs-twice"))[0] == 39


async def test_looking_into_the_bucket(
    make_application: Callable[..., Any], sandbox: SandboxProcess, dogs: Path, tmp_path: Path
) -> None:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    await checked(tab, dogs)
    await in_bucket(tab, services, "dogs-look")
    assert tab.bucket_panel.table.state == "empty"
    await uploaded(tab)
    await until(lambda: tab.browser.prefix == "dogs/")
    table = tab.bucket_panel.table
    for name in ("train", "004.Akita"):
        await until(lambda name=name: name in [row.name for row in tab.browser.rows])
        row = next(row for row in tab.browser.rows if row.name == name)
        table.activated.emit(row)
    await until(lambda: len(tab.browser.rows) == 8)
    assert tab.bucket_panel.findChild(Crumbs).steps() == ["dogs-look", "dogs", "train", "004.Akita"]

    first = tab.browser.rows[0]
    table.select_keys([first.key])
    await until(lambda: "sha-256" in tab.bucket_panel.preview.facts[2])
    name, facts, checksum = tab.bucket_panel.preview.facts
    assert (name, checksum) == (first.name, "sha-256 matches the local file")
    assert facts.startswith("image/jpeg, ")

    local = dogs / "train" / "004.Akita" / first.name
    data = bytearray(local.read_bytes())
    data[-3] ^= 255
    local.write_bytes(data)
    table.select_keys([])
    table.select_keys([first.key])
    await until(lambda: "differs" in tab.bucket_panel.preview.facts[2])

    tab.download_to("dogs-look", [first.key], tmp_path / "downloads")
    await until(lambda: (tmp_path / "downloads" / first.name).exists())

    table.select_keys([row.key for row in tab.browser.rows[:2]])
    assert tab.bucket_panel.preview.delete_button.text() == "Delete 2…"
    tab.bucket_panel.preview.delete_button.click()
    question = await dialog_of(ConfirmDialog, application.window)
    await until(question.confirm_button.isEnabled)
    question.confirm_button.click()
    await until(lambda: len(tab.browser.rows) == 6)
    tab.bucket_panel.up_button.click()
    await until(lambda: tab.browser.prefix == "dogs/train/" and tab.browser.listed)
    tab.delete([next(row for row in tab.browser.rows if row.name == "004.Akita")])
    question = await dialog_of(ConfirmDialog, application.window)
    await until(lambda: question.known)
    assert not question.confirm_button.isEnabled()
    question.field.set_value("004.Akita")
    question.confirm_button.click()
    await until(lambda: "004.Akita" not in [row.name for row in tab.browser.rows])


async def test_pictures_without_a_local_file_are_fetched_for_the_rows_in_sight(
    make_application: Callable[..., Any], sandbox: SandboxProcess, dogs: Path
) -> None:
    application, tab = open_tab(make_application)
    application.window.resize(1440, 900)
    services = await connected(application, sandbox)
    await services.storage.create_bucket("dogs-thumbs")
    await services.uploader.upload(dogs / "test" / "004.Akita", "dogs-thumbs", "")
    await in_bucket(tab, services, "dogs-thumbs")
    await until(lambda: tab.browser.rows)
    (row,) = tab.browser.rows
    before = tab.bucket_panel.thumbs.source("dogs-thumbs", row)
    await until(lambda: tab.bucket_panel.thumbs.source("dogs-thumbs", row) != before)


async def test_an_upload_pauses_stops_and_goes_on(
    make_application: Callable[..., Any], sandbox: SandboxProcess, dogs: Path
) -> None:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    await checked(tab, dogs)
    await in_bucket(tab, services, "dogs-pause")
    badges: list[str] = []
    tab.badgeChanged.connect(lambda icon, text, tone: badges.append(icon))
    tab.upload_panel.upload_button.click()
    tab.upload_panel.pause_button.click()
    assert tab.uploading.state == "paused"
    assert tab.upload_panel.title.startswith("Paused")
    await until(lambda: tab.uploading.progress is not None)
    assert "pause" in badges
    tab.upload_panel.cancel_button.click()
    await until(lambda: tab.uploading.state == "cancelled")
    assert tab.upload_panel.again_button.isVisible()
    assert badges[-1] == ""
    tab.upload_panel.again_button.click()
    await until(lambda: tab.uploading.state == "done")
    assert (await services.storage.count("dogs-pause"))[0] == 40


async def test_an_unfinished_upload_is_offered_again(
    make_application: Callable[..., Any], sandbox: SandboxProcess, dogs: Path
) -> None:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    await checked(tab, dogs)
    await in_bucket(tab, services, "dogs-later")
    tab.upload_panel.upload_button.click()
    tab.upload_panel.pause_button.click()
    # Only what was begun to be sent is worth going on with.
    await until(lambda: tab.uploading.fraction is not None)
    application.ctx.leave()
    await until(lambda: not tab.uploading.running)
    await connected(application, sandbox)
    await until(lambda: tab.uploading.pending)
    assert tab.uploading.pending[0].bucket == "dogs-later"
    assert tab.uploading.state == "idle"
    (await button(tab.upload_panel, "Forget")).click()
    await until(lambda: not tab.uploading.pending)


async def test_what_the_check_refuses_is_not_uploaded(
    make_application: Callable[..., Any], sandbox: SandboxProcess, dogs: Path
) -> None:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    await in_bucket(tab, services, "dogs-refused")
    for path in (dogs / "train" / "004.Akita").iterdir():
        path.write_bytes(b"no picture")
    await checked(tab, dogs)
    assert not tab.upload_panel.upload_button.isEnabled()
    assert "red" in tab.upload_panel.note
    assert any("without a picture in train" in text for text in tab.folder_panel.texts())
    finding = next(entry for entry in tab.dataset.report.findings if entry.code == "too_many_unreadable")  # type: ignore[union-attr]
    tab.show_files(finding)
    dialog = await dialog_of(FilesDialog, tab)
    assert dialog.table.model.total == 8
    assert dialog.table.model.row_at(0)["why"] == "it is not a picture"
    dialog.reject()


async def test_read_only_mode_keeps_everything_from_the_account(
    make_application: Callable[..., Any], sandbox: SandboxProcess, dogs: Path
) -> None:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    await checked(tab, dogs)
    await in_bucket(tab, services, "dogs-reading")
    application.ctx.set_read_only(True)
    assert not tab.upload_panel.upload_button.isEnabled()
    assert tab.upload_panel.note == "Read-only mode is on"
    assert not tab.bucket_panel.create_button.isEnabled()
    application.ctx.set_read_only(False)
    assert tab.upload_panel.upload_button.isEnabled()


async def test_a_folder_without_splits_is_split_after_a_question(
    make_application: Callable[..., Any], dogs: Path
) -> None:
    _, tab = open_tab(make_application)
    flat = dogs.parent / "flat"
    shutil.copytree(dogs / "train", flat)
    await checked(tab, flat)
    assert any(text.startswith("Not split yet") for text in tab.folder_panel.texts())
    (await button(tab.folder_panel, "Split…")).click()
    dialog = await dialog_of(SplitDialog, tab)
    assert "flat-split" in dialog.sentence.text()
    dialog.ok_button.click()
    await until(lambda: tab.dataset.folder is not None and tab.dataset.folder.name == "flat-split")
    await until(lambda: tab.dataset.state == "checked")
    assert tab.dataset.report is not None
    assert tab.dataset.report.splits == ("train", "valid", "test")


async def test_breeds_filter_sort_and_choose(make_application: Callable[..., Any], dogs: Path) -> None:
    _, tab = open_tab(make_application)
    (dogs / "train" / "015.Basset_hound" / "Basset_hound_00001.jpg").unlink()
    await checked(tab, dogs)
    breeds = tab.breeds
    QTest.keyClicks(breeds.search, "zebra")
    await until(lambda: breeds.table.state == "filtered")
    (await button(breeds.table, "Clear filter")).click()
    assert breeds.table.state == "rows"
    assert breeds.search.text() == ""
    breeds.sorting.set_value("total")
    assert breeds.table.model.row_at(0).name == "Basset hound"
    breeds.histogram.chosen.emit(0)
    await until(lambda: len(tab.pictures.paths) == 7)
    tab.pictures.splits.set_current("test")
    await until(lambda: [path.parent.parent.name for path in tab.pictures.paths] == ["test"])


async def test_folders_are_taken_when_dropped_and_pictures_are_not(
    make_application: Callable[..., Any], dogs: Path
) -> None:
    _, tab = open_tab(make_application)
    picture = next((dogs / "test").rglob("*.jpg"))
    assert not tab.accept_drop([picture])
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(dogs))])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    tab.folder_panel.area.dropEvent(event)
    assert tab.dataset.folder == dogs
    await until(lambda: tab.dataset.state == "checked")


@pytest.mark.parametrize("what", ["missing", "file", "empty"])
async def test_a_folder_that_is_none_is_told(make_application: Callable[..., Any], tmp_path: Path, what: str) -> None:
    _, tab = open_tab(make_application)
    place = tmp_path / what
    if what == "file":
        place.write_text("")
    elif what == "empty":
        place.mkdir()
    await checked(tab, place)
    if what == "empty":
        assert tab.folder_panel.texts() == ["The folder is empty choose a folder with one folder for each class"]
        assert not tab.upload_panel.upload_button.isEnabled()
    else:
        assert tab.dataset.error is not None
        await button(tab.folder_panel, "Choose another folder…")
        assert not tab.upload_panel.isVisible()


async def test_a_check_can_be_stopped(make_application: Callable[..., Any], dogs: Path) -> None:
    _, tab = open_tab(make_application)
    tab.dataset.choose(dogs)
    assert tab.dataset.state == "checking"
    (await button(tab.folder_panel, "Stop")).click()
    assert tab.dataset.state == "none"
    assert tab.dataset.folder is None


async def test_many_findings_are_behind_one_line(make_application: Callable[..., Any], dogs: Path) -> None:
    _, tab = open_tab(make_application)
    shutil.rmtree(dogs / "valid")
    for name in ("a.txt", "b.jpg"):
        (dogs / "train" / name).write_text("x")
    (dogs / "train" / "loop").symlink_to(dogs)
    shutil.rmtree(dogs / "test" / "004.Akita")
    await checked(tab, dogs)
    assert tab.folder_panel.texts()[-1].endswith("more findings")
    (await button(tab.folder_panel, "Show all")).click()
    dialog = await dialog_of(FindingsDialog, tab)
    assert tab.dataset.report is not None
    assert len(tab.dataset.report.findings) > 5
    dialog.reject()


async def test_the_folder_of_the_last_run_is_taken_up_again(make_application: Callable[..., Any], dogs: Path) -> None:
    first, tab = open_tab(make_application)
    await checked(tab, dogs)
    await first.close()
    _, again = open_tab(make_application)
    assert again.dataset.folder == dogs
    await until(lambda: again.dataset.state == "checked")


async def test_refused_credentials_are_an_error_not_an_empty_list(
    make_application: Callable[..., Any], sandbox: SandboxProcess
) -> None:
    application, tab = open_tab(make_application)
    backend = replace(backend_of(sandbox), secret_access_key="wrong")
    application.ctx.enter(backend, Services(backend), Identity("123456789012", "arn:aws:iam::123456789012:user/x"))
    await until(lambda: tab.browser.buckets_error is not None)
    assert tab.bucket_panel.table.state == "error"


async def test_nothing_is_cut_off_at_the_smallest_size(
    make_application: Callable[..., Any], sandbox: SandboxProcess, dogs: Path
) -> None:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    await checked(tab, dogs)
    await in_bucket(tab, services, "dogs-small")
    application.window.resize(1024, 700)
    await until(lambda: tab.narrow)
    assert not tab.bucket_panel.isVisible()
    (await button(tab, "Bucket")).click()
    assert tab.bucket_panel.isVisible()
    assert isinstance(tab.window(), QDialog) is False
    for found in tab.findChildren(Button):
        if found.isVisible():
            assert found.width() >= found.sizeHint().width(), found.text()
    page = tab.upload_panel.parentWidget()
    assert page is not None
    assert tab.upload_panel.geometry().bottom() <= page.rect().bottom()
