"""Checks or splits a folder of pictures: ``python -m workers.datasets.child``.

Spec: ``do`` (``check`` or ``split``), ``folder``; for a split also ``target``, ``fractions``, ``seed``.
Progress: ``{"phase", "done", "total"}`` at most ten times a second, after the scan ``{"early": report}``. Result:
``{"report": report}`` or ``{"split": …}``.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workers.children.child import ChildRun, serve
from workers.children.typed import write
from workers.datasets.findings import early_report, full_report
from workers.datasets.pictures import Opened, allow_large_pictures, open_picture
from workers.datasets.scan import Scan, Stopped, scan
from workers.datasets.split import make, plan
from workers.errors.tree import translate

# Pictures a message: some hundred messages for 8,000, and a cancel is heard within a second.
AT_ONCE = 64


def _work(child: ChildRun) -> dict[str, object] | None:
    try:
        listed = _scan(child)
        if child.spec["do"] == "check":
            return _check(child, listed)
        try:
            return _split(child, listed)
        except OSError as error:
            raise translate(error, "write the split folder") from error
    except Stopped:
        return None


def _scan(child: ChildRun) -> Scan:
    def tick(count: int) -> None:
        if child.stop.is_set():
            raise Stopped
        if child.due():
            child.progress({"phase": "scanning", "done": count, "total": 0})

    return scan(Path(child.spec["folder"]), tick)


def _check(child: ChildRun, listed: Scan) -> dict[str, object]:
    child.progress({"early": write(early_report(listed))})
    allow_large_pictures()
    opened: dict[str, Opened] = {}
    total = len(listed.files)
    workers = max(1, min(4, os.cpu_count() or 1))
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, total, AT_ONCE):
            if child.stop.is_set():
                raise Stopped
            part = listed.files[start : start + AT_ONCE]
            results = pool.map(open_picture, [listed.root / file.path for file in part])
            opened.update(zip((file.path for file in part), results, strict=True))
            if child.due():
                child.progress({"phase": "opening", "done": len(opened), "total": total})
    return {"report": write(full_report(listed, opened))}


def _split(child: ChildRun, listed: Scan) -> dict[str, object]:
    placed = plan(listed, child.spec["fractions"], int(child.spec["seed"]))

    def tick(done: int) -> None:
        if child.due():
            child.progress({"phase": "writing", "done": done, "total": len(placed)})

    links, copies = make(placed, listed.root, Path(child.spec["target"]), child.stop.is_set, tick)
    return {"split": {"pictures": len(placed), "links": links, "copies": copies}}


if __name__ == "__main__":
    serve(_work, "check the folder")
