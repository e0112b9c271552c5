"""A head's weight decay is chosen by validation, and stays where nothing is clearly better."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from sagedeck_training.fitting.fit import FeatureBatches, fit
from sagedeck_training.fitting.weight_decay import Tried, best, candidates, choose, told
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.stopping import Stop
from sagedeck_training.network.features import FeatureSet
from sagedeck_training.network.model import Head
from sagedeck_training.settings import HEAD_DECAY, Settings, parse

CLASSES, FEATURES = 3, 200


def noisy(count: int, seed: int, signal: float) -> FeatureSet:
    """Classes that differ in three of two hundred features; the others are noise, which few pictures do not show."""
    dice = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    rows = torch.randn(count, 1, FEATURES, generator=dice)
    rows[:, 0, :CLASSES] += signal * F.one_hot(labels, CLASSES)
    return FeatureSet(rows.half(), labels, [str(number) for number in range(count)])


def loss_and_accuracy(settings: Settings, head: Head, batches: FeatureBatches, test: FeatureSet) -> tuple[float, float]:
    torch.nn.init.zeros_(head.linear.weight)
    torch.nn.init.zeros_(head.linear.bias)
    groups = [(list(head.parameters()), settings.learning_rate)]
    fitted = fit(head, groups, batches, settings, Group(), Stop(), lambda text: None)
    assert fitted.best_state is not None
    head.load_state_dict(fitted.best_state)
    with torch.inference_mode():
        logits = head(test.features[:, 0].float())
    return F.cross_entropy(logits, test.labels).item(), (logits.argmax(1) == test.labels).float().mean().item()


def options(*argv: str) -> Settings:
    return parse(["--data-dir", "d", "--model-dir", "m", "--batch-size", "16", *argv], {})


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("count", "signal"), [(30, 2.0), (30, 0.7), (240, 2.0)])
def test_the_choice_is_not_worse_than_the_usual_decay_on_new_pictures(seed: int, count: int, signal: float) -> None:
    settings = options("--epochs", "20", "--learning-rate", "0.01", "--seed", str(seed))
    train, valid, test = (noisy(*size, signal) for size in ((count, seed), (60, 100 + seed), (1500, 200 + seed)))
    head, batches = Head(FEATURES, CLASSES), FeatureBatches(train, valid, 16, seed, Group())
    choice = choose(head, batches, settings, Stop())
    usual = loss_and_accuracy(replace(settings, weight_decay=HEAD_DECAY), head, batches, test)
    chosen = loss_and_accuracy(replace(settings, weight_decay=choice.weight_decay), head, batches, test)
    assert chosen[0] <= usual[0] and chosen[1] >= usual[1] - 0.02


def test_where_a_head_learns_by_heart_more_decay_is_chosen_and_helps() -> None:
    settings = options("--learning-rate", "0.01")
    train, valid, test = noisy(60, 1, 1.0), noisy(90, 2, 1.0), noisy(1500, 3, 1.0)
    head, batches = Head(FEATURES, CLASSES), FeatureBatches(train, valid, 16, 0, Group())
    choice = choose(head, batches, settings, Stop())
    assert choice.weight_decay > HEAD_DECAY and choice.tried[0].weight_decay == HEAD_DECAY
    usual = loss_and_accuracy(replace(settings, weight_decay=HEAD_DECAY), head, batches, test)
    chosen = loss_and_accuracy(replace(settings, weight_decay=choice.weight_decay), head, batches, test)
    assert chosen[0] < usual[0] - 0.01 and chosen[1] > usual[1] + 0.02
    assert choose(head, batches, settings, Stop()) == choice
    assert told(choice.public()).startswith(f"weight decay: {choice.weight_decay:g}, by the loss on the validation")


EVEN = [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("others", "taken"),
    [
        ([([0.8, 0.9, 0.8, 0.9], 0.7)], 1),
        ([([0.8, 0.9, 0.8, 0.9], 0.69)], 0),  # fewer pictures are right
        ([([0.4, 1.6, 0.9, 0.9], 0.9)], 0),  # a lower mean by chance
        ([([1.2, 1.2, 1.2, 1.2], 0.9)], 0),
        ([([], 0.9), ([0.8, 0.9, 0.8, 0.9], 0.9)], 2),  # one that was never measured: its losses were no numbers
        ([([0.8, 0.9, 0.8, 0.9], 0.9), ([0.7, 0.7, 0.7, 0.8], 0.9)], 2),
        ([([0.7, 0.7, 0.7, 0.8], 0.9), ([0.8, 0.9, 0.8, 0.9], 0.9)], 1),
        ([], 0),
    ],
)
def test_the_usual_decay_stays_unless_another_one_is_clearly_better(
    others: list[tuple[list[float], float]], taken: int
) -> None:
    losses = [torch.tensor(values, dtype=torch.float64) for values in (EVEN, *(values for values, _ in others))]
    rights = [0.7, *(right for _, right in others)]
    tried = [
        Tried(float(number), found.mean().item() if len(found) else float("inf"), right)
        for number, (found, right) in enumerate(zip(losses, rights, strict=True))
    ]
    assert best(tried, losses) == float(taken)
    assert best(tried, [torch.zeros(0), *losses[1:]]) == 0.0, "nothing to compare with"


def test_what_is_tried_side_by_side_is_what_training_alone_gives() -> None:
    settings = options("--epochs", "4", "--learning-rate", "0.01")
    head, batches = Head(FEATURES, CLASSES), FeatureBatches(noisy(40, 1, 1), noisy(30, 2, 1), 16, 0, Group())
    head.standardise_by(torch.randn(50, FEATURES, generator=torch.Generator().manual_seed(1)) * 3 + 0.5)
    for trial in choose(head, batches, settings, Stop()).tried:
        alone = Head(FEATURES, CLASSES)
        alone.load_state_dict(head.state_dict())
        groups = [(list(alone.parameters()), settings.learning_rate)]
        given = replace(settings, weight_decay=trial.weight_decay)
        fitted = fit(alone, groups, batches, given, Group(), Stop(), lambda text: None)
        assert min(row["valid:loss"] for row in fitted.curves) == pytest.approx(trial.loss, rel=1e-4)


def test_no_candidate_turns_a_weight_within_a_step() -> None:
    for rate in ("1e-3", "1", "1e4"):
        settings = options("--learning-rate", rate, "--epochs", "1")
        values = candidates(settings, 1)
        assert values[0] == HEAD_DECAY and all(settings.learning_rate * value <= 0.5 for value in values[1:])


def test_who_is_told_to_stop_chooses_nothing() -> None:
    stop = Stop()
    stop.requested = True
    head, batches = Head(FEATURES, CLASSES), FeatureBatches(noisy(40, 1, 1), noisy(30, 2, 1), 16, 0, Group())
    choice = choose(head, batches, options(), stop)
    assert choice.weight_decay == HEAD_DECAY and choice.tried == []


def test_a_run_of_very_many_epochs_does_not_try_for_ever() -> None:
    head, batches = Head(FEATURES, CLASSES), FeatureBatches(noisy(40, 1, 1), noisy(30, 2, 1), 16, 0, Group())
    assert choose(head, batches, options("--epochs", "1000000", "--patience", "0"), Stop()).tried
