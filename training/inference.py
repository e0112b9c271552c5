"""The endpoint's four functions, as SageMaker's PyTorch container calls them.

In: ``image/jpeg``, ``image/png``, ``application/x-image`` or ``application/json`` ``{"image": base64, "top_k": 5}``.
Out: JSON with ``labels`` and ``probabilities`` of the best classes, ``logits`` and ``classes`` of all; for a request
that cannot be used a sentence and the status 4xx, which the container's ``context`` carries. Without a context it is
a ``BadInput``. Nothing is ever fetched from an address that a request names.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

# The container loads this file by its path; what it needs lies beside it.
if str(Path(__file__).parent) not in sys.path:
    sys.path.insert(0, str(Path(__file__).parent))

from sagedeck_training.data.pictures import Pixels, open_picture
from sagedeck_training.data.views import centre_crop
from sagedeck_training.machine import device
from sagedeck_training.network import model as models

JSON = "application/json"
# Labels of an answer that asks for no number of them.
DEFAULT_TOP_K = 5
# Runs that are timed for each number of threads; the fastest counts.
PASSES = 4
# Twice the threads must save a tenth; less is noise.
WORTH_IT = 0.9
# How far a probability may be off in half precision.
MOST_OFF = 0.01
COMPARED = 8


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to answer on ``place``; one request alone is answered fastest with ``threads``."""

    classifier: nn.Module
    classes: list[str]
    image_size: int
    threads: int = 1
    place: torch.device = device.CPU


@dataclass(frozen=True)
class Request:
    """One picture file as it came, and how many classes the answer shall name."""

    picture: bytes
    top_k: int = DEFAULT_TOP_K


class BadInput(ValueError):
    """A request that cannot be used; the text says why, for whoever sent it. ``status_code`` is HTTP's."""

    def __init__(self, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(text)
        self.status_code = int(status)


@dataclass(frozen=True)
class Refused:
    """Stands for the request and for its answer once it is known that it cannot be used."""

    status: HTTPStatus
    text: str

    @classmethod
    def of(cls, error: BadInput) -> Refused:
        """What a container gets instead of the error, which it would take for a crash."""
        return cls(HTTPStatus(error.status_code), str(error))


Answer = dict[str, Any] | Refused


def model_fn(model_dir: str, context: Any = None) -> Loaded:
    """Load ``classes.json`` and ``model.pth`` from the model folder, on a GPU where there is one.

    A container with several GPUs tells each of its processes in ``context`` which is its own. Raises ``ValueError`` or
    ``OSError``.
    """
    folder = Path(model_dir)
    about = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    classifier = models.build(about["backbone"], len(about["classes"]))
    classifier.flips = about.get("flip_test", False)
    classifier.load_state_dict(models.read_state(folder / "model.pth"))
    ready, classes, size = models.for_inference(classifier), about["classes"], about["image_size"]
    place = device.serving((getattr(context, "system_properties", None) or {}).get("gpu_id"))
    if place != device.CPU:
        try:
            halve(ready.to(place), size, device.answers(place))
            return Loaded(ready, classes, size, 1, place)
        except RuntimeError as error:
            # Too little memory beside other models, most often: slow answers are better than none.
            print(f"The GPU cannot be used ({error}): the CPU is.", file=sys.stderr, flush=True)
            ready = ready.to(device.CPU)
    loaded = Loaded(ready, classes, size)
    given = os.environ.get("OMP_NUM_THREADS", "")
    most = max(1, int(given)) if given.isdigit() else torch.get_num_threads()
    return replace(loaded, threads=use_fastest(loaded, most))


class Halved(nn.Module):
    """A network in half precision between what is in full."""

    def __init__(self, network: nn.Module, kind: torch.dtype) -> None:
        super().__init__()
        self.network, self.kind = copy.deepcopy(network).to(kind), kind

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """As the network."""
        found: torch.Tensor = self.network(inputs.to(self.kind))
        return found.float()


def halve(classifier: models.Classifier, size: int, kind: torch.dtype | None) -> float:
    """Have the backbone compute in ``kind`` if no probability can be off by more than 0.01; how far one can be.

    What logits are off tells that for every picture, also for those between two classes: a probability moves by a
    quarter of what one logit moves against another at most. The pictures are blurred and grained colours, the same
    every time. The passes also prepare the device's kernels, so that no caller waits for that.
    """
    place = device.of(classifier)
    dice = torch.Generator().manual_seed(0)
    coarse = torch.rand(COMPARED, 3, 6, 6, generator=dice) * 255
    shown = nn.functional.interpolate(coarse, (size, size), mode="bilinear")
    shown += torch.randn(shown.shape, generator=dice) * torch.linspace(0, 40, COMPARED).view(-1, 1, 1, 1)
    pictures = shown.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().to(place)
    with torch.inference_mode():
        full = classifier(pictures)
        if kind is None:
            return 0.0
        network = classifier.backbone
        classifier.backbone = Halved(network, kind)
        moved = classifier(pictures) - full
        off = float((moved.amax(1) - moved.amin(1)).max()) / 4
        if not off <= MOST_OFF:
            classifier.backbone = network
        classifier(pictures[:1])
    return off


def use_fastest(loaded: Loaded, most: int, clock: Callable[[], float] = time.perf_counter) -> int:
    """Have torch use as many threads, at most ``most``, as answer one picture fastest; returns their number.

    A small model on one picture has so little to do between two meetings of its threads that one alone can take half
    the time of two; a large one gains. Twice the threads must save a tenth to be worth it. The passes also prepare
    torch's kernels, so that no caller waits for that.
    """
    picture = torch.zeros(1, loaded.image_size, loaded.image_size, 3, dtype=torch.uint8)

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        took = []
        for _ in range(PASSES):
            began = clock()
            loaded.classifier(picture)
            took.append(clock() - began)
        return min(took)

    with torch.inference_mode():
        threads, best = 1, seconds(1)
        while threads * 2 <= most and (took := seconds(threads * 2)) < WORTH_IT * best:
            threads, best = threads * 2, took
    torch.set_num_threads(threads)
    return threads


def input_fn(
    body: bytes | bytearray | str, content_type: str = "application/x-image", context: Any = None
) -> Request | Refused:
    """Take the picture out of a request. Without a context it raises ``BadInput`` with what is wrong."""
    try:
        return _request(body, content_type)
    except BadInput as error:
        if context is None:
            raise
        return Refused.of(error)


def predict_fn(request: Request | Refused, loaded: Loaded, context: Any = None) -> Answer:
    """Classify one picture. Without a context it raises ``BadInput`` for bytes that are no usable picture."""
    if isinstance(request, Refused):
        return request
    try:
        pixels = _pixels(request, loaded.image_size)
    except BadInput as error:
        if context is None:
            raise
        return Refused.of(error)
    _use(loaded.threads)
    return _classify([request.top_k], [pixels], loaded)[0]


def predict_batch_fn(requests: Sequence[Request | Refused], loaded: Loaded) -> list[Answer]:
    """Classify several pictures at once, in their order: for a host that has several requests waiting.

    SageMaker's containers do not call it; the sandbox's host does, from several threads at a time. Each of them
    computes with one thread of torch: then none waits for another, and all processors are busy. One that cannot be
    used costs the others nothing.
    """
    _use(1)
    found: list[Pixels | Refused] = []
    for request in requests:
        try:
            found.append(request if isinstance(request, Refused) else _pixels(request, loaded.image_size))
        except BadInput as error:
            found.append(Refused.of(error))
    pairs = zip(requests, found, strict=True)
    usable = [(request, pixels) for request, pixels in pairs if not isinstance(pixels, Refused)]
    tops = [request.top_k for request, _pixels in usable if isinstance(request, Request)]
    answers = iter(_classify(tops, [pixels for _request, pixels in usable], loaded))
    return [pixels if isinstance(pixels, Refused) else next(answers) for pixels in found]


def _use(threads: int) -> None:
    """Have torch compute with so many threads when this thread asks it."""
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)


def _classify(tops: Sequence[int], pictures: Sequence[Pixels], loaded: Loaded) -> list[dict[str, Any]]:
    """What the model says of ``pictures``; ``tops``: how many classes each answer names."""
    if not pictures:
        return []
    answers = []
    with torch.inference_mode():
        inputs = device.send(torch.from_numpy(np.stack(pictures)), loaded.place)
        for top_k, logits in zip(tops, device.to_host(loaded.classifier(inputs)), strict=True):
            best = logits.softmax(0).topk(min(top_k, len(loaded.classes)))
            answers.append(
                {
                    "labels": [loaded.classes[index] for index in best.indices.tolist()],
                    "probabilities": best.values.tolist(),
                    "logits": logits.tolist(),
                    "classes": loaded.classes,
                }
            )
    return answers


def _pixels(request: Request, size: int) -> Pixels:
    try:
        return centre_crop(open_picture(request.picture, size), size)
    except ValueError as error:
        raise BadInput(f"The picture cannot be used: {error}.") from error


def output_fn(prediction: Answer, accept: str = JSON, context: Any = None) -> str | tuple[str, str]:
    """The answer as JSON, whatever the caller says it accepts; what is wrong with a request as text, and its type."""
    if isinstance(prediction, Refused):
        context.set_response_status(code=int(prediction.status), phrase=prediction.status.phrase)
        return prediction.text, "text/plain"
    return json.dumps(prediction, ensure_ascii=False)


def _request(body: bytes | bytearray | str, content_type: str) -> Request:
    kind = content_type.split(";")[0].strip().lower()
    if kind == JSON:
        return _from_json(body)
    if not (kind.startswith("image/") or kind in ("application/x-image", "application/octet-stream")):
        text = f"The content type {content_type} is not served: send image/jpeg, image/png or {JSON}."
        raise BadInput(text, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if isinstance(body, str):
        raise BadInput("The picture came as text: send its bytes.")
    return Request(bytes(body))


def _from_json(body: bytes | bytearray | str) -> Request:
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise BadInput(f"The request is not valid JSON: {error}.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("image"), str):
        what = " Addresses are not fetched." if isinstance(fields, dict) and "url" in fields else ""
        raise BadInput(f'The request must be {{"image": "<base64 of the file>"}}.{what}')
    top_k = fields.get("top_k", DEFAULT_TOP_K)
    if not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1:
        raise BadInput("top_k must be a whole number of at least 1.")
    try:
        return Request(base64.b64decode(fields["image"], validate=True), top_k)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"image is not valid base64: {error}.") from error
