"""What of an instance's user data runs at its first boot: a shell script, as cloud-init runs it."""

from __future__ import annotations

import base64
import binascii
import zlib

from sandbox.wire.errors import AwsError

# EC2 User Guide: user data has at most 16 KB before it is encoded.
MAX_BYTES = 16 * 1024


def check(text: str) -> None:
    """Raise InvalidUserData.Malformed or InvalidParameterValue for what RunInstances does not take."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as exc:
        raise AwsError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from exc
    if len(data) > MAX_BYTES:
        raise AwsError("InvalidParameterValue", f"User data is limited to {MAX_BYTES} bytes")


def script_of(text: str) -> tuple[str, str]:
    """The script in user data (base64), and what the boot log says about the rest."""
    data = base64.b64decode(text)
    if data[:2] == b"\x1f\x8b":
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, 1024 * 1024)
        except zlib.error:
            return "", "cloud-init: the user data cannot be unpacked\n"
    script = data.decode("utf-8", "replace")
    if not script.strip() or script.startswith("#!"):
        return script if script.strip() else "", ""
    first = script.splitlines()[0][:60]
    return "", f"[sandbox] Of user data only a script that begins with #! is run; this one begins with {first!r}.\n"
