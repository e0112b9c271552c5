"""The training loop, its optimizer, and the line that the metric definitions read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from sagedeck_training.fitting import fit as fitting
from sagedeck_training.fitting.fit import FeatureBatches, TrainingFailed, epoch_line, fit, shuffled
from sagedeck_training.fitting.optimizer import AdamW
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.stopping import Stop
from sagedeck_training.network.features import FeatureSet
from sagedeck_training.network.model import Head
from sagedeck_training.settings import Settings, parse

DEFINITIONS = Path(__file__).resolve().parents[4] / "training" / "metric_definitions.json"


def clusters(count: int, views: int = 2, spread: float = 0.5, seed: int = 0) -> FeatureSet:
    dice = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    centres = torch.eye(3, 8)[labels][:, None, :].expand(-1, views, -1)
    noise = torch.randn(count, views, 8, generator=dice) * spread
    return FeatureSet((centres + noise).half(), labels, [str(number) for number in range(count)])


def options(*argv: str) -> Settings:
    return parse(["--data-dir", "d", "--model-dir", "m", *argv], {})


def run(settings: Settings, train: FeatureSet, valid: FeatureSet, stop: Stop | None = None):
    head = Head(8, 3)
    batches = FeatureBatches(train, valid, settings.batch_size, settings.seed, Group())
    lines: list[str] = []
    groups = [(list(head.parameters()), settings.learning_rate)]
    return fit(head, groups, batches, settings, Group(), stop or Stop(), lines.append), lines, head


def test_adamw_is_torchs_adamw_with_a_cosine_schedule() -> None:
    first = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    second = torch.tensor([0.5], requires_grad=True)
    optimizer = AdamW([([first], 0.1), ([second], 0.01)], 0.05, 12)
    for step in range(12):
        optimizer.zero_grad()
        loss = (first * torch.tensor([1.0, 2.0, 3.0])).square().sum() + second.square().sum() * (step % 3 - 1)
        loss.backward()
        optimizer.step()
    # From torch 2.15's AdamW and a LambdaLR of half a cosine; importing those here would take seconds.
    expected = [0.351457, -1.304053, 2.26864, 0.518748]
    assert [*first.tolist(), *second.tolist()] == pytest.approx(expected, abs=2e-6)


def test_a_head_moves_in_one_pass_as_other_parameters_do(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[object] = []
    fused = torch._fused_adamw_
    monkeypatch.setattr(torch, "_fused_adamw_", lambda *args, **options: passes.append(1) or fused(*args, **options))
    plain, lying = torch.randn(3, 5), torch.randn(5)
    # The columns of a larger tensor do not lie beside each other: they take the way of all others.
    apart, also = torch.zeros(3, 10)[:, ::2].copy_(plain), torch.zeros(10)[::2].copy_(lying)
    ways = [AdamW([([weight, bias], 0.1)], 0.05, 8, warmup=0.25) for weight, bias in ((plain, lying), (apart, also))]
    for step in range(8):
        slopes = torch.randn(3, 5) * step, torch.randn(5)
        for way in ways:
            for values, slope in zip(way.parameters, slopes, strict=True):
                values.grad = torch.empty_strided(values.shape, values.stride()).copy_(slope)
            way.step()
    assert len(passes) == 8
    for moved, other in zip(ways[0].parameters, ways[1].parameters, strict=True):
        torch.testing.assert_close(moved, other, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ways[0].state(), ways[1].state(), rtol=1e-5, atol=1e-6)


def test_every_metric_definition_reads_the_epoch_line() -> None:
    row = {
        "epoch": 3, "epochs": 10, "train:loss": 0.51234, "train:accuracy": 0.874, "valid:loss": 1.5e-5,
        "valid:accuracy": 0.852, "valid:best_accuracy": 0.861, "images_per_second": 215.04, "seconds": 1.2,
    }  # fmt: skip
    line = epoch_line(row)
    assert line == (
        "epoch=3/10 train_loss=0.5123 train_acc=0.8740 valid_loss=0.0000 valid_acc=0.8520 best_accuracy=0.8610 "
        "images_per_s=215.0 seconds=1.20"
    )
    read = {}
    for definition in json.loads(DEFINITIONS.read_text()):
        found = re.findall(definition["Regex"], line)
        assert len(found) == 1, definition
        read[definition["Name"]] = float(found[0])
    assert read.pop("valid:loss") == 0
    assert all(read[name] == pytest.approx(row[name], rel=1e-3) for name in read)
    assert set(read) == set(row) - {"seconds", "valid:loss"}


def test_an_epoch_sees_every_view_of_every_picture_once() -> None:
    train = clusters(25)
    batches = FeatureBatches(train, clusters(3), 16, 0, Group())
    found = list(batches.train(1))
    assert [batch.total for batch in found] == [16, 16, 16, 2] and batches.steps() == 4
    seen = torch.cat([batch.inputs for batch in found])
    assert sorted(seen.flatten().tolist()) == sorted(train.features.float().flatten().tolist())


def test_training_features_are_standardised_once_and_the_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    train = clusters(25)
    train.features = train.features.float() * 3 + 1
    before, rows = train.features.clone(), train.features.flatten(0, 1)
    head = Head(8, 3)
    head.standardise_by(rows)
    wanted = (rows - head.mean) / head.deviation
    seen: list[torch.Tensor] = []
    learned = fitting.learn
    monkeypatch.setattr(fitting, "learn", lambda head, rows, *rest: seen.append(rows) or learned(head, rows, *rest))
    batches, settings = FeatureBatches(train, clusters(3), 64, 0, Group()), options("--epochs", "3")
    batches.standardise(head)
    fit(head, [(list(head.parameters()), 0.01)], batches, settings, Group(), Stop(), lambda text: None)
    assert [sorted(part.flatten().tolist()) for part in seen] == [sorted(wanted.flatten().tolist())] * 3
    assert torch.equal(train.features, before)


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_hosts_share_a_batch_without_loss_or_double(world: int) -> None:
    train, valid = clusters(10), clusters(5)
    parts = [FeatureBatches(train, valid, 6, 0, Group(rank, world)) for rank in range(world)]
    for whole, *mine in zip(shuffled(20, 6, 0, 1), *(part.train(1) for part in parts), strict=True):
        assert sum(len(batch.labels) for batch in mine) == len(whole)
        assert {batch.total for batch in mine} == {len(whole)}
    assert sum(len(batch.labels) for part in parts for batch in part.valid()) == 5


def test_training_learns_and_keeps_the_best_epoch() -> None:
    fitted, lines, head = run(
        options("--epochs", "30", "--learning-rate", "0.02", "--patience", "0"), clusters(60), clusters(60, 1, seed=5)
    )
    assert len(lines) == 30 and fitted.ended == "completed"
    losses = [row["valid:loss"] for row in fitted.curves]
    assert fitted.best_epoch == losses.index(min(losses)) + 1
    assert fitted.curves[-1]["train:accuracy"] > 0.8
    head.load_state_dict(fitted.best_state)
    valid = clusters(60, 1, seed=5)
    loss = torch.nn.functional.cross_entropy(head(valid.features[:, 0].float()), valid.labels).item()
    assert loss == pytest.approx(min(losses), rel=1e-5)


def test_training_stops_when_validation_no_longer_improves() -> None:
    wrong = clusters(30, 1)
    wrong.labels = (wrong.labels + 1) % 3
    fitted, lines, _ = run(options("--epochs", "50", "--patience", "3", "--learning-rate", "0.05"), clusters(60), wrong)
    assert fitted.ended == "early_stopping" and len(lines) == fitted.best_epoch + 3 < 50


def test_a_loss_that_is_not_finite_names_the_step() -> None:
    train = clusters(20)
    train.features[7] = float("nan")
    with pytest.raises(TrainingFailed, match=r"became nan at step \d+ \(epoch 1, batch \d+ of 5\)"):
        run(options("--batch-size", "8"), train, clusters(6))
    with pytest.raises(TrainingFailed, match="step"):
        run(options("--learning-rate", "1e38"), clusters(20), clusters(6))


def test_stop_keeps_what_there_is() -> None:
    stop = Stop()
    stop.requested = True
    fitted, lines, _ = run(options(), clusters(20), clusters(6), stop)
    assert fitted.ended == "sigterm" and fitted.best_state is None and not lines


def test_the_same_seed_gives_the_same_curves_and_another_does_not() -> None:
    def losses(seed: str) -> list[float]:
        fitted, _, _ = run(options("--seed", seed, "--epochs", "3", "--batch-size", "7"), clusters(30), clusters(9))
        return [row["train:loss"] for row in fitted.curves]

    assert losses("1") == losses("1") != losses("2")
