"""Reading an AWS CLI line back, for tests of what is offered to be copied."""

from __future__ import annotations

import json
import shlex
from typing import Any


def read_back(line: str) -> dict[str, Any]:
    """The parameters of a command line, as the AWS CLI reads them."""
    words = shlex.split(line)
    assert words[:2] == ["aws", "sagemaker"]
    found: dict[str, Any] = {}
    at = 3
    while at < len(words):
        name = "".join(part.capitalize() for part in words[at].removeprefix("--").split("-"))
        end = next((n for n in range(at + 1, len(words)) if words[n].startswith("--")), len(words))
        values = [_value(word) for word in words[at + 1 : end]]
        found[name] = values if name == "Tags" and values[0].__class__ is dict else values[0] if values else True
        at = end
    return found


def _value(word: str) -> Any:
    if word[0] in "{[":
        return json.loads(word)
    if "=" not in word:
        return word
    pairs = dict(part.split("=", 1) for part in word.split(","))
    return {key: int(value) if value.isdigit() else value for key, value in pairs.items()}
