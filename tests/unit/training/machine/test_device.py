"""Whole runs with the modules on another device than the data: there is none here, so one is played."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import train
from sagedeck_training.data import decoding, views
from sagedeck_training.fitting import finetune
from sagedeck_training.fitting.fit import FeatureBatches, TrainingFailed, fit, shuffled
from sagedeck_training.fitting.optimizer import AdamW
from sagedeck_training.machine import device
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.stopping import Stop
from sagedeck_training.network import features
from sagedeck_training.network.features import FeatureSet
from sagedeck_training.network.model import Head
from sagedeck_training.settings import parse
from tests.helpers.other_device import PLACE, Away, OtherDevice
from tests.helpers.paths import TRAINING

SMALL = ["--image-size", "64", "--batch-size", "16", "--epochs", "3", "--views", "2"]


def one_by_one(work: Callable[[Any], Any], items: Iterable[Any], workers: int, **options: Any) -> Iterator[Any]:
    """The played device is known in this thread only."""
    return map(work, items)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Modules go to the played device; gives the devices of the modules that were asked."""
    asked: set[str] = set()
    answer = device.answer

    def noting(module: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        asked.add(device.of(module).type)
        return answer(module, inputs)

    monkeypatch.setattr(device, "best", lambda *_: PLACE)
    monkeypatch.setattr(device, "answer", noting)
    for module in (decoding, features, finetune):
        monkeypatch.setattr(module, "ordered_map", one_by_one)
    with OtherDevice():
        yield asked


def test_the_played_device_refuses_what_cuda_refuses_and_copies(elsewhere: set[str]) -> None:
    there = torch.ones(3).to(PLACE)
    assert isinstance(there, Away) and there.device == PLACE and there.cpu().tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="same device"):
        there + torch.ones(3)
    assert (there * 2 + torch.zeros((), dtype=torch.float32)).cpu().tolist() == [2, 2, 2]
    assert isinstance(torch.zeros(2, device=PLACE), Away)


# Bytes that the played device has left: the features fit, and in the one case the pictures.
ROOM, SMALL_ROOM = 10**9, 900_000


@pytest.mark.parametrize(
    ("options", "room", "tolerance"),
    [
        (["--backbone", "efficientnet_lite0"], ROOM, 1e-3),
        # In three epochs the few bytes that differ by one move a loss by 1e-4 to 3e-3, in one by 1e-5 to 1e-4.
        (["--backbone", "efficientnet_lite0", "--unfreeze", "1", "--epochs", "1"], SMALL_ROOM, 1e-3),
        # In memory a picture is resized once more.
        (["--backbone", "efficientnet_lite0", "--unfreeze", "1", "--epochs", "1"], ROOM, 0.12),
        (["--backbone", "resnet18", "--weights", "none"], ROOM, 1e-3),
    ],
    ids=["features", "streamed", "in memory", "traced"],
)
def test_a_run_with_its_modules_elsewhere_gives_what_a_run_here_gives(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest,
    options: list[str], room: int, tolerance: float,
) -> None:  # fmt: skip
    monkeypatch.setattr(device, "room", lambda place: room)
    # Pillow's bytes, which the device's are nearest to: what is compared here is where things are computed.
    monkeypatch.setattr(views, "is_quick", lambda: False)

    def curves(name: str) -> list[float]:
        argv = ["--data-dir", str(small_folder), "--model-dir", str(tmp_path / name), *SMALL, *options]
        assert train.main(argv) == 0
        report = json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8"))
        assert sum(map(sum, report["confusion"])) == 9
        return [row[key] for row in report["curves"] for key in ("train:loss", "valid:loss", "valid:accuracy")]

    here = curves("here")
    asked = request.getfixturevalue("elsewhere")
    assert curves("there") == pytest.approx(here, abs=tolerance)
    assert asked == {PLACE.type}
    state = torch.load(tmp_path / "there" / "model.pth", weights_only=True)
    assert {value.device.type for value in state.values()} == {"cpu"}


def test_prepared_features_and_a_run_from_them(small_folder: Path, tmp_path: Path, elsewhere: set[str]) -> None:
    data = ["--data-dir", str(small_folder), *SMALL]
    assert train.main([*data, "--prepare-features", "--features-dir", str(tmp_path / "f")]) == 0
    assert train.main(["--features-dir", str(tmp_path / "f"), "--model-dir", str(tmp_path / "m"), *SMALL]) == 0


def test_what_hosts_exchange_is_in_the_machines_memory(elsewhere: set[str]) -> None:
    class Told(Group):
        def sum(self, values: torch.Tensor) -> torch.Tensor:
            assert not isinstance(values, Away)
            return values

    group = Told(0, 2)
    found = FeatureSet(torch.randn(8, 1, 4).half(), torch.arange(8) % 2, [str(number) for number in range(8)])
    settings = parse(["--data-dir", "d", "--model-dir", "m", "--epochs", "2", "--batch-size", "4"], {})
    head = Head(4, 2).to(PLACE)
    batches = FeatureBatches(found, found, 4, 0, group)
    fitted = fit(head, [(list(head.parameters()), 0.01)], batches, settings, group, Stop(), print)
    assert len(fitted.curves) == 2


def test_gpus_talk_to_each_other_where_they_can_and_else_over_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    name, carried = device.backend(gpu)
    assert name == "cpu:gloo,cuda:nccl"
    assert Group(0, 2, place=gpu, carried=carried).tally(gpu) == gpu
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: False)
    for place in (gpu, torch.device("mps"), device.CPU):
        name, carried = device.backend(place)
        assert name == "gloo" and Group(0, 2, place=place, carried=carried).tally(place) == device.CPU
    assert Group(place=gpu).tally(gpu) == gpu, "alone nothing is exchanged"


def test_one_file_alone_knows_that_there_are_other_devices() -> None:
    others = {path.name for path in TRAINING.rglob("*.py") if "cuda" in path.read_text(encoding="utf-8")}
    assert others == {"device.py"}


def test_what_steps_gave_is_looked_at_in_time_though_not_at_once(
    elsewhere: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    later = device.Later.values
    monkeypatch.setattr(device.Later, "values", lambda self: looks.append(1) or later(self))
    features = torch.randn(400, 1, 4).half()
    settings = parse(["--data-dir", "d", "--model-dir", "m", "--epochs", "1", "--batch-size", "8"], {})

    def run() -> Head:
        found = FeatureSet(features, torch.arange(400) % 2, [str(number) for number in range(400)])
        head, group = Head(4, 2).to(PLACE), Group(place=PLACE)
        batches = FeatureBatches(found, found, 8, 0, group)
        fit(head, [(list(head.parameters()), 0.01)], batches, settings, group, Stop(), print)
        return head

    run()
    assert len(looks) == 7, "50 steps, looked at by eights"
    order = torch.cat(list(shuffled(400, 8, 0, 1))).tolist()
    features[order[8 * 20 + 3]] = float("nan")
    with pytest.raises(TrainingFailed, match=r"became nan at step 21 \(epoch 1, batch 21 of 50\)"):
        run()


def test_a_stop_is_honoured_at_the_next_step_and_by_all_processes_at_the_same_one(elsewhere: set[str]) -> None:
    class Other(Group):
        """Another process that is told to stop during the 20th step."""

        steps = 0

        def sum(self, values: torch.Tensor) -> torch.Tensor:
            if values.shape == (4,):
                self.steps += 1
                values[3] += self.steps == 20
            return values

    found = FeatureSet(torch.randn(800, 1, 4).half(), torch.arange(800) % 2, [str(number) for number in range(800)])
    settings = parse(["--data-dir", "d", "--model-dir", "m", "--epochs", "1", "--batch-size", "8"], {})
    group = Other(0, 2, place=PLACE, carried=frozenset({"cpu", PLACE.type}))
    head = Head(4, 2).to(PLACE)
    batches = FeatureBatches(found, found, 8, 0, group)
    fitted = fit(head, [(list(head.parameters()), 0.01)], batches, settings, group, Stop(), print)
    assert fitted.ended == "sigterm" and 20 <= group.steps <= 20 + 2 * device.LOOK_EVERY


def test_a_step_of_many_parameters_takes_as_few_calls_as_one_of_few() -> None:
    class Counting(TorchDispatchMode):
        """Counts what a GPU would be told to do."""

        calls = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.calls += 1
            return func(*args, **(kwargs or {}))

    def calls(count: int) -> int:
        parameters = [torch.ones(3, requires_grad=True) for _ in range(count)]
        optimizer = AdamW([(parameters, 0.1)], 0.01, 10)
        for parameter in parameters:
            parameter.grad = torch.ones(3)
        with Counting() as mode:
            optimizer.step()
        return mode.calls

    assert calls(50) == calls(1)


def gpus(monkeypatch: pytest.MonkeyPatch, count: int, *, works: bool = True) -> None:
    """A machine with so many GPUs."""

    def ones(*shape: int, device: object = None) -> torch.Tensor:
        if not works:
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nlong story")
        return torch.zeros(*shape).add_(1)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch, "ones", ones)


@pytest.mark.parametrize(
    ("count", "wanted", "env", "place"),
    [
        (0, "auto", {}, "cpu"),
        (2, "cpu", {}, "cpu"),
        (1, "auto", {}, "cuda:0"),
        (4, "CUDA", {}, "cuda:0"),
        (4, "cuda:3", {}, "cuda:3"),
        (4, "auto", {"LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "4"}, "cuda:2"),
        (0, "auto", {"LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "4"}, "cpu"),
    ],
)
def test_the_device_of_a_process(
    monkeypatch: pytest.MonkeyPatch, count: int, wanted: str, env: dict[str, str], place: str
) -> None:
    gpus(monkeypatch, count)
    assert str(device.best(wanted, env)) == place


@pytest.mark.parametrize(
    ("count", "wanted", "env", "said"),
    [
        (0, "cuda", {}, "device is cuda, but torch finds no NVIDIA GPU on this machine."),
        (0, "mps", {}, "device is mps, but torch finds no Apple GPU on this machine."),
        (2, "cuda:2", {}, "device is cuda:2, but this machine's GPUs are 0 to 1."),
        (1, "gpu", {}, "There is no device “gpu”: give auto, cpu, cuda, cuda:1 or mps."),
        (2, "cuda:0", {"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}, "device is cuda:0 for all 2 processes"),
        (1, "auto", {"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}, "start one process for each GPU."),
        (1, "auto", {"LOCAL_RANK": "one"}, "LOCAL_RANK must be a whole number, not “one”."),
    ],
)
def test_a_device_that_is_not_there_is_a_plain_sentence(
    monkeypatch: pytest.MonkeyPatch, count: int, wanted: str, env: dict[str, str], said: str
) -> None:
    gpus(monkeypatch, count)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(device.DeviceError) as error:
        device.best(wanted, env)
    assert said in str(error.value)


def test_a_gpu_that_does_not_work_is_left_alone_or_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gpus(monkeypatch, 2, works=False)
    assert device.best("auto", {}) == device.CPU
    why = "CUDA error: no kernel image is available for execution on the device"
    assert capsys.readouterr().err == f"The GPU cannot be used ({why}): the CPU is.\n"
    for wanted, env in (("cuda", {}), ("auto", {"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"})):
        with pytest.raises(device.DeviceError, match="no kernel image"):
            device.best(wanted, env)


def test_a_serving_process_takes_the_gpu_that_it_is_given_and_else_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    assert [str(device.serving(number)) for number in (None, 1, "1", 5)] == ["cuda:0", "cuda:1", "cuda:1", "cpu"]
    gpus(monkeypatch, 2, works=False)
    assert device.serving(1) == device.serving() == device.CPU
    gpus(monkeypatch, 0)
    assert device.serving() == device.CPU


def test_a_wrong_device_ends_a_job_with_the_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--data-dir", "d", "--model-dir", "m", "--device", "tpu"]) == 1
    assert capsys.readouterr().err == "error: There is no device “tpu”: give auto, cpu, cuda, cuda:1 or mps.\n"


def test_small_gradients_survive_float16_and_an_overflow_moves_nothing() -> None:
    weight = torch.ones(2, requires_grad=True)
    optimizer = AdamW([([weight], 0.1)], 0.0, 10)
    scaler = torch.amp.GradScaler("cpu")
    for factor in (1.0, float("inf")):
        optimizer.zero_grad()
        before = weight.detach().clone()
        scaler.scale((weight * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert torch.equal(weight.detach(), before) == (factor > 1)
    assert not device.scaler(device.CPU, torch.zeros(1, dtype=torch.uint8)).is_enabled()
