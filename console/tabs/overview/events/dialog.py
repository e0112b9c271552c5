"""All events of the account, or of one resource: read page by page, as far back as CloudTrail keeps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QWidget

from console.activity.model import ActivityItem
from console.context import AppContext
from console.models.format import count, when
from console.tabs.overview.events.rows import columns, merged
from console.widgets.base import label, screen_area
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import LineEdit
from console.widgets.frames.dialog import WideDialog
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.table import ResourceTable
from workers.audit.trail import KEPT, TrailEvent
from workers.errors.tree import SageDeckError

if TYPE_CHECKING:
    from workers.services import Services

# Pixels: time, event, resource and who, uncut as a rule.
_WIDTH = 920
# Of the screen's height: head, filter and buttons need the rest of a screen of 700 pixels.
_LIST_SHARE = 0.55
_KEY = "overview:event list"


class EventsDialog(WideDialog):
    """``own`` gives what SageDeck did in this account."""

    def __init__(
        self,
        ctx: AppContext,
        own: Callable[[], Sequence[ActivityItem]],
        resource: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Events", "", width=_WIDTH, parent=parent)
        self._ctx, self._own = ctx, own
        self._events: list[TrailEvent] = []
        self._token: str | None = None
        self._resource = resource
        self.search = SearchField("Filter events", chars=14)
        self.resource = LineEdit(resource, "All resources", chars=24)
        self.resource.setAccessibleName("Resource")
        self.look_up = Button("Look up", small=True, icon="search", on=self._look_up)
        self.table = ResourceTable(columns(), key="key", name="Events", noun="events", sort=("at", "desc"), multi=True)
        self.table.set_empty("history", "No events", f"Nothing of it is in the last {KEPT.days} days.")
        self._note = label("", "small", "text2")
        self.older_button = Button("Older…", on=self._older)
        self.close_button = Button("Close", on=self.reject)
        self._lay_out()
        self.table.search_by(self.search)
        self.table.remember(ctx.settings, "overview.events")
        self.resource.returnPressed.connect(self._look_up)
        self.sentence.setText(
            f"From CloudTrail, which keeps {KEPT.days} days and knows of a call some minutes late, and from SageDeck's "
            "own log. What the calls were told is left out: it may be secret."
        )
        self.sentence.show()
        self._look_up()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.search)
        head.addStretch(1)
        name = label("Resource", "small", "text2")
        name.setBuddy(self.resource)
        for part in (name, self.resource, self.look_up):
            head.addWidget(part)
        self.body.addLayout(head)
        self.table.setFixedHeight(round(screen_area(self).height() * _LIST_SHARE))
        self.body.addWidget(self.table)
        self.buttons.addWidget(self.older_button)
        self.buttons.addWidget(self._note)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.close_button)
        self.close_button.setDefault(False)

    def _look_up(self) -> None:
        """Read the first page of the resource that is named, or of all that changed something."""
        self._resource = self.resource.value().strip()
        self._events, self._token = [], None
        self.table.set_rows([])
        self._read()

    def _older(self) -> None:
        self._read()

    def _read(self) -> None:
        self.table.set_loading("Reading the events")
        self.older_button.hinder("Events are being read")
        self._ctx.with_services(self._page, self._resource, label="Read the events", key=_KEY, on_error=self._failed)

    async def _page(self, services: Services, resource: str) -> None:
        page = await services.trail.page(resource, self._token)
        if resource != self._resource:
            return
        self._events += page.events
        self._token = page.token
        self._show()

    def _failed(self, error: BaseException) -> None:
        fix = self._ctx.notify.fix(error) if isinstance(error, SageDeckError) else None
        self._show()
        self.table.set_error(error, fix=fix or ("Try again", self._read))

    def _show(self) -> None:
        found = merged(self._events, self._own(), self._resource)
        self.table.set_rows(found)
        self.older_button.setVisible(self._token is not None)
        self.older_button.allow(self._token is not None, "There are no older ones")
        since = f" since {when(found[-1].at)}" if found else ""
        self._note.setText(f"{count(len(found), 'event')}{since}{', there are older ones' if self._token else ''}")
