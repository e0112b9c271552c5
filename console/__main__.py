"""``python -m console``: opens the window."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run the window (or the tour); returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="sagedeck", description="Train, deploy and watch image classifiers on Amazon SageMaker or in a sandbox."
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="state folder of the sandbox")
    parser.add_argument("--theme", choices=("system", "light", "dark"), default="", help="colours for this run")
    parser.add_argument("--tour", type=Path, metavar="OUT", help="play the whole story by itself, pictures into OUT")
    parser.add_argument("link", nargs="?", default="", metavar="LINK", help="sagedeck://ACCOUNT/REGION/KIND/NAME")
    options = parser.parse_args(arguments)
    if options.link:
        from console.links import Link, NoLink

        try:
            options.link = str(Link.read(options.link))
        except NoLink as error:
            if sys.stderr is not None and sys.stderr.isatty():
                parser.error(str(error))
            from console.app import tell_refused

            return tell_refused(str(error))

    # Nothing of what the start makes is garbage; the window's own collector takes over.
    gc.disable()
    from console.app import has_display, run

    if options.tour is not None:
        if not has_display():
            os.environ["QT_QPA_PLATFORM"] = "offscreen"
        from console.tour.player import run_tour

        code: int = run_tour(options.tour, state_dir=options.state)
        return code
    return run(state_dir=options.state, look=options.theme, link=options.link)


if __name__ == "__main__":
    sys.exit(main())
