"""What the palette offers: actions of the window and of its pages, tabs, accounts, settings, and what is there.

Nothing here is a list of its own. Actions and keys come from ``shortcuts.KEYS``, those of pages from their buttons,
their switches and the menus of what is selected, settings from the settings dialog, resources from the inventory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt

from console.context import NO_ACCOUNT
from console.models.states import state_of
from console.tabs.overview.opening import open_resource
from console.widgets.base import below
from console.widgets.forms.buttons import Button
from console.widgets.forms.segmented import Segmented
from console.widgets.tables.table import ResourceTable
from console.window.link_scheme import OPEN_WORDS, STOP_WORDS
from console.window.settings_dialog import REFRESH_CHOICES, REFRESH_WORDS, SCALES, THEMES
from console.window.shortcuts import KEYS, native, tab_keys
from workers.inventory.kinds import KINDS, Kind
from workers.inventory.types import Resource

if TYPE_CHECKING:
    from console.tabs.base import Tab
    from console.window.main_window import MainWindow

NOT_LOOKED = "not looked at yet"
# An ARN beside a name says nothing that is read.
_SHORT_ID = 40
KIND_ICONS = {
    "endpoint": "endpoints", "endpoint-config": "settings", "model": "training", "parked-endpoint": "endpoints",
    "training-job": "training", "tuning-job": "tuning", "processing-job": "training", "transform-job": "training",
    "notebook": "notebook", "instance": "ec2", "volume": "disk", "address": "globe", "function": "lambda",
    "scalable-target": "scaling", "alarm": "bell", "bucket": "bucket", "log-group": "terminal", "role": "key",
    "instance-profile": "key", "security-group": "shield",
}  # fmt: skip
ACTION_ICONS = {
    "refresh": "refresh", "activity": "history", "accounts": "cloud", "read_only": "lock", "paste": "image",
    "undo": "left", "settings": "settings", "shortcuts": "keyboard", "quit": "close", "find": "filter",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One line: ``id`` is the same in the next run; ``why_not`` says why it cannot be done now, "" when it can."""

    id: str
    title: str
    detail: str
    icon: str
    run: Callable[[], object]
    keys: str = ""
    why_not: str = ""


def entries(window: MainWindow) -> list[Entry]:
    """Everything but the account's resources, what is nearest to hand first."""
    return [
        *_offered(window), *_selected(window), *_buttons(window), *_actions(window), *_tabs(window), *_pages(window),
        *_accounts(window), *_settings(window),
    ]  # fmt: skip


def resource_id(resource: Resource) -> str:
    """The ``id`` of its entry."""
    return f"resource:{resource.kind}:{resource.id}"


def resource_words(resource: Resource) -> str:
    """What stands beside its name: kind, state, and the id where that is another one and short."""
    words = _kind_and_state(resource.kind, resource.state)
    return words if resource.id == resource.name or len(resource.id) > _SHORT_ID else f"{words}, {resource.id}"


@lru_cache(maxsize=1024)
def _kind_and_state(kind: Kind, state: str) -> str:
    return f"{KINDS[kind].one}, {state_of(state).word}" if state else KINDS[kind].one


def resource_entry(window: MainWindow, resource: Resource) -> Entry:
    """The line of one thing of the account: it opens where it can be seen."""
    ctx = window.ctx

    def show() -> None:
        if not open_resource(ctx, resource):
            ctx.navigate("overview", {"resource": resource.key})

    return Entry(resource_id(resource), resource.name, resource_words(resource), KIND_ICONS[resource.kind], show)


def _actions(window: MainWindow) -> Iterator[Entry]:
    for key in KEYS:
        if key.action and key.action != "palette":
            icon = ACTION_ICONS.get(key.action, "bolt")
            why_not = window.why_not(key.action)
            run = window.what_keys_do[key.action]
            yield Entry(f"action:{key.action}", key.title, key.group, icon, run, native(key.keys), why_not)


def _tabs(window: MainWindow) -> Iterator[Entry]:
    keys = tab_keys(list(window.pages.specs.values()))
    for spec in window.pages.specs.values():
        yield Entry(
            f"tab:{spec.id}", spec.title, "Tab", spec.icon, partial(window.show_tab, spec.id),
            native(keys[spec.id]) if spec.id in keys else "",
        )  # fmt: skip


def _pages(window: MainWindow) -> Iterator[Entry]:
    """What the switches in the heads of the tabs show."""
    for tab in window.pages.tabs.values():
        for switch in below(tab.head, Segmented):
            for key, words in switch.segments():
                why_not = ""
                if tab is window.pages.current_tab and key == switch.current:
                    why_not = "It is shown already"
                elif not switch.is_segment_enabled(key):
                    why_not = "Not for what is chosen there"
                yield Entry(
                    f"page:{tab.spec.id}:{key}", words, f"Page of {tab.spec.title}", tab.spec.icon,
                    partial(_turn_to, window, tab, switch, key), why_not=why_not,
                )  # fmt: skip


def _turn_to(window: MainWindow, tab: Tab, switch: Segmented, key: str) -> None:
    window.show_tab(tab.spec.id)
    switch.set_current(key)
    (tab.landing() or switch).setFocus(Qt.FocusReason.ShortcutFocusReason)


def _accounts(window: MainWindow) -> Iterator[Entry]:
    connection = window.connection
    for choice in connection.choices:
        here = choice.key == connection.choice.key and connection.state == "ready"
        icon = "flask" if choice.kind == "sandbox" else "cloud"
        why_not = "It is the account in force" if here else ""
        yield Entry(
            f"account:{choice.key}", f"Change to {choice.label}", f"Account, {choice.detail}", icon,
            partial(connection.request, choice), why_not=why_not,
        )  # fmt: skip


def _settings(window: MainWindow) -> Iterator[Entry]:
    settings = window.ctx.settings
    choices: list[tuple[str, str, list[tuple[Any, str]], object]] = [
        ("theme", "Colours", list(THEMES), settings.theme),
        ("text_scale", "Text size", [(scale, words) for _, words, scale in SCALES], settings.value("text_scale", 1.0)),
        (
            "refresh_seconds", "Read lists again",
            [(seconds, REFRESH_WORDS.get(seconds, "Only with F5")) for seconds in REFRESH_CHOICES],
            settings.refresh_seconds,
        ),
    ]  # fmt: skip
    for name, caption, values, current in choices:
        for value, words in values:
            yield Entry(
                f"setting:{name}={value}", f"{caption}: {words}", "Setting", "settings",
                partial(settings.set, name, value),
                why_not="It is so already" if value == current else "",
            )  # fmt: skip
    scheme = window.link_scheme
    yield Entry(
        "setting:links", OPEN_WORDS, "Setting", "link", scheme.open_links, why_not=scheme.against_opening
    )  # fmt: skip
    yield Entry(
        "setting:no links", STOP_WORDS, "Setting", "link", scheme.stop, why_not=scheme.against_stopping
    )  # fmt: skip
    yield Entry("setting:folder", "State folder of the sandbox…", "Setting", "folder", window.show_settings)
    yield Entry(
        "setting:stop", "Stop the sandbox", "Setting", "stop", window.connection.stop_sandbox,
        why_not="" if window.connection.sandbox_running else "The sandbox does not run",
    )  # fmt: skip


def _offered(window: MainWindow) -> Iterator[Entry]:
    """What the messages that are shown offer."""
    for toast in window.toasts.offering:
        words = toast.action_button.text()
        yield Entry(f"message:{words}", words, toast.notice.title, "bolt", toast.action_button.click)


def _selected(window: MainWindow) -> Iterator[Entry]:
    """What the menu of the selected rows has, for every list of the shown page."""
    tab = window.pages.current_tab
    if tab is None or not tab.isVisible():
        return
    for table in below(tab, ResourceTable, in_sight=True):
        for entry in table.entries():
            if entry is not None:
                words, icon, run = entry
                name = table.view.accessibleName()
                yield Entry(
                    f"selected:{tab.spec.id}:{name}:{words}", words, f"What is selected in {name}", icon or "bolt", run
                )


def _buttons(window: MainWindow) -> Iterator[Entry]:
    """The shown page's buttons, then those in the heads of the others."""
    ctx, tabs = window.ctx, window.pages.tabs
    shown = window.pages.current_tab
    for tab in sorted(tabs.values(), key=lambda tab: tab is not shown):
        known = set()
        works = ctx.connected or tab.spec.works_alone
        # What a page was built with before it was ever shown says nothing about what is possible.
        unknown = works and tab is not shown and not tab.entered and not ctx.read_only
        for button in below(tab if tab is shown and tab.isVisible() else tab.head, Button, in_sight=True):
            words = button.accessibleName() or button.words()
            if not words or words in known or button.is_link or button.isCheckable() or not button.in_palette:
                continue
            known.add(words)
            why_not, detail = "", tab.spec.title
            if not works:
                why_not = NO_ACCOUNT
            elif unknown and not button.isEnabled():
                detail = f"{tab.spec.title}, {NOT_LOOKED}"
            elif not button.isEnabled():
                why_not = button.why_off() or ctx.hindrance or NO_ACCOUNT
            yield Entry(
                f"button:{tab.spec.id}:{words}", words, detail, button.icon_name or tab.spec.icon,
                partial(_press, window, tab, button), why_not=why_not,
            )  # fmt: skip


def _press(window: MainWindow, tab: Tab, button: Button) -> None:
    window.show_tab(tab.spec.id)
    if button.isEnabled():
        button.click()
    else:
        window.ctx.notify.info(f"{button.words()} is not possible now", button.why_off())
