"""The window that is open takes the links of its user, and of nobody and nothing else."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import single_window
from console.single_window import Listener, hand_over, socket_path

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in folders")
LINK = "sagedeck://123456789012/us-east-1/endpoint/dogs"


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    runtime = tmp_path_factory.mktemp("r")
    monkeypatch.setattr(single_window.platformdirs, "user_runtime_dir", lambda name: str(runtime / name))
    return runtime / "settings.json"


@pytest.fixture
def taken() -> queue.Queue[str]:
    return queue.Queue()


@pytest.fixture
def listener(settings: Path, taken: queue.Queue[str]) -> Iterator[Listener]:
    made = Listener(settings, taken.put)
    assert made.start()
    yield made
    made.stop()


def test_a_link_reaches_the_window(settings: Path, taken: queue.Queue[str], listener: Listener) -> None:
    assert hand_over(LINK, settings) and taken.get(timeout=5) == LINK
    path = socket_path(settings)
    assert path is not None and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    # Another window with other settings is another one.
    assert not hand_over(LINK, settings.with_name("other.json"))


@pytest.mark.parametrize("data", [b"rm -rf /\n", b"\xff\xfe\n", b"x" * 5000, b"", LINK.encode()])
def test_anything_else_is_not_taken(
    settings: Path, taken: queue.Queue[str], listener: Listener, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        end.settimeout(5)
        end.connect(str(socket_path(settings)))
        end.sendall(data)
        end.shutdown(socket.SHUT_WR)
        # What is too long is not even read to its end.
        with contextlib.suppress(ConnectionResetError):
            assert end.recv(3) == b""
    assert taken.empty()
    # And it goes on listening.
    assert hand_over(LINK, settings)


def test_somebody_else_is_not_heard(
    settings: Path, taken: queue.Queue[str], listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_window, "_mine", lambda end: False)
    assert not hand_over(LINK, settings) and taken.empty()


def test_the_second_window_leaves_the_first_one_its_place(settings: Path, listener: Listener) -> None:
    second = Listener(settings, print)
    assert not second.start()
    second.stop()
    assert hand_over(LINK, settings)


def test_what_a_killed_window_left_is_taken_over(settings: Path, taken: queue.Queue[str]) -> None:
    path = socket_path(settings)
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    assert not hand_over(LINK, settings)
    made = Listener(settings, taken.put)
    assert made.start() and hand_over(LINK, settings)
    made.stop()
    assert path is not None and not path.exists() and not hand_over(LINK, settings)


def test_a_folder_of_others_or_with_a_long_name_is_not_used(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o755)
    monkeypatch.setattr(single_window.tempfile, "gettempdir", lambda: str(tmp_path / ("t" * 150)))
    for folder in (open_folder, tmp_path / ("n" * 150)):
        monkeypatch.setattr(single_window.platformdirs, "user_runtime_dir", lambda name, folder=folder: str(folder))
        assert socket_path(settings) is None and not hand_over(LINK, settings)
        assert not Listener(settings, print).start()
    link = tmp_path / "link"
    os.symlink(open_folder, link)
    monkeypatch.setattr(single_window.platformdirs, "user_runtime_dir", lambda name: str(link))
    assert socket_path(settings) is None
