"""What a command prints: kept whole in a file on the instance, cut for SSM's answers, sent to CloudWatch Logs.

Sources: amazon-ssm-agent (iohandler, cloudwatchlogspublisher): 24,000 and 8,000 characters for GetCommandInvocation,
both streams in 2,500 for the plugin's Output; events of whole lines, together at most 800,000 bytes a second.
"""

from __future__ import annotations

import codecs
import threading
from pathlib import Path

# AWS's limits.
STDOUT_CHARACTERS = 24_000
STDERR_CHARACTERS = 8_000
PLUGIN_CHARACTERS = 2_500
ERROR_TITLE = "\n----------ERROR-------\n"
OUTPUT_CUT = "\n---Output truncated---"
ERROR_CUT = "\n---Error truncated----"
EVENT_BYTES = 200_000
# What CloudWatch Logs takes for one event, without its own 26 bytes.
MOST_EVENT_BYTES = 256 * 1024 - 26


class Spool:
    """One stream of a command. ``write`` never fails: what the disk has no room for is lost, and told at the end."""

    def __init__(self, path: Path, most_characters: int) -> None:
        self.path = path
        self._most = most_characters
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._head = ""
        self._lock = threading.Lock()
        self._file = path.open("wb", buffering=0)
        self._sent = 0
        self.lost = 0
        self.closed = False

    def write(self, data: bytes) -> None:
        """Append what was printed."""
        with self._lock:
            if len(self._head) < self._most:
                self._head = (self._head + self._decoder.decode(data))[: self._most]
            if self.closed:
                return
            try:
                view = memoryview(data)
                while view:
                    view = view[self._file.write(view) :]
            except OSError:
                self.lost += len(data)

    def close(self) -> None:
        """Nothing more comes."""
        with self._lock:
            if not self.closed:
                self.closed = True
                self._file.close()

    @property
    def head(self) -> str:
        """The first characters, as many as GetCommandInvocation gives."""
        return self._head

    def next_event(self, *, final: bool) -> str | None:
        """The next event for CloudWatch Logs: as many whole lines as fit; None while there is none.

        ``final``: what is left without an end of line is an event, too.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self._sent)
                data = file.read(EVENT_BYTES)
        except OSError:
            return None
        whole = data.rfind(b"\n") + 1
        if len(data) == EVENT_BYTES:
            # A line longer than an event is cut, but not within a character.
            data = data[: whole or _boundary(data)]
        elif not final:
            data = data[:whole]
        if not data:
            return None
        text = data.decode("utf-8", "replace")
        while len(text.encode()) > MOST_EVENT_BYTES:
            # Bytes that are no UTF-8 take three each.
            data = data[: len(data) // 2]
            text = data.decode("utf-8", "replace")
        self._sent += len(data)
        return text.removesuffix("\n")


def _boundary(data: bytes) -> int:
    cut = len(data)
    while cut > len(data) - 4 and data[cut - 1] & 0xC0 == 0x80:
        cut -= 1
    return cut - 1 if data[cut - 1] >= 0xC0 else len(data)


def plugin_output(stdout: str, stderr: str, most: int = PLUGIN_CHARACTERS) -> str:
    """Both streams in ``most`` characters: whole if they fit, else the longer one is cut, or both."""
    title = ERROR_TITLE if stderr else ""
    room = most - len(title)
    if len(stdout) + len(stderr) < room:
        return stdout + title + stderr
    half = room / 2
    if len(stdout) > half and len(stderr) > half:
        each = (room - len(ERROR_CUT) - len(OUTPUT_CUT)) // 2
        return stdout[:each] + OUTPUT_CUT + title + stderr[:each] + ERROR_CUT
    if len(stdout) < half:
        return stdout + title + stderr[: room - len(ERROR_CUT) - len(stdout)] + ERROR_CUT
    return stdout[: room - len(OUTPUT_CUT) - len(stderr)] + OUTPUT_CUT + title + stderr
