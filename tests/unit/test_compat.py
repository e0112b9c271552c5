"""What ``make compat`` says of its parts: nothing that was not judged passes for judged."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
import torch

from tests.compat import __main__ as compat
from tests.compat import environments
from tests.compat.containers import room, serving, training
from tests.compat.moto import run as moto
from tests.compat.outcome import NotJudged, Outcome, Status, Wrong, judged, status, table
from tests.compat.sdks import flows


def right(outcome: Outcome) -> None:
    outcome.right += 2


def wrong(outcome: Outcome) -> None:
    outcome.right += 1
    raise Wrong("it said no")


def crashes(outcome: Outcome) -> None:
    raise ValueError("of a program that is not ours")


def missing(outcome: Outcome) -> None:
    raise NotJudged("no Java")


@pytest.mark.parametrize(
    ("parts", "ends", "says"),
    [
        ([right], Status.RIGHT, "right"),
        ([right, wrong], Status.WRONG, "WRONG part: it said no"),
        ([right, crashes], Status.WRONG, "ValueError: of a program that is not ours"),
        ([right, missing], Status.NOT_JUDGED, "NOT JUDGED: no Java"),
        ([missing, wrong], Status.WRONG, "NOT JUDGED: no Java"),
    ],
)
def test_a_run_is_green_only_where_all_was_judged_and_right(parts: list[object], ends: Status, says: str) -> None:
    outcomes = [judged("part", steps) for steps in parts]  # type: ignore[arg-type]
    assert status(outcomes) == ends
    assert says in table(outcomes)


def test_our_training_folder_is_judged_with_all_of_its_rooms() -> None:
    sent = training.source()
    assert {"train.py", "requirements.txt", "sagedeck_training/data/folders.json"} <= sent.keys()
    assert not [name for name in sent if "__pycache__" in name]


def test_a_name_is_a_part_or_a_group() -> None:
    assert list(compat.chosen(["s5cmd", "sdks"])) == ["s5cmd", "sdk2", "sdk3"]
    assert {"training", "serving-image", "moto-s3"} <= compat.chosen([]).keys()
    with pytest.raises(KeyError):
        compat.chosen(["nobody"])


def test_what_cannot_be_installed_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "CACHE", tmp_path)
    refused = subprocess.CompletedProcess([], 1, "", "no such version")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refused)
    with pytest.raises(NotJudged, match="thing==1 cannot be installed: no such version"):
        environments.environment("thing", "thing==1")
    assert not (tmp_path / "environments" / "thing" / "requirements.sha256").exists()


def test_a_room_that_cannot_be_had_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.shutil, "which", lambda name: None)
    with pytest.raises(NotJudged, match="unshare"):
        room.run(tmp_path, tmp_path / "python", ["serve"], {}, 1.0)


QUESTION = serving.Question("no picture", "image/jpeg", b"no")


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ((400, b"No."), (400, b"No."), ""),
        ((400, b"No."), (415, b"No."), "400 b'No.' and 415 b'No.'"),
        ((400, b"No."), (400, b"Yes."), "b'Yes.'"),
        # The same crash in both is no agreement.
        ((500, b"Traceback"), (500, b"Traceback"), "crashes"),
        ((400, b"No.\nTraceback"), (400, b"No.\nTraceback"), "crashes"),
    ],
)
def test_a_bad_request_needs_a_sentence_from_both(
    ours: tuple[int, bytes], theirs: tuple[int, bytes], says: str
) -> None:
    found = serving.differs(QUESTION, serving.Told(*ours), serving.Told(*theirs), serving.SAME)
    assert (says in found) if says else found == ""


def test_an_excuse_that_is_not_needed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    excused = next(iter(moto.nearer()))
    verdicts = [moto.Verdict(test, moto.RIGHT, "", {}) for test in (excused, "tests/test_s3/test_s3.py::test_any")]
    monkeypatch.setattr(moto, "compare", lambda *_, **__: verdicts)
    outcome = judged("moto-s3", moto.judge_service)
    assert (outcome.right, outcome.wrong) == (2, [])
    assert outcome.notes[1:] == [f"listed as what cannot be right, and right this time: {excused}"]


def test_why_a_flow_ended_is_told_wherever_it_was_said() -> None:
    waits = "waiting " * 1000
    for output, errors in ((f"{waits} AssertionError: 2", waits), (waits, f"{waits} AssertionError: 2")):
        assert "AssertionError: 2" in flows.last_words(subprocess.CompletedProcess([], 1, output, errors))


def saved(**tensors: list[float]) -> bytes:
    buffer = io.BytesIO()
    torch.save({name: torch.tensor(values) for name, values in tensors.items()}, buffer)
    return buffer.getvalue()


def test_weights_are_compared_by_the_size_of_their_tensor() -> None:
    ours = saved(backbone=[3.0, -1.0], head=[0.01, 0.002])
    assert training.weights_differ(ours, ours, training.SAME) == ([], 0.0)
    # Small beside the backbone, and a tenth of the head.
    assert training.weights_differ(ours, saved(backbone=[3.0, -1.0], head=[0.011, 0.002]), 0.02)[0] == ["head"]
    assert training.weights_differ(ours, saved(backbone=[3.0, -1.0]), 0.02)[0] == ["tensors: ['head']"]
