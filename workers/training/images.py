"""The AWS Deep Learning Container images for training and serving, without asking the network.

Registry accounts by region as in ``sagemaker/core/image_uri_config/pytorch.json`` of sagemaker-core 2.27.0
(a test compares them with the installed package).
"""

from __future__ import annotations

from typing import Literal

from workers.errors.tree import InvalidInput

# The newest version that has both a training and an inference image.
VERSION = "2.6.0"
PYTHON = "py312"

_MAIN_ACCOUNT = "763104351884"
_MAIN_REGIONS = frozenset(
    [
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ]
)
_OTHER_ACCOUNTS = {
    "af-south-1": "626614931356",
    "ap-east-1": "871362719292",
    "ap-east-2": "975050140332",
    "ap-northeast-3": "364406365360",
    "ap-south-2": "772153158452",
    "ap-southeast-3": "907027046896",
    "ap-southeast-4": "457447274322",
    "ap-southeast-5": "550225433462",
    "ap-southeast-6": "633930458069",
    "ap-southeast-7": "590183813437",
    "ca-west-1": "204538143572",
    "cn-north-1": "727897471807",
    "cn-northwest-1": "727897471807",
    "eu-central-2": "380420809688",
    "eu-south-1": "692866216735",
    "eu-south-2": "503227376785",
    "il-central-1": "780543022126",
    "me-central-1": "914824155844",
    "me-south-1": "217643126080",
    "mx-central-1": "637423239942",
    "us-gov-east-1": "446045086412",
    "us-gov-west-1": "442386744353",
}


def image_uri(region: str, scope: Literal["training", "inference"], instance_type: str) -> str:
    """The PyTorch image for a region and instance type (``ml.g4dn.xlarge`` needs the GPU one).

    Raises ``InvalidInput`` for a region that AWS publishes no image for.
    """
    account = _MAIN_ACCOUNT if region in _MAIN_REGIONS else _OTHER_ACCOUNTS.get(region)
    if account is None:
        raise InvalidInput(
            "No container image for this region",
            f"AWS publishes no PyTorch {VERSION} image for {region or 'an empty region'}.",
            "Choose another region.",
        )
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    processor = "gpu" if _family(instance_type)[:1] in ("g", "p") else "cpu"
    return f"{account}.dkr.ecr.{region}.{suffix}/pytorch-{scope}:{VERSION}-{processor}-{PYTHON}"


def _family(instance_type: str) -> str:
    return instance_type.removeprefix("ml.").split(".", 1)[0]
