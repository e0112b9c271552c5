"""Rows of forms, checked while one types.

::

    form = Form()
    name = form.add("name", "Name", LineEdit("dogs-1"), check=lambda value: None if ok(value) else "Use a-z, 0-9, -")
    form.add_pair(("instance", "Instance", ComboBox(...)), ("count", "Count", IntField(1)))
    form.changed.connect(self.update_cost)         # after every edit, checks done
    launch.setEnabled(form.valid)
    form.row("name").hint("Free", "ok")            # an answer from elsewhere, until the next edit

A ``check`` returns ``None`` (nothing to say), a text (an error) or a :class:`Hint`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.widgets.base import label
from console.widgets.forms.fields import IntField, LineEdit, set_invalid
from console.widgets.forms.lines import HintLine, LineAction, LineTone


@dataclass(frozen=True)
class Hint:
    """Words below a field; tone ``err`` makes the row invalid."""

    text: str
    tone: LineTone = "neutral"
    icon: str = ""
    action: LineAction | None = None


Check = Callable[[Any], "Hint | str | None"]
Kind = TypeVar("Kind", bound=QWidget)


class Field(Protocol):
    """What every field knows, whatever its value is; see :mod:`console.widgets.forms.fields`."""

    edited: SignalInstance

    def value(self) -> Any: ...
    def set_value(self, value: Any, /) -> None: ...


class FormRow(QWidget):
    """Label above, field, hint below. ``field`` has ``value()`` and the signal ``edited()``.

    Signals: ``edited()`` after the check of an edit.
    """

    edited = Signal()

    def __init__(
        self, title: str, field: QWidget, *, check: Check | None = None, note: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.field = field
        self._value = cast(Field, field)
        self._check = check
        self._note = note
        self._title = label(title, "label", "text2")
        self._title.setBuddy(field)
        field.setAccessibleName(title)
        self._hint = HintLine()
        # What is empty from the beginning is no fault yet: what is wanted is said, and nothing is red.
        self._begun = False
        self.valid = True
        column = self.column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._title)
        column.addWidget(field)
        column.addWidget(self._hint)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._value.edited.connect(self._edited)
        self.check()

    def set_title(self, title: str) -> None:
        """Name the field otherwise."""
        self._title.setText(title)
        self.field.setAccessibleName(title)

    @property
    def hint_text(self) -> str:
        """What is said below the field."""
        return self._hint.text

    def value(self) -> Any:
        """The field's value."""
        return self._value.value()

    def set_value(self, value: Any) -> None:
        """Put another value into the field."""
        self._value.set_value(value)

    def check(self) -> bool:
        """Check the value and say the result; true when it is valid."""
        found = self._check(self.value()) if self._check is not None else None
        if isinstance(found, str):
            found = Hint(found, "err")
        if isinstance(self.field, IntField) and self.field.remark[0] and (found is None or found.tone != "err"):
            found = Hint(*self.field.remark)
        self._show(found)
        return self.valid

    def hint(self, text: str, tone: LineTone = "neutral", *, icon: str = "", action: LineAction | None = None) -> None:
        """Say something until the next edit; tone ``err`` makes the row invalid."""
        self._show(Hint(text, tone, icon, action) if text else None)

    def _show(self, hint: Hint | None) -> None:
        self.valid = hint is None or hint.tone != "err"
        shown = hint or Hint(self._note)
        waits = not self.valid and not self._begun and isinstance(self.field, LineEdit) and not self.field.text()
        self._hint.say(shown.text, "info" if waits else shown.tone, icon=shown.icon, action=shown.action)
        set_invalid(self.field, not (self.valid or waits))
        self.field.setAccessibleDescription(shown.text)

    def _edited(self) -> None:
        self._begun = True
        self.check()
        self.edited.emit()


class Form(QWidget):
    """Rows by key. Signals: ``changed()`` after every edit of any row."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: dict[str, FormRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(12)

    def add(self, key: str, title: str, field: QWidget, *, check: Check | None = None, note: str = "") -> FormRow:
        """Add a row over the whole width."""
        row = self._made(key, title, field, check, note)
        self._column.addWidget(row)
        return row

    def add_pair(self, *rows: tuple[Any, ...]) -> list[FormRow]:
        """Add several rows beside each other, each ``(key, title, field)`` or ``(key, title, field, check)``."""
        line = QHBoxLayout()
        line.setSpacing(8)
        made = []
        for key, title, field, *rest in rows:
            row = self._made(key, title, field, rest[0] if rest else None, "")
            row.column.addStretch(1)
            line.addWidget(row, 1)
            made.append(row)
        self._column.addLayout(line)
        return made

    def add_widget(self, widget: QWidget) -> None:
        """Add something that is no field: a hairline, a switch, a sum."""
        self._column.addWidget(widget)

    def _made(self, key: str, title: str, field: QWidget, check: Check | None, note: str) -> FormRow:
        row = FormRow(title, field, check=check, note=note)
        row.edited.connect(self.changed)
        self._rows[key] = row
        return row

    def row(self, key: str) -> FormRow:
        """The row ``key``."""
        return self._rows[key]

    def field(self, key: str, kind: type[Kind]) -> Kind:
        """The field of the row ``key``, which is a ``kind``; TypeError when it is another."""
        field = self._rows[key].field
        if not isinstance(field, kind):
            raise TypeError(f"the field {key} is a {type(field).__name__}, no {kind.__name__}")
        return field

    def value(self, key: str) -> Any:
        """The value of the row ``key``."""
        return self._rows[key].value()

    def values(self) -> dict[str, Any]:
        """All values by key."""
        return {key: row.value() for key, row in self._rows.items()}

    def set_values(self, values: dict[str, Any]) -> None:
        """Put values into the fields; keys without a row are ignored."""
        for key, value in values.items():
            if key in self._rows:
                self._rows[key].set_value(value)

    @property
    def valid(self) -> bool:
        """True when no row says an error."""
        return all(row.valid for row in self._rows.values())

    def check(self) -> bool:
        """Check every row again, for example because something else changed."""
        for row in self._rows.values():
            row.check()
        return self.valid

    def focus_first_error(self) -> None:
        """Put the focus into the first field that is wrong."""
        for row in self._rows.values():
            if not row.valid:
                row.field.setFocus()
                return
