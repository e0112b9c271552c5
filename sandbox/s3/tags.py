"""Tags of objects and buckets: AWS's limits, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

from sandbox.s3 import xml
from sandbox.s3.answers import Members
from sandbox.wire.errors import AwsError

# S3 User Guide, "Categorizing your objects using tags" and "Using cost allocation S3 bucket tags".
MAX_OBJECT_TAGS, MAX_BUCKET_TAGS = 10, 50
MAX_TAG_KEY, MAX_TAG_VALUE = 128, 256


def check_tags(pairs: list[tuple[str, str]], most: int = MAX_OBJECT_TAGS) -> dict[str, str]:
    """Tags as a dict. Raises InvalidTag, or BadRequest for more than ``most``, beyond AWS's limits."""
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
    if len(tags) > most:
        what = "Object" if most == MAX_OBJECT_TAGS else "Bucket"
        raise AwsError("BadRequest", f"{what} tags cannot be greater than {most}")
    for name, value in pairs:
        if name.lower().startswith("aws:"):
            of_bucket = "System tags cannot be added/updated by requester"
            text = "Your TagKey cannot be prefixed with aws:" if most == MAX_OBJECT_TAGS else of_bucket
            raise AwsError("InvalidTag", text, TagKey=name)
        if not 0 < len(name) <= MAX_TAG_KEY:
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid", TagKey=name)
        if len(value) > MAX_TAG_VALUE:
            raise AwsError("InvalidTag", "The TagValue you have provided is invalid", TagKey=name, TagValue=value)
    return tags


def tag_set(tags: Mapping[str, str]) -> Members:
    """The member ``TagSet`` with these tags."""
    return {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}


def tags_in(body: bytes) -> list[tuple[str, str]]:
    """The pairs of a ``<Tagging>`` document, whatever they are."""
    return [(xml.text_of(tag, "Key"), xml.text_of(tag, "Value")) for tag in xml.parse(body).iter("Tag")]


def tagging_document(tags: Mapping[str, str]) -> str:
    """The ``<Tagging>`` document that says these tags."""
    root = ElementTree.Element("Tagging")
    listed = ElementTree.SubElement(root, "TagSet")
    for name, value in tags.items():
        tag = ElementTree.SubElement(listed, "Tag")
        ElementTree.SubElement(tag, "Key").text = name
        ElementTree.SubElement(tag, "Value").text = value
    return ElementTree.tostring(root, encoding="unicode")
