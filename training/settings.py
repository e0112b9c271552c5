"""The run's settings: command line first, then SageMaker's environment, then defaults that work."""

from __future__ import annotations

import argparse
import difflib
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

# Beyond any use; a typed zero too many is refused.
MOST = 1_000_000
# The order of an epoch's pictures comes from the seed times 100,003, which torch takes up to 64 bits.
LARGEST_SEED = 2**32 - 1
SHOWN = 40


class SettingsError(ValueError):
    """A setting is missing or out of range; the message names it."""


@dataclass(frozen=True)
class Settings:
    """What ``train.py`` was asked to do. ``batch_size`` is the global one, over all hosts."""

    data_dir: Path | None
    model_dir: Path | None
    output_data_dir: Path | None
    features_dir: Path | None
    prepare_features: bool
    backbone: str
    weights: str
    epochs: int
    learning_rate: float
    batch_size: int
    weight_decay: float
    label_smoothing: float
    views: int
    image_size: int
    patience: int
    unfreeze: int
    seed: int
    num_workers: int
    threads: int

    def public(self) -> dict[str, Any]:
        """The settings that describe the run, for the report: without folders and the machine's size."""
        left_out = {"data_dir", "model_dir", "output_data_dir", "features_dir", "num_workers", "threads"}
        return {name: value for name, value in asdict(self).items() if name not in left_out}


def parse(argv: Sequence[str], env: Mapping[str, str] = os.environ) -> Settings:
    """Read the arguments; names may be spelled with ``-`` or ``_``, values may come JSON-quoted.

    Raises ``SettingsError`` for names that are no setting, and for values that are no numbers or out of range.
    """
    parser, kinds = _parser(env)
    found, unknown = parser.parse_known_args(_joined(argv))
    if unknown:
        raise SettingsError(_no_setting(unknown, kinds))
    given = vars(found)
    given.pop("_tuning_objective_metric")
    problems = []
    for name, kind in kinds.items():
        if isinstance(given[name], str):
            try:
                given[name] = kind(_text(given[name]))
            except ValueError as error:
                problems.append(f"{name.replace('_', '-')} {error}")
    if problems:
        raise SettingsError("; ".join(problems) + ".")
    threads = _threads(env)
    workers = given.pop("num_workers")
    settings = Settings(**given, threads=threads, num_workers=workers or threads)
    _check(settings)
    return settings


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong as a sentence, where argparse would print how to use it and end the process."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message.removeprefix('argument ')}.")


def _no_setting(unknown: Sequence[str], kinds: Mapping[str, object]) -> str:
    """Names what is unknown, the setting that looks most like it, and all there are."""
    names = [word.partition("=")[0] for word in unknown if word.startswith("-")] or list(unknown)
    allowed = [name.replace("_", "-") for name in kinds]
    like = difflib.get_close_matches(names[0].lstrip("-").replace("_", "-"), allowed, 1)
    shown = ", ".join(name[:SHOWN] for name in names[:5])
    verb = "is no setting" if len(names) == 1 else "are no settings"
    meant = f" Is {like[0]} meant?" if like else ""
    return f"{shown} {verb} of this training.{meant} It takes {', '.join(allowed)}."


def _joined(argv: Sequence[str]) -> list[str]:
    """``--name -1e-3`` as ``--name=-1e-3``: argparse takes most negative numbers for the name of a setting."""
    joined: list[str] = []
    for word in argv:
        if re.match(r"-(\d|\.|inf|nan)", word, re.IGNORECASE) and joined and re.fullmatch(r"--[\w-]+", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _parser(env: Mapping[str, str]) -> tuple[argparse.ArgumentParser, dict[str, Callable[[str], Any]]]:
    """The parser, which leaves every value a text, and what makes a value of each: argparse tells of errors in code."""
    parser = _Parser(description="Train a picture classifier.", allow_abbrev=False)
    kinds: dict[str, Callable[[str], Any]] = {}

    def add(name: str, kind: Callable[[str], Any], default: Any, text: str, **options: Any) -> None:
        spellings = [f"--{name}"] + ([f"--{name.replace('-', '_')}"] if "-" in name else [])
        kinds[name.replace("-", "_")] = kind
        parser.add_argument(*spellings, dest=name.replace("-", "_"), default=default, help=text, **options)

    def folder(variable: str) -> Path | None:
        return Path(env[variable]) if env.get(variable) else None

    add("data-dir", Path, folder("SM_CHANNEL_TRAINING"), "folder with train, valid and test")
    add("model-dir", Path, folder("SM_MODEL_DIR"), "where the model goes")
    add("output-data-dir", Path, folder("SM_OUTPUT_DATA_DIR"), "where report.json goes besides the model folder")
    add("features-dir", Path, folder("SM_CHANNEL_FEATURES"), "features prepared earlier, or where to put them")
    add("prepare-features", _flag, False, "only compute the features", nargs="?", const=True)
    add("backbone", str, "efficientnet_lite0", "efficientnet_lite0 or a torchvision model")
    add("weights", str, "default", "default, none or a path to the backbone's weights")
    add("epochs", _whole, 10, "passes over the training pictures")
    add("learning-rate", _real, 1e-3, "highest learning rate of the cosine schedule")
    add("batch-size", _whole, 64, "pictures per step, over all hosts")
    add("weight-decay", _real, 0.01, "AdamW's decay")
    add("label-smoothing", _real, 0.05, "0 to below 1")
    add("views", _whole, 3, "views of each training picture: 1 plain, the others augmented")
    add("image-size", _whole, 224, "side of the network's input in pixels")
    add("patience", _whole, 5, "epochs without a better validation loss before stopping; 0: never stop early")
    add("unfreeze", _whole, 0, "train the backbone's last N stages too")
    add("seed", _whole, 0, "seed of everything random")
    add("num-workers", _whole, 0, "threads that read pictures and run the frozen backbone; 0: one for each CPU")
    # SageMaker's tuner adds it to every trial.
    parser.add_argument("--_tuning_objective_metric", default="", help=argparse.SUPPRESS)
    return parser, kinds


def _check(settings: Settings) -> None:
    rules: list[tuple[bool, str]] = [
        (1 <= settings.epochs <= MOST, f"epochs must be from 1 to {MOST:,}"),
        (settings.learning_rate > 0, "learning-rate must be above 0"),
        (1 <= settings.batch_size <= MOST, f"batch-size must be from 1 to {MOST:,}"),
        (settings.weight_decay >= 0, "weight-decay must not be negative"),
        (0 <= settings.seed <= LARGEST_SEED, f"seed must be from 0 to {LARGEST_SEED:,}"),
        (0 <= settings.label_smoothing < 1, "label-smoothing must be from 0 to below 1"),
        (1 <= settings.views <= 64, "views must be from 1 to 64"),
        (32 <= settings.image_size <= 1024, "image-size must be from 32 to 1024"),
        (settings.patience >= 0, "patience must not be negative"),
        (1 <= settings.num_workers <= 256, "num-workers must be from 0 to 256"),
        (settings.unfreeze >= 0, "unfreeze must not be negative"),
        (
            settings.data_dir is not None or (settings.features_dir is not None and not settings.prepare_features),
            "no data: give --data-dir, or a channel named training",
        ),
        (
            settings.model_dir is not None or (settings.features_dir is not None and settings.prepare_features),
            "no place for the model: give --model-dir",
        ),
        (settings.data_dir is not None or not settings.unfreeze, "unfreeze needs the pictures: give --data-dir"),
        (not (settings.prepare_features and settings.unfreeze), "prepare-features and unfreeze exclude each other"),
    ]
    broken = [text for holds, text in rules if not holds]
    if broken:
        raise SettingsError("; ".join(broken) + ".")


def _threads(env: Mapping[str, str]) -> int:
    """CPUs to use: OMP_NUM_THREADS, else SM_NUM_CPUS, never more than this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in ("OMP_NUM_THREADS", "SM_NUM_CPUS"):
        if env.get(name, "").isdigit() and int(env[name]) > 0:
            return min(usable, int(env[name]))
    return usable


def _text(value: str) -> str:
    return value.strip().strip('"')


def _whole(text: str) -> int:
    """Also ``64.0``: tuners and JSON write whole numbers so."""
    try:
        return int(text)
    except ValueError:
        number = _real(text, "a whole number")
    if not number.is_integer():
        raise ValueError(f"must be a whole number, not {_shown(text)}")
    return int(number)


def _real(text: str, what: str = "a number") -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"must be {what}, not {_shown(text)}") from None
    if not math.isfinite(number):
        raise ValueError(f"must be {what}, not {_shown(text)}")
    return number


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError(f"must be true or false, not {_shown(text)}")
    return word in ("true", "1", "yes")


def _shown(text: str) -> str:
    return f"“{text[:SHOWN]}…”" if len(text) > SHOWN else f"“{text}”"
