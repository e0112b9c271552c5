"""XML of the S3 protocol: reading request bodies; dates in headers."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

from sandbox.wire.errors import AwsError

# The largest XML request is a DeleteObjects of 1,000 keys.
MAX_BYTES = 8 * 1024 * 1024


def malformed() -> AwsError:
    """The answer to a document that is none, or not the one that the operation has."""
    text = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", text)


def parse(body: bytes) -> ElementTree.Element:
    """The root element of a request body, tags without namespaces. Raises MalformedXML."""
    if b"<!" in body.replace(b"<!--", b"") or b"\0" in body:
        # In UTF-16, which the parser would take too, a document type could not be seen.
        raise malformed()
    try:
        # No document type gets here, so there are no entities to expand.
        root = ElementTree.fromstring(body)  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError) as exc:
        raise malformed() from exc
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def text_of(element: ElementTree.Element, name: str, default: str = "") -> str:
    """The text of the first child ``name``."""
    found = element.find(name)
    return (found.text or "") if found is not None else default


def parse_http_date(text: str) -> float | None:
    """Epoch seconds of an HTTP date header; None when it is not one (such headers are ignored)."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
