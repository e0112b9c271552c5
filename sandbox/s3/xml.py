"""XML of the S3 protocol: writing answers, reading request bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from xml.etree import ElementTree

from sandbox.wire.errors import AwsError

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# The largest XML request is a DeleteObjects of 1,000 keys.
MAX_BYTES = 8 * 1024 * 1024
Node = tuple[str, "str | int | bool | Iterable[Node]"]
_SPECIAL = re.compile(r'[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f]')
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escape(text: str) -> str:
    """``text`` as XML character data."""
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0]) or f"&#{ord(match[0])};", text)


def document(root: str, children: Iterable[Node], namespace: str = NAMESPACE) -> bytes:
    """A whole document; children are ``(name, text or children)`` in order."""
    out = [f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{namespace}">']
    _write(children, out)
    out.append(f"</{root}>")
    return "".join(out).encode("utf-8", "surrogateescape")


def _write(children: Iterable[Node], out: list[str]) -> None:
    for name, value in children:
        if isinstance(value, str):
            out.append(f"<{name}>{escape(value)}</{name}>")
        elif isinstance(value, bool):
            out.append(f"<{name}>{'true' if value else 'false'}</{name}>")
        elif isinstance(value, int):
            out.append(f"<{name}>{value}</{name}>")
        else:
            out.append(f"<{name}>")
            _write(value, out)
            out.append(f"</{name}>")


def parse(body: bytes) -> ElementTree.Element:
    """The root element of a request body, tags without namespaces. Raises MalformedXML."""
    malformed = AwsError(
        "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
    )
    if b"<!" in body.replace(b"<!--", b"") or b"\0" in body:
        # In UTF-16, which the parser would take too, a document type could not be seen.
        raise malformed
    try:
        # No document type gets here, so there are no entities to expand.
        root = ElementTree.fromstring(body)  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError) as exc:
        raise malformed from exc
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def text_of(element: ElementTree.Element, name: str, default: str = "") -> str:
    """The text of the first child ``name``."""
    found = element.find(name)
    return (found.text or "") if found is not None else default


def iso(seconds: float) -> str:
    """Epoch seconds as S3 lists them."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def http_date(seconds: float) -> str:
    """Epoch seconds as an HTTP header."""
    return formatdate(int(seconds), usegmt=True)


def parse_http_date(text: str) -> float | None:
    """Epoch seconds of an HTTP date header; None when it is not one (such headers are ignored)."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
