"""The members of an EC2 operation, by AWS's model, from the names of the query: ``InstanceId.1`` is in InstanceIds.

Source: smithy's ec2Query protocol.
"""

from __future__ import annotations

from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from sandbox.wire.errors import AwsError
from sandbox.wire.models import operation_model


def members_of(operation: str, params: dict[str, Any]) -> dict[str, Any]:
    """``params`` (folded from flat names) as the members of ``operation``, with their types."""
    shape = operation_model("ec2", operation).input_shape
    return _read(shape, params, "") if isinstance(shape, StructureShape) else {}


def _read(shape: Shape, value: Any, name: str) -> Any:
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            raise AwsError("InvalidParameterValue", f"Value ({value}) for parameter {name} is invalid.")
        found = {}
        for member, inner in shape.members.items():
            sent = inner.serialization.get("queryName")
            if not sent:
                wire = inner.serialization.get("name", member)
                sent = wire[:1].upper() + wire[1:]
            if sent in value:
                found[member] = _read(inner, value[sent], f"{name}.{sent}" if name else sent)
        return found
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise AwsError("InvalidParameterValue", f"Value ({value}) for parameter {name} is invalid.")
        return [_read(shape.member, one, name) for one in value]
    if isinstance(value, dict | list):
        raise AwsError("InvalidParameterValue", f"The parameter {name} is not a structure.")
    return _scalar(shape.type_name, str(value), name)


def _scalar(kind: str, text: str, name: str) -> Any:
    wrong = AwsError("InvalidParameterValue", f"Value ({text}) for parameter {name} is invalid.")
    if kind in ("integer", "long"):
        if not text.lstrip("-").isdigit() or len(text) > 19:
            raise wrong
        return int(text)
    if kind in ("float", "double"):
        try:
            return float(text)
        except ValueError as exc:
            raise wrong from exc
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise wrong
        return text.lower() == "true"
    return text
