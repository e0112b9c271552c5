"""The Overview tab: what there is, what it costs, what is idle, what is unsafe; switch it off.

The page is ``tab.OverviewTab``: figures, cost chart and inventory at the left, the column of ``side.PARTS`` at the
right. Who adds to it needs to know two places:

*A section of the right column* is a subclass of ``part.Part``, one line in ``side.PARTS``, in the order of the screen.
It is built with ``Part(ctx)`` and told ``refresh()`` (an account is in force and the tab is in sight: read again),
``show_inventory(found)`` (the inventory was just read), ``resource_changed(kind, name)``, ``forget()`` (the account was
left: nothing of it may stay) and ``set_active(on)`` (the tab is in sight or not: stop polling). It reads by
``self.ctx.with_services(self._read, label=…, key=…)`` and says ``set_loading``, ``set_error`` or fills ``body``.

*What can be done with a kind of thing* is a function ``entries(ctx, resources) -> [(text, icon, callable) or None]``
under the kind's name in ``actions.ENTRIES``: the context menu of the inventory shows it for selected rows that are all
of that kind. A button of the page's head for making something is a line in ``actions.MAKE``.

Both reach the rest of the program through ``ctx`` alone: ``ctx.start(command)``, ``ctx.navigate(tab, payload)``,
``ctx.notify``; a change that they make is announced by their command's ``events()``.
"""

from console.tabs.spec import TabSpec

TAB = TabSpec("overview", "Overview", "overview", 1, "console.tabs.overview.tab:OverviewTab")
