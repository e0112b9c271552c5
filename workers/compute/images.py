"""Deep Learning AMIs by their public SSM parameters, any AMI by its id, and what instance types have.

The parameters' names are AWS's (Deep Learning AMI developer guide, "Find the ID of a DLAMI"): below
``/aws/service/deeplearning/ami/ARCHITECTURE/NAME/latest/ami-id``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workers.aws.session import AwsSession
from workers.aws.times import utc_of
from workers.compute.types import Image, InstanceSize
from workers.errors.tree import NotFound

PARAMETERS = "/aws/service/deeplearning/ami/"
_PARAMETER = re.compile(rf"{PARAMETERS}(?P<architecture>[^/]+)/(?P<name>[^/]+)/latest/ami-id")
_IMAGE_ID = re.compile(r"ami-[0-9a-f]{8,17}")
# Says which images are for GPUs: nvidia or gpu as a word of the name.
_GPU = re.compile(r"(^|-)(nvidia|gpu)(-|$)")
_NAMES = {
    word.lower(): word
    for word in ("Amazon", "Linux", "Ubuntu", "PyTorch", "TensorFlow", "Base", "GPU", "OSS", "NVIDIA", "Neuron")
}


class Images:
    """Reads images and types of one account and region. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._sizes: dict[str, InstanceSize] = {}

    async def deep_learning(self, architecture: str = "x86_64") -> tuple[Image, ...]:
        """The newest image of each kind of Deep Learning AMI, PyTorch first. A few calls; the ids are today's."""
        parameters = {
            item["Name"]: item["Value"]
            async for item in self._session.paginate(
                "ssm",
                "get_parameters_by_path",
                "Parameters",
                doing="list the Deep Learning AMIs",
                Path=f"{PARAMETERS}{architecture}",
                Recursive=True,
            )
            if _PARAMETER.fullmatch(item["Name"])
        }
        known = await self._described(list(dict.fromkeys(parameters.values())))
        images = [image_of(known.get(identity, {"ImageId": identity}), name) for name, identity in parameters.items()]
        return tuple(sorted(images, key=lambda image: ("pytorch" not in image.parameter, image.gpu, image.name)))

    async def image(self, identity: str) -> Image:
        """One AMI by its id. Raises ``NotFound`` for one that does not exist here or may not be used."""
        identity = identity.strip()
        found = await self._described([identity]) if _IMAGE_ID.fullmatch(identity) else {}
        if identity not in found:
            raise NotFound(
                "No such AMI",
                f"There is no AMI “{identity[:40]}” in {self._session.region} that this account may use.",
                "AMI ids begin with ami- and differ from region to region.",
                code="InvalidAMIID.NotFound",
            )
        return image_of(found[identity], "")

    async def _described(self, identities: list[str]) -> dict[str, dict[str, Any]]:
        if not identities:
            return {}
        try:
            answer = await self._session.call("ec2", "describe_images", doing="read the AMIs", ImageIds=identities)
        except NotFound:
            return {}
        return {item["ImageId"]: item for item in answer["Images"]}

    async def sizes(self, names: tuple[str, ...]) -> dict[str, InstanceSize]:
        """What these instance types have, by name; a type that this region does not have is left out."""
        missing = [name for name in names if name not in self._sizes]
        if missing:
            async for item in self._session.paginate(
                "ec2",
                "describe_instance_types",
                "InstanceTypes",
                doing="read the instance types",
                # By filter, one unknown name is no error for all the others.
                Filters=[{"Name": "instance-type", "Values": missing}],
            ):
                self._sizes[item["InstanceType"]] = size_of(item)
        return {name: self._sizes[name] for name in names if name in self._sizes}


def image_of(item: Mapping[str, Any], parameter: str) -> Image:
    """An image from DescribeImages' item; its name is the parameter's in words, or its own."""
    match = _PARAMETER.fullmatch(parameter)
    own = str(item.get("Name", ""))
    root = item.get("RootDeviceName", "/dev/xvda")
    disks = [
        disk.get("Ebs", {}).get("VolumeSize", 0)
        for disk in item.get("BlockDeviceMappings", ())
        if disk.get("DeviceName") == root
    ]
    words = (match["name"] if match else own).lower()
    return Image(
        id=item["ImageId"],
        name=spoken(match["name"]) if match else own or item["ImageId"],
        parameter=parameter,
        gpu=bool(_GPU.search(words.replace(" ", "-"))),
        root_device=root,
        smallest_disk_gib=max([*disks, 8]),
        created=None if not item.get("CreationDate") else utc_of({"at": _time(item["CreationDate"])}, "at"),
    )


def _time(text: object) -> Any:
    return datetime.fromisoformat(str(text)) if isinstance(text, str) else text


def spoken(name: str) -> str:
    """``oss-nvidia-driver-gpu-pytorch-2.12-ubuntu-24.04`` as ``PyTorch 2.12, Ubuntu 24.04 (GPU)``."""
    gpu = bool(_GPU.search(name))
    plain = re.sub(r"^(base-)?oss-nvidia-driver-gpu-?", r"\1", name)
    words = [_NAMES.get(word, word) for word in plain.strip("-").split("-")]
    text = re.sub(r" (Ubuntu|Amazon)", r", \1", " ".join(words), count=1)
    return f"{text} (GPU)" if gpu else text


def size_of(item: Mapping[str, Any]) -> InstanceSize:
    """An instance type from DescribeInstanceTypes' item."""
    gpus = item.get("GpuInfo", {}).get("Gpus", ())
    return InstanceSize(
        item["InstanceType"],
        item.get("VCpuInfo", {}).get("DefaultVCpus", 0),
        item.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024,
        sum(gpu.get("Count", 0) for gpu in gpus),
        " ".join(filter(None, (gpus[0].get("Manufacturer", ""), gpus[0].get("Name", "")))) if gpus else "",
        tuple(item.get("ProcessorInfo", {}).get("SupportedArchitectures", ("x86_64",))),
    )


def mismatch(image: Image, size: InstanceSize | None) -> str | None:
    """Why image and type do not go together, in a sentence, or ``None``. A type that is not known is let pass."""
    if size is None:
        return None
    if image.gpu and not size.gpus:
        return f"Made for GPUs; {size.name} has none and trains on its CPUs."
    if size.gpus and not image.gpu:
        return f"No driver for the GPU of {size.name}, which costs money."
    return None
