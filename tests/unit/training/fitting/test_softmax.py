"""The gradient in closed form is the one that autograd finds."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from sagedeck_training.fitting.fit import FeatureBatches, fit
from sagedeck_training.fitting.softmax import learn
from sagedeck_training.fitting.weight_decay import choose
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.stopping import Stop
from sagedeck_training.network.features import FeatureSet
from sagedeck_training.network.model import Head
from sagedeck_training.settings import parse

FEATURES, CLASSES = 7, 4


def a_head(heads: int) -> Head:
    dice = torch.Generator().manual_seed(heads)
    head = Head(FEATURES, heads * CLASSES)
    for values in head.parameters():
        values.data = torch.randn(values.shape, generator=dice)
    head.mean.copy_(torch.randn(FEATURES, generator=dice))
    head.deviation.copy_(torch.rand(FEATURES, generator=dice) + 0.5)
    return head


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("total", [5, 64])
def test_gradients_are_those_that_autograd_finds(heads: int, smoothing: float, total: int) -> None:
    head, inputs, labels = a_head(heads), torch.randn(5, FEATURES), torch.tensor([0, 3, 1, 1, 2])
    logits = head(inputs)
    flat, wanted = logits.view(-1, CLASSES), labels.repeat_interleave(heads)
    (F.cross_entropy(flat, wanted, label_smoothing=smoothing, reduction="sum") / total).backward()
    expected = [values.grad for values in head.parameters()]
    for values in head.parameters():
        values.grad = None
    found = learn(head, (inputs - head.mean) / head.deviation, labels, total, smoothing, heads)
    assert found.shape == ((5, CLASSES) if heads == 1 else (5, heads, CLASSES)) and not found.requires_grad
    torch.testing.assert_close(found.flatten(), logits.flatten())
    torch.testing.assert_close([values.grad for values in head.parameters()], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("heads", [1, 3])
def test_a_step_asks_for_few_operations(heads: int) -> None:
    # On a batch of 32 an operation takes as long to be asked for as to be done.
    asked: list[str] = []

    class Counted(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), options=None):
            asked.append(str(operation))
            return operation(*args, **(options or {}))

    head, rows, labels = a_head(heads), torch.randn(5, FEATURES), torch.tensor([0, 3, 1, 1, 2])
    learn(head, rows, labels, 5, 0.1, heads)
    with Counted():
        learn(head, rows, labels, 5, 0.1, heads)
    assert len(asked) <= 13, asked


def test_a_head_and_its_weight_decay_are_learned_without_autograd(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a step of a head is recorded")

    monkeypatch.setattr(torch.Tensor, "backward", refused)
    rows = FeatureSet(torch.randn(12, 1, FEATURES).half(), torch.arange(12) % CLASSES, [str(n) for n in range(12)])
    settings = parse(["--data-dir", "d", "--model-dir", "m", "--epochs", "2", "--batch-size", "8"], {})
    head, batches = Head(FEATURES, CLASSES), FeatureBatches(rows, rows, 8, 0, Group())
    assert choose(head, batches, settings, Stop()).tried
    groups = [(list(head.parameters()), settings.learning_rate)]
    assert len(fit(head, groups, batches, settings, Group(), Stop(), lambda text: None).curves) == 2
