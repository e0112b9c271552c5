"""``make compat``: other people's clients, then moto's own tests, on our sandbox; a table of each at the end."""

from __future__ import annotations

import sys

from tests.compat import clients
from tests.compat.moto import run as moto

if __name__ == "__main__":
    stopped = clients.main()
    print()
    sys.exit(moto.main(sys.argv[1:]) or stopped)
