"""Links of other programs: opened here only when asked, told truly, and taken back."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from console import __main__ as program
from console import app
from console.commands import Confirmation
from console.scheme.desktop import ID, MIME, DesktopRegistration
from console.scheme.here import NO_BUNDLE
from console.scheme.registration import Impossible, Registration
from console.window.link_scheme import OPEN_WORDS, STOP_WORDS, LinkScheme
from console.window.settings_dialog import SettingsDialog
from tests.helpers.window import SPECS, dialog_of, shown, until


async def with_links(make_application: Any, tmp_path: Path, found: Registration | None = None) -> Any:
    application = await shown(make_application, SPECS)
    folders = {"XDG_DATA_DIRS": str(tmp_path / "usr"), "XDG_CONFIG_DIRS": str(tmp_path / "etc")}
    found = found or DesktopRegistration(Path("/opt/sage deck/sagedeck"), folders, tmp_path)
    application.window.link_scheme = LinkScheme(application.ctx, found, application.window)
    return application, found


async def settings(application: Any) -> SettingsDialog:
    application.window.show_settings()
    dialog = await dialog_of(SettingsDialog, application.window)
    await until(lambda: application.window.link_scheme.handler is not None)
    return dialog  # type: ignore[no-any-return]


async def test_the_settings_say_who_opens_links_and_change_it(make_application, tmp_path):
    application, found = await with_links(make_application, tmp_path)
    dialog = await settings(application)
    assert dialog.links_button.text() == OPEN_WORDS and "No program opens" in dialog.links_hint.text()
    assert not found.file.exists() and not found.defaults.exists(), "nobody asked for it"
    dialog.links_button.click()
    await until(lambda: dialog.links_button.text() == STOP_WORDS)
    assert (
        found.file.name == ID and MIME in found.defaults.read_text() and "in this SageDeck" in dialog.links_hint.text()
    )
    dialog.links_button.click()
    await until(lambda: dialog.links_button.text() == OPEN_WORDS)
    assert not found.file.exists() and MIME not in found.defaults.read_text()
    dialog.reject()


async def test_another_program_keeps_them_unless_one_agrees(make_application, tmp_path):
    application, found = await with_links(make_application, tmp_path)
    DesktopRegistration(Path("/elsewhere/sagedeck"), {}, tmp_path).register()
    before = found.defaults.read_text(), found.file.read_text()
    asked: list[Confirmation] = []

    async def answer(confirmation: Confirmation, cli: str) -> bool:
        asked.append(confirmation)
        return len(asked) > 1

    application.ctx.ask = answer
    dialog = await settings(application)
    assert "opened by another program: SageDeck" in dialog.links_hint.text()
    dialog.links_button.click()
    await until(lambda: asked)
    assert (found.defaults.read_text(), found.file.read_text()) == before and str(found.file) in asked[0].text
    dialog.links_button.click()
    await until(lambda: dialog.links_button.text() == STOP_WORDS)
    dialog.reject()


async def test_the_palette_does_it_by_keys_alone(make_application, tmp_path):
    application, found = await with_links(make_application, tmp_path)
    application.window.open_palette()
    palette = application.window.palette_panel
    await until(lambda: application.window.link_scheme.handler is not None)
    palette.field.setText("open sagedeck:// links with")
    [*titles] = [entry.title for entry in palette.lines.shown]
    # What is typed begins no link, so it is looked for.
    assert titles[0] == OPEN_WORDS
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    await until(lambda: application.window.link_scheme.ours)
    assert found.file.exists()
    assert application.window.link_scheme.against_opening == "It is so already"


async def test_where_it_cannot_be_it_is_told_and_not_pretended(make_application, tmp_path):
    application, _ = await with_links(make_application, tmp_path, Impossible(NO_BUNDLE))
    dialog = await settings(application)
    assert not dialog.links_button.isEnabled() and "application bundle" in dialog.links_hint.text()
    application.window.link_scheme.open_links()
    await until(lambda: any("application bundle" in notice.text for notice in application.notify.notices))
    dialog.reject()


async def test_a_folder_that_cannot_be_written_is_told(make_application, tmp_path):
    (tmp_path / ".local").touch()
    application, _ = await with_links(make_application, tmp_path)
    application.window.link_scheme.open_links()
    await until(lambda: application.notify.notices)
    notice = application.notify.notices[-1]
    assert notice.title == "sagedeck:// links are not opened by SageDeck" and str(tmp_path / ".local") in notice.text


@pytest.mark.parametrize(
    "link",
    [
        "sagedeck://123456789012/us-east-1/endpoint/dogs?delete=1/x", "sagedeck://--tour=/tmp/x", "javascript:alert(1)",
        "sagedeck://123456789012/us-east-1/teardown/all", "sagedeck://123456789012/us-east-1/role/%E2%80%AEevil",
        "file:///etc/passwd", "sagedeck://" + "a" * 100_000,
    ],
)  # fmt: skip
def test_a_hostile_link_of_another_program_opens_no_window_and_is_told(
    monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(app, "tell_refused", lambda words: told.append(words) or 2)
    monkeypatch.setattr(app, "run", lambda **_: pytest.fail("a window was opened"))
    assert program.main(["--", link]) == 2
    [words] = told
    assert words.endswith(".") and link not in words


def test_what_looks_like_an_option_is_a_link_after_the_dashes(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(app, "tell_refused", lambda words: told.append(words) or 2)
    assert program.main(["--", f"--tour={os.devnull}"]) == 2
    assert "begins with sagedeck://" in told[0]
