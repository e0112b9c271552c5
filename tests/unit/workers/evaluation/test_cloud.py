"""The model's share of the latency, as CloudWatch counted it in the minutes of an evaluation."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from tests.helpers.evaluation import PUG, answered, evaluation
from workers.errors.tree import AccessDenied
from workers.evaluation.cloud import model_ms
from workers.evaluation.types import Evaluation, Run


class Session:
    """Answers with a sum and a count for each variant."""

    def __init__(self, **variants: tuple[float, float]) -> None:
        self.variants, self.asked = variants, list[Any]()

    async def call(self, service: str, operation: str, doing: str, **given: Any) -> dict[str, Any]:
        self.asked.append(given)
        metric = given["MetricDataQueries"][0]["MetricStat"]["Metric"]
        name = next(part["Value"] for part in metric["Dimensions"] if part["Name"] == "VariantName")
        if name not in self.variants:
            raise AccessDenied("Not allowed", "no")
        total, count = self.variants[name]
        values = {"sum": [total] if count else [], "count": [count] if count else []}
        return {"MetricDataResults": [{"Id": key, "Values": found} for key, found in values.items()]}


def asked(session: Session, made: Evaluation) -> float | None:
    return asyncio.run(model_ms(session, made))  # type: ignore[arg-type]


def recent(*variants: str, **given: Any) -> Evaluation:
    answers = [answered(str(at), PUG, PUG, variant=name) for at, name in enumerate(variants)]
    return replace(
        evaluation(answers, endpoint="dogs", **given), runs=(Run(time.time() - 90, 30.0, len(answers)),)
    )  # fmt: skip


def test_variants_count_by_how_many_they_answered() -> None:
    session = Session(a=(60_000.0, 2.0), b=(90_000.0, 1.0))
    assert asked(session, recent("a", "a", "b")) == (30.0 * 2 + 90.0) / 3
    assert all(given["StartTime"].second == 0 == given["EndTime"].second for given in session.asked)


def test_what_nobody_counted_or_may_not_be_read_is_not_known() -> None:
    assert asked(Session(a=(0.0, 0.0)), recent("a")) is None
    assert asked(Session(), recent("a")) is None
    session = Session(AllTraffic=(10_000.0, 1.0))
    assert asked(session, recent("", target="function:f")) == 10.0
    old = replace(recent("AllTraffic"), runs=(Run(1_000_000.0, 1.0, 1),))
    assert asked(session, old) is None and asked(session, recent("", target="model:j")) is None
    assert len(session.asked) == 1, "nothing is asked that cannot be known"
