"""The endpoint's functions, as the container calls them."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import inference
from sagedeck_training.data.dataset import Sample
from sagedeck_training.machine import device
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.stopping import Stop
from sagedeck_training.network.features import Progress, compute_features
from sagedeck_training.network.model import build, for_inference, load_backbone_weights
from sagedeck_training.results.artifacts import write_model
from tests.helpers.other_device import PLACE, OtherDevice
from tests.helpers.pictures import draw_picture, png_claiming
from workers.errors.tree import InvalidInput, LocalProblem
from workers.inference import model_child

NAMES = [f"Breed {number}" for number in range(1, 8)]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    classifier = build("efficientnet_lite0", len(NAMES))
    load_backbone_weights(classifier, "efficientnet_lite0", "default")
    torch.nn.init.normal_(classifier.head.linear.weight, std=0.1)
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, classifier.eval(), NAMES, NAMES, "efficientnet_lite0", 64)
    return folder


@pytest.fixture(scope="module")
def loaded(model_dir: Path) -> inference.Loaded:
    return inference.model_fn(str(model_dir))


def jpeg() -> bytes:
    buffer = io.BytesIO()
    draw_picture(1, 1).save(buffer, "JPEG")
    return buffer.getvalue()


def png() -> bytes:
    buffer = io.BytesIO()
    draw_picture(2, 3).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "application/x-image", "image/jpeg; charset=utf-8"])
def test_a_picture_gets_the_five_best_classes(loaded: inference.Loaded, kind: str) -> None:
    answer = json.loads(inference.output_fn(inference.predict_fn(inference.input_fn(jpeg(), kind), loaded)))
    assert len(answer["labels"]) == len(answer["probabilities"]) == 5
    assert answer["classes"] == NAMES and len(answer["logits"]) == 7
    best = [NAMES[index] for index in np.argsort(answer["logits"])[::-1][:5]]
    assert answer["labels"] == best
    assert answer["probabilities"] == sorted(answer["probabilities"], reverse=True)
    assert 0 < sum(answer["probabilities"]) <= 1 + 1e-6


def test_json_carries_the_picture_and_how_many_classes(loaded: inference.Loaded) -> None:
    body = {"image": base64.b64encode(jpeg()).decode(), "top_k": 99}
    answer = inference.predict_fn(inference.input_fn(json.dumps(body), "application/json"), loaded)
    direct = inference.predict_fn(inference.input_fn(jpeg(), "image/jpeg"), loaded)
    assert len(answer["labels"]) == 7 and answer["logits"] == direct["logits"]
    assert sum(answer["probabilities"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"x", "text/csv", "text/csv is not served"),
        (b"{", "application/json", "not valid JSON"),
        (b"[]", "application/json", "base64 of the file"),
        (b'{"url": "file:///etc/passwd"}', "application/json", "Addresses are not fetched"),
        (b'{"image": 5}', "application/json", "base64 of the file"),
        (b'{"image": "%%%"}', "application/json", "not valid base64"),
        (b'{"image": "aGk=", "top_k": 0}', "application/json", "top_k"),
        (b'{"image": "aGk=", "top_k": true}', "application/json", "top_k"),
        (b"\xff\xfe{", "application/json", "not valid JSON"),
        ("text", "image/jpeg", "send its bytes"),
    ],
)
def test_bad_requests_say_what_is_wrong(body: bytes, kind: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        inference.input_fn(body, kind)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"no picture", "not a picture"),
        (jpeg()[:700], "damaged"),
        (png_claiming(30000, 20000), "megap"),
    ],
)
def test_bad_pictures_are_value_errors(loaded: inference.Loaded, data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=f"The picture cannot be used: .*{words}"):
        inference.predict_fn(inference.input_fn(data, "image/jpeg"), loaded)


class Container:
    """What a container hands to the functions: it keeps the status of the answer."""

    status: tuple[int, str] | None = None

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """As TorchServe's context has it."""
        self.status = (code, phrase)


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"x", "text/csv", (415, "Unsupported Media Type"), "The content type text/csv is not served"),
        (b"{", "application/json", (400, "Bad Request"), "The request is not valid JSON"),
        (b"no picture", "image/jpeg", (400, "Bad Request"), "The picture cannot be used: it is not a picture"),
        (jpeg()[:700], "image/jpeg", (400, "Bad Request"), "The picture cannot be used: "),
    ],
)
def test_in_a_container_bad_input_is_a_sentence_and_a_status(
    loaded: inference.Loaded, body: bytes, kind: str, status: tuple[int, str], words: str
) -> None:
    context = Container()
    request = inference.input_fn(body, kind, context)
    text, answer_type = inference.output_fn(inference.predict_fn(request, loaded, context), "*/*", context)
    assert context.status == status
    assert text.startswith(words) and "Traceback" not in text
    assert answer_type == "text/plain"


def test_several_at_once_get_the_answers_that_each_gets_alone(loaded: inference.Loaded) -> None:
    context = Container()
    bodies = [jpeg(), b"no picture", png(), jpeg()]
    requests = [inference.input_fn(body, "image/jpeg", context) for body in [*bodies, "text"]]
    together = inference.predict_batch_fn(requests, loaded)
    alone = [inference.predict_fn(request, loaded, context) for request in requests]
    for batched, single in zip(together, alone, strict=True):
        if isinstance(single, inference.Refused):
            assert batched == single
        else:
            assert isinstance(batched, dict) and batched["labels"] == single["labels"]
            assert batched["logits"] == pytest.approx(single["logits"], abs=1e-3)
    assert [isinstance(answer, inference.Refused) for answer in together] == [False, True, False, False, True]
    assert inference.predict_batch_fn([requests[1]], loaded) == [alone[1]]


def test_the_endpoint_sees_what_training_saw(model_dir: Path, loaded: inference.Loaded, small_folder: Path) -> None:
    path = next(small_folder.glob("test/*/*.jpg")).relative_to(small_folder).as_posix()
    classifier = build("efficientnet_lite0", len(NAMES))
    classifier.load_state_dict(torch.load(model_dir / "model.pth", weights_only=True))
    found, _ = compute_features(
        for_inference(classifier), small_folder, [Sample(path, 0)], views=1, size=64, seed=0, workers=1,
        group=Group(), stop=Stop(), progress=Progress(1, print),
    )  # fmt: skip
    with torch.inference_mode():
        expected = classifier.head(found.features[:, 0].float())[0]
    served = inference.predict_fn(inference.input_fn((small_folder / path).read_bytes(), "image/jpeg"), loaded)
    assert served["logits"] == pytest.approx(expected.tolist(), abs=0.02)


def test_the_copied_code_needs_nothing_but_the_model_folder(model_dir: Path, tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), "red").save(tmp_path / "red.png")
    program = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('inference', {str(model_dir / 'code' / 'inference.py')!r})\n"
        "module = importlib.util.module_from_spec(spec); sys.modules['inference'] = module\n"
        "spec.loader.exec_module(module)\n"
        f"loaded = module.model_fn({str(model_dir)!r})\n"
        "request = module.input_fn(open('red.png', 'rb').read(), 'image/png')\n"
        "print(module.output_fn(module.predict_fn(request, loaded), 'application/json'))\n"
        "print(sorted(name for name in sys.modules if name.startswith(('torchvision', 'efficientnet'))))"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert ran.returncode == 0, ran.stderr
    answer, imported = ran.stdout.strip().splitlines()
    assert len(json.loads(answer)["labels"]) == 5
    assert imported == "[]"


class OnGpu:
    """What TorchServe tells a worker that has a GPU."""

    system_properties = {"gpu_id": 1}


def test_an_endpoint_answers_on_its_gpu_what_it_answers_on_the_cpu(
    model_dir: Path, loaded: inference.Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(device, "serving", lambda number: asked.append(number) or PLACE)
    # The played device has no tensors without a version.
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)
    requests = [inference.input_fn(body, "image/jpeg") for body in (jpeg(), png())]
    with OtherDevice():
        there = inference.model_fn(str(model_dir), OnGpu())
        answers = inference.predict_batch_fn(requests, there)
    assert asked == [1] and there.place == device.of(there.classifier) == PLACE
    for answer, wanted in zip(answers, inference.predict_batch_fn(requests, loaded), strict=True):
        assert answer["labels"] == wanted["labels"]
        assert answer["logits"] == pytest.approx(wanted["logits"], abs=1e-3)


def test_a_gpu_without_room_leaves_the_cpu_to_answer(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> float:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(device, "serving", lambda number: PLACE)
    monkeypatch.setattr(inference, "halve", full)
    with OtherDevice():
        here = inference.model_fn(str(model_dir))
    assert here.place == device.of(here.classifier) == device.CPU
    assert "CUDA out of memory" in capsys.readouterr().err


def test_half_precision_is_used_only_where_the_answers_stay(model_dir: Path) -> None:
    classifier = build("efficientnet_lite0", len(NAMES))
    classifier.load_state_dict(torch.load(model_dir / "model.pth", weights_only=True))
    ready = for_inference(classifier)
    picture = torch.from_numpy(np.asarray(draw_picture(1, 1, (64, 64)))[None].copy())
    with torch.inference_mode():
        ready.head.linear.weight.mul_(1000)
        assert inference.halve(ready, 64, torch.float16) > inference.MOST_OFF
        assert not isinstance(ready.backbone, inference.Halved), "a picture between two classes would be another's"
        ready.head.linear.weight.mul_(1 / 20_000)
        full = ready(picture).softmax(1)
        off = inference.halve(ready, 64, torch.float16)
        assert isinstance(ready.backbone, inference.Halved)
        assert (ready(picture).softmax(1) - full).abs().max() <= off <= inference.MOST_OFF


def test_a_model_folder_that_does_not_fit_fails_to_load(model_dir: Path, tmp_path: Path) -> None:
    about = json.loads((model_dir / "classes.json").read_text())
    (tmp_path / "classes.json").write_text(json.dumps({**about, "classes": ["a", "b"]}))
    (tmp_path / "model.pth").write_bytes((model_dir / "model.pth").read_bytes())
    with pytest.raises(RuntimeError, match="size mismatch"):
        inference.model_fn(str(tmp_path))
    (tmp_path / "model.pth").write_bytes(b"x")
    with pytest.raises(ValueError, match="not a file of plain weights"):
        inference.model_fn(str(tmp_path))


@pytest.mark.parametrize(
    ("seconds", "most", "chosen"),
    [
        ({1: 0.020, 2: 0.034}, 4, 1),
        ({1: 0.100, 2: 0.075, 4: 0.073}, 4, 2),
        ({1: 0.100, 2: 0.050, 4: 0.030, 8: 0.001}, 4, 4),
        ({1: 0.100, 2: 0.050, 4: 0.001}, 3, 2),
        ({1: 0.100}, 1, 1),
    ],
)
def test_as_many_threads_as_answer_fastest(seconds: dict[int, float], most: int, chosen: int) -> None:
    now = [0.0]

    class Model(torch.nn.Module):
        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            assert picture.shape == (1, 64, 64, 3)
            now[0] += seconds[torch.get_num_threads()]
            return picture

    before = torch.get_num_threads()
    try:
        loaded = inference.Loaded(Model(), NAMES, 64)
        assert inference.use_fastest(loaded, most, lambda: now[0]) == torch.get_num_threads() == chosen
    finally:
        torch.set_num_threads(before)


def test_a_model_on_this_computer_answers_as_the_endpoint_does(loaded: inference.Loaded, model_dir: Path) -> None:
    raw, milliseconds = model_child.load(model_dir)(jpeg())
    wanted = inference.predict_fn(inference.input_fn(jpeg(), "image/jpeg"), loaded)
    assert json.loads(raw)["labels"] == wanted["labels"] and milliseconds > 0
    with pytest.raises(InvalidInput, match="cannot be used"):
        model_child.load(model_dir)(b"no picture")


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_weights_that_would_run_code_are_refused_and_run_none(model_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_dir, folder)
    for write in (pickle.dump, torch.save):
        with (folder / "model.pth").open("wb") as file:
            write(Evil(tmp_path / "mark"), file)
        with pytest.raises(LocalProblem, match="plain weights"):
            model_child.load(folder)
    assert not (tmp_path / "mark").exists()
