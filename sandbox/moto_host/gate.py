"""Before moto: what is asked of it at all, and what is answered with an empty list because it cannot exist here."""

from __future__ import annotations

from sandbox.moto_host.allowed import ALLOWED
from sandbox.moto_host.answers import check_answer
from sandbox.moto_host.asking import INVALID, Answering, asked
from sandbox.moto_host.empty_lists import empty_answer
from sandbox.moto_host.missing import refuse_missing
from sandbox.moto_host.undone import refuse_undone
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import RestResponse
from sandbox.wire.render import render

# What a page after the first is asked for with.
_TOKENS = ("NextToken", "nextToken", "Marker", "marker", "PaginationToken", "PageToken")


def answers(service: str, operation: str) -> bool:
    """Whether an operation that is none of ours is answered: by moto, or with an empty list."""
    return operation in ALLOWED.get(service, ()) or empty_answer(service, operation) is not None


class Gate:
    """Answers what no service of ours does, where the answer is true."""

    def __init__(self, moto: Answering) -> None:
        self._moto = moto

    def answers(self, service: str, operation: str) -> bool:
        """As ``answers``."""
        return answers(service, operation)

    def handle(self, call: Call) -> RestResponse:
        """Answer an authorized call. Raises NotImplemented for what would only look as if it were done."""
        if call.operation in ALLOWED.get(call.service, ()):
            refuse_undone(call)
            response = asked(self._moto, call)
            check_answer(call, response)
            return response
        empty = empty_answer(call.service, call.operation)
        if empty is None:
            raise not_implemented(call.service, call.operation)
        if any(call.members.get(name) for name in _TOKENS):
            # An empty list has one page: this token nobody gave.
            code = INVALID.get(call.protocol, "ValidationException")
            raise AwsError(code, "The token of the page is not valid: it belongs to another request.")
        refuse_missing(call)
        return render(call.service, call.operation, call.protocol, dict(empty), call.http.request_id)
