"""Starting the program: without a display, with everything lazy, and ended by a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QSize

from console.window import main_window
from tests.helpers.waiting import wait_for

HEAVY = (
    "boto3",
    "botocore",
    "numpy",
    "pyqtgraph",
    "PIL",
    "sagemaker",
    "moto",
    "torch",
    "filelock",
    "sandbox",
    "training",
)


def environment(tmp_path, **extra):
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    return kept | {"SAGEDECK_CONFIG": str(tmp_path / "window"), "XDG_CACHE_HOME": str(tmp_path)} | extra


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has machines without a display server")
@pytest.mark.parametrize("extra", [{}, {"DISPLAY": ":7654"}], ids=["none named", "one that does not answer"])
def test_without_a_display_one_line_says_what_to_do(tmp_path, extra):
    answer = subprocess.run(
        [sys.executable, "-m", "console"],
        env=environment(tmp_path, **extra),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 2
    [line] = answer.stderr.splitlines()
    assert "needs a display" in line and "--tour" in line


def test_showing_the_window_imports_nothing_heavy(tmp_path):
    program = f"""
import asyncio, json, sys
from pathlib import Path
from qasync import QEventLoop
from console.app import Application, Files, make_qt_application
async def serve():
    painted = asyncio.Event()
    folder = Path({str(tmp_path)!r})
    application = Application(Files.inside(folder), state_dir=folder / "sandbox")
    application.window.painted.connect(painted.set)
    application.show(connect=False)
    await painted.wait()
    print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
    await application.close()
app = make_qt_application()
with asyncio.Runner(loop_factory=lambda: QEventLoop(app)) as runner:
    runner.run(serve())
"""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(tmp_path, QT_QPA_PLATFORM="offscreen"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_the_window_cleanly(tmp_path, number):
    aws_config = tmp_path / "aws-config"
    # Nothing answers there: the connection fails soon, and the window says so.
    aws_config.write_text("[profile far]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:9\n")
    (tmp_path / "window").mkdir()
    (tmp_path / "window" / "settings.json").write_text('{"backend": "aws:far", "tab": ""}')
    process = subprocess.Popen(
        [sys.executable, "-m", "console", "--state", str(tmp_path / "sandbox")],
        env=environment(tmp_path, QT_QPA_PLATFORM="offscreen", AWS_CONFIG_FILE=str(aws_config)),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        up = tmp_path / "window" / "window.log"
        opened = lambda: up.exists() and "the window is open" in up.read_text()  # noqa: E731
        wait_for(lambda: opened() or process.poll() is not None, what="the window", every=0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name != "posix", reason="the system has no such permissions")
async def test_the_windows_files_are_for_its_user_alone_also_those_of_earlier_runs(make_application, tmp_path):
    folder = tmp_path / "window"
    folder.mkdir(0o755)
    for name in ("window.log", "window.log.2", "activity.jsonl", "settings.json.broken-7"):
        (folder / name).touch()
        (folder / name).chmod(0o644)
    before = os.umask(0o022)
    try:
        application = make_application([])
        application.show(connect=False)
        application.settings.set("theme", "dark")
        application.activity.begin("Delete dogs", "trash").done("done")
        await application.close()
    finally:
        os.umask(before)
    files = list(folder.iterdir())
    assert {"settings.json", "window.log", "activity.jsonl"} <= {path.name for path in files}
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize(
    ("screen", "size"),
    [
        ((1440, 900), (1424, 852)),
        ((1440, 860), (1424, 812)),
        ((1920, 1080), (1440, 900)),
        ((1280, 800), (1264, 752)),
        ((800, 600), (900, 600)),
    ],
)
async def test_the_first_window_leaves_room_for_its_frame(
    make_application: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    screen: tuple[int, int],
    size: tuple[int, int],
) -> None:
    monkeypatch.setattr(main_window, "free_space", lambda window: QSize(*screen))
    assert make_application().window.size() == QSize(*size)
