"""Time to the first painted, answering window, as a multiple of a bare PySide6 window that imports boto3.

``python tests/bench/bench_start.py [--runs 9] [--platform offscreen]``: both programs are started in turn; the clock
runs from before the process is made until the window has painted and its event loop has answered a posted event. The
first picture is the window with the frame of its page; when the page itself is in place is printed, too.
Prints the medians and their ratio; exit code 1 when the ratio is over the goal.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL = 1.5

BARE = """
import sys, time
import boto3
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow

class Window(QMainWindow):
    painted = False
    def paintEvent(self, event):
        super().paintEvent(event)
        if not self.painted:
            self.painted = True
            QTimer.singleShot(0, self.answered)
    def answered(self):
        print(time.time(), flush=True)
        QApplication.exit(0)

app = QApplication(sys.argv)
window = Window()
window.setCentralWidget(QLabel("window"))
window.resize(1440, 900)
window.show()
sys.exit(app.exec())
"""

OURS = """
import os, sys, time
from console.__main__ import main
from console import app

def painted(self):
    def answered():
        print(time.time(), flush=True)
        self.window.pages.begin()
        look()

    def look():
        if self.window.pages.current_tab is None:
            loop.call_later(0.001, look)
        else:
            # It was given its place: this paints it.
            self.window.repaint()
            print(time.time(), flush=True)
            os._exit(0)

    loop = app.asyncio.get_running_loop()
    loop.call_soon(answered)

# The window as it is, but nothing is connected: the sandbox would come up beside the next measurement.
app.Application._painted = painted
sys.exit(main(["--state", os.path.join(sys.argv[1], "sandbox")]))
"""


def seconds(program: str, folder: str, environment: dict[str, str]) -> list[float]:
    """Seconds from before the process was made until its window answered, and until its page was in place."""
    began = time.time()
    answer = subprocess.run(
        [sys.executable, "-c", program, folder],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return [float(said) - began for said in answer.stdout.split()]


def main() -> int:
    """Measure both, print, and say by the exit code whether the goal holds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--platform", default=os.environ.get("QT_QPA_PLATFORM", "offscreen"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(__file__).resolve().parents[2]
        environment = os.environ | {
            # Nobody's second start compiles the program anew.
            "PYTHONDONTWRITEBYTECODE": "",
            "QT_QPA_PLATFORM": options.platform,
            "XDG_CACHE_HOME": folder,
            "SAGEDECK_CONFIG": folder,
            "PYTHONPATH": str(root),
        }
        programs = {"bare": BARE, "ours": OURS}
        for program in programs.values():
            seconds(program, folder, environment)
        times: dict[str, list[list[float]]] = {name: [] for name in programs}
        for _ in range(options.runs):
            for name, program in programs.items():
                times[name].append(seconds(program, folder, environment))
    bare, ours = (statistics.median(run[0] for run in times[name]) for name in ("bare", "ours"))
    whole = statistics.median(run[-1] for run in times["ours"])
    ratio = ours / bare
    print(f"bare PySide6 window importing boto3: {bare * 1000:.0f} ms (median of {options.runs})")
    print(f"SageDeck, painted and answering:     {ours * 1000:.0f} ms")
    print(f"its first page in place:             {whole * 1000:.0f} ms, ratio {whole / bare:.2f}")
    print(f"ratio {ratio:.2f}, goal {GOAL}: {'holds' if ratio <= GOAL else 'MISSED'}")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
