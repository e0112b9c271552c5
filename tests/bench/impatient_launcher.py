"""The launcher with short deadlines, for answers that never come: ``python -m tests.bench.impatient_launcher``."""

from __future__ import annotations

import sys

from workers import deadlines
from workers.launcher import child as launcher_child

deadlines.ATTEMPT_SECONDS, deadlines.CALL_SECONDS = 2.0, 5.0

if __name__ == "__main__":
    sys.exit(launcher_child.main())
