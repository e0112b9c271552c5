"""Where the program's own data files lie, read by path, so that no worker imports another package; and the folders
of the user's that it may write to."""

from __future__ import annotations

import sys
from pathlib import Path

import platformdirs

_NAME = "sagedeck"

_ROOT = Path(__file__).resolve().parent.parent

TRAINING_SOURCE = _ROOT / "training"
TRAINING_PACKAGE = TRAINING_SOURCE / "sagedeck_training"
RESOURCES = _ROOT / "resources"
PREDICT_FUNCTION = _ROOT / "lambda" / "predict"
FOLDER_RULES = TRAINING_PACKAGE / "data" / "folders.json"
METRIC_DEFINITIONS = TRAINING_SOURCE / "metric_definitions.json"


def user_data() -> Path:
    """What is kept: the sandbox's account, the history. ``XDG_DATA_HOME/sagedeck`` or the system's own place."""
    return platformdirs.user_data_path(_NAME, appauthor=False)


def user_cache() -> Path:
    """What can be made again: ``XDG_CACHE_HOME/sagedeck`` or the system's own place."""
    return platformdirs.user_cache_path(_NAME, appauthor=False)


def user_config() -> Path:
    """The settings: ``XDG_CONFIG_HOME/sagedeck`` or the system's own place."""
    # Where the first versions kept them on a Mac.
    old = Path.home() / "Library" / "Preferences" / _NAME
    if sys.platform == "darwin" and old.is_dir():
        return old
    return platformdirs.user_config_path(_NAME, appauthor=False)
