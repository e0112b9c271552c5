"""What the sandbox says about its own faults, on standard error, which may be gone."""

from __future__ import annotations

import sys
import traceback


def tell(text: str) -> None:
    """Print one message; the window that would have read it may have ended long ago."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201
    except (OSError, ValueError):
        return


def tell_exception(error: BaseException) -> None:
    """Print a fault of the sandbox itself with its traceback."""
    tell("".join(traceback.format_exception(error)))
