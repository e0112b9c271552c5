"""Probes an endpoint in a child process, see ``workers.scaling.probe``."""

from __future__ import annotations

from collections.abc import Callable

from workers.aws.chosen import child_environ
from workers.aws.session import AwsSession
from workers.children.parent import Child, ChildFailed
from workers.children.typed import read, write
from workers.errors.tree import InvalidInput, LocalProblem, translate
from workers.scaling.probe import ProbeRequest, ProbeResult
from workers.scaling.types import Variant

MODULE = "workers.scaling.probe_child"


class Prober:
    """Probes of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def probe(
        self, variant: Variant, picture: str = "", on_progress: Callable[[ProbeResult], None] = lambda found: None
    ) -> ProbeResult:
        """Measure; cancelling the awaiting task ends it after the requests under way.

        ``picture`` is the path of what is sent; "": a drawn dog.

        Raises ``InvalidInput`` for an endpoint that is not in service, and what the endpoint answers to the first.
        """
        if variant.status != "InService":
            raise InvalidInput(
                f"{variant.endpoint} cannot be measured now",
                f"The endpoint is {variant.status}: only one in service answers.",
                "Wait until it is in service, then measure again.",
                code="NotInService",
            )
        backend = self._session.backend
        request = ProbeRequest(backend, variant.endpoint, variant.name, max(1, variant.current), picture)
        child = Child(MODULE, write(request), environ=child_environ(backend))
        try:
            await child.start()
            async for message in child.messages():
                found = read(ProbeResult, message.value)
                if message.kind == "result":
                    return found
                on_progress(found)
            raise AssertionError("messages() ends with a result")
        except ChildFailed as exc:
            raise LocalProblem(
                "The probe stopped unexpectedly",
                "Its process ended with an error. Nothing was changed.",
                "Measure again.",
                code=f"exit {exc.returncode}",
                details=exc.last_words,
            ) from exc
        except OSError as exc:
            raise translate(exc, "start the probe") from exc
        finally:
            await child.stop()
