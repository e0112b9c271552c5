"""The list of tabs at the left: icon, name and badge; only icons when the window is narrow."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QSizePolicy, QVBoxLayout, QWidget

from console.look import icons
from console.look.theme import GRID, ICON_CHIP, ICON_NAVIGATION, NAVIGATION, RADIUS, RAIL, theme
from console.tabs import TabSpec
from console.widgets.base import fill_rounded, focus_ring, on_theme
from console.window.shortcuts import tab_keys

# Pixels.
ITEM = 36
GAP = 4
TOP = 12


class NavButton(QAbstractButton):
    """One entry: checkable for a tab, plain for a dialog."""

    def __init__(self, icon: str, text: str, *, tab: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.icon_name = icon
        self.rail = False
        self.badge = ("", "", "")
        self.setText(text)
        self.setCheckable(tab)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if not tab else Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._describe()
        on_theme(self, self.updateGeometry)

    def set_badge(self, icon: str, text: str, token: str) -> None:
        """A small icon and word in a colour token; all empty: nothing."""
        self.badge = (icon, text, token)
        self._describe()
        self.update()

    def set_rail(self, rail: bool) -> None:
        """Show the icon alone; the name becomes the tool tip."""
        self.rail = rail
        self.setToolTip(self.text() if rail else "")
        self.update()

    def sizeHint(self) -> QSize:
        """36 px high at the normal text size."""
        return QSize(RAIL - 2 * GRID, theme().pixels(ITEM))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Icon, name and badge; the chosen one tinted."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors, rect, middle = theme(), QRectF(self.rect()), self.height() / 2
        chosen = self.isChecked()
        if chosen or self.underMouse():
            fill_rounded(painter, rect, RADIUS, colors.color("accentTint" if chosen else "track"))
        left = (self.width() - ICON_NAVIGATION) / 2 if self.rail else 12.0
        icon_rect = QRectF(left, middle - ICON_NAVIGATION / 2, ICON_NAVIGATION, ICON_NAVIGATION)
        icons.paint(painter, icon_rect, self.icon_name, colors.color("accent" if chosen else "text2"))
        if not self.rail:
            painter.setFont(colors.font("strong" if chosen else "body"))
            painter.setPen(colors.color("text" if chosen else "text2"))
            painter.drawText(rect.adjusted(44, 0, -8, 0), int(Qt.AlignmentFlag.AlignVCenter), self.text())
        self._paint_badge(painter, icon_rect)
        if self.hasFocus():
            focus_ring(painter, rect, RADIUS)

    def _paint_badge(self, painter: QPainter, icon_rect: QRectF) -> None:
        icon, text, token = self.badge
        if not icon and not text:
            return
        color = theme().color(token or "accent")
        if self.rail:
            if icon:
                spot = QRectF(icon_rect.right() - 4, icon_rect.top() - 6, 12, 12)
                back = theme().color("accentTint" if self.isChecked() else "chrome")
                fill_rounded(painter, spot.adjusted(-1.5, -1.5, 1.5, 1.5), 8, back)
                icons.paint(painter, spot, icon, color)
            return
        middle = self.height() / 2
        font = theme().font("label")
        width = theme().metrics("label").horizontalAdvance(text)
        painter.setFont(font)
        painter.setPen(color)
        text_rect = QRectF(self.width() - 12 - width, 0, width + 1, self.height())
        painter.drawText(text_rect, int(Qt.AlignmentFlag.AlignVCenter), text)
        if icon:
            gap = 5 if text else 0
            x = text_rect.left() - gap - ICON_CHIP
            icons.paint(painter, QRectF(x, middle - ICON_CHIP / 2, ICON_CHIP, ICON_CHIP), icon, color)

    def _describe(self) -> None:
        words = self.badge[1]
        self.setAccessibleName(f"{self.text()}, {words}" if words else self.text())


class Navigation(QWidget):
    """The column of tabs, and Shortcuts and Settings at its end.

    Signals: ``chosen(tab_id)``, ``shortcutsWanted()``, ``settingsWanted()``.
    """

    chosen = Signal(str)
    shortcutsWanted = Signal()
    settingsWanted = Signal()

    def __init__(self, specs: Sequence[TabSpec], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Navigation")
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.buttons: dict[str, NavButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, TOP, GRID, TOP)
        column.setSpacing(GAP)
        keys = tab_keys(specs)
        for spec in specs:
            button = NavButton(spec.icon, spec.title, tab=True)
            button.setAccessibleDescription(keys.get(spec.id, ""))
            button.clicked.connect(lambda _=False, tab_id=spec.id: self.chosen.emit(tab_id))
            self._group.addButton(button)
            self.buttons[spec.id] = button
            column.addWidget(button)
        column.addStretch(1)
        self.shortcuts = NavButton("keyboard", "Shortcuts", tab=False)
        self.shortcuts.clicked.connect(self.shortcutsWanted)
        self.settings = NavButton("settings", "Settings", tab=False)
        self.settings.clicked.connect(self.settingsWanted)
        column.addWidget(self.shortcuts)
        column.addWidget(self.settings)
        self.set_rail(False)
        on_theme(self)

    def select(self, tab_id: str) -> None:
        """Mark the shown tab."""
        if tab_id in self.buttons:
            self.buttons[tab_id].setChecked(True)

    def set_badge(self, tab_id: str, icon: str, text: str, token: str) -> None:
        """Show a badge beside a tab's name."""
        if tab_id in self.buttons:
            self.buttons[tab_id].set_badge(icon, text, token)

    def set_rail(self, rail: bool) -> None:
        """200 px with names, or a 56 px rail of icons."""
        self.rail = rail
        self.setFixedWidth(RAIL if rail else NAVIGATION)
        for button in (*self.buttons.values(), self.shortcuts, self.settings):
            button.set_rail(rail)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down move between the entries, Return opens one."""
        order: list[NavButton] = [*self.buttons.values(), self.shortcuts, self.settings]
        focused = next((index for index, button in enumerate(order) if button.hasFocus()), None)
        if focused is not None and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if event.key() == Qt.Key.Key_Down else -1
            order[(focused + step) % len(order)].setFocus(Qt.FocusReason.TabFocusReason)
        elif focused is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            order[focused].click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Chrome with a hairline at the right."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("chrome"))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), theme().color("line"))
