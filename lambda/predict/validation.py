"""What may reach the endpoint: every check that needs nothing but the event and the picture's bytes.

Nothing is decoded: JPEG and PNG are recognised and measured by their structure, so a "bomb" costs what its
bytes cost. Nothing is fetched from a URL, ever.
"""

from __future__ import annotations

import binascii
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any

# More classes than any of our models has; then five, as the endpoint answers by itself; then S3's limit.
MAX_TOP_K = 1000
DEFAULT_TOP_K = 5
MAX_KEY_BYTES = 1024
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers carry the size; C4, C8 and CC in the same range are tables.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


class BadRequest(Exception):
    """The event cannot be served. ``status`` is the HTTP status (4xx), the text is the reason for a person."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


@dataclass(frozen=True)
class Limits:
    """What a picture may be: bytes of the file, pixels of the picture."""

    max_bytes: int = 5 * 1024 * 1024
    max_pixels: int = 50_000_000


@dataclass(frozen=True)
class Request:
    """A checked event: the picture itself, or where it lies in S3."""

    top_k: int
    image: bytes | None = None
    bucket: str = ""
    key: str = ""


@dataclass(frozen=True)
class Picture:
    """What the structure of a picture says of it."""

    content_type: str
    width: int
    height: int


def parse_event(event: Any, limits: Limits, default_top_k: int = DEFAULT_TOP_K) -> Request:
    """Check the event's shape: ``{"image": base64}`` or ``{"bucket", "key"}``, optionally ``top_k``.

    Raises ``BadRequest`` that names the field at fault.
    """
    if not isinstance(event, dict):
        raise BadRequest(400, 'The event must be a JSON object such as {"image": "<base64>"}.')
    unknown = sorted(str(name) for name in event if name not in ("image", "bucket", "key", "top_k"))
    if unknown:
        named = ", ".join(name[:40] for name in unknown[:5])
        raise BadRequest(400, f"Unknown field: {named}. Known fields are image, bucket, key and top_k.")
    top_k = event.get("top_k", default_top_k)
    if isinstance(top_k, bool) or not isinstance(top_k, int) or not 1 <= top_k <= MAX_TOP_K:
        raise BadRequest(400, f"top_k must be a whole number from 1 to {MAX_TOP_K}.")
    if "image" in event:
        if "bucket" in event or "key" in event:
            raise BadRequest(400, "Send either image, or bucket and key, not both.")
        return Request(top_k, image=_decode_base64(event["image"], limits))
    if "bucket" in event or "key" in event:
        bucket, key = event.get("bucket"), event.get("key")
        if not isinstance(bucket, str) or not isinstance(key, str) or not bucket or not key:
            raise BadRequest(400, "bucket and key must both be text and not empty.")
        return Request(top_k, bucket=bucket, key=key)
    raise BadRequest(400, "The event has no picture: send image (base64), or bucket and key.")


def check_location(bucket: str, key: str, allowed: str) -> None:
    """Check an S3 location against the allow-list: ``bucket/prefix`` entries, separated by commas.

    An empty allow-list allows nothing. Raises ``BadRequest``: 400 for a malformed name, 403 for one not allowed.
    """
    if not BUCKET_NAME.fullmatch(bucket) or ".." in bucket:
        raise BadRequest(400, "bucket is not a valid S3 bucket name.")
    try:
        encoded = key.encode("utf-8")
    except UnicodeEncodeError:
        raise BadRequest(400, "key is not valid Unicode text.") from None
    if len(encoded) > MAX_KEY_BYTES:
        raise BadRequest(400, f"key is longer than {MAX_KEY_BYTES} bytes.")
    if any(ord(character) < 32 or ord(character) == 127 for character in key):
        raise BadRequest(400, "key holds control characters.")
    if key.startswith("/") or "\\" in key or any(part in ("", ".", "..") for part in key.split("/")):
        raise BadRequest(400, "key must name one object: no empty, '.' or '..' parts and no backslash.")
    for entry in filter(None, (part.strip() for part in allowed.split(","))):
        allowed_bucket, _, prefix = entry.partition("/")
        if bucket == allowed_bucket and key.startswith(prefix):
            return
    raise BadRequest(403, "This function may not read that bucket and key.")


def check_picture(data: bytes, limits: Limits) -> Picture:
    """Recognise and measure a JPEG or PNG by its content.

    Raises ``BadRequest``: 413 too large, 415 neither JPEG nor PNG, 400 damaged or cut off.
    """
    if not data:
        raise BadRequest(400, "The picture is empty.")
    if len(data) > limits.max_bytes:
        raise BadRequest(413, f"The picture has {len(data):,} bytes; at most {limits.max_bytes:,} are allowed.")
    if data.startswith(PNG_SIGNATURE):
        picture = _measure_png(data)
    elif data.startswith(b"\xff\xd8\xff"):
        picture = _measure_jpeg(data)
    else:
        raise BadRequest(415, "The content is neither a JPEG nor a PNG picture.")
    if picture.width < 1 or picture.height < 1:
        raise BadRequest(400, "The picture has no pixels.")
    if picture.width * picture.height > limits.max_pixels:
        size = f"{picture.width:,} × {picture.height:,}"
        raise BadRequest(413, f"The picture has {size} pixels; at most {limits.max_pixels:,} in all are allowed.")
    return picture


def _decode_base64(image: Any, limits: Limits) -> bytes:
    if not isinstance(image, str):
        raise BadRequest(400, "image must be base64 text.")
    if not image:
        raise BadRequest(400, "image is empty.")
    if len(image) > (limits.max_bytes + 2) // 3 * 4:
        raise BadRequest(413, f"image is too large: at most {limits.max_bytes:,} bytes before base64.")
    try:
        return binascii.a2b_base64(image, strict_mode=True)
    except (binascii.Error, ValueError):
        raise BadRequest(400, "image is not valid base64 (no data: prefix, no line breaks).") from None


def _measure_png(data: bytes) -> Picture:
    damaged = BadRequest(400, "The PNG is damaged or cut off.")
    picture: Picture | None = None
    has_data = False
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise damaged
        if zlib.crc32(memoryview(data)[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise damaged
        if picture is None:
            if kind != b"IHDR" or length != 13:
                raise damaged
            width, height = struct.unpack(">II", data[at + 8 : at + 16])
            picture = Picture("image/png", width, height)
        elif kind == b"IDAT":
            has_data = True
        elif kind == b"IEND":
            if not has_data:
                raise damaged
            return picture
        at = end
    raise damaged


def _measure_jpeg(data: bytes) -> Picture:
    damaged = BadRequest(400, "The JPEG is damaged or cut off.")
    picture: Picture | None = None
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            # Decoders skip what lies between two segments, and so does the endpoint's.
            at = data.find(b"\xff", at)
            if at < 0:
                raise damaged
            continue
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _BARE_MARKERS:
            at += 2
            continue
        if marker == _END_OF_IMAGE:
            raise damaged
        length = max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
        if at + 2 + length > len(data):
            raise damaged
        if marker in _FRAME_MARKERS:
            if length < 8:
                raise damaged
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            picture = Picture("image/jpeg", width, height)
        at += 2 + length
        if marker == _START_OF_SCAN:
            if picture is None or data.rfind(bytes((0xFF, _END_OF_IMAGE)), at) < 0:
                raise damaged
            return picture
    raise damaged
