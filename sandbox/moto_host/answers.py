"""The test mode for moto's answers: clients read them as they read ours, so they must be as their models say, too."""

from __future__ import annotations

import re

from sandbox.wire import answer_check
from sandbox.wire.call import Call
from sandbox.wire.messages import RestResponse
from sandbox.wire.render import read_members, render

# Names of elements and of JSON's members that are not null; in a text that is itself JSON the quotes are escaped.
_NAMES = {"query": rb"<(\w+)", "ec2": rb"<(\w+)", "json": rb'"(\w+)":(?! ?null)'}


def check_answer(call: Call, response: RestResponse) -> None:
    """Read an answer of moto's by its model and write it anew. Raises AnswerNotInModel where that loses something."""
    if not answer_check.wanted() or call.model is None or response.status >= 300 or call.protocol not in _NAMES:
        return
    body = response.body if isinstance(response.body, bytes) else b""
    try:
        members = read_members(call.service, call.operation, call.protocol, body)
    except (ValueError, TypeError, KeyError) as exc:
        raise answer_check.told(
            f"moto's {call.service} {call.operation}", [f"botocore cannot read it: {exc!r}"]
        ) from exc
    again = render(call.service, call.operation, call.protocol, members, "")
    pattern = _NAMES[call.protocol]
    lost = set(re.findall(pattern, body)) - set(
        re.findall(pattern, again.body if isinstance(again.body, bytes) else b"")
    )
    if lost:
        names = ", ".join(sorted(name.decode() for name in lost))
        raise answer_check.told(f"moto's {call.service} {call.operation}", [f"the model does not know {names}"])
