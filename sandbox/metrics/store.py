"""CloudWatch metrics kept in sqlite: every datum that was put, and statistics over periods of them."""

from __future__ import annotations

import json
import math
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.core.state import StateDir
from sandbox.wire.errors import AwsError

# The window draws 30 days; CloudWatch keeps 15 months.
KEEP_SECONDS = 90 * 86_400.0
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS metric_series (id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL,
        dimensions TEXT NOT NULL, last REAL NOT NULL, UNIQUE (namespace, name, dimensions))""",
    """CREATE TABLE IF NOT EXISTS metric_data (series INTEGER NOT NULL, at REAL NOT NULL, n REAL NOT NULL,
        total REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, unit TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS metric_data_at ON metric_data (series, at)",
)
PERCENTILE = re.compile(r"^p(\d{1,2}(?:\.\d+)?|100)$")
PLAIN = {"SampleCount", "Average", "Sum", "Minimum", "Maximum"}


@dataclass(frozen=True)
class Datum:
    """``count`` samples at one moment (epoch seconds); low = high = total for a single value."""

    at: float
    count: float
    total: float
    low: float
    high: float
    unit: str = "None"


def one_value(value: float, at: float, unit: str = "None", count: float = 1.0) -> Datum:
    """``count`` samples of the same value."""
    return Datum(at, count, value * count, value, value, unit)


@dataclass(frozen=True)
class Series:
    """One metric: namespace, name and dimensions."""

    id: int
    namespace: str
    name: str
    dimensions: dict[str, str]
    last: float


class Metrics:
    """All metrics of one state folder."""

    def __init__(self, state: StateDir) -> None:
        self._db = state.db
        for statement in SCHEMA:
            self._db.execute(statement)
        self._db.execute("DELETE FROM metric_data WHERE at < ?", (time.time() - KEEP_SECONDS,))

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        at: float | None = None,
        unit: str = "None",
    ) -> None:
        """Record one value; ``at`` in epoch seconds (default: now)."""
        self.put_data(namespace, [(name, dimensions, one_value(value, time.time() if at is None else at, unit))])

    def put_data(self, namespace: str, data: Iterable[tuple[str, Mapping[str, str], Datum]]) -> None:
        """Record many data in one transaction."""
        together: dict[tuple[str, str], list[Datum]] = defaultdict(list)
        for name, dimensions, datum in data:
            together[name, _text(dimensions)].append(datum)
        with self._db.transaction():
            for (name, text), found in together.items():
                series = self._series_id((namespace, name, text), max(datum.at for datum in found))
                for datum in found:
                    self._db.execute(
                        "INSERT INTO metric_data VALUES (?,?,?,?,?,?,?)",
                        (series, datum.at, datum.count, datum.total, datum.low, datum.high, datum.unit),
                    )

    def _series_id(self, key: tuple[str, str, str], at: float) -> int:
        self._db.execute(
            "INSERT INTO metric_series (namespace, name, dimensions, last) VALUES (?,?,?,?)"
            " ON CONFLICT (namespace, name, dimensions) DO UPDATE SET last=max(last, excluded.last)",
            (*key, at),
        )
        row = self._db.query("SELECT id FROM metric_series WHERE namespace=? AND name=? AND dimensions=?", key)[0]
        return int(row["id"])

    def series(self, namespace: str | None = None, name: str | None = None) -> list[Series]:
        """The metrics of a namespace and name (None: any)."""
        rows = self._db.query(
            "SELECT * FROM metric_series WHERE (:ns IS NULL OR namespace=:ns) AND (:name IS NULL OR name=:name)"
            " ORDER BY namespace, name, dimensions",
            {"ns": namespace, "name": name},
        )
        return [
            Series(row["id"], row["namespace"], row["name"], json.loads(row["dimensions"]), row["last"]) for row in rows
        ]

    def statistics(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        start: float,
        end: float,
        period: float,
        unit: str | None = None,
    ) -> list[tuple[float, list[Datum]]]:
        """The data of [start, end) by period: (start of the period in epoch seconds, its data), oldest first."""
        rows = self._db.query(
            "SELECT d.* FROM metric_data d JOIN metric_series s ON s.id=d.series WHERE s.namespace=? AND s.name=?"
            " AND s.dimensions=? AND d.at>=? AND d.at<? ORDER BY d.at",
            (namespace, name, _text(dimensions), start, end),
        )
        periods: dict[float, list[Datum]] = {}
        for row in rows:
            if unit is None or row["unit"] == unit:
                datum = Datum(row["at"], row["n"], row["total"], row["low"], row["high"], row["unit"])
                periods.setdefault(math.floor(row["at"] / period) * period, []).append(datum)
        return sorted(periods.items())


def statistic(name: str, data: list[Datum]) -> float:
    """One of CloudWatch's statistics over data of a period; percentiles interpolate between samples."""
    count = sum(datum.count for datum in data)
    if name == "SampleCount":
        return count
    if name == "Sum":
        return math.fsum(datum.total for datum in data)
    if name == "Average":
        return math.fsum(datum.total for datum in data) / count
    if name == "Minimum":
        return min(datum.low for datum in data)
    if name == "Maximum":
        return max(datum.high for datum in data)
    match = PERCENTILE.match(name)
    if match is None:
        raise AwsError("InvalidParameterValue", f"The statistic {name} is not offered by the sandbox.")
    return _percentile(float(match[1]), data)


def _percentile(percent: float, data: list[Datum]) -> float:
    samples = sorted((datum.total / datum.count, datum.count) for datum in data if datum.count > 0)
    rank = percent / 100 * (sum(count for _, count in samples) - 1)
    seen = 0.0
    for index, (value, count) in enumerate(samples):
        if rank <= seen + count - 1:
            return value
        if rank < seen + count and index + 1 < len(samples):
            return value + (samples[index + 1][0] - value) * (rank - (seen + count - 1))
        seen += count
    return samples[-1][0]


def check_statistic(name: str) -> None:
    """Raise InvalidParameterValue for a statistic that ``statistic`` does not know."""
    if name not in PLAIN and not PERCENTILE.match(name):
        raise AwsError("InvalidParameterValue", f"The statistic {name} is not offered by the sandbox.")


def _text(dimensions: Mapping[str, object]) -> str:
    return json.dumps(dict(sorted(dimensions.items())), separators=(",", ":"))
