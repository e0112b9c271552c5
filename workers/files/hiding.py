"""The one rule of what is secret in texts and parameters: whatever is shown, logged or kept goes through it.

``hidden_text`` is for lines of text, ``hidden`` for parameters of calls: there a name says what its value is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

HIDDEN = "[hidden]"
_KEY, _PRIVATE_KEY, _FILE = "[access key]", "[private key]", "[a file]"

_NAMES = (
    r"secret[_-]?access[_-]?key|session[_-]?token|pass(?:word|wd|phrase)|x-amz-(?:signature|security-token)"
    r"|client[_-]?secret|api[_-]?key|access[_-]?token|auth[_-]?token|private[_-]?key"
)
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)", re.S), _PRIVATE_KEY),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), _KEY),
    (re.compile(rf"(?i)({_NAMES})([\"']?\s*[=:]\s*|\s+(?!--))(?:\"[^\"\n]+\"|'[^'\n]+'|[\"']?[^\s\"'&,]+[\"']?)"),
     rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)(authorization[\"']?\s*[=:]\s*[\"']?)(?:\w+\s+)?[^\s\"',]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/-]{16,}=*"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?<=://)([^\s/:@]+):[^\s/@]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
    (re.compile(r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abpros]-[\w-]{10,}|sk-[\w-]{20,})"), HIDDEN),
)  # fmt: skip
# A parameter or variable that is called so holds a secret, whatever it looks like.
_SECRET_NAME = re.compile(
    r"(?i)secret|pass(?:word|wd|phrase)|(?:^|[_-])pass$|pwd$|credential|private[_-]?key|api[_-]?key|access[_-]?key"
    r"|(?:^|[_-])(?:auth|token)$|[a-z_-]token$|authorization|signature|connection[_-]?string"
)
# These are called so and hold none: what tells two requests or two pages apart, and names of places.
_HARMLESS_NAME = re.compile(
    r"(?i)^(?:client|clientrequest|creator|creation|request|idempotency|next|continuation|starting|pagination)[_-]?token$"
    r"|(?:arn|arns|name|names|id|ids|path|version|version[_-]?stages?|size|count|type|algorithm)$"
)
# ``NAME=value`` of a shell and ``--name value`` of a command: the names that parameters have hold secrets here, too.
_ASSIGNED = re.compile(
    r"(?<![\w-])(--)?([A-Za-z_][\w-]{0,80})(?(1)(=|\s+)|(=))(?!--)(?:\"[^\"\n]+\"|'[^'\n]+'|[^\s\"'&,;]+)"
)


def hidden_text(text: str) -> str:
    """``text`` with keys, passwords, tokens and signatures replaced by placeholders."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return _ASSIGNED.sub(_unassigned, text)


def _unassigned(found: re.Match[str]) -> str:
    dashes, name, option, sign = found.groups(default="")
    return f"{dashes}{name}{option or sign}{HIDDEN}" if is_secret_name(name) else found[0]


def is_secret_name(name: str) -> bool:
    """Whether a parameter, tag or variable called ``name`` holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.search(name)


def hidden(value: Any, name: str = "") -> Any:
    """``value`` as plain JSON without secrets: what is called like one, and what looks like one.

    Bytes become their number, moments ISO texts. Pairs such as ``{"Key": "DB_PASSWORD", "Value": "x"}`` are named by
    their first member.
    """
    if is_secret_name(name) and value not in (None, "") and not isinstance(value, bool):
        return HIDDEN
    if isinstance(value, Mapping):
        pair = next((str(value[key]) for key in ("Key", "key", "Name", "name", "ParameterKey") if key in value), "")
        return {
            str(key): hidden(item, pair if key in ("Value", "value", "ParameterValue") else str(key))
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [hidden(item) for item in value]
    if isinstance(value, str):
        return HIDDEN if name == "UserData" and _hides(value) else hidden_text(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes_words(len(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int, float)):
        return value
    # A body that is a file, a number of boto3's own kind.
    return str(value) if type(value).__module__ == "decimal" else bytes_words(None)


def bytes_words(count: int | None) -> str:
    """What stands for a body that is not kept."""
    return f"[{count:,} bytes]" if count is not None else _FILE


def is_whole(value: str) -> bool:
    """Whether nothing of a text was left out by ``hidden``."""
    placeholders = (HIDDEN, _KEY, _PRIVATE_KEY)
    return value != _FILE and not value.endswith(" bytes]") and not any(left in value for left in placeholders)


def _hides(encoded: str) -> bool:
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        text = encoded
    return hidden_text(text) != text
