"""Where tensors live: the one rule that every part of a run follows.

Files, stored features and what hosts tell each other in words are in the machine's memory. Whatever a step touches
(batches, modules, sums) is on the modules' device before the step begins and stays there: ``to_host`` and ``Later``
are the only ways out, and neither is used within a step. So nothing else needs to know whether there is an accelerator.

On an accelerator pictures go through the network in half precision (autocast), features and sums never do. Equal seeds
give equal results on one kind of device; kinds differ by what half precision rounds.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

CPU = torch.device("cpu")
NAMES = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")
# bfloat16 is computed, not played, from this generation of NVIDIA's on.
BFLOAT_SINCE = (8, 0)
# What a picture of 224 x 224 takes while a network of the usual size looks at it, generously.
BYTES_A_PICTURE = 16 * 1024**2
MOST_AT_ONCE, LEAST_AT_ONCE = 256, 8
# The share of an accelerator's memory that is left to the network and its gradients.
RESERVE = 0.4
# Steps between two looks at what an accelerator computed: each look would make it wait.
LOOK_EVERY = 8


class DeviceError(ValueError):
    """The device that was asked for is not there or cannot be used; the message says which and why."""


def best(wanted: str = "auto", env: Mapping[str, str] = os.environ) -> torch.device:
    """The device of this process: ``auto`` is a GPU where there is one, else the CPU.

    Of several processes on a machine (LOCAL_RANK, as torchrun sets it) each gets a GPU of its own. Raises
    ``DeviceError`` for a name that is none, and for a device that is not there or does not work.
    """
    name = wanted.strip().lower()
    if not NAMES.fullmatch(name):
        raise DeviceError(f"There is no device “{wanted[:40]}”: give auto, cpu, cuda, cuda:1 or mps.")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("device is mps, but torch finds no Apple GPU on this machine.")
        return torch.device("mps")
    count = torch.cuda.device_count() if name != "cpu" and torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not count):
        return CPU
    if not count:
        raise DeviceError(f"device is {name}, but torch finds no NVIDIA GPU on this machine.")
    place = torch.device("cuda", _number(name, env, count))
    trouble = _trouble(place)
    if trouble and name == "auto" and _local(env, "LOCAL_WORLD_SIZE", 1) == 1:
        print(f"The GPU cannot be used ({trouble}): the CPU is.", file=sys.stderr, flush=True)
        return CPU
    if trouble:
        raise DeviceError(f"GPU {place.index} cannot be used ({trouble}). With device cpu it is left alone.")
    return place


def serving(number: object = None) -> torch.device:
    """Where a process answers requests: on the GPU of this number if its host gives it one, else on the first; on the
    CPU where there is none or it does not work."""
    named = str(number) if number is not None else ""
    try:
        return best(f"cuda:{named}" if named.isdigit() else "auto", {})
    except DeviceError as error:
        print(error, file=sys.stderr, flush=True)
        return CPU


def answers(place: torch.device) -> torch.dtype | None:
    """The half precision in which a frozen network answers there, if it answers the same; None: full precision.

    float16 and not ``half``: it is finer, and no gradient can vanish.
    """
    return torch.float16 if place.type == "cuda" else None


def settle(place: torch.device) -> None:
    """Make ``place`` this process's device; only for kernels that give the same every time."""
    if place.type == "cuda":
        torch.cuda.set_device(place)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True


def describe(place: torch.device) -> str:
    """For a log and a report: ``cpu``, or ``NVIDIA H200, bfloat16``."""
    if place.type != "cuda":
        return place.type
    return f"{torch.cuda.get_device_name(place)}, {str(half(place)).removeprefix('torch.')}"


def unused(place: torch.device, env: Mapping[str, str] = os.environ) -> int:
    """GPUs of this machine that no process of the job uses."""
    if place.type != "cuda":
        return 0
    return max(0, torch.cuda.device_count() - _local(env, "LOCAL_WORLD_SIZE", 1))


def backend(place: torch.device) -> tuple[str, frozenset[str]]:
    """What the processes of a job talk over, and the kinds of device whose tensors it takes."""
    if place.type == "cuda" and torch.distributed.is_nccl_available():
        return "cpu:gloo,cuda:nccl", frozenset({"cpu", "cuda"})
    return "gloo", frozenset({"cpu"})


def of(module: nn.Module) -> torch.device:
    """Where a module lives; all of its parameters and buffers are together."""
    return next(module.parameters()).device


def half(place: torch.device) -> torch.dtype | None:
    """The half precision that pictures are computed in there; None: full precision."""
    if place.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.get_device_capability(place) >= BFLOAT_SINCE else torch.float16


def mixed(place: torch.device) -> AbstractContextManager[object]:
    """Inside it, a network on ``place`` computes in half precision where that is faster."""
    kind = half(place)
    return nullcontext() if kind is None else torch.autocast(place.type, kind)


def scaler(place: torch.device, inputs: Tensor) -> torch.amp.GradScaler:
    """Keeps small gradients from vanishing where ``inputs`` are computed in float16; otherwise it does nothing."""
    needed = inputs.dtype == torch.uint8 and half(place) == torch.float16
    made = torch.amp.GradScaler(place.type if needed else "cpu", enabled=needed)
    if needed:
        # It is set up by what it first scales, and a process may have no part of the first batch.
        made.scale(torch.zeros((), device=place))
    return made


def answer(module: nn.Module, inputs: Tensor) -> Tensor:
    """What ``module`` gives for ``inputs``, in full precision, on the module's device: pictures are computed in half
    precision where the device has it, features never are."""
    place = of(module)
    with mixed(place) if inputs.dtype == torch.uint8 else nullcontext():
        result: Tensor = module(inputs.to(place))
    return result.float()


def send(values: Tensor, place: torch.device) -> Tensor:
    """``values`` from the machine's memory on ``place``; where it can, without waiting for their arrival."""
    if place.type == "cuda":
        pinned = values if values.is_pinned() else values.pin_memory()
        return pinned.to(place, non_blocking=True)
    return values.to(place)


def empty(shape: tuple[int, ...], place: torch.device) -> Tensor:
    """Room for bytes in the machine's memory, from which they are sent to ``place``."""
    return torch.empty(shape, dtype=torch.uint8, pin_memory=place.type == "cuda")


def to_host(values: Tensor) -> Tensor:
    """``values`` in the machine's memory."""
    return values.cpu()


class Later:
    """Values on their way to the machine's memory; the device goes on meanwhile."""

    def __init__(self, values: Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        if values.device.type == "cuda":
            self._values = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._values.copy_(values, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()
        else:
            self._values = to_host(values)

    def values(self) -> Tensor:
        """The values, once they are there."""
        if self._event is not None:
            self._event.synchronize()
        return self._values


def steps_between_looks(place: torch.device) -> int:
    """How many steps may pass before somebody looks at what they gave."""
    return 1 if place.type == "cpu" else LOOK_EVERY


def sums(place: torch.device) -> torch.dtype:
    """The type that sums are kept in: Apple's GPUs have no double precision."""
    return torch.float32 if place.type == "mps" else torch.float64


def crops(place: torch.device) -> torch.dtype:
    """The type that crops are computed in: bytes are exact in each, and only a GPU gains by half precision."""
    return torch.float16 if place.type == "cuda" else torch.float32


def room(place: torch.device) -> int:
    """Bytes on ``place`` that may be filled with data for the whole run; the network's share is left out.

    The machine's own memory holds them already.
    """
    if place.type == "cuda":
        free, total = torch.cuda.mem_get_info(place)
        return max(0, int(free - RESERVE * total))
    if place.type == "mps":
        return max(0, int((1 - RESERVE) * torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()))
    return sys.maxsize


def pictures_at_once(place: torch.device, size: int) -> int:
    """How many pictures of ``size`` x ``size`` a frozen network looks at together."""
    if place.type != "cuda":
        return 64
    free, _ = torch.cuda.mem_get_info(place)
    fitting = int(free / 2 / (BYTES_A_PICTURE * (size / 224) ** 2))
    return max(LEAST_AT_ONCE, min(MOST_AT_ONCE, fitting))


def _number(name: str, env: Mapping[str, str], count: int) -> int:
    """Which GPU: the one that is named, else this process's own."""
    processes = _local(env, "LOCAL_WORLD_SIZE", 1)
    _, named, number = name.partition(":")
    if named and processes > 1:
        raise DeviceError(f"device is {name} for all {processes} processes of this machine: give cuda.")
    if named and int(number) >= count:
        raise DeviceError(f"device is {name}, but this machine's GPUs are 0 to {count - 1}.")
    mine = int(number) if named else _local(env, "LOCAL_RANK", 0)
    if mine >= count:
        raise DeviceError(f"This is process {mine} of this machine, counted from 0, but it has {count} GPU(s): "
                          "start one process for each GPU.")  # fmt: skip
    return mine


def _local(env: Mapping[str, str], name: str, otherwise: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise DeviceError(f"{name} must be a whole number, not “{text[:40]}”.")
    return int(text)


def _trouble(place: torch.device) -> str:
    """Why a device that is there cannot be used: an old driver, a kind that torch was not built for, another's use."""
    try:
        torch.ones(1, device=place).add_(1).item()
    except RuntimeError as error:
        return str(error).strip().splitlines()[0].rstrip(".")[:200]
    return ""
