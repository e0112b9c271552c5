"""A child process for the tests: does what its spec says."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from workers.children import child
from workers.children.child import ChildRun, serve


def work(run: ChildRun) -> dict[str, Any] | None:
    """Behave as ``spec["do"]`` names."""
    run.progress({"pid": os.getpid(), "cwd": os.getcwd(), "argv": sys.argv, "name": run.spec.get("name")})
    return BEHAVIOURS[run.spec["do"]](run)


def echo(run: ChildRun) -> dict[str, Any]:
    """Tell each command until one is ``end``; or that it was stopped."""
    heard: list[str] = []

    def hear(command: str) -> None:
        heard.append(command)
        run.progress({"line": command})

    run.listen(hear)
    while not {"end", "stop"} & set(heard):
        # What is heard comes from another thread; this one only must not end before.
        time.sleep(0.005)
    return {"heard": heard}


def fail(run: ChildRun) -> None:
    """Die with last words."""
    print("not json, but of use", flush=True)
    print("the last words", file=sys.stderr, flush=True)
    os._exit(3)


def refuse(run: ChildRun) -> None:
    """Raise what nobody expected."""
    raise KeyError("secret of the inside")


def silent(run: ChildRun) -> None:
    """End well, and say nothing."""


def chatty(run: ChildRun) -> dict[str, Any]:
    """As a library that prints, also from C, and one that asks for a password."""
    print("a warning of Python", flush=True)
    os.write(1, b'{"v": 1, "kind": "result", "id": 0, "value": {"of": "a library"}}\n')
    os.system("echo of a program; cat")
    try:
        input("password? ")
    except EOFError:
        return {"of": "the child"}
    return {"of": "whoever answered"}


def deaf(run: ChildRun) -> None:
    """Never end."""
    child.ORPHAN_SECONDS = 0.05
    time.sleep(600)


BEHAVIOURS = {"echo": echo, "fail": fail, "refuse": refuse, "silent": silent, "chatty": chatty, "deaf": deaf}

if __name__ == "__main__":
    serve(work, "do the work")
