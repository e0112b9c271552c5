"""Pictures and folders dropped on the window or pasted into it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage

from tests.helpers.window import shown


def drop(window, paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(400, 400), Qt.DropAction.CopyAction, mime, buttons, none)
    QGuiApplication.sendEvent(window, enter)
    veiled = window.veil.isVisible()
    event = QDropEvent(QPointF(400, 400), Qt.DropAction.CopyAction, mime, buttons, none)
    QGuiApplication.sendEvent(window, event)
    return enter.isAccepted(), veiled


async def test_pictures_dropped_anywhere_go_to_the_shown_tab(make_application, tmp_path):
    application = await shown(make_application)
    picture = tmp_path / "a dog 🐕.jpg"
    assert drop(application.window, [picture]) == (True, True)
    assert application.window.pages.tabs["data"].said("drop") == [[picture]]
    assert not application.window.veil.isVisible()


async def test_pictures_that_the_tab_does_not_want_go_to_predict(make_application, tmp_path):
    application = await shown(make_application)
    application.window.show_tab("training")
    drop(application.window, [tmp_path / "a.jpg", tmp_path / "notes.txt"])
    assert application.window.pages.current_id == "predict"
    assert application.window.pages.tabs["predict"].said("activate") == [{"paths": [tmp_path / "a.jpg"]}]


async def test_folders_go_to_data_and_anything_else_is_told(make_application, tmp_path):
    application = await shown(make_application)
    application.window.show_tab("training")
    (tmp_path / "dogs").mkdir()
    drop(application.window, [tmp_path / "dogs"])
    assert application.window.pages.tabs["data"].said("activate")[-1] == {"folder": tmp_path / "dogs"}
    application.window.show_tab("training")
    application.window.take_paths([Path("/x/notes.txt")])
    assert application.notify.notices[-1].title == "That cannot be used here"


async def test_a_pasted_picture_goes_to_the_tab_or_to_predict(make_application):
    application = await shown(make_application)
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    QGuiApplication.clipboard().setImage(image)
    application.window.paste()
    assert application.window.pages.tabs["data"].said("image") == ["pasted.png"]
    application.window.show_tab("training")
    application.window.paste()
    [payload] = application.window.pages.tabs["predict"].said("activate")
    [(name, data)] = payload["images"]
    assert name == "pasted.png" and QImage.fromData(data).width() == 8
    QGuiApplication.clipboard().clear()
    application.window.paste()
    assert application.notify.notices[-1].title == "Nothing to paste"
