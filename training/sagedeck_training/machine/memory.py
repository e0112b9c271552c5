"""Memory that a network's layers give back and ask for again stays with the process."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

# Of malloc.h: M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD, each in bytes. The last is the most that glibc takes.
# The second matters to threads: without that much to spare, a thread's part of the memory goes back once it is empty.
KEEPING = ((-1, 1 << 30), (-2, 1 << 26), (-3, 1 << 25))


def keep() -> bool:
    """Whether the C library was told to keep freed memory for whoever asks next, up to 1 GB at a time.

    What glibc gives back to the system comes from there anew, page by page and filled with zeros: for a network that
    sees small batches in several threads this took from 1 to 17 of some 50 ms a picture, at random. Other C libraries
    cannot be told. Results never depend on it.
    """
    library: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    return hasattr(library, "mallopt") and all(library.mallopt(*setting) for setting in KEEPING)
