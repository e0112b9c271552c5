"""A child process for the tests: does what its spec says."""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Behave as ``spec["do"]`` names."""
    spec = json.loads(sys.stdin.readline())
    say({"pid": os.getpid(), "cwd": os.getcwd(), "argv": sys.argv, "name": spec.get("name")})
    if spec["do"] == "echo":
        for line in sys.stdin:
            say({"line": line.strip()})
            if line.strip() == "end":
                return
        say({"closed": True})
    elif spec["do"] == "fail":
        print("not json, but of use", flush=True)
        print("the last words", file=sys.stderr)
        sys.exit(3)
    elif spec["do"] == "deaf":
        time.sleep(600)


def say(message: dict[str, object]) -> None:
    """Print a message."""
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
