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
from typing import Any, Literal, NoReturn

# Beyond any use; a typed zero too many is refused.
MOST = 1_000_000
# The order of an epoch's pictures comes from the seed times 100,003, which torch takes up to 64 bits.
LARGEST_SEED = 2**32 - 1
SHOWN = 40
# SageMaker fills this folder from S3 before a job and copies it there while the job runs. It tells nobody in the
# environment; a script has to know the name.
CHECKPOINTS = "/opt/ml/checkpoints"
# AdamW's decay of a head when nothing better is known, and of fine-tuning.
HEAD_DECAY, FINE_TUNING_DECAY = 0.01, 0.05
# The sides of pictures, in pixels, that the backbones were trained on.
USUAL_SIZE = 224
SIZES = {"efficientnet_lite1": 240, "efficientnet_lite2": 260}
SCHEDULES = ("auto", "cosine", "one-cycle")
# What is taken where nothing is given. A head sees stored views; fine-tuning makes a new one in every epoch. Where all
# stages learn at a head's rate, a small set can make them forget more than they learn: early ones learn slowly.
HEAD: dict[str, Any] = {
    "epochs": 10, "learning_rate": 1e-3, "views": 3, "warmup": 0.0, "schedule": "cosine", "layer_decay": 1.0,
}  # fmt: skip
FINE_TUNING: dict[str, Any] = {
    "epochs": 12, "learning_rate": 1e-3, "views": 1, "warmup": 0.25, "schedule": "one-cycle", "layer_decay": 0.8,
}  # fmt: skip


class SettingsError(ValueError):
    """A setting is missing or out of range; the message names it."""


@dataclass(frozen=True)
class Settings:
    """What ``train.py`` was asked to do. ``batch_size`` is the global one, over all hosts.

    ``unfreeze`` 0 trains the head alone. ``warmup`` is a share of the steps, ``layer_decay`` the rate of each earlier
    stage as a factor of the next. ``defaulted`` names what was not given and has another default because of
    ``unfreeze``.
    """

    data_dir: Path | None
    model_dir: Path | None
    output_data_dir: Path | None
    features_dir: Path | None
    checkpoint_dir: Path | None
    prepare_features: bool
    backbone: str
    weights: str
    epochs: int
    learning_rate: float
    batch_size: int
    weight_decay: float | Literal["auto"]
    label_smoothing: float
    views: int
    image_size: int
    patience: int
    unfreeze: int | Literal["all"]
    schedule: str
    warmup: float
    layer_decay: float
    ema: float
    flip_test: bool
    seed: int
    num_workers: int
    threads: int
    device: str = "auto"
    defaulted: tuple[str, ...] = ()

    @property
    def decay(self) -> float:
        """AdamW's decay as a number: what is given, else what suits what is trained."""
        if self.weight_decay == "auto":
            return FINE_TUNING_DECAY if self.unfreeze else HEAD_DECAY
        return self.weight_decay

    def public(self) -> dict[str, Any]:
        """The settings that describe the run, for the report: without folders and the machine's size."""
        left_out = {"num_workers", "threads", "device", "defaulted"}
        return {
            name: value for name, value in asdict(self).items() if name not in left_out and not name.endswith("_dir")
        }


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
    workers = given.pop("num_workers") or _decoders(env, threads)
    given["checkpoint_dir"] = _checkpoint_dir(given["checkpoint_dir"])
    defaulted = _by_mode(given)
    settings = Settings(**given, threads=threads, num_workers=workers, defaulted=defaulted)
    _check(settings)
    return settings


def _checkpoint_dir(given: str | None) -> Path | None:
    """The folder that is given, else SageMaker's where there is one; "none" stands for no checkpoints."""
    if given is None:
        return Path(CHECKPOINTS) if Path(CHECKPOINTS).is_dir() else None
    return None if given in ("", "none") else Path(given)


def _by_mode(given: dict[str, Any]) -> tuple[str, ...]:
    """Fill in what depends on whether the backbone is trained; the names of what differs from a head's defaults."""
    mode = FINE_TUNING if given["unfreeze"] else HEAD
    missing = [name for name in HEAD if given[name] is None]
    given.update({name: mode[name] for name in missing})
    if given["image_size"] is None:
        given["image_size"] = SIZES.get(given["backbone"], USUAL_SIZE)
    if given["schedule"] == "auto":
        given["schedule"] = mode["schedule"]
        missing.append("schedule")
    return tuple(name for name in missing if mode[name] != HEAD[name])


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
    add("checkpoint-dir", str, None, "where to save and to go on from; none: nowhere; else SageMaker's if there")
    add("prepare-features", _flag, False, "only compute the features", nargs="?", const=True)
    add("backbone", str, "efficientnet_lite0", "efficientnet_lite0, 1 or 2, or a torchvision model")
    add("weights", str, env.get("SM_CHANNEL_WEIGHTS") or "default", "default, none or a path to the backbone's weights")
    # None: another default for the head than for fine-tuning, see _by_mode.
    add("epochs", _whole, None, "passes over the training pictures")
    add("learning-rate", _real, None, "highest learning rate of the schedule")
    add("batch-size", _whole, 64, "pictures per step, over all hosts")
    add("weight-decay", _real_or_auto, "auto", "AdamW's decay; auto: the one that validates best for a head")
    add("label-smoothing", _real, 0.05, "0 to below 1")
    add("views", _whole, None, "views of each training picture: 1 plain, the others augmented")
    add("image-size", _whole, None, "side of the network's input in pixels")
    add("patience", _whole, 5, "epochs without a better validation loss before stopping; 0: never stop early")
    add("unfreeze", _whole_or_all, 0, "train the backbone's last N stages too; all: all of it")
    add("schedule", _schedule, "auto", "how the learning rate goes: cosine, one-cycle, or auto")
    add("warmup", _real, None, "share of the steps in which the learning rate rises, 0 to 0.5")
    add("layer-decay", _real, None, "rate of each earlier stage as a factor of the next, above 0 to 1")
    add("ema", _real, 0.0, "0: off; else the decay of the average of the weights that is kept, below 1")
    add("flip-test", _flag, False, "answer with the mean of a picture and its mirror image", nargs="?", const=True)
    add("seed", _whole, 0, "seed of everything random")
    add("num-workers", _whole, 0, "threads that read pictures and run the frozen backbone; 0: one for each CPU")
    add("device", str, "auto", "auto: a GPU where there is one; cpu; or a device's name in torch")
    # SageMaker's tuner adds it to every trial.
    parser.add_argument("--_tuning_objective_metric", default="", help=argparse.SUPPRESS)
    return parser, kinds


def _check(settings: Settings) -> None:
    rules: list[tuple[bool, str]] = [
        (1 <= settings.epochs <= MOST, f"epochs must be from 1 to {MOST:,}"),
        (settings.learning_rate > 0, "learning-rate must be above 0"),
        (1 <= settings.batch_size <= MOST, f"batch-size must be from 1 to {MOST:,}"),
        (settings.decay >= 0, "weight-decay must not be negative"),
        (0 <= settings.seed <= LARGEST_SEED, f"seed must be from 0 to {LARGEST_SEED:,}"),
        (0 <= settings.label_smoothing < 1, "label-smoothing must be from 0 to below 1"),
        (1 <= settings.views <= 64, "views must be from 1 to 64"),
        (32 <= settings.image_size <= 1024, "image-size must be from 32 to 1024"),
        (settings.patience >= 0, "patience must not be negative"),
        (1 <= settings.num_workers <= 256, "num-workers must be from 0 to 256"),
        (settings.unfreeze == "all" or settings.unfreeze >= 0, "unfreeze must not be negative"),
        (0 <= settings.warmup <= 0.5, "warmup must be from 0 to 0.5"),
        (0 < settings.layer_decay <= 1, "layer-decay must be above 0 and at most 1"),
        (0 <= settings.ema < 1, "ema must be from 0 to below 1"),
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
    usable = _usable()
    for name in ("OMP_NUM_THREADS", "SM_NUM_CPUS"):
        if env.get(name, "").isdigit() and int(env[name]) > 0:
            return min(usable, int(env[name]))
    return usable


def _decoders(env: Mapping[str, str], threads: int) -> int:
    """CPUs for this process's pictures: of several processes on a machine each has its share.

    torchrun gives each one thread, lest they get into each other's way, whatever the machine has.
    """
    beside = env.get("LOCAL_WORLD_SIZE", "")
    if not (beside.isdigit() and int(beside) > 1):
        return threads
    given = env.get("SM_NUM_CPUS", "")
    return max(threads, min(_usable(), int(given) if given.isdigit() else MOST) // int(beside))


def _usable() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def _real_or_auto(text: str) -> float | str:
    return "auto" if text.lower() == "auto" else _real(text)


def _whole_or_all(text: str) -> int | str:
    return "all" if text.lower() == "all" else _whole(text)


def _schedule(text: str) -> str:
    word = text.lower().replace("_", "-")
    if word not in SCHEDULES:
        raise ValueError(f"must be {', '.join(SCHEDULES[:-1])} or {SCHEDULES[-1]}, not {_shown(text)}")
    return word


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError(f"must be true or false, not {_shown(text)}")
    return word in ("true", "1", "yes")


def _shown(text: str) -> str:
    return f"“{text[:SHOWN]}…”" if len(text) > SHOWN else f"“{text}”"
