"""Loads one model and answers about pictures: ``python -m workers.inference.model_child``.

Spec: ``folder`` (of the weights). Request: ``picture`` (base64). Result: ``raw``, the same JSON text as an endpoint
answers, and ``ms``, how long the model took. The program's own ``training/inference.py`` does it, found by its path.
"""

from __future__ import annotations

import base64
import importlib
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workers.children.child import Values, serve_requests
from workers.errors.tree import InvalidInput, LocalProblem
from workers.inference.answers import guess_type
from workers.paths import TRAINING_SOURCE

Answerer = Callable[[bytes], tuple[str, float]]


def load(folder: Path) -> Answerer:
    """A function from a picture's bytes to the answer's JSON and the model's milliseconds. Takes seconds.

    Raises ``LocalProblem`` for weights that cannot be used; the function ``InvalidInput`` for what is no picture.
    """
    # Its programs have short names ("inference"), which must not hide others: they come last.
    sys.path.append(str(TRAINING_SOURCE))
    try:
        inference: Any = importlib.import_module("inference")
        loaded = inference.model_fn(str(folder))
    except (ValueError, OSError, KeyError, TypeError, RuntimeError) as error:
        raise LocalProblem(
            "The model cannot be loaded", str(error)[:600], "Was it trained by SageDeck's script?", code="BadModel"
        ) from error

    def answer(picture: bytes) -> tuple[str, float]:
        began = time.perf_counter()
        try:
            said = inference.predict_fn(inference.input_fn(picture, guess_type(picture)), loaded)
        except ValueError as error:
            raise InvalidInput("The picture cannot be used", str(error)) from error
        return inference.output_fn(said), (time.perf_counter() - began) * 1000

    return answer


def _warm_up(spec: Values) -> Callable[[Values], Values]:
    answer = load(Path(spec["folder"]))

    def respond(request: Values) -> Mapping[str, Any]:
        raw, milliseconds = answer(base64.b64decode(request["picture"]))
        return {"raw": raw, "ms": milliseconds}

    return respond


if __name__ == "__main__":
    serve_requests(_warm_up, "load the model", lambda request: "classify the picture")
