"""Documents in the bodies of S3's requests, read strictly by AWS's model of them: what it does not know is refused."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

from botocore.model import ListShape, Shape, StructureShape

from sandbox.s3 import xml
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import as_datetime
from sandbox.wire.models import operation_model

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def payload_of(operation: str) -> StructureShape:
    """The shape of the document that an operation's body is (``PutBucketCors``)."""
    shape: Any = operation_model("s3", operation).input_shape
    payload: StructureShape = shape.members[shape.serialization["payload"]]
    return payload


def read_document(operation: str, body: bytes) -> dict[str, Any]:
    """The members of the document that ``operation`` has as its body.

    Raises MalformedXML for another root, unknown or missing elements and values that the model does not know.
    """
    root, shape = xml.parse(body), payload_of(operation)
    if root.tag != shape.serialization.get("name", shape.name):
        raise malformed(f"the root is {root.tag[:100]}")
    return _structure(shape, root)


def malformed(why: str) -> AwsError:
    """The refusal of a document that is not as its schema says."""
    text = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", f"{text} ({why})")


def _structure(shape: StructureShape, element: Element) -> dict[str, Any]:
    names = _names(shape)
    members: dict[str, Any] = {}
    for child in element:
        if child.tag not in names:
            raise malformed(f"{element.tag[:100]} has no {child.tag[:100]}")
        name, of = names[child.tag]
        if isinstance(of, ListShape) and of.serialization.get("flattened"):
            members.setdefault(name, []).append(_value(of.member, child))
        elif name in members:
            raise malformed(f"{child.tag[:100]} stands there twice")
        else:
            members[name] = _value(of, child)
    if (kind := element.get(_TYPE)) is not None and "xsi:type" in names:
        members[names["xsi:type"][0]] = kind
    for name in shape.required_members:
        if name not in members:
            raise malformed(f"{element.tag[:100]} is without {name}")
    return members


def _value(shape: Shape, element: Element) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, element)
    if isinstance(shape, ListShape):
        wanted = shape.member.serialization.get("name", "member")
        if strange := [child.tag for child in element if child.tag != wanted]:
            raise malformed(f"{element.tag[:100]} has no {strange[0][:100]}")
        return [_value(shape.member, child) for child in element]
    if len(element):
        raise malformed(f"{element.tag[:100]} is a value")
    return _scalar(shape, element.text or "", element.tag)


def _scalar(shape: Shape, text: str, tag: str) -> Any:
    if shape.type_name in ("integer", "long"):
        if not _WHOLE.fullmatch(text.strip()):
            raise malformed(f"{tag[:100]} is no whole number")
        return int(text)
    if shape.type_name == "boolean":
        if text.strip() not in ("true", "false"):
            raise malformed(f"{tag[:100]} is neither true nor false")
        return text.strip() == "true"
    if shape.type_name == "timestamp":
        try:
            moment = as_datetime(text.strip())
        except AwsError:
            moment = None
        if moment is None:
            raise malformed(f"{tag[:100]} is no time")
        return moment
    allowed = getattr(shape, "enum", None)
    if allowed and text not in allowed:
        raise malformed(f"{tag[:100]} is none of {', '.join(allowed)[:200]}")
    return text


@cache
def _names(shape: StructureShape) -> dict[str, tuple[str, Shape]]:
    return {str(of.serialization.get("name", name)): (name, of) for name, of in shape.members.items()}
