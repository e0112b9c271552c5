"""What is sent of a picture file: JPEG and PNG as they are, other kinds and large files as a smaller JPEG."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from workers.errors.tree import InvalidInput
from workers.files.os_words import os_words
from workers.files.regular_file import read_regular
from workers.inference.model_view import MAX_FILE_BYTES, Unusable, upright

# A function takes 4.5 MB, and a model looks at a few hundred pixels.
MOST_BYTES = 4 * 1024 * 1024
# Pixels; and a quality at which no model answers otherwise.
_LONG_SIDE = 1024
_JPEG_QUALITY = 92
_SENT_AS_IT_IS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def read_file(path: Path) -> bytes:
    """The bytes of a file. Blocking; raises ``InvalidInput`` with the reason."""
    try:
        data = read_regular(path, MAX_FILE_BYTES)
    except OSError as error:
        raise InvalidInput("The file cannot be read", f"The file cannot be read: {os_words(error)}.") from error
    if not data:
        raise InvalidInput("The file is empty", "The file is empty.")
    return data


def to_send(data: bytes) -> bytes:
    """What is sent of a picture's bytes. Blocking; raises ``InvalidInput`` for what is no picture."""
    if len(data) <= MOST_BYTES and data.startswith(_SENT_AS_IT_IS):
        return data
    try:
        image = upright(data, _LONG_SIDE)
    except Unusable as error:
        raise InvalidInput("This is not a picture", f"It cannot be used: {error}.") from error
    image.thumbnail((_LONG_SIDE, _LONG_SIDE), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()
