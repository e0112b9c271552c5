"""Answers with the number that was learned, and with what it was asked."""

import json
from pathlib import Path


def model_fn(folder):
    """What ``train.py`` wrote."""
    return json.loads(Path(folder, "model.pth").read_text())


def input_fn(body, content_type):
    """The request as JSON."""
    if content_type != "application/json":
        raise ValueError(f"no JSON: {content_type}")
    return json.loads(body)


def predict_fn(data, model):
    """Both together."""
    return {"asked": data, "model": model}


def output_fn(prediction, accept):
    """As JSON."""
    return json.dumps(prediction)
