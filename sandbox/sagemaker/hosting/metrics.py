"""CloudWatch metrics of invocations, written once a second for all of them together."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Protocol

from sandbox.metrics.store import Datum, one_value

NAMESPACE = "AWS/SageMaker"
_FLUSH_SECONDS = 1.0


class MetricStore(Protocol):
    """What is needed of CloudWatch."""

    def put_data(self, namespace: str, data: list[tuple[str, dict[str, str], Datum]]) -> None:
        """Record many data in one transaction."""
        ...


class InvocationMetrics:
    """Collects invocations; a thread writes them. Times are seconds here and microseconds in CloudWatch."""

    def __init__(self, store: MetricStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], int] = defaultdict(int)
        self._times: list[tuple[str, str, str, float, float]] = []
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="invocation metrics", daemon=True)
        self._thread.start()

    def add(
        self, endpoint: str, variant: str, status: int, *, model_seconds: float | None, overhead_seconds: float
    ) -> None:
        """Count one invocation with the model's ``status`` (200, 4xx or 5xx)."""
        now = time.time()
        with self._lock:
            self._counts[endpoint, variant, "Invocations"] += 1
            self._counts[endpoint, variant, "Invocation4XXErrors"] += 400 <= status < 500
            self._counts[endpoint, variant, "Invocation5XXErrors"] += status >= 500
            self._counts[endpoint, variant, "InvocationModelErrors"] += status >= 400
            if model_seconds is not None:
                self._times.append((endpoint, variant, "ModelLatency", model_seconds, now))
            self._times.append((endpoint, variant, "OverheadLatency", overhead_seconds, now))
        self._wake.set()

    def flush(self) -> None:
        """Write what has been collected."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(int)
            times, self._times = self._times, []
        now = time.time()
        data: list[tuple[str, dict[str, str], Datum]] = []
        for (endpoint, variant, name), count in counts.items():
            invocations = counts[endpoint, variant, "Invocations"]
            datum = Datum(now, invocations, count, min(1.0, count // invocations), min(1.0, count), "Count")
            data.append((name, {"EndpointName": endpoint, "VariantName": variant}, datum))
        for endpoint, variant, name, seconds, at in times:
            dimensions = {"EndpointName": endpoint, "VariantName": variant}
            data.append((name, dimensions, one_value(seconds * 1e6, at, "Microseconds")))
        if data:
            self._store.put_data(NAMESPACE, data)

    def close(self) -> None:
        """Write the rest and end the thread."""
        self._closed = True
        self._wake.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            if not self._closed:
                time.sleep(_FLUSH_SECONDS)
            self.flush()
