"""The settings of a function as a dialog: which endpoint it asks, its environment, memory, time, and its role."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from console.look.theme import theme
from console.tabs.endpoints.functions.dialogs import MEMORY
from console.widgets.base import label, on_theme
from console.widgets.forms.fields import ComboBox, IntField, LineEdit
from console.widgets.forms.form import Form
from console.widgets.forms.lines import HintLine
from console.widgets.forms.switch import Switch
from console.widgets.frames.dialog import FormDialog
from console.widgets.text.policy_diff import PolicyDiff
from workers.functions.settings import SettingsChange, SettingsContext
from workers.functions.types import ENDPOINT_VARIABLE, FunctionSettings, description_of

# Lambda's limits: characters of a description, bytes of all variables.
MOST_DESCRIPTION = 256
_MOST_BYTES = 4096
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_RESERVED = re.compile(r"AWS_.*|LAMBDA_.*|_HANDLER")


class VariablesField(QPlainTextEdit):
    """Environment variables, one ``NAME=value`` a line. ``edited()`` after every change."""

    edited = Signal()

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setProperty("field", True)
        self.setTabChangesFocus(True)
        self.setPlaceholderText("NAME=value, one a line")
        self.textChanged.connect(self.edited)
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self.setFont(theme().font("mono"))
        self.setFixedHeight(theme().pixels(76))

    def value(self) -> str:
        """The text."""
        return self.toPlainText()

    def set_value(self, value: str) -> None:
        """Put another text in."""
        self.setPlainText(value)


class SettingsDialog(FormDialog):
    """Ask with ``ask()``, then read ``change()``. ``endpoints`` are the names one can choose from."""

    def __init__(self, context: SettingsContext, endpoints: Sequence[str], parent: QWidget | None = None) -> None:
        self._context = context
        function = context.function
        self._described = description_of(function.endpoint_name)
        form = Form()
        names = list(dict.fromkeys([*endpoints, *([function.endpoint_name] if function.endpoint_name else [])]))
        choices = [(name, name) for name in names]
        if not function.endpoint_name:
            choices.insert(0, ("", "None that it is told of"))
        form.add(
            "endpoint", "Endpoint it asks", ComboBox(choices, function.endpoint_name), note=f"Its {ENDPOINT_VARIABLE}."
        )
        sizes = sorted({*MEMORY, function.memory_mb})
        form.add_pair(
            ("memory", "Memory", ComboBox([(size, f"{size:,} MB") for size in sizes], function.memory_mb)),
            ("timeout", "Timeout", IntField(function.timeout_s, 1, 900, suffix="s")),
        )
        form.add("description", "Description", LineEdit(function.description, chars=24), check=_check_description)
        others = {name: value for name, value in function.variables.items() if name != ENDPOINT_VARIABLE}
        form.add(
            "variables",
            "Further environment variables",
            VariablesField("\n".join(f"{name}={value}" for name, value in others.items())),
            check=_check_variables,
        )
        self.adapt = Switch("Adapt its role: exactly this endpoint is allowed", checked=context.own)
        self.adapt.setVisible(context.inline is not None)
        form.add_widget(self.adapt)
        super().__init__(
            f"Settings of {function.name}", form, ok="Change", icon="settings",
            text="In force for the next call. Published versions keep theirs.", width=640, parent=parent,
        )  # fmt: skip
        self._consequence = HintLine()
        self._title = label("", "label", "text2")
        self.policy = PolicyDiff(ground="sunken")
        for part in (self._consequence, self._title, self.policy):
            self.foot.addWidget(part)
        self.adapt.toggled.connect(self._show_role)
        form.row("endpoint").edited.connect(self._describe)
        form.changed.connect(self._show_role)
        self._show_role()

    def settings(self) -> FunctionSettings:
        """What the form says."""
        given = self.form.values()
        variables = parse_variables(given["variables"])
        return FunctionSettings(
            given["endpoint"] or "", given["memory"], given["timeout"], given["description"],
            variables if isinstance(variables, dict) else {},
        )  # fmt: skip

    def change(self) -> SettingsChange:
        """What is to be done: the settings, and the role with them if that was chosen."""
        settings = self.settings()
        role = self._context.role_change(settings) if self.adapt.isChecked() else None
        return SettingsChange(self._context, settings, role if role is not None and role.changed else None)

    @property
    def consequence(self) -> str:
        """What is said of the role."""
        return self._consequence.text

    def _describe(self) -> None:
        """A description that names the endpoint follows it, unless another one was written."""
        endpoint = self.form.value("endpoint")
        if self.form.value("description") == self._described and endpoint:
            self._described = description_of(endpoint)
            self.form.set_values({"description": self._described})

    def _show_role(self) -> None:
        role = self._context.role_change(self.settings())
        changed = role is not None and bool(role.changed)
        adapted = changed and self.adapt.isChecked()
        self.adapt.setEnabled(changed)
        self._title.setVisible(adapted)
        self.policy.setVisible(adapted)
        if role is None:
            self._consequence.say("The policies of its role may not be read; the role stays as it is.", "warn")
        elif adapted:
            loses = f" It may then no longer call {' and '.join(role.loses)}." if role.loses else ""
            gains = f"Its role may then call {' and '.join(role.gains)}." if role.gains else ""
            self._consequence.say(f"{gains}{loses}".strip(), "neutral")
            self._title.setText(f"{role.role}, inline policy “{role.changed[0]}”")
            self.policy.set_lines(role.diff)
        elif changed and role.gains:
            self._consequence.say(
                f"Its role may not call {' and '.join(role.gains)}: every call will be refused until that is granted.",
                "warn",
            )
        else:
            self._consequence.say("")
        self.update_ok()


def parse_variables(text: str) -> dict[str, str] | str:
    """The variables by name, or what is wrong with the first bad line."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            return f"Line {number}: write NAME=value; a name has letters, digits and _ and begins with a letter."
        if name == ENDPOINT_VARIABLE:
            return f"Line {number}: {ENDPOINT_VARIABLE} is chosen above."
        if _RESERVED.fullmatch(name):
            return f"Line {number}: {name} belongs to Lambda itself."
        if name in found:
            return f"Line {number}: {name} is there twice."
        found[name] = value
    if sum(len(f"{name}{value}".encode()) for name, value in found.items()) > _MOST_BYTES:
        return "All variables together may have 4 KB."
    return found


def _check_variables(text: str) -> str | None:
    found = parse_variables(text)
    return found if isinstance(found, str) else None


def _check_description(text: str) -> str | None:
    return f"At most {MOST_DESCRIPTION} characters." if len(text) > MOST_DESCRIPTION else None
