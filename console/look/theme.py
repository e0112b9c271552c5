"""Colours, fonts and sizes of the window, light and dark.

Everything that is painted takes its colour from a token of ``TOKENS`` and its font from a role of ``ROLES``.
``Theme.changed`` tells painted widgets to paint again and style sheets to be built again.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetrics, QGuiApplication, QIcon, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

import resources
from console.look import icons
from console.look.listeners import Listeners

Preference = Literal["system", "light", "dark"]

TOKENS: dict[str, tuple[str, str]] = {
    "bg": ("#FFFFFF", "#17191D"),
    "chrome": ("#F4F5F7", "#101215"),
    "sunken": ("#F8F9FA", "#121417"),
    "raised": ("#FFFFFF", "#1F2227"),
    "hover": ("#F1F3F5", "#1F2328"),
    "line": ("#E5E8EC", "#282C32"),
    "line2": ("#CDD3DA", "#3A4048"),
    "track": ("#E5E8EC", "#2B3037"),
    "field": ("#838C99", "#6E7784"),
    "text": ("#1A1D21", "#E7E9EC"),
    "text2": ("#4F5763", "#AEB4BD"),
    "text3": ("#666E7A", "#8D95A0"),
    "disabled": ("#A3AAB4", "#5C636D"),
    "accent": ("#3656C9", "#95AAFF"),
    "accentFill": ("#3D5FD8", "#4C69E0"),
    "accentFillHover": ("#3352C4", "#5B77EA"),
    "accentTint": ("#ECF0FD", "#222A45"),
    "onFill": ("#FFFFFF", "#FFFFFF"),
    "ok": ("#1B7A43", "#5EC78B"),
    "warn": ("#8A5800", "#E4B351"),
    "warnTint": ("#FCF2DA", "#2F2613"),
    "err": ("#BF2A2A", "#FF8F86"),
    "errTint": ("#FDECEB", "#381D1C"),
    "errFill": ("#C93232", "#D2413D"),
    "errFillHover": ("#B32828", "#E0524E"),
    "errLine": ("#F0B9B5", "#6B3330"),
    "add": ("#14602F", "#7FD6A3"),
    "addTint": ("#E6F4EB", "#17291F"),
    "sandbox": ("#0C766C", "#31B3A4"),
    "sandboxInk": ("#FFFFFF", "#04211E"),
    "aws": ("#B0520A", "#EE9440"),
    "awsInk": ("#FFFFFF", "#2A1500"),
    "series1": ("#3D5FD8", "#7F96FF"),
    "series2": ("#0E7F77", "#3DBDB1"),
    "series3": ("#C07A0A", "#E2A43A"),
    "series4": ("#BC3F78", "#EE7CAC"),
    "series5": ("#76808E", "#98A1AE"),
    "series6": ("#7B51CC", "#B091FF"),
    "segment": ("#FFFFFF", "#3A4048"),
    "shade": ("#1A1D21", "#000000"),
}


class Role(NamedTuple):
    """A font: pixels at the normal text size, weight, and whether it is monospaced."""

    pixels: int
    weight: QFont.Weight
    mono: bool = False


ROLES: dict[str, Role] = {
    "caption": Role(11, QFont.Weight.Normal),
    "head": Role(11, QFont.Weight.Medium),
    "small": Role(12, QFont.Weight.Normal),
    "label": Role(12, QFont.Weight.Medium),
    "body": Role(13, QFont.Weight.Normal),
    "name": Role(13, QFont.Weight.Medium),
    "strong": Role(13, QFont.Weight.DemiBold),
    "section": Role(15, QFont.Weight.DemiBold),
    "page": Role(20, QFont.Weight.DemiBold),
    "figure": Role(26, QFont.Weight.DemiBold),
    "mono": Role(12, QFont.Weight.Normal, mono=True),
}

BASE_PIXELS = ROLES["body"].pixels

# Sizes in device independent pixels, from the 8 px grid.
GRID = 8
BAND = 4
HEADER = 48
PAGE_HEAD = 56
STATUS_BAR = 32
NAVIGATION = 200
RAIL = 56
PAGE_PADDING = 24
PAGE_PADDING_NARROW = 16
NARROW_BELOW = 1260
ROW = 32
ROW_SMALL = 28
ROW_SPARKLINE = 36
CONTROL = 32
CONTROL_SMALL = 28
RADIUS = 6
RADIUS_PANEL = 8
RADIUS_DIALOG = 10
ICON_NAVIGATION = 20
ICON = 16
ICON_CHIP = 14

FONT_FILES = ("Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf", "Inter-Bold.otf")


@lru_cache(maxsize=1)
def _family() -> str:
    folder = Path(resources.__path__[0]) / "fonts"
    family = ""
    for file in FONT_FILES:
        number = QFontDatabase.addApplicationFont(str(folder / file))
        loaded = QFontDatabase.applicationFontFamilies(number) if number >= 0 else []
        family = family or (loaded[0] if loaded else "")
    return family or QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()


@lru_cache(maxsize=1)
def _mono_family() -> str:
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()


class Theme(QObject):
    """The tokens of the scheme in force, fonts by role, and icons in token colours.

    Signals: ``changed()`` after the scheme or the text size changed and the style sheet was replaced. What comes and
    goes, as widgets do, is one of its ``listeners`` instead.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._preference: Preference = "system"
        self._scale = 1.0
        self._fonts: dict[str, QFont] = {}
        self._metrics: dict[str, QFontMetrics] = {}
        self._applied: tuple[bool, float] | None = None
        self.listeners = Listeners()
        self.dark = self._system_is_dark()
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)

    @property
    def preference(self) -> Preference:
        """``"system"``, ``"light"`` or ``"dark"``: what the operator chose."""
        return self._preference

    @property
    def scale(self) -> float:
        """Text size relative to the normal one (1.0 = 13 px body text)."""
        return self._scale

    def set_preference(self, preference: Preference) -> None:
        """Follow the system, or stay light or dark whatever the system says."""
        self._preference = preference
        self._system_changed()

    def set_scale(self, scale: float) -> None:
        """Make all text ``scale`` times its normal size (0.75 to 2)."""
        self._scale = min(2.0, max(0.75, scale))
        self._fonts.clear()
        self._metrics.clear()
        self.apply()

    def hex(self, token: str) -> str:
        """The token's colour as ``#RRGGBB``; KeyError for an unknown token."""
        return TOKENS[token][self.dark]

    def color(self, token: str, alpha: float = 1.0) -> QColor:
        """The token's colour, optionally with an opacity of 0 to 1."""
        made = QColor(TOKENS[token][self.dark])
        if alpha < 1.0:
            made.setAlphaF(alpha)
        return made

    def series(self, index: int) -> QColor:
        """Colour of the ``index``-th line of a chart (0 is the main line); repeats after six."""
        return self.color(f"series{index % 6 + 1}")

    def font(self, role: str = "body") -> QFont:
        """A font by role (see ``ROLES``), with tabular figures."""
        made = self._fonts.get(role)
        if made is None:
            spec = ROLES[role]
            made = QFont(_mono_family() if spec.mono else _family())
            made.setPixelSize(self.pixels(spec.pixels))
            made.setWeight(spec.weight)
            if not spec.mono:
                made.setFeature(QFont.Tag.fromString("tnum"), 1)
            self._fonts[role] = made
        return QFont(made)

    def metrics(self, role: str = "body") -> QFontMetrics:
        """Font metrics of a role, from which widgets take their sizes."""
        made = self._metrics.get(role)
        if made is None:
            made = self._metrics[role] = QFontMetrics(self.font(role))
        return made

    def pixels(self, size: float) -> int:
        """A size given at the normal text size, scaled to the chosen one."""
        return round(size * self._scale)

    def icon(self, name: str, tone: str = "text2", size: int = ICON) -> QIcon:
        """An icon in a token's colour, disabled in the disabled colour."""
        return icons.icon(name, self.hex(tone), size, self.hex("disabled"))

    def pixmap(self, name: str, tone: str = "text2", size: int = ICON, ratio: float = 1.0) -> QPixmap:
        """An icon as a pixmap for a device of the pixel ratio ``ratio``."""
        return icons.pixmap(name, self.hex(tone), size, ratio)

    def palette(self) -> QPalette:
        """The QPalette of the scheme in force."""
        from console.look.style import palette

        return palette(self)

    def apply(self) -> None:
        """Give the application palette, font and style sheet of the scheme in force, and tell everybody."""
        from console.look.style import style_sheet

        state = (self.dark, self._scale)
        if self._applied == state:
            return
        self._applied = state
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        # Qt exchanges one style sheet for another three times slower than it takes one off and puts one on.
        app.setStyleSheet("")
        app.setPalette(self.palette())
        app.setFont(self.font("body"))
        app.setStyleSheet(style_sheet(self))
        self.listeners.tell()
        self.changed.emit()

    def _system_is_dark(self) -> bool:
        scheme = QGuiApplication.styleHints().colorScheme()
        if scheme != Qt.ColorScheme.Unknown:
            return scheme == Qt.ColorScheme.Dark
        return False

    def _system_changed(self) -> None:
        self.dark = self._preference == "dark" if self._preference != "system" else self._system_is_dark()
        if self._applied is not None:
            self.apply()


_current: Theme | None = None


def theme() -> Theme:
    """The one theme of this application; needs a QApplication."""
    global _current
    if _current is None:
        _current = Theme()
    return _current
