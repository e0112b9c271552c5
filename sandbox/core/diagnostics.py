"""What the sandbox says about its own faults, on standard error, which may be gone."""

from __future__ import annotations

import io
import sys
import traceback


def tell(text: str) -> None:
    """Print one message; the window that would have read it may have ended long ago."""
    Stream().write(text + "\n")


class Stream(io.TextIOBase):
    """What wants a file to write its messages to."""

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Print it at once."""
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            # Nobody is left to read it.
            pass
        return len(text)


def tell_exception(error: BaseException) -> None:
    """Print a fault of the sandbox itself with its traceback."""
    tell("".join(traceback.format_exception(error)))
