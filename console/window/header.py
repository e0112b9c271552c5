"""The top of the window: which account is in force, who one is there, what it costs, and the read-only switch."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from console.connection import Choice, Connection
from console.context import AppContext
from console.look import icons
from console.look.theme import BAND, HEADER, NAVIGATION, PAGE_PADDING, PAGE_PADDING_NARROW, RADIUS, RAIL, theme
from console.models.format import dollars
from console.widgets.base import fill_rounded, focus_ring, label, on_theme
from console.widgets.forms.switch import Switch

# Pixels.
STRIPE = 7


def spaced_account(account: str) -> str:
    """``123456789012`` as ``1234-5678-9012``, the way AWS's console writes it."""
    if len(account) != 12:
        return account
    return f"{account[:4]}-{account[4:8]}-{account[8:]}"


class Band(QWidget):
    """The 4 px band above everything, in the backend's colour; hatched in read-only mode."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tone = "sandbox"
        self.hatched = False
        self.setFixedHeight(BAND)
        on_theme(self)

    def show_backend(self, tone: str, hatched: bool) -> None:
        """Take the backend's colour token, plain or hatched."""
        self.tone, self.hatched = tone, hatched
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """One colour, or stripes of it."""
        painter = QPainter(self)
        color = theme().color(self.tone)
        if not self.hatched:
            painter.fillRect(self.rect(), color)
            return
        painter.fillRect(self.rect(), theme().color("bg"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color, STRIPE * 0.6))
        height = self.height()
        for x in range(-STRIPE, self.width() + STRIPE, STRIPE + 1):
            painter.drawLine(QPoint(x - 1, height + 1), QPoint(x + height + 1, -1))


class Pill(QAbstractButton):
    """The button with the backend's name and colour that opens the menu of accounts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = "sandbox"
        self.icon_name = "flask"
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def show_choice(self, choice: Choice, read_only: bool) -> None:
        """Name the account; a lock and words say that it is read-only."""
        name = "AWS" if choice.kind == "aws" and choice.label == "default" else choice.label
        self.kind = choice.kind
        self.icon_name = "lock" if read_only else ("flask" if choice.kind == "sandbox" else "cloud")
        self.setText(f"{name}, read-only" if read_only else name)
        where = "Sandbox" if choice.kind == "sandbox" else "AWS"
        self.setAccessibleName(f"Account: {where} {self.text()}. Press to choose another.")
        self.setToolTip("Choose the account")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Icon, name and arrow with 12 px around."""
        width = theme().metrics("strong").horizontalAdvance(self.text())
        return QSize(width + 12 + 16 + 8 + 6 + 14 + 10, theme().pixels(28))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return and Down open the menu, as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The pill in the backend's colour, its content in the ink that is readable on it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill, ink = theme().color(self.kind), theme().color(f"{self.kind}Ink")
        rect = QRectF(self.rect())
        fill_rounded(painter, rect, RADIUS, fill.darker(108) if self.underMouse() else fill)
        middle = self.height() / 2
        icons.paint(painter, QRectF(12, middle - 8, 16, 16), self.icon_name, ink)
        painter.setFont(theme().font("strong"))
        painter.setPen(ink)
        painter.drawText(rect.adjusted(36, 0, -24, 0), int(Qt.AlignmentFlag.AlignVCenter), self.text())
        icons.paint(painter, QRectF(self.width() - 24, middle - 7, 14, 14), "down", ink)
        if self.hasFocus():
            focus_ring(painter, rect, RADIUS)
            painter.setPen(QPen(theme().color("chrome"), 1))
            painter.drawRoundedRect(rect.adjusted(2.5, 2.5, -2.5, -2.5), RADIUS - 2, RADIUS - 2)


class Pair(QWidget):
    """A quiet label and a value: ``Region us-east-1``. The label goes when the window is narrow."""

    def __init__(self, caption: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.caption = label(caption, "small", "text2")
        self.value = label("", "label", "text", copy=True)
        row.addWidget(self.caption)
        row.addWidget(self.value)
        self._text = ""

    def set_value(self, text: str) -> None:
        """Show ``text``; an empty one hides the pair."""
        self._text = text
        self.value.setText(text)
        self.value.setToolTip("")
        self.value.setAccessibleName(f"{self.caption.text()} {text}")
        self.setVisible(bool(text))

    def fit(self, spare: int) -> None:
        """Show the whole value, or as much of it as leaves the header ``spare`` px (negative: too few now)."""
        metrics = theme().metrics("label")
        room = metrics.horizontalAdvance(self.value.text()) + spare
        shown = metrics.elidedText(self._text, Qt.TextElideMode.ElideMiddle, max(room, metrics.averageCharWidth() * 8))
        if shown != self.value.text():
            self.value.setText(shown)
            self.value.setToolTip(self._text if shown != self._text else "")


class Logo(QWidget):
    """The mark and the name of the program, as wide as the navigation below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rail = False
        self.setAccessibleName("SageDeck")
        on_theme(self)

    def set_rail(self, rail: bool) -> None:
        """Show only the mark above the icon rail."""
        self.rail = rail
        self.setFixedWidth(RAIL if rail else NAVIGATION)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Mark, then name."""
        painter = QPainter(self)
        middle = self.height() / 2
        icons.paint(painter, QRectF(16, middle - 12, 24, 24), "logo", theme().color("accentFill"))
        if not self.rail:
            painter.setFont(theme().font("section"))
            painter.setPen(theme().color("text"))
            rect = QRectF(50, 0, self.width() - 50, self.height())
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter), "SageDeck")


class Header(QWidget):
    """Band and header row; the menu of accounts opens from its pill."""

    def __init__(self, ctx: AppContext, connection: Connection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx, self.connection = ctx, connection
        self.band = Band()
        self.logo = Logo()
        self.pill = Pill()
        self.pill.clicked.connect(self.open_menu)
        self.account, self.region, self.identity = Pair("Account"), Pair("Region"), Pair("Identity")
        self.time = Pair("Time")
        self.time.setToolTip(
            "Alarms' periods and waits of scaling pass so many times as fast. Rates stay what they are."
        )
        self.exposure = Pair("Jobs can read")
        # Its distance goes with it.
        self.exposure.setContentsMargins(0, 0, 20, 0)
        self.cost = Pair("Would cost")
        self.switch = Switch("Read-only", label_first=True)
        self.switch.setToolTip("Refuse everything that would change the account")
        self.switch.toggled.connect(self._switched)
        self.menu = QMenu(self)
        self.menu.setAccessibleName("Accounts")

        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.band)
        line = QWidget()
        row = self._line = QHBoxLayout(line)
        row.setContentsMargins(0, 0, PAGE_PADDING, 0)
        row.setSpacing(0)
        column.addWidget(line, 1)
        row.addWidget(self.logo)
        self._indent = QWidget()
        row.addWidget(self._indent)
        row.addWidget(self.pill)
        for pair in (self.account, self.region, self.identity):
            row.addSpacing(20)
            row.addWidget(pair)
            pair.setVisible(False)
        self.time.setVisible(False)
        self.exposure.setVisible(False)
        row.addSpacing(24)
        row.addStretch(1)
        row.addWidget(self.exposure)
        row.addWidget(self.time)
        row.addSpacing(20)
        row.addWidget(self.cost)
        row.addSpacing(24)
        row.addWidget(self.switch)
        self.set_narrow(False)

        connection.changed.connect(self.show_connection)
        connection.choicesChanged.connect(self._fill_menu)
        ctx.readOnlyChanged.connect(self._read_only_changed)
        ctx.costChanged.connect(self.show_cost)
        on_theme(self, self._dress)
        self._dress()
        self.show_connection()

    def _dress(self) -> None:
        self.setFixedHeight(BAND + theme().pixels(HEADER) + 1)
        self.update()

    def set_narrow(self, narrow: bool) -> None:
        """Under ``NARROW_BELOW`` the labels go and the values stay."""
        self.logo.set_rail(narrow)
        self._indent.setFixedWidth(PAGE_PADDING_NARROW if narrow else PAGE_PADDING)
        for pair in (self.account, self.region, self.identity):
            pair.caption.setVisible(not narrow)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the identity the room that the rest leaves."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self.identity.isVisibleTo(self):
            self._line.activate()
            self.identity.fit(self.width() - self._line.sizeHint().width())

    def show_connection(self) -> None:
        """Take account, region, identity and colours from what is connected."""
        choice, ctx = self.connection.choice, self.ctx
        self.pill.show_choice(choice, ctx.read_only)
        self.band.show_backend(choice.kind, ctx.read_only)
        self.cost.caption.setText("Would cost" if choice.kind == "sandbox" else "Running now")
        if self.switch.isChecked() != ctx.read_only:
            self.switch.setChecked(ctx.read_only)
        ready = self.connection.state == "ready" and ctx.identity is not None and ctx.backend is not None
        if ready and ctx.identity is not None and ctx.backend is not None:
            self.account.set_value(spaced_account(ctx.identity.account))
            self.region.set_value(ctx.backend.region)
            self.identity.set_value(ctx.identity.display_name)
            factor = ctx.backend.time_factor
            self.time.set_value("" if factor == 1 else f"×{factor:g}")
            self.exposure.set_value("your files" if ctx.backend.exposure else "")
            self.exposure.setToolTip(ctx.backend.exposure)
            self.exposure.value.setAccessibleDescription(ctx.backend.exposure)
            self._fit()
        else:
            for pair in (self.account, self.region, self.identity, self.time, self.exposure):
                pair.set_value("")
            self.show_cost(None)

    def show_cost(self, per_hour: float | None) -> None:
        """What runs costs, or would cost, in dollars an hour; None: nobody knows."""
        missing = self.ctx.cost_missing if per_hour is not None else ()
        least = "at least " if missing else ""
        self.cost.set_value("" if per_hour is None else f"{least}{dollars(per_hour)}/h")
        left_out = ", ".join(missing)
        tip = f"Not in it, because it could not be read or has no known price: {left_out}." if missing else ""
        for part in (self.cost, self.cost.caption, self.cost.value):
            part.setToolTip(tip)
        self.cost.value.setAccessibleDescription(tip)
        self._fit()

    def open_menu(self) -> None:
        """Show the accounts to choose from, under the pill."""
        self.connection.load_choices()
        self._fill_menu()
        self.menu.popup(self.pill.mapToGlobal(QPoint(0, self.pill.height() + 6)))

    def _fill_menu(self) -> None:
        colors, menu = theme(), self.menu
        menu.clear()
        for choice in self.connection.choices:
            icon = colors.icon("flask" if choice.kind == "sandbox" else "cloud", choice.kind)
            current = choice.key == self.connection.choice.key
            detail = ", ".join(part for part in ("in use" if current else "", choice.detail) if part)
            text = f"{choice.label}    {detail}" if detail else choice.label
            action = menu.addAction(icon, text.replace("&", "&&"))
            action.setFont(colors.font("strong" if current else "body"))
            action.triggered.connect(lambda _=False, chosen=choice: self.connection.request(chosen))
            if choice.kind == "sandbox":
                menu.addSeparator()
        for problem in self.connection.problems:
            menu.addAction(colors.icon("warn", "warn"), problem.replace("&", "&&")).setEnabled(False)
        if len(self.connection.choices) == 1 and not self.connection.problems:
            menu.addAction("No AWS profiles on this computer").setEnabled(False)
        menu.addSeparator()
        menu.addAction(colors.icon("refresh"), "Connect again").triggered.connect(self.connection.retry)
        if self.connection.choice.kind == "sandbox":
            restart = menu.addAction(colors.icon("bolt"), "Restart the sandbox")
            restart.triggered.connect(self.connection.restart_sandbox)

    def _switched(self, on: bool) -> None:
        self.ctx.settings.set(f"read_only:{self.connection.choice.key}", on)
        self.ctx.set_read_only(on)

    def _read_only_changed(self, on: bool) -> None:
        self.show_connection()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Chrome with a hairline below."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("chrome"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, theme().color("line"))
