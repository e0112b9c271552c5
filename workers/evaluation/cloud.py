"""How long the model took, as CloudWatch counted it in the minutes of an evaluation."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.aws.session import AwsSession
from workers.errors.tree import SageDeckError
from workers.evaluation.types import Evaluation
from workers.inference.targets import Target

NAMESPACE, METRIC = "AWS/SageMaker", "ModelLatency"
# Seconds; the finest that ModelLatency has.
_PERIOD = 60
# CloudWatch keeps figures of single minutes so long.
KEPT_SECONDS = 15 * 86_400
# Within an hour; a longer evaluation is told by its last one.
_MOST = timedelta(hours=1)


async def model_ms(session: AwsSession, evaluation: Evaluation) -> float | None:
    """The mean of the evaluation's variants in milliseconds, for all callers together; None where it is not known.

    A model on this computer says it itself. Never raises ``SageDeckError``: the evaluation is shown without.
    """
    head, runs = evaluation.head, evaluation.runs
    if Target.parse(head.target).kind == "model" or not head.endpoint or not runs:
        return None
    began, ended = datetime.fromtimestamp(runs[-1].began, UTC), runs[-1].began + runs[-1].seconds
    if time.time() - ended > KEPT_SECONDS:
        return None
    end = datetime.fromtimestamp(ended, UTC).replace(second=0, microsecond=0) + timedelta(seconds=_PERIOD)
    start = max(began.replace(second=0, microsecond=0), end - _MOST)
    # A function does not say which variant its endpoint took.
    shares = Counter(answer.variant for answer in evaluation.answers if answer.variant) or Counter({"AllTraffic": 1})
    total = weight = 0.0
    for variant, share in shares.items():
        found = await _mean(session, head.endpoint, variant, start, end)
        if found is not None:
            total, weight = total + found * share, weight + share
    return total / weight if weight else None


async def _mean(session: AwsSession, endpoint: str, variant: str, start: datetime, end: datetime) -> float | None:
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    metric = {"Namespace": NAMESPACE, "MetricName": METRIC, "Dimensions": dimensions}

    def query(key: str, statistic: str) -> dict[str, Any]:
        return {"Id": key, "MetricStat": {"Metric": metric, "Period": _PERIOD, "Stat": statistic}}

    try:
        answer = await session.call(
            "cloudwatch", "get_metric_data", "read the model's latency", StartTime=start, EndTime=end,
            MetricDataQueries=[query("sum", "Sum"), query("count", "SampleCount")],
        )  # fmt: skip
    except SageDeckError:
        return None
    sums = {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"]}
    # ModelLatency is in microseconds.
    return sums["sum"] / sums["count"] / 1000 if sums.get("count") else None
