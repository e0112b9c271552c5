"""What a session's own requests cost: most reads of AWS are free, some are billed by the request or by the metric.

List prices of us-east-1, without free tiers: GetMetricData $0.01 for 1,000 metrics, Cost Explorer $0.01 a request,
S3's listing $0.005 and reading $0.0004 for 1,000 requests (the price pages of CloudWatch, Cost Explorer and S3).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

# Dollars that AWS takes for each metric, page and request.
METRIC, COST_PAGE, S3_LIST, S3_READ = 0.01 / 1000, 0.01, 0.005 / 1000, 0.0004 / 1000
HOUR = 3600.0


class ReadMeter:
    """Counts the calls of all clients that it watches; may be asked from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, float]] = deque()
        self.calls = self.metrics = self.cost_pages = 0
        self.dollars = 0.0

    def watch(self, client: Any) -> None:
        """Count whatever this boto3 client is asked from now on."""
        client.meta.events.register("provide-client-params", self._asked)

    @property
    def dollars_last_hour(self) -> float:
        """What the last hour's requests cost."""
        with self._lock:
            self._forget(self._clock())
            return sum(dollars for _, dollars in self._recent)

    def count(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        """Note one request: boto3's name of the service, AWS's of the operation."""
        dollars = price_of(service, operation, parameters)
        now = self._clock()
        with self._lock:
            self.calls += 1
            self.metrics += _metrics(operation, parameters)
            self.cost_pages += service == "ce"
            self.dollars += dollars
            if dollars:
                self._recent.append((now, dollars))
                self._forget(now)

    def _asked(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self.count(model.service_model.service_name, model.name, params)

    def _forget(self, now: float) -> None:
        while self._recent and now - self._recent[0][0] > HOUR:
            self._recent.popleft()


def price_of(service: str, operation: str, parameters: Mapping[str, Any]) -> float:
    """US dollars of one request that only reads; 0 for what AWS does not bill, and for what changes something."""
    if service == "ce":
        return COST_PAGE
    if service == "s3":
        if operation.startswith("List"):
            return S3_LIST
        return S3_READ if operation.startswith(("Get", "Head")) else 0.0
    return _metrics(operation, parameters) * METRIC


def _metrics(operation: str, parameters: Mapping[str, Any]) -> int:
    if operation != "GetMetricData":
        return 0
    return sum("MetricStat" in query for query in parameters.get("MetricDataQueries", ()))
