"""What SSM cuts from a command's output, and how it is parted into events."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ssm import output
from sandbox.ssm.output import ERROR_CUT, ERROR_TITLE, OUTPUT_CUT, Spool, plugin_output

TEXTS = st.integers(0, 6000).map(lambda size: "x" * size)


@given(TEXTS, TEXTS)
def test_both_streams_fit_into_the_plugins_output(stdout: str, stderr: str) -> None:
    shown = plugin_output(stdout, stderr)
    assert len(shown) <= output.PLUGIN_CHARACTERS
    whole = len(stdout) + len(stderr) + (len(ERROR_TITLE) if stderr else 0) < output.PLUGIN_CHARACTERS
    assert whole == (shown == stdout + (ERROR_TITLE + stderr if stderr else ""))
    assert whole == (OUTPUT_CUT not in shown and ERROR_CUT not in shown)


@pytest.mark.parametrize(
    ("stdout", "stderr", "shown"),
    [
        ("short", "", "short"),
        ("out", "err", "out\n----------ERROR-------\nerr"),
        ("o" * 5000, "", "o" * (2500 - len(OUTPUT_CUT)) + OUTPUT_CUT),
        ("", "e" * 5000, ERROR_TITLE + "e" * (2500 - len(ERROR_TITLE) - len(ERROR_CUT)) + ERROR_CUT),
    ],
)
def test_the_longer_one_is_cut(stdout: str, stderr: str, shown: str) -> None:
    assert plugin_output(stdout, stderr) == shown


def events(spool: Spool) -> list[str]:
    found = []
    while (event := spool.next_event(final=True)) is not None:
        found.append(event)
    return found


@given(st.lists(st.binary(max_size=400), max_size=12))
def test_whatever_comes_is_kept_and_sent_whole(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    spool = Spool(tmp_path_factory.mktemp("spool") / "stdout", 100)
    sent = []
    for chunk in chunks:
        spool.write(chunk)
        if (event := spool.next_event(final=False)) is not None:
            sent.append(event + "\n")
    spool.close()
    sent += [event + "\n" for event in events(spool)]
    assert spool.path.read_bytes() == data
    assert "".join(sent).rstrip("\n") == data.decode("utf-8", "replace").rstrip("\n")
    assert len(spool.head) <= 100


def test_a_line_waits_for_its_end(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "stdout", 100)
    spool.write(b"one\ntw")
    assert spool.next_event(final=False) == "one"
    assert spool.next_event(final=False) is None
    spool.write(b"o\n")
    assert spool.next_event(final=False) == "two"


def test_fifty_megabytes_without_an_end_of_line(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "stdout", output.STDOUT_CHARACTERS)
    block = "ä".encode() * 500_000
    for _ in range(50):
        spool.write(block)
    spool.close()
    sent = events(spool)
    assert all(len(event.encode()) <= output.EVENT_BYTES for event in sent)
    assert "".join(sent) == "ä" * 25_000_000
    assert spool.head == "ä" * 24_000


def test_bytes_that_are_no_text_fit_into_events(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "stdout", 100)
    spool.write(b"\xff\xfe" * 500_000 + b"\n")
    spool.close()
    sent = events(spool)
    assert all(len(event.encode()) <= output.MOST_EVENT_BYTES for event in sent)
    assert "".join(sent) == "\ufffd" * 1_000_000


def test_a_full_disk_loses_output_and_says_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "stdout", 100)
    spool.write(b"kept\n")

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    spool._file.close()
    monkeypatch.setattr(spool, "_file", Full())
    spool.write(b"lost\n")
    spool.close()
    assert (spool.lost, spool.path.read_bytes()) == (5, b"kept\n")
