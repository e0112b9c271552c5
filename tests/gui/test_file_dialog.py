"""The question for files: readable in both looks, wide enough for its columns, and gone when it is closed."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QRect
from PySide6.QtWidgets import QFileDialog, QToolButton, QTreeView, QWidget
from pytestqt.qtbot import QtBot

import console
from console.look.theme import theme
from console.widgets.frames.file_dialog import ask_for_file, ask_for_files, ask_for_folder, ask_where_to_save

ASKS = {"folder": ask_for_folder, "file": ask_for_file, "files": ask_for_files}


@pytest.fixture
def owner(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.show()
    return made


def test_nobody_asks_for_files_in_another_way() -> None:
    root = Path(console.__path__[0])
    found = [path.name for path in sorted(root.rglob("*.py")) if "QFileDialog(" in path.read_text(encoding="utf-8")]
    assert found == ["file_dialog.py"]


@pytest.mark.parametrize("look", ("light", "dark"))
@pytest.mark.parametrize("kind", ASKS)
def test_its_buttons_stand_out_and_its_columns_have_room(owner: QWidget, tmp_path: Path, look: Any, kind: str) -> None:
    theme().set_preference(look)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "code.zip").write_bytes(b"x" * 100_000)
    dialog = ASKS[kind](owner, "Question", lambda chosen: None, start=str(tmp_path))
    for name in ("toParentButton", "newFolderButton", "listModeButton", "detailModeButton"):
        button = dialog.findChild(QToolButton, name)
        shown = dialog.grab(QRect(button.mapTo(dialog, QPoint()), button.size())).toImage()
        levels = [shown.pixelColor(x, y).lightnessF() for x in range(shown.width()) for y in range(shown.height())]
        ground = max(set(levels), key=levels.count)
        assert (ground > 0.85) if look == "light" else (ground < 0.25), name
        assert max(abs(level - ground) for level in levels) > 0.3, name
    table = next(view for view in dialog.findChildren(QTreeView) if view.isVisible())
    header = table.header()
    sections = [at for at in range(header.count()) if not header.isSectionHidden(at)]
    assert sum(header.sectionSize(at) for at in sections) <= table.viewport().width()
    for at in sections[1:]:
        assert header.sectionSize(at) >= table.sizeHintForColumn(at)
    assert (len(sections) == 2) == (kind == "folder")
    dialog.reject()


@pytest.mark.parametrize("way", ("reject", "choose"))
@pytest.mark.parametrize("kind", ASKS)
def test_it_keeps_nobody_alive(owner: QWidget, tmp_path: Path, kind: str, way: str) -> None:
    class Asker:
        def __init__(self) -> None:
            self.chosen: list[Any] = []

        def take(self, chosen: Any) -> None:
            self.chosen.append(chosen)

    asker = Asker()
    chosen = asker.chosen
    file = tmp_path / "code.zip"
    file.touch()
    dialog = ASKS[kind](owner, "Question", asker.take, start=str(tmp_path))
    if way == "choose":
        dialog.selectFile(str(tmp_path if kind == "folder" else file))
        dialog.accept()
    else:
        dialog.reject()
    left = weakref.ref(asker)
    del asker, dialog
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert not owner.findChildren(QFileDialog)
    wanted = {"folder": tmp_path, "file": file, "files": [file]}[kind]
    assert chosen == ([wanted] if way == "choose" else [])
    assert left() is None


def test_a_file_is_saved_where_the_last_one_was_chosen(owner: QWidget, tmp_path: Path) -> None:
    file = tmp_path / "code.zip"
    file.touch()
    before = ask_for_file(owner, "Question", lambda chosen: None)
    before.selectFile(str(file))
    before.accept()
    taken: list[Path] = []
    dialog = ask_where_to_save(owner, "Question", taken.append, "loss.png", "Picture (*.png)")
    assert Path(dialog.directory().absolutePath()) == tmp_path
    dialog.accept()
    assert taken == [tmp_path / "loss.png"]
