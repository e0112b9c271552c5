"""Settings and Shortcuts."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from console.look.theme import theme
from console.widgets.forms.buttons import Button
from console.window.settings_dialog import SettingsDialog
from console.window.shortcuts import KEYS, ShortcutsDialog
from tests.helpers.window import activate, connect, dialog_of, until


async def opened(make_application, **options):
    application = make_application(**options)
    application.show(connect=False)
    await connect(application)
    return application


async def test_settings_hold_at_once_and_after_a_restart(make_application):
    application = await opened(make_application)
    application.window.show_settings()
    dialog = await dialog_of(SettingsDialog, application.window)
    dialog.theme.set_current("dark")
    assert theme().dark
    dialog.scale.set_current("115")
    assert theme().scale == 1.15
    dialog.refresh.setCurrentIndex(dialog.refresh.findData(60))
    assert application.window.refresh_ms == 60_000
    dialog.accept()
    application.window.show_settings()
    another = await dialog_of(SettingsDialog, application.window)
    assert another is not dialog
    another.accept()
    await application.close()
    again = make_application()
    assert (again.settings.theme, again.settings.refresh_seconds) == ("dark", 60)


async def test_the_settings_stay_on_the_screen_at_the_largest_text(make_application, monkeypatch):
    area = QRect(0, 0, 1024, 700)
    for module in ("console.widgets.frames.dialog", "console.window.settings_dialog"):
        monkeypatch.setattr(f"{module}.screen_area", lambda widget: area)
    application = await opened(make_application)
    application.window.show_settings()
    dialog = await dialog_of(SettingsDialog, application.window)
    dialog.move(280, 150)
    dialog.scale.set_current("130")
    [close] = [button for button in dialog.findChildren(Button) if button.text() == "Close"]
    await until(lambda: theme().scale == 1.3 and area.contains(dialog.geometry()))
    assert area.contains(QRect(close.mapToGlobal(QPoint(0, 0)), close.size()))


async def test_refreshing_can_be_left_to_f5(make_application):
    application = await opened(make_application)
    application.settings.set("refresh_seconds", 0)
    assert application.window.refresh_ms == 0
    application.ctx.mark_refreshed()
    assert application.window.status.fresh.text().endswith("by F5 only")


async def test_another_state_folder_is_used_from_the_next_connection_on(make_application, tmp_path):
    application = await opened(make_application)
    application.window.show_settings()
    dialog = await dialog_of(SettingsDialog, application.window)
    assert dialog.folder.text() == str(tmp_path / "sandbox")
    dialog.use_folder(str(tmp_path / "other"))
    assert application.connection.state_dir == tmp_path / "other"
    assert "connected again" in dialog.folder_hint.text()
    dialog.accept()


async def test_a_state_folder_fixed_by_the_environment_cannot_be_changed(make_application, monkeypatch):
    from console.widgets.forms.buttons import Button

    monkeypatch.setenv("SAGEDECK_STATE", "/somewhere")
    application = await opened(make_application)
    application.window.show_settings()
    dialog = await dialog_of(SettingsDialog, application.window)
    [choose] = [button for button in dialog.findChildren(Button) if button.text() == "Choose…"]
    assert not choose.isEnabled()
    dialog.accept()


async def test_the_sandbox_can_be_stopped_from_the_settings(make_application, monkeypatch, tmp_path):
    from console.widgets.forms.buttons import Button

    stopped = []

    async def stop(state_dir):
        stopped.append(state_dir)
        return True

    monkeypatch.setattr("workers.account.sandbox.stop", stop)
    application = await opened(make_application)
    application.window.show_settings()
    dialog = await dialog_of(SettingsDialog, application.window)
    [button] = [button for button in dialog.findChildren(Button) if button.text() == "Stop the sandbox"]
    button.click()
    await until(lambda: stopped)
    assert stopped == [tmp_path / "sandbox"] and not application.ctx.connected
    assert application.connection.state == "failed" and not button.isEnabled()
    dialog.accept()


async def test_f1_lists_every_key(make_application):
    application = await opened(make_application)
    await activate(application.window)
    QTest.keyClick(application.window, Qt.Key.Key_F1)
    dialog = await dialog_of(ShortcutsDialog, application.window)
    shown = [label.text() for label in dialog.findChildren(QLabel)]
    for key in KEYS:
        assert key.title in shown
    dialog.accept()


async def test_every_key_with_an_action_is_bound_once(make_application):
    application = await opened(make_application)
    bound = [shortcut.key().toString() for shortcut in application.window.findChildren(QShortcut)]
    wanted = [QKeySequence(key.keys).toString() for key in KEYS if key.action]
    assert sorted(bound) == sorted(set(wanted)) and len(bound) == len(wanted)


async def test_settings_that_were_broken_are_told(make_application, tmp_path):
    (tmp_path / "window").mkdir()
    (tmp_path / "window" / "settings.json").write_text("{")
    application = await opened(make_application)
    await until(lambda: application.notify.notices)
    assert application.notify.notices[0].title == "Settings were reset"
