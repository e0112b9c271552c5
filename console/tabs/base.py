"""What every tab is: a page with a head, maybe a side panel, told when it is shown and when to read again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from console.absence import Absence
from console.context import AppContext, Rest
from console.look.theme import NARROW_BELOW, PAGE_HEAD, PAGE_PADDING, PAGE_PADDING_NARROW, theme
from console.tabs.spec import TabSpec
from console.widgets.base import ElidedLabel, label, on_theme
from console.widgets.forms.focus import first_place, give

if TYPE_CHECKING:
    from workers.services import Services


class Subtitle(ElidedLabel):
    """Facts with commas between them: those that fit are shown, and none is shown in part."""

    def shown_text(self) -> str:
        """As many whole facts as there is room for."""
        facts = self.text().split(", ")
        while facts and self.fontMetrics().horizontalAdvance(", ".join(facts)) > self.width():
            facts.pop()
        return ", ".join(facts)


class PageHead(QWidget):
    """The page's title, one quiet sentence beside it, and its buttons at the right."""

    def __init__(self, title: str, subtitle: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumHeight(PAGE_HEAD)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 8, 0, 0)
        self._row.setSpacing(12)
        self.title = QLabel(title)
        self.title.setProperty("role", "page")
        self.subtitle = Subtitle(subtitle, "small", "text2")
        self.age = label("", "small", "warn")
        self.age.hide()
        self._row.addWidget(self.title)
        self._row.addWidget(self.age)
        self._row.addWidget(self.subtitle)
        self._row.addStretch(1)

    def add(self, widget: QWidget) -> None:
        """Put a button or another control at the right end."""
        self._row.addWidget(widget)

    def insert(self, widget: QWidget) -> None:
        """Put a control at the right end, before those that are there."""
        self._row.insertWidget(4, widget)

    def show_age(self, as_of: datetime | None) -> None:
        """Say of when the page's contents are; None: they are of now."""
        self.age.setText(f"as of {as_of:%H:%M:%S}" if as_of is not None else "")
        self.age.setVisible(as_of is not None)


class Tab(QWidget):
    """One page of the window.

    A subclass fills ``self.body`` (and, if it has one, calls ``set_side``) in ``build``, and overrides ``refresh``, and
    where it needs them ``activate``, ``forget_account``, ``backend_changed``, ``resource_changed`` and ``accept_drop``.
    ``spec`` is the ``TAB`` of its package. While no account is in force the window shows why in its place, but for a
    tab that ``works_alone``.

    ``Tab(ctx)`` is whole; with ``whole=False`` it is a head, and ``build_on`` adds a piece at each call. Built ahead,
    it is told of accounts and changes from when it is first shown on: before that it knows of none.

    Signals: ``badgeChanged(icon, text, colour token)``: what the navigation shows beside the name; all empty: nothing.
    """

    badgeChanged = Signal(str, str, str)

    spec: ClassVar[TabSpec]
    subtitle: ClassVar[str] = ""

    def __init__(self, ctx: AppContext, parent: QWidget | None = None, *, whole: bool = True) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.active = False
        self.whole = False
        self._ahead = not whole
        self.narrow = False
        self._side: QWidget | None = None
        self._side_button: QAbstractButton | None = None
        self._side_open = False
        self._lead: tuple[QWidget, int, int] | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._row = row
        page = QWidget()
        self.body = QVBoxLayout(page)
        self.body.setContentsMargins(PAGE_PADDING, 0, PAGE_PADDING, 16)
        self.body.setSpacing(16)
        self.head = PageHead(self.spec.title, self.subtitle)
        self.body.addWidget(self.head)
        row.addWidget(page, 1)
        self._page = page
        self._pieces = self.build()
        while whole and self.build_on():
            pass

    def build_on(self) -> bool:
        """Build one more piece of a tab that is not whole; False when it is."""
        for _ in self._pieces:
            return True
        if not self.whole:
            self.whole = True
            ctx = self.ctx
            ctx.backendChanged.connect(self._backend_changed)
            ctx.accountForgotten.connect(self._account_forgotten)
            ctx.absenceChanged.connect(self._show_age)
            ctx.resourceChanged.connect(self._resource_changed)
            self._show_age(ctx.absence)
            self.fit()
        return False

    # What a tab overrides

    def build(self) -> Iterator[None]:
        """Put the page's parts together. Yields between pieces that each take less than 20 ms on a usual computer.

        The window answers between them, so an account may come or go meanwhile: nothing of it is kept here.
        """
        yield from ()

    def fit(self) -> None:
        """Arrange the parts for the size that the page has now. Qt also resizes what is half built; this waits."""

    def activate(self, payload: Any = None) -> None:
        """The tab is shown; ``payload`` is what ``ctx.navigate`` was given. Reads again."""
        self.refresh()

    def landing(self, payload: Any = None) -> QWidget | None:
        """Where the keyboard begins when the tab is opened with ``payload``: by default in its list."""
        return first_place(self)

    def deactivate(self) -> None:
        """Another tab is shown: stop polling and following."""

    def refresh(self) -> None:
        """Read again what is shown, keeping selection and scroll; calls ``ctx.mark_refreshed`` when done.

        Called when the tab is shown, on F5 and at the chosen interval. Must be harmless without a connection.
        """

    def forget_account(self) -> None:
        """The account is left, and not to be connected to again: forget all that is known of it, details too."""

    def backend_changed(self) -> None:
        """An account is in force, maybe the one before: forget its rows. By default a shown tab reads again."""
        if self.active:
            self.refresh()

    def resource_changed(self, kind: str, name: str) -> None:
        """A command changed something of the account ("bucket", "dogs-1")."""

    def accept_drop(self, paths: list[Path]) -> bool:
        """Take dropped files or folders; False: not for this tab (pictures then go to Predict)."""
        return False

    def accept_image(self, data: bytes, name: str) -> bool:
        """Take a pasted picture (PNG bytes); False: not for this tab (it then goes to Predict)."""
        return False

    # What a tab uses

    def start(
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        label: str,
        key: str | None = None,
        scope: str = "backend",
        on_error: Callable[[BaseException], None] | None = None,
    ) -> asyncio.Task[Any]:
        """Run a coroutine; a ``key`` belongs to this tab alone (see ``TaskRegistry.start``)."""
        own = f"{self.spec.id}:{key}" if key else None
        return self.ctx.tasks.start(coro, label=label, key=own, scope=scope, on_error=on_error)

    def with_services(
        self,
        work: Callable[[Services, *Rest], Coroutine[Any, Any, Any]],
        *rest: *Rest,
        label: str,
        key: str | None = None,
        on_error: Callable[[BaseException], None] | None = None,
    ) -> asyncio.Task[Any] | None:
        """Run what needs the account (see ``AppContext.with_services``); a ``key`` belongs to this tab alone."""
        own = f"{self.spec.id}:{key}" if key else None
        return self.ctx.with_services(work, *rest, label=label, key=own, on_error=on_error)

    def cancel(self, key: str) -> None:
        """Cancel what ``start`` runs under ``key``."""
        self.ctx.tasks.cancel(f"{self.spec.id}:{key}")

    def running(self, key: str) -> bool:
        """True while what ``start`` runs under ``key`` goes on."""
        return self.ctx.tasks.running(f"{self.spec.id}:{key}")

    def show_side(self) -> None:
        """Bring the side panel into sight where it is behind its button."""
        if self.narrow and self._side_button is not None:
            self._side_button.setChecked(True)

    def set_lead(self, panel: QWidget, width: int, narrow: int) -> None:
        """Give the page a panel at its left that is always in sight, ``width`` pixels wide at the normal text size.

        ``narrow`` is its width in a narrow window.
        """
        holder = QFrame()
        holder.setObjectName("side")
        column = QHBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(panel)
        self._lead = (holder, width, narrow)
        self._row.insertWidget(0, holder)
        self._dress_lead()
        on_theme(self, self._dress_lead)

    def _dress_lead(self) -> None:
        if self._lead is not None:
            holder, wide, narrow = self._lead
            holder.setFixedWidth(theme().pixels(narrow if self.narrow else wide))

    def set_side(self, panel: QWidget, label: str, icon: str = "columns", width: int = 424) -> None:
        """Give the page a side panel: beside it when the window is wide, behind a button in the head when narrow."""
        from console.widgets.forms.buttons import Button
        from console.widgets.frames.edge import Edge

        holder = QFrame()
        holder.setObjectName("side")
        column = QHBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Edge(holder, self.ctx.settings, f"side.{self.spec.id}", width))
        column.addWidget(panel, 1)
        holder.setAutoFillBackground(True)
        self._side = holder
        self._row.addWidget(holder)
        button = Button(label, icon=icon)
        button.setCheckable(True)
        button.toggled.connect(self._toggle_side)
        self._side_button = button
        self.head.add(button)
        self._place_side()

    @property
    def side_place(self) -> QWidget | None:
        """The side panel with its edge, beside the page or over it; None without one."""
        return self._side

    def side_width(self) -> int:
        """Width of the side panel in sight, 0 without one."""
        return self._side.width() if self._side is not None and self._side.isVisible() else 0

    def set_narrow(self, narrow: bool) -> None:
        """Called by the window when it crosses ``NARROW_BELOW``; override to hide more, and call this."""
        self.narrow = narrow
        padding = PAGE_PADDING_NARROW if narrow else PAGE_PADDING
        self.body.setContentsMargins(padding, 0, padding, 16)
        self._dress_lead()
        self._place_side()

    # Called by the window

    @property
    def entered(self) -> bool:
        """Whether it was ever shown: before that it knows of no account, and its buttons stand as they were built."""
        return not self._ahead

    def enter(self, payload: Any = None) -> None:
        """Make this the shown tab."""
        self._ahead = False
        self.active = True
        self.activate(payload)

    def leave(self) -> None:
        """Make this a hidden tab."""
        if self.active:
            self.active = False
            self.deactivate()

    def drawer_buttons(self) -> list[QAbstractButton]:
        """The buttons that open drawers over the page."""
        return [self._side_button] if self._side_button is not None else []

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes an open drawer; the keyboard goes back to its button."""
        drawers = self.drawer_buttons() if self.whole and self.narrow else []
        opened = [button for button in drawers if button.isChecked()]
        if event.key() == Qt.Key.Key_Escape and opened:
            opened[0].setChecked(False)
            give(opened[0])
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep an opened side panel at the right edge."""
        super().resizeEvent(event)
        self._place_drawer()
        if self.whole:
            self.fit()

    def _backend_changed(self, backend: object) -> None:
        if not self._ahead:
            self.backend_changed()

    def _account_forgotten(self) -> None:
        if not self._ahead:
            self.forget_account()

    def _resource_changed(self, kind: str, name: str) -> None:
        if not self._ahead:
            self.resource_changed(kind, name)

    def _show_age(self, absence: Absence | None) -> None:
        """Rows of an account that does not answer just now stay in sight with their age, and nothing can be done."""
        as_of = absence.as_of if absence is not None and not self.spec.works_alone else None
        self.head.show_age(as_of)
        self.setEnabled(as_of is None)

    def _toggle_side(self, on: bool) -> None:
        self._side_open = on
        self._place_side()

    def _place_side(self) -> None:
        if self._side is None or self._side_button is None:
            return
        self._side_button.setVisible(self.narrow)
        floating = self.narrow
        inside = self._row.indexOf(self._side) >= 0
        if floating and inside:
            self._row.removeWidget(self._side)
            self._side.setParent(self)
        elif not floating and not inside:
            self._row.addWidget(self._side)
        self._side.setVisible(not floating or self._side_open)
        self._place_drawer()

    def _place_drawer(self) -> None:
        if self._side is None or not self.narrow or not self._side_open:
            return
        top = self.head.geometry().bottom() + 1
        width = min(self._side.width(), self.width() - 48)
        self._side.setGeometry(self.width() - width, top, width, self.height() - top)
        self._side.raise_()


def is_narrow(width: int) -> bool:
    """True when a window of ``width`` px shows the icon rail and hides side panels; larger text needs more room."""
    return width < theme().pixels(NARROW_BELOW)
