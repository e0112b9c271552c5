from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QCoreApplication

from console.journal import Writer
from console.settings import Settings


@pytest.fixture
def open_settings(tmp_path, qapp):
    writer = Writer()

    def make():
        return Settings(tmp_path / "deep" / "settings.json", writer)

    make.writer = writer
    yield make
    writer.close()


def test_values_come_back_after_a_restart(open_settings):
    settings = open_settings()
    changed = []
    settings.changed.connect(changed.append)
    settings.set("theme", "dark")
    settings.set("theme", "dark")
    settings.set("data:folder", "/tmp/bilder 🐕")
    settings.save()
    assert open_settings.writer.flush()
    again = open_settings()
    assert again.theme == "dark" and again.value("data:folder", "") == "/tmp/bilder 🐕"
    assert changed == ["theme", "data:folder"]


def test_changes_are_written_without_being_asked(open_settings, qtbot):
    settings = open_settings()
    settings.set("tab", "predict")

    def written():
        return settings.path.exists() and json.loads(settings.path.read_text())["tab"] == "predict"

    qtbot.waitUntil(written)


def test_values_of_the_wrong_type_count_as_not_set(open_settings):
    settings = open_settings()
    settings.set("refresh_seconds", "soon")
    settings.set("theme", "pink")
    settings.set("text_scale", 1)
    assert settings.refresh_seconds == 30 and settings.theme == "system"
    assert settings.value("text_scale", 1.0) == 1.0 and settings.value("missing", 5) == 5


def test_a_broken_file_is_moved_aside_and_told(open_settings):
    path = open_settings().path
    path.parent.mkdir()
    path.write_text('{"theme": "dark"')
    settings = open_settings()
    assert settings.theme == "system"
    [aside] = list(path.parent.glob("settings.json.broken-*"))
    assert aside.read_text() == '{"theme": "dark"' and aside.name in settings.problem


def test_a_file_that_cannot_be_read_is_told_and_left_alone(open_settings):
    path = open_settings().path
    path.mkdir(parents=True)
    settings = open_settings()
    assert "could not be read" in settings.problem and path.is_dir()
    QCoreApplication.processEvents()
