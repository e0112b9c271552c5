"""The endpoint's four functions, as SageMaker's PyTorch container calls them.

In: ``image/jpeg``, ``image/png``, ``application/x-image`` or ``application/json`` ``{"image": base64, "top_k": 5}``.
Out: JSON with ``labels`` and ``probabilities`` of the best classes, ``logits`` and ``classes`` of all. Nothing is
ever fetched from an address that a request names.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

# The container loads this file by its path; what it needs lies beside it.
if str(Path(__file__).parent) not in sys.path:
    sys.path.insert(0, str(Path(__file__).parent))

import model as models
from pictures import Pixels, centre_crop, open_picture

JSON = "application/json"
# Labels of an answer that asks for no number of them.
DEFAULT_TOP_K = 5
# Runs that are timed for each number of threads; the fastest counts.
PASSES = 4
# Twice the threads must save a tenth; less is noise.
WORTH_IT = 0.9


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to answer."""

    classifier: nn.Module
    classes: list[str]
    image_size: int


@dataclass(frozen=True)
class Request:
    """One picture file as it came, and how many classes the answer shall name."""

    picture: bytes
    top_k: int = DEFAULT_TOP_K


def model_fn(model_dir: str, context: Any = None) -> Loaded:
    """Load ``classes.json`` and ``model.pth`` from the model folder. Raises ``ValueError`` or ``OSError``."""
    folder = Path(model_dir)
    about = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    classifier = models.build(about["backbone"], len(about["classes"]))
    classifier.load_state_dict(models.read_state(folder / "model.pth"))
    loaded = Loaded(models.for_inference(classifier), about["classes"], about["image_size"])
    given = os.environ.get("OMP_NUM_THREADS", "")
    use_fastest(loaded, max(1, int(given)) if given.isdigit() else torch.get_num_threads())
    return loaded


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


def input_fn(body: bytes | bytearray | str, content_type: str = "application/x-image", context: Any = None) -> Request:
    """Take the picture out of a request. Raises ``ValueError`` with what is wrong."""
    kind = content_type.split(";")[0].strip().lower()
    if kind == JSON:
        return _from_json(body)
    if not (kind.startswith("image/") or kind in ("application/x-image", "application/octet-stream")):
        raise ValueError(f"The content type {content_type} is not served: send image/jpeg, image/png or {JSON}.")
    if isinstance(body, str):
        raise ValueError("The picture came as text: send its bytes.")
    return Request(bytes(body))


def predict_fn(request: Request, loaded: Loaded, context: Any = None) -> dict[str, Any]:
    """Classify one picture. Raises ``ValueError`` for bytes that are no usable picture."""
    try:
        pixels: Pixels = centre_crop(open_picture(request.picture, loaded.image_size), loaded.image_size)
    except ValueError as error:
        raise ValueError(f"The picture cannot be used: {error}.") from error
    with torch.inference_mode():
        logits = loaded.classifier(torch.from_numpy(pixels.copy())[None])[0]
        best = logits.softmax(0).topk(min(request.top_k, len(loaded.classes)))
    return {
        "labels": [loaded.classes[index] for index in best.indices.tolist()],
        "probabilities": best.values.tolist(),
        "logits": logits.tolist(),
        "classes": loaded.classes,
    }


def output_fn(prediction: dict[str, Any], accept: str = JSON, context: Any = None) -> str:
    """The answer as JSON, whatever the caller says it accepts."""
    return json.dumps(prediction, ensure_ascii=False)


def _from_json(body: bytes | bytearray | str) -> Request:
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise ValueError(f"The request is not valid JSON: {error}.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("image"), str):
        what = " Addresses are not fetched." if isinstance(fields, dict) and "url" in fields else ""
        raise ValueError(f'The request must be {{"image": "<base64 of the file>"}}.{what}')
    top_k = fields.get("top_k", DEFAULT_TOP_K)
    if not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1:
        raise ValueError("top_k must be a whole number of at least 1.")
    try:
        return Request(base64.b64decode(fields["image"], validate=True), top_k)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"image is not valid base64: {error}.") from error
