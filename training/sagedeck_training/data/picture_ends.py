"""Damage that Pillow lets pass: a PNG's wrong checksums, and files that were cut off and filled up.

The same file lies in ``workers`` and ``training``, which do not import each other.
"""

from __future__ import annotations

import zlib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def check_whole(raw: bytes) -> None:
    """Raise ``ValueError`` that says why for a PNG with a damaged chunk, and for a PNG or JPEG without its end."""
    if raw.startswith(PNG_SIGNATURE):
        _check_png(memoryview(raw))
    elif raw.startswith(JPEG_START) and raw.rfind(JPEG_END, _scan_of(raw)) < 0:
        raise ValueError("the file is cut off")


def _check_png(raw: memoryview) -> None:
    at = len(PNG_SIGNATURE)
    while (end := at + 12 + int.from_bytes(raw[at : at + 4], "big")) <= len(raw):
        if zlib.crc32(raw[at + 4 : end - 4]) != int.from_bytes(raw[end - 4 : end], "big"):
            raise ValueError("a checksum is wrong")
        if raw[at + 4 : at + 8] == b"IEND":
            return
        at = end
    raise ValueError("the file is cut off")


def _scan_of(raw: bytes) -> int:
    """Where the picture's own data begins: behind the preview in the EXIF data, which has an end of its own."""
    at = 2
    while (at := raw.find(b"\xff", at)) >= 0 and at + 4 <= len(raw):
        marker = raw[at + 1]
        if marker == 0xDA:
            return at
        if marker == 0xFF:
            at += 1
        elif marker < 0x02 or 0xD0 <= marker <= 0xD9:
            at += 2
        else:
            at += 2 + max(2, int.from_bytes(raw[at + 2 : at + 4], "big"))
    return len(raw)
