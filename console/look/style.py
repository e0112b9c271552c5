"""The style sheet and palette that ordinary Qt widgets wear, built from the theme's tokens.

Widgets choose their looks with dynamic properties, set before they are first shown:

- ``QPushButton``: ``kind`` = ``primary`` | ``danger`` | ``dangerText`` | ``plain`` (no border) | ``link``;
  ``small`` = true
- ``QLabel``: ``role`` = a font role of the theme, ``tone`` = a colour token
- ``QFrame``: ``panel`` = ``sunken`` | ``raised`` | ``chrome`` | ``line`` (a hairline)
- ``QLineEdit``, ``QComboBox``, ``QAbstractSpinBox``: ``invalid`` = true
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QWidget

from console.look import icons
from console.look.theme import CONTROL, CONTROL_SMALL, RADIUS, ROLES, ROW, TOKENS
from workers import paths
from workers.files import private

if TYPE_CHECKING:
    from console.look.theme import Theme

LABEL_TONES = ("text", "text2", "text3", "accent", "add", "ok", "warn", "err", "sandbox", "aws", "disabled")

SHEET = Template("""
* { outline: 0; }
QWidget { color: $text; selection-background-color: $accentFill; selection-color: $onFill; }
QMainWindow, QDialog { background: $bg; }
QDialog { background: $raised; }
QToolTip { background: $raised; color: $text; border: 1px solid $line2; padding: 4px 6px; }
QAbstractScrollArea { background: transparent; border: 0; }
QScrollArea > QWidget > QWidget { background: transparent; }

QFrame[panel="sunken"] { background: $sunken; border-radius: 8px; }
QFrame[panel="raised"] { background: $raised; border: 1px solid $line; border-radius: 8px; }
QFrame[panel="chrome"] { background: $chrome; }
QFrame[panel="line"] { background: $line; border: 0; max-height: 1px; min-height: 1px; }
QFrame[panel="vline"] { background: $line; border: 0; max-width: 1px; min-width: 1px; }

QPushButton {
  background: $raised; border: 1px solid $line2; border-radius: ${radius}px; padding: 0 13px;
  min-height: ${control_inner}px; color: $text;
}
QPushButton:hover { background: $hover; }
QPushButton:pressed, QPushButton:checked { background: $track; }
QPushButton:disabled { color: $disabled; border-color: $line; }
QPushButton:focus { border: 2px solid $accentFill; padding: 0 12px; min-height: ${control_focus}px; }
QPushButton[small="true"] { min-height: ${small_inner}px; padding: 0 9px; font-size: ${px12}px; }
QPushButton[small="true"]:focus { min-height: ${small_focus}px; padding: 0 8px; }
QPushButton[kind="primary"] { background: $accentFill; border-color: $accentFill; color: $onFill; font-weight: 600; }
QPushButton[kind="primary"]:hover { background: $accentFillHover; border-color: $accentFillHover; }
QPushButton[kind="primary"]:focus { border-color: $text; }
QPushButton[kind="danger"] { background: $errFill; border-color: $errFill; color: $onFill; font-weight: 600; }
QPushButton[kind="danger"]:hover { background: $errFillHover; border-color: $errFillHover; }
QPushButton[kind="danger"]:focus { border-color: $text; }
QPushButton[kind="dangerText"] { color: $err; }
QPushButton[kind="primary"]:disabled, QPushButton[kind="danger"]:disabled {
  background: $track; border-color: $track; color: $disabled; }
QPushButton[kind="plain"] { background: transparent; border-color: transparent; color: $text2; padding: 0 7px; }
QPushButton[kind="plain"]:hover { background: $hover; color: $text; }
QPushButton[kind="plain"]:checked { background: $track; color: $text; }
QPushButton[kind="plain"]:focus { border-color: $accentFill; padding: 0 6px; }
QPushButton[kind="link"] { background: transparent; border-color: transparent; color: $accent; padding: 0 3px;
  font-weight: 500; }
QPushButton[kind="link"]:hover { text-decoration: underline; }
QPushButton[kind="link"]:focus { border-color: $accentFill; padding: 0 2px; }
QPushButton[kind="plain"]:disabled, QPushButton[kind="link"]:disabled { color: $disabled; }
QPushButton::menu-indicator { image: none; width: 0; }

QToolButton { background: transparent; border: 1px solid transparent; border-radius: ${radius}px; padding: 5px; }
QToolButton:hover { background: $hover; }
QToolButton:pressed, QToolButton:checked { background: $track; }
QToolButton:focus { border: 2px solid $accentFill; padding: 4px; }
QToolButton::menu-indicator { image: none; }

QLineEdit, QAbstractSpinBox, QComboBox, QPlainTextEdit[field="true"] {
  background: $bg; border: 1px solid $field; border-radius: ${radius}px; padding: 0 9px;
  min-height: ${control_inner}px; color: $text; placeholder-text-color: $text3;
}
QLineEdit:focus, QAbstractSpinBox:focus, QComboBox:focus, QComboBox:on, QPlainTextEdit[field="true"]:focus {
  border: 2px solid $accentFill; padding: 0 8px; min-height: ${control_focus}px; }
QLineEdit[small="true"], QComboBox[small="true"], QAbstractSpinBox[small="true"] {
  min-height: ${small_inner}px; font-size: ${px12}px; }
QLineEdit[small="true"]:focus, QComboBox[small="true"]:focus, QAbstractSpinBox[small="true"]:focus {
  min-height: ${small_focus}px; }
QLineEdit[invalid="true"], QAbstractSpinBox[invalid="true"], QComboBox[invalid="true"] { border-color: $err; }
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled { color: $disabled; border-color: $line; }
QLineEdit:read-only { background: $sunken; border-color: $line2; }
QAbstractSpinBox { padding-right: 24px; }
QAbstractSpinBox:focus { padding-right: 23px; }
QAbstractSpinBox QLineEdit, QComboBox QLineEdit { border: 0; padding: 0; min-height: 0; background: transparent; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {
  subcontrol-origin: border; background: transparent; border: 0; width: 22px; height: 14px; }
QAbstractSpinBox::up-button { subcontrol-position: top right; margin: 2px 2px 0 0; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; margin: 0 2px 2px 0; }
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover { background: $hover; }
QAbstractSpinBox::up-arrow { image: url($img_up); width: 12px; height: 12px; }
QAbstractSpinBox::down-arrow { image: url($img_down); width: 12px; height: 12px; }
QComboBox { padding-right: 2px; }
QComboBox:focus, QComboBox:on { padding-right: 1px; }
QComboBox::drop-down { subcontrol-origin: border; subcontrol-position: center right; border: 0; width: 26px; }
QComboBox::down-arrow { image: url($img_down); width: 14px; height: 14px; }
QComboBox QAbstractItemView {
  background: $raised; border: 1px solid $line2; border-radius: ${radius}px; padding: 4px; outline: 0; }
QComboBox QAbstractItemView::item { min-height: ${row_inner}px; padding: 0 8px; border-radius: 4px; color: $text; }
QComboBox QAbstractItemView::item:selected { background: $accentTint; color: $text; }

QCheckBox, QRadioButton { spacing: 8px; min-height: ${small_inner}px; border-radius: 4px; }
QCheckBox:disabled, QRadioButton:disabled { color: $disabled; }
QCheckBox::indicator, QRadioButton::indicator {
  width: 14px; height: 14px; border: 1px solid $field; background: $bg; border-radius: 4px; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: $accentFill; }
QCheckBox::indicator:checked, QCheckBox::indicator:indeterminate { background: $accentFill; border-color: $accentFill; }
QCheckBox::indicator:checked { image: url($img_check); }
QCheckBox::indicator:indeterminate { image: url($img_minus); }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border: 2px solid $accentFill; width: 12px; height: 12px; }
QRadioButton::indicator:checked { border: 5px solid $accentFill; width: 6px; height: 6px; background: $onFill; }
QCheckBox:focus, QRadioButton:focus { background: $accentTint; }

QMenu { background: $raised; border: 1px solid $line2; border-radius: 8px; padding: 6px; }
QMenu::item { padding: 6px 24px 6px 12px; border-radius: 5px; min-height: 18px; }
QMenu::item:selected { background: $accentTint; }
QMenu::item:disabled { color: $disabled; }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: $line; margin: 6px 4px; }
QMenu::indicator { width: 14px; height: 14px; padding-left: 8px; }
QMenu::indicator:checked { image: url($img_tick); }

QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle { background: $line2; border-radius: 3px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover { background: $field; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QAbstractScrollArea::corner { background: transparent; border: 0; }

QAbstractItemView { background: transparent; border: 0; alternate-background-color: transparent; }
QListView { background: $raised; color: $text; outline: 0; }
QListView::item:selected { background: $accentTint; color: $text; }
QFileDialog QHeaderView { background: $bg; color: $text2; }
QFileDialog QHeaderView::section {
  background: $bg; color: $text2; border: 0; border-bottom: 1px solid $line; padding: 4px 8px; }
QFileDialog QAbstractItemView {
  background: $bg; color: $text; selection-background-color: $accentTint; selection-color: $text; }
QFileDialog QAbstractItemView::item:selected { background: $accentTint; color: $text; }
QFileDialog QToolButton { background: transparent; border: 0; border-radius: 4px; padding: 4px; }
QFileDialog QToolButton:hover, QFileDialog QToolButton:checked { background: $hover; }
QPlainTextEdit, QTextEdit { background: transparent; }
QPlainTextEdit[field="true"] { padding: 6px 9px; }
QSplitter::handle { background: $line; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical {
  background: qlineargradient(x1:0, y1:0, x2:0, y2:1, stop:0 transparent, stop:0.46 transparent, stop:0.47 $line,
    stop:0.53 $line, stop:0.54 transparent, stop:1 transparent); }
QProgressBar { background: $track; border: 0; border-radius: 2px; max-height: 4px; min-height: 4px;
  color: transparent; }
QProgressBar::chunk { background: $accentFill; border-radius: 2px; }
""")


def style_sheet(theme: Theme) -> str:
    """The whole application's style sheet for the scheme and text size in force."""
    control, small = theme.pixels(CONTROL), theme.pixels(CONTROL_SMALL)
    values: dict[str, object] = {token: theme.hex(token) for token in TOKENS}
    values |= {
        "radius": RADIUS,
        "control_inner": control - 2,
        "control_focus": control - 4,
        "small_inner": small - 2,
        "small_focus": small - 4,
        "row_inner": theme.pixels(ROW) - 4,
        "px12": theme.pixels(12),
        "img_down": _image("down", theme.hex("text2")),
        "img_up": _image("up", theme.hex("text2")),
        "img_check": _image("check", theme.hex("onFill"), 3.4),
        "img_minus": _image("minus", theme.hex("onFill"), 3.4),
        "img_tick": _image("check", theme.hex("accent"), 2.4),
    }
    return SHEET.substitute(values) + _labels(theme)


def palette(theme: Theme) -> QPalette:
    """QPalette roles from the tokens, for what a style sheet does not reach."""
    made = QPalette()
    roles = {
        QPalette.ColorRole.Window: "bg",
        QPalette.ColorRole.Base: "bg",
        QPalette.ColorRole.AlternateBase: "sunken",
        QPalette.ColorRole.Button: "raised",
        QPalette.ColorRole.ToolTipBase: "raised",
        QPalette.ColorRole.WindowText: "text",
        QPalette.ColorRole.Text: "text",
        QPalette.ColorRole.ButtonText: "text",
        QPalette.ColorRole.ToolTipText: "text",
        QPalette.ColorRole.PlaceholderText: "text3",
        QPalette.ColorRole.Highlight: "accentFill",
        QPalette.ColorRole.HighlightedText: "onFill",
        QPalette.ColorRole.Link: "accent",
        QPalette.ColorRole.LinkVisited: "accent",
        QPalette.ColorRole.Mid: "line2",
        QPalette.ColorRole.Light: "raised",
        QPalette.ColorRole.Dark: "line2",
    }
    for role, token in roles.items():
        made.setColor(role, theme.color(token))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, theme.color("disabled"))
    return made


def restyle(widget: QWidget) -> None:
    """Let a changed dynamic property of ``widget`` take effect."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def _labels(theme: Theme) -> str:
    rules = []
    for role, spec in ROLES.items():
        family = f' font-family: "{theme.font(role).family()}";' if spec.mono else ""
        rules.append(
            f'QLabel[role="{role}"] {{ font-size: {theme.pixels(spec.pixels)}px; '
            f"font-weight: {spec.weight.value};{family} }}"
        )
    rules += [f'QLabel[tone="{tone}"] {{ color: {theme.hex(tone)}; }}' for tone in LABEL_TONES]
    return "\n".join(rules)


def _image(name: str, color: str, stroke: float = 2.2) -> str:
    """A file with the icon in ``color``: style sheets can only show pictures that are files."""
    if name == "minus":
        path = '<path d="M6 12h12"/>'
        text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" stroke="{color}">{path}</svg>'
    else:
        text = icons.svg(name, color)
    text = _with_stroke(text, stroke)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    file = _image_folder() / f"{name}-{digest}.svg"
    if not file.exists():
        with private.open_text(file, "w") as opened:
            opened.write(text)
    return file.as_posix()


def _with_stroke(text: str, stroke: float) -> str:
    start = text.find('stroke-width="')
    if start < 0:
        return text.replace("<svg ", f'<svg stroke-width="{stroke}" stroke-linecap="round" ', 1)
    end = text.index('"', start + 14)
    return f'{text[:start]}stroke-width="{stroke}{text[end:]}'


def _image_folder() -> Path:
    folder = paths.user_cache() / "style"
    try:
        private.make_folder(folder)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="sagedeck-style-"))
    return folder
