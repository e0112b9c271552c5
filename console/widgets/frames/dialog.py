"""Dialogs that never block the event loop: ``if await dialog.ask(): …``.

``FormDialog`` holds a :class:`~console.widgets.forms.form.Form`::

    form = Form(); form.add("name", "Name", LineEdit(suggested), check=check_name)
    dialog = FormDialog("New endpoint", form, ok="Deploy", icon="endpoints", text="…", parent=self)
    dialog.foot.addWidget(cost_label)             # between the form and the buttons
    if await dialog.ask(): spec = form.values()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from console.look.theme import theme
from console.widgets.base import label, on_theme, screen_area
from console.widgets.forms.buttons import Button, ButtonKind
from console.widgets.forms.form import Form

# Pixels: two short sentences a line.
WIDTH = 400
_SCREEN_MARGIN = 16


def fit_height(dialog: QDialog) -> None:
    """Make a dialog of a fixed width as high as its wrapped words need."""
    layout = dialog.layout()
    if layout is not None:
        layout.activate()
        dialog.setFixedHeight(max(layout.heightForWidth(dialog.width()), layout.minimumSize().height()))


class Dialog(QDialog):
    """Title, one sentence, a body, and buttons at the right. ``body`` and ``buttons`` are layouts to fill.

    Connect its parts' signals to bound methods: a lambda that names the dialog would keep it for ever.
    """

    def __init__(self, title: str, text: str = "", *, width: int = WIDTH, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._width = width
        self.setWindowTitle(title)
        self.setModal(True)
        self.finished.connect(self._ended)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 20)
        column.setSpacing(0)
        self.heading = label(title, "section", wrap=True)
        column.addWidget(self.heading)
        self.sentence = label(text, "body", "text2", wrap=True)
        column.addSpacing(4)
        column.addWidget(self.sentence)
        # Only now: without a parent it would be shown as a window of its own, and take the keyboard.
        self.sentence.setVisible(bool(text))
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        column.addSpacing(10)
        column.addLayout(self.body)
        column.addSpacing(16)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(8)
        column.addLayout(self.buttons)
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self.setFixedWidth(theme().pixels(self._width))

    def event(self, event: QEvent) -> bool:
        """Be as high as the contents need at this width, also after a hint appeared."""
        handled = super().event(event)
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Show):
            self._fit()
        return handled

    def setVisible(self, visible: bool) -> None:
        """Know where its keyboard begins from the first moment, as Qt does once the screen has made it active."""
        super().setVisible(visible)
        if visible and self.focusWidget() is None:
            self.focusNextChild()

    def _fit(self) -> None:
        fit_height(self)
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        """A dialog that grows while it is open moves up, before its buttons leave the screen."""
        if not self.isVisible():
            return
        area = screen_area(self)
        below = self.frameGeometry().bottom() - area.bottom()
        if below > 0:
            self.move(self.x(), max(area.top(), self.y() - below))

    def _ended(self) -> None:
        # Not deleted on close: who asked still reads the form. Without a parent it goes with its last reference.
        QTimer.singleShot(0, self, lambda: self.setParent(None))

    async def ask(self) -> bool:
        """Show the dialog and wait until it is closed; true when it was accepted. Other tasks go on meanwhile."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def finished(result: int) -> None:
            if not done.done():
                done.set_result(result)

        self.finished.connect(finished)
        self.open()
        try:
            return await done == QDialog.DialogCode.Accepted.value
        except asyncio.CancelledError:
            self.reject()
            raise


class WideDialog(Dialog):
    """A dialog around a list: ``width`` is what it takes where the screen has it."""

    def _dress(self) -> None:
        self.setFixedWidth(min(theme().pixels(self._width), screen_area(self).width() - 2 * _SCREEN_MARGIN))


class FormDialog(Dialog):
    """A form with Cancel and one primary button, which works while the form is valid.

    ``foot`` is a layout between form and buttons (cost, quota, permissions); ``extra_check`` must hold as well; after
    it changed from outside, call ``update_ok``.
    """

    def __init__(
        self,
        title: str,
        form: Form,
        *,
        ok: str = "OK",
        icon: str = "",
        kind: ButtonKind = "primary",
        text: str = "",
        width: int = WIDTH,
        extra_check: Callable[[], bool] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, text, width=width, parent=parent)
        self.form = form
        self._extra_check = extra_check
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Its fields take the keyboard, and scroll into sight as they do.
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(form)
        self.body.addWidget(self._scroll)
        self.foot = QVBoxLayout()
        self.foot.setSpacing(4)
        self.body.addLayout(self.foot)
        self.cancel_button = Button("Cancel", on=self.reject)
        self.ok_button = Button(ok, kind, icon, on=self._try)
        self.ok_button.setDefault(True)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.cancel_button)
        self.buttons.addWidget(self.ok_button)
        form.changed.connect(self.update_ok)
        self.update_ok()

    def update_ok(self) -> None:
        """Let the primary button work or not, and make room for new hints."""
        good = self.form.valid and (self._extra_check is None or self._extra_check())
        self.ok_button.allow(good, "Something in it is missing, wrong or the same as before")
        self._fit_form()

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the form while it is in sight, and not while the dialog is taken apart: it has no form then."""
        super().showEvent(event)
        self.form.installEventFilter(self)

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop following the form."""
        self.form.removeEventFilter(self)
        super().hideEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A hint that takes two lines gets both as soon as the form has laid itself out."""
        if watched is self.form and event.type() is QEvent.Type.LayoutRequest:
            QTimer.singleShot(0, self, self._fit_form)
        return super().eventFilter(watched, event)

    def _fit_form(self) -> None:
        layout = self.form.layout()
        width = self._scroll.viewport().width()
        needed = layout.heightForWidth(width) if layout is not None and layout.hasHeightForWidth() else 0
        wanted = max(needed, self.form.sizeHint().height()) + 4
        self._scroll.setFixedHeight(min(wanted, round(screen_area(self).height() * 0.6)))

    def _try(self) -> None:
        self.form.check()
        self.update_ok()
        if self.ok_button.isEnabled():
            self.accept()
        else:
            self.form.focus_first_error()
