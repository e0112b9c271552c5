"""Runs that are ended anywhere and go on give what a run gives that was left alone."""

from __future__ import annotations

import errno
import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as draw

import train
from sagedeck_training.fitting.checkpoint import DAMAGED, NAME, OTHER, Keeper
from sagedeck_training.fitting.fit import Batch, FeatureBatches, Fitted, fit
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.stopping import Stop
from sagedeck_training.network.features import FeatureSet
from sagedeck_training.network.model import Head
from sagedeck_training.settings import Settings, parse

SMALL = ["--image-size", "64", "--batch-size", "16", "--views", "2"]
SAME = ("epoch", "train:loss", "train:accuracy", "valid:loss", "valid:accuracy", "valid:best_accuracy")
EPOCHS, STEPS = 6, 4


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the job's is run any more."""


def clusters(count: int, seed: int = 0) -> FeatureSet:
    dice = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    rows = torch.eye(3, 8)[labels][:, None, :] + torch.randn(count, 1, 8, generator=dice) * 0.6
    return FeatureSet(rows.half(), labels, [str(number) for number in range(count)])


def options(*argv: str) -> Settings:
    base = ["--data-dir", "d", "--model-dir", "m", "--batch-size", "8", "--learning-rate", "0.05", "--patience", "3"]
    return parse([*base, *argv], {})


class Watched(FeatureBatches):
    """Tells how many batches were given out, before each."""

    def __init__(self, at: Callable[[int], None]) -> None:
        super().__init__(clusters(8 * STEPS), clusters(15, 5), 8, 0, Group())
        self._at, self.given = at, 0

    def train(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        for batch in super().train(epoch, skip):
            self._at(self.given)
            self.given += 1
            yield batch


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)


def go(settings: Settings, saved: dict[str, Any] | None, at: Callable[[int, Stop], None]) -> tuple[Fitted, Any]:
    """What a process gives, and its last checkpoint."""
    kept = [saved]
    stop, head = Stop(), Head(8, 3)
    groups = [(list(head.parameters()), settings.learning_rate)]
    fitted = Fitted()
    try:
        batches = Watched(lambda number: at(number, stop))
        fitted = fit(
            head, groups, batches, settings, Group(), stop, lambda text: None, saved=saved,
            keep=lambda state: kept.append(through_a_file(state)),
        )  # fmt: skip
    except Killed:
        pass
    return fitted, kept[-1]


def told(fitted: Fitted) -> list[list[float]]:
    return [[row[name] for name in SAME] for row in fitted.curves]


@pytest.mark.parametrize(
    "argv", [[], ["--schedule", "one-cycle", "--warmup", "0.3", "--ema", "0.9"]], ids=["head", "average"]
)
@rules(max_examples=25, deadline=None)
@given(ends=draw.lists(draw.tuples(draw.integers(0, EPOCHS * STEPS), draw.booleans()), max_size=4))
def test_a_run_that_was_ended_anywhere_gives_what_one_gives_that_was_not(
    argv: list[str], ends: list[tuple[int, bool]]
) -> None:
    settings = options("--epochs", str(EPOCHS), *argv)
    whole, _ = go(settings, None, lambda number, stop: None)
    saved: dict[str, Any] | None = None
    for step, is_kill in ends:

        def end(number: int, stop: Stop, step: int = step, is_kill: bool = is_kill) -> None:
            if number == step and is_kill:
                raise Killed
            stop.requested = stop.requested or number == step

        _, saved = go(settings, saved, end)
    fitted, _ = go(settings, saved, lambda number, stop: None)
    assert told(fitted) == told(whole)
    assert (fitted.best_epoch, fitted.ended) == (whole.best_epoch, whole.ended)
    assert fitted.best_state is not None and whole.best_state is not None
    assert all(torch.equal(fitted.best_state[name], whole.best_state[name]) for name in whole.best_state)


def test_more_epochs_go_on_where_fewer_ended() -> None:
    few, saved = go(options("--epochs", "3", "--patience", "0"), None, lambda number, stop: None)
    more, _ = go(options("--epochs", "5", "--patience", "0"), saved, lambda number, stop: None)
    assert told(more)[:3] == told(few) and len(more.curves) == 5 and more.ended == "completed"


def test_after_an_early_end_more_epochs_are_waited_for_anew() -> None:
    impatient = ["--patience", "1", "--learning-rate", "0.5"]
    early, saved = go(options("--epochs", "30", *impatient), None, lambda number, stop: None)
    done = len(early.curves)
    assert early.ended == "early_stopping" and done < 30
    same, _ = go(options("--epochs", "30", *impatient), saved, lambda number, stop: None)
    assert same.ended == "early_stopping" and told(same) == told(early)
    more, _ = go(options("--epochs", "40", *impatient), saved, lambda number, stop: None)
    assert len(more.curves) > done


@pytest.fixture
def run(
    small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, dict[str, Any]]]:
    def go_on(*argv: str) -> tuple[str, dict[str, Any]]:
        capsys.readouterr()
        place = ["--model-dir", str(tmp_path / "m"), "--checkpoint-dir", str(tmp_path / "c")]
        assert train.main(["--data-dir", str(small_folder), *place, *SMALL, *argv]) == 0
        return capsys.readouterr().out, json.loads((tmp_path / "m" / "report.json").read_text(encoding="utf-8"))

    return go_on


@pytest.mark.parametrize("mode", [[], ["--unfreeze", "1", "--ema", "0.9"]], ids=["head", "pictures"])
def test_a_job_that_was_killed_goes_on_from_its_folder(
    run: Callable[..., tuple[str, dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: list[str]
) -> None:
    _, whole = run(*mode, "--epochs", "3", "--checkpoint-dir", str(tmp_path / "other"))
    state = torch.load(tmp_path / "m" / "model.pth", weights_only=True)
    written = Keeper.write

    def then_die(self: Keeper, state: dict[str, Any]) -> None:
        written(self, state)
        if state["ended"] == 2:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Keeper, "write", then_die)
        run(*mode, "--epochs", "3")
    log, report = run(*mode, "--epochs", "3")
    assert "checkpoint: goes on after epoch 2" in log and log.count("epoch=") == 1 and "epoch=3/3" in log
    assert told(Fitted(curves=report["curves"])) == told(Fitted(curves=whole["curves"]))
    again = torch.load(tmp_path / "m" / "model.pth", weights_only=True)
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert report["weight_decay"] == whole["weight_decay"] and report["confusion"] == whole["confusion"]
    log, report = run(*mode, "--epochs", "4", "--patience", "9")
    assert "4 epochs instead of 3; the learning rate goes on as in a run of 4" in log and len(report["curves"]) == 4


def test_a_checkpoint_of_something_else_is_told_and_kept(
    run: Callable[..., tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    run("--epochs", "1")
    log, _ = run("--epochs", "1", "--learning-rate", "0.02", "--label_smoothing", "0")
    said = "The checkpoint is of a run with other settings or data (learning-rate, label-smoothing): training starts"
    assert said in log and (tmp_path / "c" / OTHER).is_file() and "epoch=1/1" in log
    (tmp_path / "c" / NAME).write_bytes((tmp_path / "c" / NAME).read_bytes()[:-200])
    log, _ = run("--epochs", "1", "--learning-rate", "0.02", "--label_smoothing", "0")
    assert "The checkpoint is damaged: training starts anew. It is kept as checkpoint-damaged.pth." in log
    assert (tmp_path / "c" / DAMAGED).is_file() and "epoch=1/1" in log


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_what_is_no_checkpoint_is_set_aside(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        torch.save({"format": 1, "identity": [], "state": {}}, tmp_path / NAME)
    else:
        (tmp_path / NAME).write_bytes(content)
    said: list[str] = []
    assert Keeper(tmp_path, {}, Group(), said.append).read() is None
    assert "damaged" in said[0] and (tmp_path / DAMAGED).is_file()


def test_a_folder_that_takes_nothing_costs_the_checkpoint_and_not_the_run(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file, not a folder", encoding="utf-8")
    said: list[str] = []
    keeper = Keeper(tmp_path / "c", {}, Group(), said.append)
    keeper.write({"a": 1})
    assert "The checkpoint cannot be written" in said[0] and "goes on without" in said[0]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("enforce fail at 3\nx")]
)
def test_a_disk_that_is_full_leaves_the_checkpoint_before_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    said: list[str] = []
    keeper = Keeper(tmp_path, {}, Group(), said.append)
    keeper.write({"a": 1})

    def full(handle: int) -> None:
        raise error

    monkeypatch.setattr("sagedeck_training.fitting.checkpoint.os.fsync", full)
    keeper.write({"a": 2})
    assert len(said) == 1 and ("enforce fail at 3)" in said[0] or "space" in said[0])
    assert keeper.read() == {"a": 1} and [path.name for path in tmp_path.iterdir()] == [NAME]


def test_without_a_folder_nothing_is_read_or_written() -> None:
    keeper = Keeper(None, {}, Group(), pytest.fail)
    keeper.write({"a": 1})
    assert keeper.read() is None


class Two(Group):
    """One of two processes that are threads; ``table`` is where they meet."""

    def __init__(self, rank: int, table: list[Any], meeting: threading.Barrier) -> None:
        super().__init__(rank, 2)
        self._table, self._meeting = table, meeting

    def gather_json(self, value: Any) -> list[Any]:
        self._table[self.rank] = value
        self._meeting.wait(60)
        found = list(self._table)
        self._meeting.wait(60)
        return found

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        first, second = self.gather_json(values.clone())
        return first + second


@pytest.mark.parametrize("first_has", ["one", "none", "damaged", "other"])
def test_every_process_goes_on_from_what_the_first_one_read_whatever_its_own_folder_holds(
    tmp_path: Path, first_has: str
) -> None:
    identity = {"a": 1}
    folders = [tmp_path / "0", tmp_path / "1"]
    if first_has != "none":
        kept = {"a": 2} if first_has == "other" else identity
        Keeper(folders[0], kept, Group(), print).write({"value": torch.arange(3)})
    if first_has == "damaged":
        (folders[0] / NAME).write_bytes(b"damaged")
    Keeper(folders[1], {"a": 3}, Group(), print).write({"value": torch.arange(9)})
    before = (folders[1] / NAME).read_bytes()
    table, meeting = [None, None], threading.Barrier(2)

    def process(rank: int) -> Any:
        keeper = Keeper(folders[rank], identity, Two(rank, table, meeting), lambda text: None)
        found = keeper.read()
        keeper.write({"written": rank})
        return found

    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(process, (0, 1)))
    if first_has == "one":
        assert all(state["value"].tolist() == [0, 1, 2] for state in states)
    else:
        assert states == [None, None]
    assert (folders[1] / NAME).read_bytes() == before and [path.name for path in folders[1].iterdir()] == [NAME]
    assert Keeper(folders[0], identity, Group(), print).read() == {"written": 0}
