"""The members that an operation has by AWS's own model of it: what else a request carries is no part of it.

Access control and the service must see the same request. A member that the operation does not have could name another
resource to the one than to the other, so it never reaches either of them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, Shape

from sandbox.wire.errors import AwsError
from sandbox.wire.models import service_model

# Where the service in a signature and botocore's name for it differ.
_MODELS = {
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "servicequotas": "service-quotas",
    "email": "ses",
}
_ALWAYS = frozenset({"Action", "Version"})


def own_members(service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    """``params`` without what the operation does not have, as AWS's JSON services ignore it.

    ``service`` is the one of the signature. An operation that botocore does not know keeps nothing.
    """
    known = _wire_names(service, operation, False)
    return params if known is None else {name: value for name, value in params.items() if name in known}


def check_query(service: str, operation: str, names: list[str], ec2: bool) -> None:
    """Refuse a form with a parameter that its operation does not have (``names``: as they were sent).

    Raises ``AwsError`` InvalidParameterValue. What a later SDK adds is refused, too: whether it names a resource
    cannot be told.
    """
    known = _wire_names(service, operation, ec2)
    if known is None:
        return
    for name in names:
        if name.partition(".")[0] not in known:
            raise AwsError("InvalidParameterValue", f"{operation} has no parameter {name.partition('.')[0]}.")


@cache
def _wire_names(service: str, operation: str, ec2: bool) -> frozenset[str] | None:
    """The names of an operation's members on the wire; None when botocore has no model of the service."""
    try:
        model = service_model(_MODELS.get(service, service))
    except UnknownServiceError:
        return None
    if operation not in model.operation_names:
        return _ALWAYS
    shape = model.operation_model(operation).input_shape
    members = shape.members if shape is not None else {}
    return _ALWAYS.union(*(_names(name, member, ec2) for name, member in members.items()))


def _names(name: str, member: Shape, ec2: bool) -> set[str]:
    serialization = member.serialization
    wire = serialization.get("name", name)
    if ec2:
        return {serialization.get("queryName") or wire[:1].upper() + wire[1:]}
    names = {wire}
    if isinstance(member, ListShape) and serialization.get("flattened"):
        # Such a list goes by the name of its items.
        names.add(member.member.serialization.get("name", wire))
    return names
