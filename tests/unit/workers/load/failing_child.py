"""A load test's child that has told something and then meets an error of its own."""

from __future__ import annotations

from workers.children.child import ChildRun, serve
from workers.children.typed import write
from workers.load.types import LoadProgress, Totals


def _work(child: ChildRun) -> None:
    child.progress(write(LoadProgress(1.0, Totals(intended=3, sent=3, answered=3))))
    raise RuntimeError("no such thing")


if __name__ == "__main__":
    serve(_work, "run the load test")
