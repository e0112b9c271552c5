"""The requests of a load test: bodies in turn, and what became of each.

Nothing is sent twice: a retry would hide what the test is to show.
"""

from __future__ import annotations

import itertools
import time
from types import TracebackType

from workers.load.outcome import TIMEOUT, Outcome, failed_connection, outcome_of
from workers.load.payloads import Payload
from workers.load.signed import Signed
from workers.load.types import LoadRequest

# A signature is good for five minutes; made anew for each request, it would limit the rate.
_SIGNED_SECONDS = 10.0


class Wire:
    """Sends ``payloads`` in turn. Making it is blocking, and raises botocore's errors; use it as a context manager."""

    def __init__(self, request: LoadRequest, payloads: list[Payload]) -> None:
        self._signed = Signed(request.backend, request.target, request.timeout)
        self._heads: dict[str, tuple[float, object, bytes]] = {}
        self._payloads = itertools.cycle(payloads)

    async def __aenter__(self) -> Wire:
        await self._signed.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._signed.__aexit__(kind, error, trace)

    async def exchange(self) -> Outcome:
        """Send the next body, and tell what came back. Never raises but for a cancellation."""
        payload = next(self._payloads)
        try:
            answer = await self._signed.send(self._head(payload), payload.body)
        except TimeoutError:
            return TIMEOUT
        except OSError as error:
            return failed_connection(error)
        return outcome_of(self._signed.target.kind, answer.status, answer.headers, answer.body)

    def _head(self, payload: Payload) -> bytes:
        """A request's head. AWS takes a signature for five minutes, so that not each needs one of its own."""
        now, keys = time.monotonic(), self._signed.keys
        until, signed_with, head = self._heads.get(payload.digest, (0.0, None, b""))
        if until <= now or signed_with is not keys:
            head = self._signed.head(payload)
            self._heads[payload.digest] = (now + _SIGNED_SECONDS, keys, head)
        return head
