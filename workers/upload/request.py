"""What the window asks of an upload's process: one frozen value, read and checked at the other end."""

from __future__ import annotations

from dataclasses import dataclass

from workers.types import Backend


@dataclass(frozen=True)
class UploadRequest:
    """``folder`` (an absolute path) to ``bucket``/``prefix``.

    ``manifest`` is the file that remembers what was sent, and ``target`` (``ACCOUNT/BUCKET``) its name for the bucket.
    ``merge``: another set at the prefix is known of. ``look``: nothing is sent, only told what is there. Neither has a
    default: who forgets to carry one over is refused.
    """

    backend: Backend
    folder: str
    bucket: str
    prefix: str
    manifest: str
    target: str
    merge: bool
    look: bool
