"""Calls that were sent, written so that they can be sent again: as lines of the AWS CLI, and as Python with boto3.

Both are made from the recorded parameters by AWS's own names, so they run as they are. What was left out (secrets, the
bytes of a file) is said in a comment.
"""

from __future__ import annotations

import json
import pprint
import shlex
from collections.abc import Iterable, Mapping, Sequence
from keyword import iskeyword
from typing import Any

from workers.aws.recording import SentCall
from workers.files.hiding import is_whole

# What the AWS CLI calls otherwise than boto3.
_CLI_SERVICES = {"s3": "s3api", "codedeploy": "deploy", "config": "configservice"}
_LEFT_OUT = "what stands in brackets was not kept: put it in first"


def as_cli(calls: Sequence[SentCall], profile: str | None = None) -> str:
    """A line for each call that was accepted or may have been; "" for no call. POSIX quoting."""
    from botocore import xform_name

    lines = []
    for call in _sendable(calls):
        service = _CLI_SERVICES.get(call.service, call.service)
        words = ["aws", service, xform_name(call.operation, "-")]
        if call.region and call.region != "aws-global":
            words += ["--region", call.region]
        if profile:
            words += ["--profile", profile]
        if call.parameters:
            words += ["--cli-input-json", json.dumps(call.parameters, ensure_ascii=False, separators=(",", ":"))]
        lines += [f"# {_LEFT_OUT}"] if _incomplete(call.parameters) else []
        lines.append(shlex.join(words))
    return "\n".join(lines)


def as_python(calls: Sequence[SentCall], profile: str | None = None) -> str:
    """A script that sends the same calls; "" for no call."""
    from botocore import xform_name

    sendable = _sendable(calls)
    if not sendable:
        return ""
    lines = ["import boto3", ""]
    lines.append(f"session = boto3.Session(profile_name={profile!r})" if profile else "session = boto3.Session()")
    made: dict[tuple[str, str], str] = {}
    for call in sendable:
        name = made.get((call.service, call.region))
        if name is None:
            name = call.service.replace("-", "_")
            name = f"{name}_" if iskeyword(name) else name
            if name in made.values():
                name = f"{name}_{call.region.replace('-', '_')}"
            made[call.service, call.region] = name
            region = f", region_name={call.region!r}" if call.region and call.region != "aws-global" else ""
            lines.append(f"{name} = session.client({call.service!r}{region})")
        if _incomplete(call.parameters):
            lines.append(f"# {_LEFT_OUT}")
        lines.append(f"{name}.{xform_name(call.operation)}(")
        lines += [f"    {key}={_python(value)}," for key, value in call.parameters.items()]
        lines.append(")")
    return "\n".join(lines) + "\n"


def _python(value: Any) -> str:
    return pprint.pformat(value, width=96, sort_dicts=False, underscore_numbers=False).replace("\n", "\n    ")


def _sendable(calls: Iterable[SentCall]) -> list[SentCall]:
    """All but what AWS refused: that would be refused again. With nothing else, those too."""
    calls = list(calls)
    return [call for call in calls if not call.error] or calls


def _incomplete(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_incomplete(item) for item in value.values())
    if isinstance(value, list):
        return any(_incomplete(item) for item in value)
    return isinstance(value, str) and not is_whole(value)
