"""A download names what cannot be saved before anything is, and what it reports is on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.tabs.data.dialogs import FilesDialog
from tests.helpers.data_tab import opened
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.window import dialog_of, until

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "state") as process:
        yield process


async def test_names_that_would_be_one_file_are_named_and_the_others_saved(
    make_application: Callable[..., Any], sandbox: SandboxProcess, tmp_path: Path
) -> None:
    keys = ["x//a.jpg", "x/a.jpg", "x/./a.jpg", "x/b.jpg"]
    application, tab, services = await opened(make_application, sandbox, "download-names", keys)
    for mark in ("x/in/", "x/"):
        sandbox.client("s3").put_object(Bucket="download-names", Key=mark, Body=b"")
    await services.storage.carry_out(
        "download-names",
        await services.storage.plan_download("download-names", ["x/in/", "x/", "x/b.jpg"], tmp_path / "marks"),
    )
    assert sorted(path.name for path in (tmp_path / "marks").iterdir()) == ["b.jpg", "in"]

    tab.download_to("download-names", keys, tmp_path / "saved")
    dialog = await dialog_of(FilesDialog, tab)
    assert [row["path"] for row in dialog.table.model.visible_rows()] == ["x//a.jpg", "x/./a.jpg"]
    assert not (tmp_path / "saved").exists()
    assert dialog.go_on_button.text() == "Download the 2 others"
    dialog.go_on_button.click()
    await until(lambda: application.ctx.notify.notices)
    assert application.ctx.notify.notices[-1].text == f"2 objects in {tmp_path / 'saved'}"
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == ["a.jpg", "b.jpg"]
