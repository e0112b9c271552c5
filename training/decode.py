"""Decodes pictures for the job that started it: ``python decode.py SIZE`` (``sagedeck_training/data/decoder.py``)."""

from __future__ import annotations

import signal
import sys

from sagedeck_training.data.decoder import serve

if __name__ == "__main__":
    # Whoever ends the job tells all of its processes; this one ends when its job does.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[1]))
