"""CloudWatch metrics of invocations and of requests under way, written once a second for all endpoints together.

As on AWS, a variant in service that gets no requests has values of zero, so that alarms notice the silence.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from sandbox.core.diagnostics import tell_exception
from sandbox.metrics.store import Datum, one_value
from sandbox.sagemaker.hosting import utilization
from sandbox.sagemaker.hosting.utilization import Running, Utilization

NAMESPACE = "AWS/SageMaker"
# Each flush is a transaction; where the account's time runs fast it comes sooner, but not more often than this.
_FLUSH_SECONDS = 1.0
_SHORTEST_FLUSH = 0.1
# ConcurrentRequestsPerModel is a metric of high resolution; what nobody asks is told once a minute.
_CONCURRENCY_SECONDS = 10.0
_QUIET_SECONDS = 60.0
# A busy machine may be late by a few short periods; what it slept through, nobody has measured.
_MOST_MISSED = 3


@dataclass(frozen=True)
class Serving:
    """What a variant does now: its instances in service, and the requests that they answer or keep waiting."""

    endpoint: str
    variant: str
    instances: int
    requests: int


class MetricStore(Protocol):
    """What is needed of CloudWatch."""

    def put_data(self, namespace: str, data: list[tuple[str, dict[str, str], Datum]]) -> None:
        """Record many data in one transaction."""
        ...


class InvocationMetrics:
    """Collects invocations; a thread writes them. Times are seconds here and microseconds in CloudWatch."""

    def __init__(
        self,
        store: MetricStore,
        serving: Callable[[], Iterable[Serving]] = tuple,
        factor: float = 1.0,
        running: Callable[[], Iterable[Running]] = tuple,
    ) -> None:
        self._running, self._utilization, self._used = running, Utilization(), 0.0
        self._store, self._serving, self._factor = store, serving, factor
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], int] = defaultdict(int)
        # Each request counts for what it is of one instance: one by how many there are.
        self._shares: dict[tuple[str, str], float] = defaultdict(float)
        self._times: list[tuple[str, str, str, float, float]] = []
        self._samples: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._sampled = 0.0
        self._told = 0.0
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="invocation metrics", daemon=True)
        self._thread.start()

    def add(
        self,
        endpoint: str,
        variant: str,
        status: int,
        *,
        model_seconds: float | None,
        overhead_seconds: float,
        instances: int = 1,
    ) -> None:
        """Count one invocation with the model's ``status`` (200, 4xx or 5xx); ``instances`` of the variant served."""
        now = time.time()
        with self._lock:
            self._counts[endpoint, variant, "Invocations"] += 1
            self._shares[endpoint, variant] += 1 / max(1, instances)
            self._counts[endpoint, variant, "Invocation4XXErrors"] += 400 <= status < 500
            self._counts[endpoint, variant, "Invocation5XXErrors"] += status >= 500
            self._counts[endpoint, variant, "InvocationModelErrors"] += status >= 400
            if model_seconds is not None:
                self._times.append((endpoint, variant, "ModelLatency", model_seconds, now))
            self._times.append((endpoint, variant, "OverheadLatency", overhead_seconds, now))

    def flush(self) -> None:
        """Write what has been collected."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(int)
            times, self._times = self._times, []
            shares, self._shares = self._shares, defaultdict(float)
        now = time.time()
        data: list[tuple[str, dict[str, str], Datum]] = []
        for (endpoint, variant, name), count in counts.items():
            invocations = counts[endpoint, variant, "Invocations"]
            datum = Datum(now, invocations, count, min(1.0, count // invocations), min(1.0, count), "Count")
            data.append((name, {"EndpointName": endpoint, "VariantName": variant}, datum))
        for endpoint, variant, name, seconds, at in times:
            dimensions = {"EndpointName": endpoint, "VariantName": variant}
            data.append((name, dimensions, one_value(seconds * 1e6, at, "Microseconds")))
        for (endpoint, variant), share in shares.items():
            invocations = counts[endpoint, variant, "Invocations"]
            mean = share / invocations
            dimensions = {"EndpointName": endpoint, "VariantName": variant}
            data.append(("InvocationsPerInstance", dimensions, Datum(now, invocations, share, mean, mean)))
        data += self._under_way(now)
        if data:
            self._store.put_data(NAMESPACE, data)
        if now - self._used >= _QUIET_SECONDS / self._factor:
            self._used = now
            if used := self._utilization.look(now, self._running()):
                self._store.put_data(utilization.NAMESPACE, used)

    def close(self) -> None:
        """Write the rest and end the thread."""
        self._closed = True
        self._wake.set()
        self._thread.join(timeout=10)

    def _under_way(self, now: float) -> list[tuple[str, dict[str, str], Datum]]:
        """What the variants do now: for each period that has gone by, so that none is without a value."""
        serving = [busy for busy in self._serving() if busy.instances]
        for busy in serving:
            self._samples[busy.endpoint, busy.variant].append(busy.requests / busy.instances)
        data = []
        if ended := _periods(self._sampled, now, _CONCURRENCY_SECONDS / self._factor):
            self._sampled = now
            samples, self._samples = self._samples, defaultdict(list)
            for (endpoint, variant), values in samples.items():
                dimensions = {"EndpointName": endpoint, "VariantName": variant}
                for at in ended:
                    datum = Datum(at, len(values), sum(values), min(values), max(values))
                    data.append(("ConcurrentRequestsPerModel", dimensions, datum))
        if begun := _periods(self._told, now, _QUIET_SECONDS / self._factor):
            self._told = now
            for busy in serving:
                dimensions = {"EndpointName": busy.endpoint, "VariantName": busy.variant}
                data += [("InvocationsPerInstance", dimensions, one_value(0.0, at)) for at in begun]
        return data

    def _run(self) -> None:
        pause = max(_SHORTEST_FLUSH, _FLUSH_SECONDS / self._factor)
        while not self._closed:
            self._wake.wait(pause)
            try:
                self.flush()
            except Exception as error:
                # One fault must not end all measuring.
                tell_exception(error)


def _periods(since: float, now: float, length: float) -> list[float]:
    """A moment in each period that began after ``since``, the last ones up to ``now``; after a long pause no more."""
    first, last = math.floor(since / length) + 1, math.floor(now / length)
    return [min(now, (index + 0.5) * length) for index in range(max(first, last - _MOST_MISSED), last + 1)]
