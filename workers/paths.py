"""Where the program's own data files lie: read by path, so that no worker imports another package."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent

TRAINING_SOURCE = _ROOT / "training"
RESOURCES = _ROOT / "resources"
PREDICT_FUNCTION = _ROOT / "lambda" / "predict"
FOLDER_RULES = TRAINING_SOURCE / "folders.json"
METRIC_DEFINITIONS = TRAINING_SOURCE / "metric_definitions.json"
