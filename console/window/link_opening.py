"""Opening a link: it is looked up in the account in force, and shown; whatever is in the way is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.links import Link, NoLink
from console.tabs.overview.opening import open_resource
from workers.inventory.kinds import KINDS
from workers.inventory.types import Resource

if TYPE_CHECKING:
    from console.window.main_window import MainWindow
    from workers.services import Services


class LinkOpening:
    """For one window. A link that comes before an account is connected waits for it."""

    def __init__(self, window: MainWindow) -> None:
        self._window, self._ctx = window, window.ctx
        self._waiting: Link | None = None
        window.ctx.backendChanged.connect(self._connected)

    def open(self, text: str) -> None:
        """Show what the link names, or say why not."""
        try:
            link = Link.read(text)
        except NoLink as error:
            self._ctx.notify.warn("That link cannot be opened", str(error))
            return
        identity, backend = self._ctx.identity, self._ctx.backend
        if identity is None or backend is None or not self._ctx.connected:
            self._waiting = link
            self._ctx.notify.info("The link is opened once an account is connected", str(link))
        elif (identity.account, backend.region) != (link.account, link.region):
            self._ctx.notify.warn(
                "The link is to another account or region",
                f"{_called(link)} is in {link.account}, {link.region}; in force is {identity.account}, "
                f"{backend.region}. Change to it, and open the link again.",
                action=("Choose the account", self._window.header.open_menu),
            )
        else:
            self._ctx.with_services(self._show, link, label=f"Opening the link to {link.name}", key="link")

    def _connected(self, _backend: object) -> None:
        link, self._waiting = self._waiting, None
        if link is not None:
            self.open(str(link))

    async def _show(self, services: Services, link: Link) -> None:
        inventory = services.inventory
        found = _found(inventory.known.of(link.kind), link)
        if found is None:
            known = await inventory.read([link.kind])
            found = _found(known.of(link.kind), link)
            unread = next((read for read in known.kinds if read.kind == link.kind and read.error is not None), None)
            if found is None and unread is not None:
                self._ctx.notify.warn(f"{_called(link)} could not be looked up", unread.words)
                return
        if found is None:
            self._ctx.notify.warn(
                f"{_called(link)} is not there", f"It is gone from {link.account}, {link.region}, or never was there."
            )
        elif not open_resource(self._ctx, found):
            self._ctx.navigate("overview", {"resource": found.key})


def _found(resources: tuple[Resource, ...], link: Link) -> Resource | None:
    by_id = next((resource for resource in resources if resource.id == link.name), None)
    return by_id or next((resource for resource in resources if resource.name == link.name), None)


def _called(link: Link) -> str:
    return f"{KINDS[link.kind].one} {link.name}"
