"""Windows: the user's own part of the registry, ``HKEY_CURRENT_USER\\Software\\Classes\\sagedeck``.

Source: "Registering an Application to a URI Scheme" (Microsoft): the key has a value ``URL Protocol``, and the command
gets the link as ``%1``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings

from console.scheme.registration import NOT_INSTALLED, SCHEME, TITLE, Handler, NotRegistered, Registration

OWN_KEY = rf"HKEY_CURRENT_USER\Software\Classes\{SCHEME}"
# What counts: the user's part over the computer's.
MERGED_KEY = rf"HKEY_CLASSES_ROOT\{SCHEME}"
_COMMAND, _PROTOCOL, _WORDS = "shell/open/command/Default", "URL Protocol", "Default"

Open = Callable[[str], QSettings]


def registry(key: str) -> QSettings:
    """A key of the registry."""
    return QSettings(key, QSettings.Format.NativeFormat)


class WindowsRegistration(Registration):
    """``program`` is this installation's command; ``open_key`` opens a key (tests: a file)."""

    def __init__(self, program: Path | None, open_key: Open = registry) -> None:
        self._program, self._open = program, open_key
        self.why_not = "" if program is not None else NOT_INSTALLED

    def command(self) -> str:
        """The command line that opens a link. Raises ``NotRegistered``."""
        if self._program is None:
            raise NotRegistered(self.why_not)
        program = subprocess.list2cmdline([str(self._program)])
        quoted = program if program.startswith('"') else f'"{program}"'
        # What comes after -- is a link, whatever it looks like.
        return f'{quoted} -- "%1"'

    def look(self) -> Handler:
        """Who the registry names."""
        for key in (OWN_KEY, MERGED_KEY):
            found = self._open(key)
            command = str(found.value(_COMMAND, "") or "")
            if command and found.contains(_PROTOCOL):
                ours = self._program is not None and command == self.command()
                return Handler("ours") if ours else Handler("other", command)
        return Handler("none")

    def register(self) -> None:
        """Write the user's own key."""
        command, key = self.command(), self._open(OWN_KEY)
        key.setValue(_WORDS, f"URL:{TITLE}")
        key.setValue(_PROTOCOL, "")
        key.setValue(_COMMAND, command)
        self._settle(key)

    def unregister(self) -> None:
        """Take the user's own key away, if it is this installation's."""
        key = self._open(OWN_KEY)
        if str(key.value(_COMMAND, "") or "") != self.command():
            raise NotRegistered("The links are not opened by this SageDeck: nothing was changed.")
        key.clear()
        self._settle(key)

    @staticmethod
    def _settle(key: QSettings) -> None:
        key.sync()
        if key.status() != QSettings.Status.NoError:
            raise NotRegistered("Windows refused to change the registry of this user.")
