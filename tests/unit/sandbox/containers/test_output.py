"""Lines, metrics and failure reasons from what a job prints."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sandbox.containers.failure import failure_reason, last_traceback
from sandbox.containers.output import LineSplitter, MetricReader, Tail, dropped_notice


def test_lines_come_out_whole_however_the_bytes_arrive() -> None:
    text = "eins\r\nzwei ü😀\n\n  drei\nrest"
    data = text.encode()
    for size in (1, 2, 3, 7, len(data)):
        splitter = LineSplitter()
        lines = [line for at in range(0, len(data), size) for line in splitter.feed(data[at : at + size])]
        assert lines + splitter.close() == ["eins", "zwei ü😀", "  drei", "rest"]


def test_invalid_bytes_do_not_stop_the_log() -> None:
    assert LineSplitter().feed(b"a\xff\xfeb\n") == ["a\ufffd\ufffdb"]


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_a_very_long_line_is_cut_between_characters(newline: bytes) -> None:
    splitter = LineSplitter(limit=100)
    text = "ü" * 333
    lines = splitter.feed(text.encode() + newline) + splitter.close()
    assert "".join(lines) == text
    assert len(lines) > 6
    assert all(len(line.encode()) <= 100 for line in lines)


def test_a_line_without_end_does_not_grow_in_memory() -> None:
    splitter = LineSplitter(limit=1000)
    pieces = [piece for _ in range(100) for piece in splitter.feed(b"x" * 500)]
    assert sum(map(len, pieces)) >= 49_000
    assert all(len(piece) <= 1000 for piece in pieces)


def test_hundred_megabytes_are_split_in_seconds() -> None:
    chunk = b"a line of a training log with some numbers 0.12345\n" * 5000
    splitter = LineSplitter()
    started = time.thread_time()
    count = sum(len(splitter.feed(chunk)) for _ in range(100_000_000 // len(chunk)))
    assert count >= 1_900_000
    assert time.thread_time() - started < 20


def test_metrics_come_from_the_regexes() -> None:
    definitions = json.loads((Path(__file__).parents[4] / "training" / "metric_definitions.json").read_text())
    reader = MetricReader([*definitions, {"Name": "Test Loss", "Regex": r"Testing Loss: ([0-9\.]+)"}])
    line = (
        "epoch=3/10 train_loss=0.5123 train_acc=0.8740 valid_loss=nan valid_acc=0.8520 images_per_s=215.0 seconds=1.2"
    )
    found = dict(reader.read(["nothing", line, "Testing Loss: 0.25", "Testing Loss: 1.2.3"]))
    assert found["train:loss"] == 0.5123
    assert found["valid:accuracy"] == 0.8520
    assert found["epoch"] == 3
    assert "valid:loss" not in found
    assert found["Test Loss"] == 0.25


def test_a_regex_that_takes_too_long_is_given_up_and_named() -> None:
    told: list[str] = []
    definitions = [{"Name": "trap", "Regex": "(a|aa)+$"}, {"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    reader = MetricReader(definitions, told.append)
    assert reader.read(["loss=1", "a" * 3000 + "! loss=2"]) == [("loss", 1.0), ("loss", 2.0)]
    (text,) = told
    assert text.startswith(dropped_notice("trap")) and "'(a|aa)+$'" in text and "'aaaa" in text
    assert reader.read(["aaa", "loss=3"]) == [("loss", 3.0)] and len(told) == 1


def test_tail_keeps_the_last_lines() -> None:
    tail = Tail()
    tail.extend([str(n) for n in range(1000)])
    tail.extend(["x" * 10_000])
    assert tail.lines()[-2] == "999"
    assert len(tail.lines()) <= 300
    assert len(tail.lines()[-1]) < 10_000


SCRIPT_ERROR = """Traceback (most recent call last):
  File "/opt/ml/input/data/code/train.py", line 30, in <module>
    main()
  File "/opt/ml/input/data/code/train.py", line 12, in main
    raise ValueError("learning rate must be above 0")
ValueError: learning rate must be above 0
""".splitlines()
DRIVER_ERROR = """Command failed with exit code 1. Traceback: Traceback (most recent call last):
  File "/opt/ml/input/data/sm_drivers/common/utils.py", line 190, in execute_commands
    raise subprocess.CalledProcessError(exitcode, commands)
subprocess.CalledProcessError: Command '['python', 'train.py']' returned non-zero exit status 1.
An error occurred with exit code 1""".splitlines()


def test_the_reason_is_the_scripts_error_not_the_drivers() -> None:
    failure = "Traceback...\nsubprocess.CalledProcessError: Command '['python', 'train.py']' returned non-zero"
    reason = failure_reason(1, ["start", *SCRIPT_ERROR, *DRIVER_ERROR], failure, "python train.py --lr 0")
    assert reason.startswith('AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: learning')
    assert "line 12, in main" in reason
    assert reason.endswith('Command "python train.py --lr 0", exit code: 1')


def test_the_jobs_own_words_come_first() -> None:
    reason = failure_reason(3, SCRIPT_ERROR, "The data has one class only.", "python train.py")
    assert reason == "AlgorithmError: The data has one class only., exit code: 3"


def test_a_process_killed_for_memory_says_so_and_names_its_host() -> None:
    reason = failure_reason(-9, ["epoch=1"], "", "python train.py", "algo-2", hosts=4)
    assert "algo-2" in reason
    assert "no memory left" in reason
    assert reason.endswith("exit code: 137")


def test_the_reason_fits_and_keeps_the_message() -> None:
    lines = [*SCRIPT_ERROR[:-1], "ValueError: " + "x" * 5000]
    reason = failure_reason(1, lines, "", "python " + "y" * 5000)
    assert len(reason) <= 1024
    assert "ValueError: xxx" in reason
    assert reason.endswith("exit code: 1")


def test_without_a_traceback_the_last_lines_say_it() -> None:
    reason = failure_reason(
        2, ["usage: train.py", "train.py: error: the following arguments: --lr", "+ exit 2"], "", "c"
    )
    assert "the following arguments: --lr" in reason
    assert "+ exit" not in reason


def test_tracebacks_of_torch_ranks_are_read() -> None:
    lines = [f"[rank1]: {line}" for line in SCRIPT_ERROR]
    assert last_traceback(lines).startswith("ValueError: learning rate")


def test_tracebacks_whose_spaces_a_driver_cut_are_read() -> None:
    lines = ["start", *(line.strip() for line in SCRIPT_ERROR), *DRIVER_ERROR]
    assert last_traceback(lines).startswith("ValueError: learning rate must be above 0\nFile")


def test_a_rank_that_was_killed_under_torchrun_is_told_so() -> None:
    report = ["Root Cause (first observed failure):", "  rank      : 1 (local_rank: 0)", "  exitcode  : -9 (pid: 12)"]
    reason = failure_reason(1, [*report, *DRIVER_ERROR, "+++ handle_error", "+++ exit 1"], "", "torchrun", "algo-2", 2)
    assert "on algo-2" in reason
    assert "no memory left" in reason


def test_the_drivers_own_lines_are_no_reason() -> None:
    reason = failure_reason(1, ["The data folder is empty.", *DRIVER_ERROR, "+++ handle_error", "++ exit 1"], "", "c")
    assert 'ErrorMessage "The data folder is empty."' in reason
