"""The system's question for files and folders, readable where Qt draws it: ``ask_for_folder(parent, title, take)``.

The dialog is destroyed when it closes: what ``take`` holds on to is let go of with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QHeaderView, QToolButton, QTreeView, QWidget

from console.look.icons import icon
from console.look.theme import theme
from console.widgets.base import below, screen_area

_ICONS = {
    "backButton": "left",
    "forwardButton": "right",
    "toParentButton": "up",
    "newFolderButton": "plus",
    "listModeButton": "columns",
    "detailModeButton": "data",
}
_NAME, _SIZE, _KIND = range(3)
# In lines of text, within what the screen has.
_WIDE, _HIGH = 60, 34


def ask_for_folder(parent: QWidget, title: str, take: Callable[[Path], object], start: str = "") -> QFileDialog:
    """Let the operator choose a folder; ``take`` gets it. Returns at once."""
    dialog = QFileDialog(parent, title, start)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.fileSelected.connect(lambda name: take(Path(name)))
    return _opened(dialog)


def ask_for_file(
    parent: QWidget, title: str, take: Callable[[Path], object], kinds: str = "", start: str = ""
) -> QFileDialog:
    """Let the operator choose a file of ``kinds`` (``Code (*.zip *.py)``); ``take`` gets it. Returns at once."""
    dialog = QFileDialog(parent, title, start, kinds)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.fileSelected.connect(lambda name: take(Path(name)))
    return _opened(dialog)


def ask_for_files(
    parent: QWidget, title: str, take: Callable[[list[Path]], object], kinds: str = "", start: str = ""
) -> QFileDialog:
    """Let the operator choose some files; ``take`` gets them. Returns at once."""
    dialog = QFileDialog(parent, title, start, kinds)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.filesSelected.connect(lambda names: take([Path(name) for name in names]))
    return _opened(dialog)


def ask_where_to_save(
    parent: QWidget, title: str, take: Callable[[Path], object], name: str, kinds: str = ""
) -> QFileDialog:
    """Let the operator say where a file called ``name`` goes; ``take`` gets the path. Returns at once.

    One that is there already is asked about.
    """
    # With the name as its start it would begin where the program was started, and forget where the last file went.
    dialog = QFileDialog(parent, title, "", kinds)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.selectFile(name)
    dialog.setDefaultSuffix(Path(name).suffix.removeprefix("."))
    dialog.fileSelected.connect(lambda chosen: take(Path(chosen)))
    return _opened(dialog)


def _opened(dialog: QFileDialog) -> QFileDialog:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    _dress(dialog)
    dialog.open()
    return dialog


def _dress(dialog: QFileDialog) -> None:
    """Qt makes its own widgets only where the system has no dialog; without them there is nothing to dress."""
    colors = theme()
    for button in below(dialog, QToolButton):
        if button.objectName() in _ICONS:
            button.setIcon(icon(_ICONS[button.objectName()], colors.color("text2"), 16, colors.color("disabled")))
    line = colors.metrics("body").height()
    room = screen_area(dialog).size()
    dialog.resize(min(_WIDE * line, room.width() - 2 * line), min(_HIGH * line, room.height() - 4 * line))
    for table in below(dialog, QTreeView):
        header = table.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        for section in (_SIZE, _KIND):
            # Folders have no size, and all of them are of one kind.
            header.setSectionHidden(section, dialog.testOption(QFileDialog.Option.ShowDirsOnly))
