"""Parameter Store's reading operations: the public parameters that name images here, all others moto's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.core.account import REGION
from sandbox.ec2.images import Image, parameters
from sandbox.ec2.network import Moto
from sandbox.wire.errors import AwsError
from sandbox.wire.paging import page

Members = dict[str, Any]
# The most, and the default, of GetParametersByPath.
_MOST = 10


class Parameters:
    """The operations, each from its members to the members of its answer."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self.operations: dict[str, Callable[[Members], Members]] = {
            "GetParameter": self.one,
            "GetParameters": self.several,
            "GetParametersByPath": self.by_path,
        }

    def one(self, members: Members) -> Members:
        """GetParameter."""
        image = parameters().get(_plain(members["Name"]))
        return {"Parameter": _described(image)} if image is not None else self._moto("ssm", "GetParameter", members)

    def several(self, members: Members) -> Members:
        """GetParameters."""
        names = members["Names"]
        found = [_described(image) for name in names if (image := parameters().get(_plain(name))) is not None]
        left = [name for name in names if _plain(name) not in parameters()]
        others = self._moto("ssm", "GetParameters", {**members, "Names": left}) if left else {}
        return {
            "Parameters": [*found, *(others.get("Parameters") or ())],
            "InvalidParameters": others.get("InvalidParameters") or [],
        }

    def by_path(self, members: Members) -> Members:
        """GetParametersByPath."""
        path = members["Path"].rstrip("/") + "/"
        if not members["Path"].startswith("/"):
            text = (
                "The parameter doesn't meet the parameter name requirements. The path must begin with a forward slash."
            )
            raise AwsError("ValidationException", text)
        if not any(name.startswith(path) for name in parameters()) or path == "/":
            return self._moto("ssm", "GetParametersByPath", members)
        deep = bool(members.get("Recursive"))
        rows = [
            image
            for name, image in sorted(parameters().items())
            if name.startswith(path) and (deep or "/" not in name[len(path) :])
        ]
        bad = AwsError("InvalidNextToken", "The specified token isn't valid.")
        return page({"MaxResults": _MOST, **members}, "Parameters", rows, _described, bad)


def _plain(name: str) -> str:
    """The name of a parameter that may be given as its ARN or with a version."""
    if name.startswith("arn:"):
        name = "/" + name.partition(":parameter/")[2]
    return name.partition(":")[0]


def _described(image: Image) -> Members:
    return {
        "Name": image.parameter,
        "Type": "String",
        "Value": image.id,
        "Version": 1,
        "LastModifiedDate": datetime.fromisoformat(image.created),
        "ARN": f"arn:aws:ssm:{REGION}::parameter{image.parameter}",
        "DataType": "aws:ec2:image",
    }
