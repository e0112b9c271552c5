"""The upload panel speaks of the folder on the screen: another one's upload never poses as it, no set is merged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.tabs.data.deletion_dialog import DeletionDialog
from console.tabs.data.tab import DataTab
from console.widgets.forms.lines import CheckLine
from tests.helpers.data_tab import button, checked, connected, in_bucket, open_tab, uploaded
from tests.helpers.pictures import make_folder
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.window import dialog_of, until
from workers.errors.tree import Unreachable
from workers.services import Services

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "state") as process:
        yield process


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of different pictures."""
    root = tmp_path_factory.mktemp("drawn")
    make_folder(root / "dogs", 2, 9, size=(60, 50), seed=1)
    make_folder(root / "cats", 3, 5, size=(60, 50), seed=2)
    return root


@pytest.fixture
def sets(drawn: Path, tmp_path: Path) -> tuple[Path, Path]:
    return Path(shutil.copytree(drawn / "dogs", tmp_path / "dogs")), Path(
        shutil.copytree(drawn / "cats", tmp_path / "cats")
    )


async def opened(
    make_application: Callable[..., Any], sandbox: SandboxProcess, bucket: str
) -> tuple[Any, DataTab, Services]:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    await in_bucket(tab, services, bucket)
    return application, tab, services


def lines(tab: DataTab) -> list[str]:
    return [line.accessibleName() for line in tab.upload_panel.findChildren(CheckLine) if line.isVisible()]


def trained(application: Any) -> list[Any]:
    wanted: list[Any] = []
    application.ctx.navigateRequested.disconnect(application.window.show_tab)
    application.ctx.navigateRequested.connect(lambda tab_id, payload: wanted.append((tab_id, payload)))
    return wanted


async def test_another_folder_has_its_own_way_and_training_gets_the_one_shown(
    make_application: Callable[..., Any], sandbox: SandboxProcess, sets: tuple[Path, Path]
) -> None:
    dogs, cats = sets
    application, tab, _ = await opened(make_application, sandbox, "steps-two")
    panel = tab.upload_panel
    await checked(tab, dogs)
    assert panel.steps.steps == (("Folder", "done"), ("Checked", "done"), ("Upload", "now"), ("Train", "later"))
    await uploaded(tab)
    assert panel.steps.steps[2:] == (("Uploaded", "done"), ("Train", "now"))

    tab.dataset.choose(cats)
    assert not panel.train_button.isVisible() and panel.steps.steps[1] == ("Check", "run")
    await until(lambda: tab.dataset.state == "checked")
    assert not panel.train_button.isVisible()
    assert panel.upload_button.isVisible() and panel.upload_button.isEnabled()
    assert panel.prefix.value() == "cats"
    await uploaded(tab)
    wanted = trained(application)
    panel.train_button.click()
    await checked(tab, dogs)
    assert panel.title == "Uploaded to steps-two/dogs/"
    panel.train_button.click()
    assert [payload for _, payload in wanted] == [
        {"data_uri": "s3://steps-two/cats"},
        {"data_uri": "s3://steps-two/dogs"},
    ]

    # One byte is another one now: what was uploaded is not what is shown.
    picture = next(dogs.rglob("*.jpg"))
    info, data = picture.stat(), bytearray(picture.read_bytes())
    data[-3] ^= 1
    picture.write_bytes(data)
    os.utime(picture, ns=(info.st_atime_ns, info.st_mtime_ns))
    await checked(tab, dogs)
    assert not panel.train_button.isVisible() and panel.upload_button.isVisible()

    # The folder has a picture less.
    next(dogs.rglob("*.jpg")).unlink()
    tab.dataset.choose(dogs)
    assert not panel.train_button.isEnabled()
    await until(lambda: tab.dataset.state == "checked")
    assert not panel.train_button.isVisible() and panel.upload_button.isVisible()
    assert panel.note.startswith("Changed since it was uploaded to steps-two/dogs/")
    await uploaded(tab)
    assert panel.train_button.text() == "Train on all of it…"


async def test_a_destination_typed_for_one_folder_is_not_the_next_ones(
    make_application: Callable[..., Any], sandbox: SandboxProcess, sets: tuple[Path, Path]
) -> None:
    dogs, cats = sets
    _, tab, _ = await opened(make_application, sandbox, "steps-typed")
    await checked(tab, dogs)
    tab.upload_panel.prefix.set_value("mine")
    await checked(tab, cats)
    assert tab.upload_panel.prefix.value() == "cats"
    await checked(tab, dogs)
    assert tab.upload_panel.prefix.value() == "mine"


async def test_the_upload_of_another_folder_stays_in_sight(
    make_application: Callable[..., Any], sandbox: SandboxProcess, sets: tuple[Path, Path]
) -> None:
    dogs, cats = sets
    _, tab, services = await opened(make_application, sandbox, "steps-running")
    panel = tab.upload_panel
    await checked(tab, dogs)
    panel.upload_button.click()
    panel.pause_button.click()
    await checked(tab, cats)
    assert not panel.pause_button.isVisible() and not panel.cancel_button.isVisible()
    assert panel.upload_button.isVisible() and not panel.upload_button.isEnabled()
    assert "when the upload below has ended" in panel.note
    assert any(line.startswith("Uploading dogs to steps-running/dogs/") for line in lines(tab))
    (await button(panel, "Show that folder")).click()
    assert tab.dataset.folder == dogs
    assert panel.pause_button.text() == "Go on" and panel.title.startswith("Paused")
    panel.pause_button.click()
    await until(lambda: not tab.uploading.running)
    await until(lambda: tab.dataset.state == "checked")
    assert panel.title == "Uploaded to steps-running/dogs/"
    assert (await services.storage.count("steps-running"))[0] == sum(1 for _ in dogs.rglob("*.jpg"))


async def test_a_prefix_with_another_set_asks(
    make_application: Callable[..., Any], sandbox: SandboxProcess, sets: tuple[Path, Path]
) -> None:
    dogs, cats = sets
    application, tab, services = await opened(make_application, sandbox, "steps-asks")
    panel = tab.upload_panel
    await checked(tab, dogs)
    await uploaded(tab)
    before = {item.key async for item in services.storage.objects("steps-asks")}

    await checked(tab, cats)
    panel.prefix.set_value("dogs")
    await uploaded(tab)
    assert tab.uploading.state == "asks" and panel.title == "Another set is in steps-asks/dogs/"
    assert not panel.train_button.isVisible() and panel.steps.steps[2] == ("Upload", "warn")
    assert {item.key async for item in services.storage.objects("steps-asks")} == before
    assert application.ctx.settings.value("last_data_uri", "") == "s3://steps-asks/dogs"

    panel.elsewhere_button.click()
    assert panel.prefix.value() == "dogs-2"
    await uploaded(tab)
    assert panel.title == "Uploaded to steps-asks/dogs-2/" and panel.train_button.text() == "Train on it…"

    panel.close_button.click()
    panel.prefix.set_value("dogs")
    await uploaded(tab)
    panel.merge_button.click()
    await until(lambda: tab.uploading.state == "done")
    assert panel.train_button.text() == "Train on all of it…"
    await until(lambda: any("of another set beside it" in line for line in lines(tab)))


async def test_what_was_replaced_or_deleted_is_not_offered_for_training(
    make_application: Callable[..., Any], sandbox: SandboxProcess, sets: tuple[Path, Path]
) -> None:
    dogs, cats = sets
    application, tab, services = await opened(make_application, sandbox, "steps-replaced")
    panel = tab.upload_panel
    await checked(tab, dogs)
    await uploaded(tab)
    await checked(tab, cats)
    panel.prefix.set_value("dogs")
    await uploaded(tab)
    panel.replace_button.click()
    question = await dialog_of(DeletionDialog, application.window)
    await until(question.confirm_button.isEnabled)
    question.confirm_button.click()
    await until(lambda: tab.uploading.state == "done")
    assert panel.train_button.text() == "Train on it…"
    there = {item.key: item.size async for item in services.storage.objects("steps-replaced")}
    assert there == {f"dogs/{path.relative_to(cats).as_posix()}": path.stat().st_size for path in cats.rglob("*.jpg")}

    # The place has the cats now.
    await checked(tab, dogs)
    assert not panel.train_button.isVisible() and panel.upload_button.isVisible()

    await checked(tab, cats)
    assert panel.train_button.isVisible()
    tab.uploading.removed("another", None)
    tab.uploading.removed("steps-replaced", ["other/a.jpg"])
    assert panel.train_button.isVisible()
    tab.start(tab.deleting.keys("steps-replaced", [next(iter(there))], ""), label="Deleting")
    question = await dialog_of(DeletionDialog, application.window)
    await until(question.confirm_button.isEnabled)
    question.confirm_button.click()
    await until(lambda: not panel.train_button.isVisible())
    assert panel.upload_button.isVisible()


async def test_a_retry_from_the_activity_panel_is_seen_in_the_panel(
    make_application: Callable[..., Any],
    sandbox: SandboxProcess,
    sets: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    application, tab, services = await opened(make_application, sandbox, "steps-retry")
    await checked(tab, sets[0])

    async def fails(*args: Any, **options: Any) -> Any:
        raise Unreachable("No answer", "S3 did not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(services.uploader, "upload", fails)
        await uploaded(tab)
    assert tab.uploading.state == "failed" and tab.upload_panel.steps.steps[2] == ("Upload", "err")
    retry = application.ctx.activity.history[0].retry
    assert retry is not None
    retry()
    assert tab.upload_panel.pause_button.isVisible()
    await until(lambda: tab.uploading.state == "done")
    assert tab.upload_panel.train_button.isVisible()


async def test_names_that_look_the_same_are_told_after_the_upload(
    make_application: Callable[..., Any], sandbox: SandboxProcess, sets: tuple[Path, Path]
) -> None:
    dogs, _ = sets
    folder = next(path for path in (dogs / "train").iterdir())
    picture = next(folder.iterdir())
    for name in ("caf\u00e9.jpg", "cafe\u0301.jpg"):
        shutil.copy(picture, folder / name)
    if len(os.listdir(folder)) != len(set(os.listdir(folder))) or not (folder / "cafe\u0301.jpg").exists():
        pytest.skip("this file system takes both for one")
    _, tab, _ = await opened(make_application, sandbox, "steps-twins")
    await checked(tab, dogs)
    await uploaded(tab)
    assert any("2 file names differ only in how accents are written" in line for line in lines(tab))


async def test_what_is_uploaded_is_found_again_in_the_account(
    make_application: Callable[..., Any], sandbox: SandboxProcess, sets: tuple[Path, Path]
) -> None:
    """Also where it was sent elsewhere than it would go now; a new start of the window is the same."""
    dogs, _ = sets
    application, tab, _ = await opened(make_application, sandbox, "steps-again")
    panel = tab.upload_panel
    await checked(tab, dogs)
    panel.prefix.set_value("mine")
    panel.prefix.edited.emit()
    await uploaded(tab)
    application.ctx.leave()
    assert tab.uploading.of(dogs) is None
    services = await connected(application, sandbox)
    await until(lambda: panel.train_button.isVisible() and panel.train_button.isEnabled())
    assert panel.title == "Uploaded to steps-again/mine/"
    assert panel.steps.steps[2:] == (("Uploaded", "done"), ("Train", "now"))

    # Put away, it is not brought back until something changes.
    panel.close_button.click()
    tab.refresh()
    await until(lambda: not application.ctx.tasks.running("data:buckets"))
    assert panel.upload_button.isVisible()

    # What the account no longer has as a whole is not called uploaded.
    keys = [item.key async for item in services.storage.objects("steps-again")]
    await services.storage.delete("steps-again", keys[:1])
    application.ctx.leave()
    await connected(application, sandbox)
    await until(lambda: tab.browser.listed and tab.lookup.settled)
    assert not panel.train_button.isVisible() and panel.upload_button.isVisible()


async def test_a_second_upload_takes_the_bucket_along_unless_somebody_looks_elsewhere(
    make_application: Callable[..., Any], sandbox: SandboxProcess, sets: tuple[Path, Path]
) -> None:
    dogs, cats = sets
    _, tab, _ = await opened(make_application, sandbox, "steps-follows")
    await checked(tab, dogs)
    await uploaded(tab)
    await until(lambda: tab.browser.prefix == "dogs/")
    await checked(tab, cats)
    await uploaded(tab)
    await until(lambda: tab.browser.prefix == "cats/")
    tab.browser.open("cats/train/")
    await checked(tab, dogs)
    tab.upload_panel.close_button.click()
    tab.upload_panel.prefix.set_value("dogs-2")
    await uploaded(tab)
    assert tab.browser.prefix == "cats/train/"
