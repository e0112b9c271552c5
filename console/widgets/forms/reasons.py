"""A button that is off says why: under the pointer, to screen readers, and in the palette."""

from __future__ import annotations

from typing import Any


class Reasoned:
    """Put before a button class: ``hinder(why)`` turns it off with a reason, ``hinder("")`` on again."""

    _why = ""
    _tip = ""

    def why_off(self: Any) -> str:
        """Why it cannot be pressed; "" while it can, and where a widget around it is off."""
        return "" if self.isEnabled() else str(self._why)

    def hinder(self: Any, why: str) -> None:
        """Let it be pressed, unless there is something against it. What its tool tip said besides stays."""
        if not self._why:
            self._tip = self.toolTip()
        self._why = why
        self.setEnabled(not why)
        self.setToolTip(". ".join(part.rstrip(".") for part in (self._tip, why) if part) if why else self._tip)

    def allow(self, on: bool, why: str) -> None:
        """The same with the reason apart, which counts only where it is off."""
        self.hinder("" if on else why)
