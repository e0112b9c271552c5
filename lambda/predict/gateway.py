"""Requests that come through HTTP: API Gateway's proxy events, function URLs and load balancers.

All of them wrap the caller's request in an event of their own and take the answer apart again. Read here are payload
format 1.0 (REST APIs; ``httpMethod``), format 2.0 (HTTP APIs and function URLs; ``version`` "2.0") and an Application
Load Balancer's (as 1.0). Sources: API Gateway Developer Guide, "Set up Lambda proxy integrations"; Elastic Load
Balancing, "Lambda functions as targets".
"""

from __future__ import annotations

import binascii
import json
from typing import Any

from validation import DEFAULT_TOP_K, MAX_TOP_K, PNG_SIGNATURE, BadRequest, Limits, Request, parse_event

_JPEG_SIGNATURE = b"\xff\xd8\xff"
# Beside the picture a JSON body holds a few names only.
_JSON_ROOM = 64 * 1024


def is_proxy(event: Any) -> bool:
    """Whether the event is an HTTP request that a gateway wrapped."""
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        return False
    return "httpMethod" in event or event.get("version") == "2.0"


def parse_proxy(event: dict[str, Any], limits: Limits) -> Request:
    """The request in a proxy event: a picture as the body, or the JSON that ``parse_event`` takes.

    ``top_k`` may stand in the query, too; what the JSON says wins. Raises ``BadRequest``.
    """
    body = _body(event, limits)
    query = event.get("queryStringParameters") or {}
    top_k = query.get("top_k") if isinstance(query, dict) else None
    if body.startswith((PNG_SIGNATURE, _JPEG_SIGNATURE)):
        return Request(_top_k(top_k), image=body)
    kind = _header(event, "content-type").partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        raise BadRequest(415, "A form cannot be read: send the picture itself as the body, or JSON.")
    if kind.startswith("image/") and event.get("isBase64Encoded") is True:
        raise BadRequest(415, "The content is neither a JPEG nor a PNG picture.")
    if kind.startswith("image/"):
        raise BadRequest(
            415,
            "The picture came as text. A REST API hands pictures on unharmed only when its binary media types hold "
            f"{kind}; or send JSON.",
        )
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        reason = 'The body is neither a JPEG or PNG picture nor JSON such as {"image": "<base64>"}.'
        raise BadRequest(400, reason) from None
    if isinstance(content, dict) and "top_k" not in content and top_k is not None:
        content["top_k"] = _top_k(top_k)
    return parse_event(content, limits)


def _body(event: dict[str, Any], limits: Limits) -> bytes:
    body = event.get("body")
    if not isinstance(body, str) or not body:
        raise BadRequest(400, "The request has no body: send a picture, or JSON with image, or with bucket and key.")
    # The picture as JSON holds it, and that as a gateway may wrap it once more.
    if len(body) > ((limits.max_bytes + 2) // 3 * 4 + _JSON_ROOM + 2) // 3 * 4:
        raise BadRequest(413, f"The body is too large: a picture has at most {limits.max_bytes:,} bytes.")
    try:
        if event.get("isBase64Encoded") is True:
            return binascii.a2b_base64(body)
        return body.encode("utf-8")
    except (binascii.Error, ValueError):
        raise BadRequest(400, "The body is not valid base64, or not Unicode text.") from None


def _header(event: dict[str, Any], name: str) -> str:
    """One header's value; a load balancer sends lists only, if it is told to."""
    for member in ("headers", "multiValueHeaders"):
        headers = event.get(member)
        for key, value in headers.items() if isinstance(headers, dict) else ():
            if key.lower() == name:
                value = value[0] if isinstance(value, list) and value else value
                return value if isinstance(value, str) else ""
    return ""


def _top_k(text: Any) -> int:
    if text is None:
        return DEFAULT_TOP_K
    if isinstance(text, str) and len(text) <= len(str(MAX_TOP_K)) and text.isascii() and text.isdigit():
        number = int(text)
        if 1 <= number <= MAX_TOP_K:
            return number
    raise BadRequest(400, f"top_k must be a whole number from 1 to {MAX_TOP_K}.")
