"""``python -m tests.compat [NAME …]``: programs that nobody here wrote, on our sandbox; a table at the end.

Without a name everything runs: half an hour on two cores, and before that, the first time, 12 GB are installed. A
name is that of a part or of a group of them; ``--list`` shows all. The exit status is 0 where all was judged and
right, 1 where something was wrong, and 2 where something could not be judged here.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from tests.compat import clients
from tests.compat.containers import serving, toolkits, training
from tests.compat.moto import run as moto
from tests.compat.outcome import Outcome, judged, status, table
from tests.compat.sdks import flows

Part = Callable[[Outcome], None]


def _serving(torch: tuple[str, str]) -> Part:
    tolerance = serving.SAME if torch == toolkits.installed_torch() else serving.OTHER
    return lambda outcome: serving.judge(outcome, torch, tolerance)


def _training(torch: tuple[str, str]) -> Part:
    tolerance = training.SAME if torch == toolkits.installed_torch() else training.OTHER
    return lambda outcome: training.judge(outcome, torch, tolerance)


def groups() -> dict[str, dict[str, Part]]:
    """All parts, by the group that they are in."""
    ours, images = toolkits.installed_torch(), toolkits.IMAGE_TORCH
    return {
        "clients": dict.fromkeys(clients.CLIENTS, clients.judge),
        "sdks": dict.fromkeys(flows.SDKS, flows.judge),
        "containers": {
            "serving": _serving(ours),
            "serving-image": _serving(images),
            "training": _training(ours),
            "training-image": _training(images),
        },
        "moto": {f"moto-{name.lower()}": moto.judge_service for name in moto.SERVICES},
    }


def chosen(names: list[str]) -> dict[str, Part]:
    """The parts of these names; all without one. Raises ``KeyError`` for a name that there is not."""
    found = groups()
    every = {name: part for group in found.values() for name, part in group.items()}
    parts: dict[str, Part] = {}
    for name in names or list(found):
        parts |= found[name] if name in found else {name: every[name]}
    return parts


def main(arguments: list[str]) -> int:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser("python -m tests.compat", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part or a group of them; without one all")
    parser.add_argument("--list", action="store_true", help="only show the names")
    options = parser.parse_args(arguments)
    if options.list:
        for group, members in groups().items():
            print(f"{group}: {', '.join(members)}")
        return 0
    try:
        parts = chosen(options.names)
    except KeyError as error:
        parser.error(f"there is no part {error}; --list shows all")
    outcomes = []
    for name, part in parts.items():
        began = time.monotonic()
        outcome = judged(name, part)
        print(f"{outcome.line()} ({time.monotonic() - began:.0f} s)", flush=True)
        outcomes.append(outcome)
    print(f"\n{table(outcomes)}", flush=True)
    return int(status(outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
