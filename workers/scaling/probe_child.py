"""The child process of a probe: ``python -m workers.scaling.probe_child``, started by ``workers.scaling.prober``.

Its threads ask the endpoint, so that neither the window's work nor its locks are part of what is measured. Progress: a
``ProbeResult`` so far. Result: a ``ProbeResult``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from botocore.config import Config

from workers.aws.session import boto_session, client_config
from workers.children.child import ChildRun, serve
from workers.children.typed import read, write
from workers.errors.tree import translate_for
from workers.files.regular_file import read_regular
from workers.inference.answers import MAX_BODY_BYTES, guess_type
from workers.samples.catalogue import chosen
from workers.samples.scene import picture_bytes
from workers.scaling.probe import MOST_AT_ONCE, ProbeRequest, ProbeResult, Sample, probe

_SERVICE = "sagemaker-runtime"


class Asker:
    """Asks again and again from several threads at a time; ``stop`` ends it after what is under way."""

    def __init__(self, ask: Callable[[], object], stop: threading.Event) -> None:
        self._ask, self._stop = ask, stop

    def measure(self, threads: int, requests: int, seconds: float) -> Sample:
        """So many threads, until so many requests were sent or so many seconds are over, or one fails."""
        lock, failed = threading.Lock(), threading.Event()
        latencies: list[float] = []
        problems: list[Exception] = []
        left = [requests]
        begun = time.perf_counter()

        def body() -> None:
            while not (self._stop.is_set() or failed.is_set() or time.perf_counter() - begun > seconds):
                with lock:
                    if not left[0]:
                        return
                    left[0] -= 1
                sent = time.perf_counter()
                try:
                    self._ask()
                except Exception as error:
                    failed.set()
                    with lock:
                        problems.append(error)
                    return
                with lock:
                    latencies.append(time.perf_counter() - sent)

        running = [threading.Thread(target=body, daemon=True) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        took = time.perf_counter() - begun
        if problems and not latencies:
            # Nothing is measured: the error itself is the answer.
            raise problems[0]
        return Sample(tuple(latencies), took, len(problems), str(problems[0])[:500] if problems else "")


def _probe(child: ChildRun) -> dict[str, object]:
    request = read(ProbeRequest, child.spec)
    try:
        body = read_regular(Path(request.picture), MAX_BODY_BYTES) if request.picture else _drawn()
        config = client_config(request.backend, _SERVICE).merge(
            # A second attempt would hide that the first was refused.
            Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=MOST_AT_ONCE)
        )
        client = boto_session(request.backend).client(_SERVICE, config=config)
        kind = guess_type(body)

        def ask() -> None:
            answer = client.invoke_endpoint(
                EndpointName=request.endpoint, TargetVariant=request.variant, Body=body, ContentType=kind
            )
            answer["Body"].read()

        return write(
            probe(
                request,
                Asker(ask, child.stop).measure,
                time.monotonic,
                child.stop.is_set,
                lambda levels, sent: child.progress(
                    write(ProbeResult(tuple(levels), "all", sent, max(1, request.instances)))
                ),
            )
        )
    except Exception as exc:
        raise translate_for(request.backend, exc, f"probe {request.endpoint}", _SERVICE) from exc


def _drawn() -> bytes:
    return picture_bytes(chosen(1)[0], "probe")


if __name__ == "__main__":
    serve(_probe, "probe the endpoint")
