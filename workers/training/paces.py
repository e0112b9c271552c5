"""How long ``training/train.py`` takes on a machine, told before a launch. Estimates, not promises.

Where the figures come from:

- On processors: seconds of one core for one view of one picture, measured with ``training/train.py``; every vCPU is
  taken for such a core, although two of AWS's vCPUs are the threads of one.
- On GPUs: one H200 with 16 processors, measured with EfficientNet-Lite0 and small pictures. These networks wait for
  the GPU's memory more than for its arithmetic, so other GPUs are taken to be slower as their memory is (NVIDIA's data
  sheets). Photographs of many megapixels take longer to decode than these.
- Other backbones: by their cost on processors, in relation to EfficientNet-Lite0.

What is not in these tables is not guessed: the answer is ``None``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Image pull, download and upload, which AWS bills too: usually one to two minutes.
OVERHEAD_SECONDS = 90.0
# Seconds of one core for one view of one picture through the frozen backbone. The backbones that are not named here
# are about as large as ResNet-50.
PICTURE_SECONDS = {
    "efficientnet_lite0": 0.03,
    # By their multiplications, at the side of pictures that train.py takes for them.
    "efficientnet_lite1": 0.047,
    "efficientnet_lite2": 0.066,
    "mobilenet_v3_large": 0.03,
    "resnet18": 0.05,
}
OTHER_PICTURE_SECONDS = 0.11
# How many times as long a picture takes in fine-tuning: forth and back, without the fused layers of the frozen pass,
# and its share of the validation.
TUNED_TIMES = 4.0
# An epoch of the head over one picture with all of its views.
HEAD_SECONDS = 1e-4
# Terabytes a second between a GPU and its memory.
MEMORY_SPEEDS = {
    "T4": 0.32,
    "V100": 0.9,
    "A10G": 0.6,
    "L4": 0.3,
    "L40S": 0.864,
    "A100": 1.555,
    "H100": 3.35,
    "H200": 4.8,
}
# Of EfficientNet-Lite0, a second: pictures decoded by one processor; with a GPU, for each TB/s of its memory's speed,
# views through the frozen network, and pictures in fine-tuning.
DECODED, FROZEN, TUNED = 187.0, 5760.0, 1080.0


@dataclass(frozen=True)
class Machine:
    """Processors and GPUs of one instance; ``gpu`` is the GPU's name, "" where there is none or it is not known."""

    vcpus: int
    gpus: int = 0
    gpu: str = ""

    def times(self, count: int) -> Machine:
        """That many of them together."""
        return Machine(self.vcpus * count, self.gpus * count, self.gpu)

    @property
    def memory_speed(self) -> float | None:
        """TB/s of all GPUs together; ``None`` for a GPU that the table does not know."""
        names = re.findall(r"[A-Za-z0-9]+", self.gpu)
        return next((MEMORY_SPEEDS[name] * self.gpus for name in names if name in MEMORY_SPEEDS), None)


@dataclass(frozen=True)
class Workload:
    """What is to be trained: ``pictures`` of all splits, ``unfreeze`` as the script has it (``0``, ``2``, ``all``)."""

    pictures: int
    backbone: str
    epochs: int
    views: float = 3.0
    unfreeze: str = "0"

    @classmethod
    def of(cls, pictures: int, backbone: str, epochs: int, hyperparameters: Mapping[str, str]) -> Workload:
        """From what a launch form has."""
        views = float(hyperparameters.get("views", "3"))
        return cls(pictures, backbone, epochs, views, hyperparameters.get("unfreeze", "0"))

    @property
    def fine_tuned(self) -> bool:
        """Whether layers of the backbone are trained."""
        return is_fine_tuned(self.unfreeze)

    @property
    def picture_seconds(self) -> float:
        """Of one core, for one view of one picture through the frozen backbone."""
        return PICTURE_SECONDS.get(self.backbone, OTHER_PICTURE_SECONDS)

    @property
    def weight(self) -> float:
        """The backbone's cost in relation to EfficientNet-Lite0."""
        return self.picture_seconds / PICTURE_SECONDS["efficientnet_lite0"]


def is_fine_tuned(unfreeze: str) -> bool:
    """Whether a value of ``unfreeze`` trains layers of the backbone: a number of stages, or ``all``."""
    return unfreeze.strip().strip('"') not in ("0", "0.0", "")


def pass_seconds(machine: Machine, work: Workload) -> float | None:
    """All views of all pictures through the frozen backbone once; ``None`` where the machine is not known."""
    views = work.pictures * work.views
    if not machine.gpus:
        return views * work.picture_seconds / machine.vcpus if machine.vcpus else None
    speed = machine.memory_speed
    if speed is None or not machine.vcpus:
        return None
    # Decoding and the GPU work at the same time: the slower one decides.
    return max(work.pictures / (DECODED * machine.vcpus), views * work.weight / (FROZEN * speed))


def tuned_seconds(machine: Machine, work: Workload) -> float | None:
    """All epochs of fine-tuning, one view of each picture in each; ``None`` where the machine is not known.

    Training the last stages only is taken to cost as much as training all of them, which is the most it can be.
    """
    seen = work.pictures * work.epochs
    if not machine.gpus:
        return seen * work.picture_seconds * TUNED_TIMES / machine.vcpus if machine.vcpus else None
    speed = machine.memory_speed
    if speed is None or not machine.vcpus:
        return None
    # Each picture is decoded once and then lies in the GPU's memory.
    return work.pictures / (DECODED * machine.vcpus) + seen * work.weight / (TUNED * speed)


def job_seconds(machine: Machine, work: Workload, *, shared: bool = False, started: bool = False) -> float | None:
    """One job from its instances' start to its upload; ``None`` where the machine is not known.

    ``shared``: the features are there already; ``started``: so is the instance.
    """
    if work.fine_tuned:
        trained = tuned_seconds(machine, work)
    else:
        features = 0.0 if shared else pass_seconds(machine, work)
        trained = None if features is None else features + work.pictures * work.epochs * HEAD_SECONDS
    return None if trained is None else trained + (0.0 if started else OVERHEAD_SECONDS)
