"""``report.json`` of a finished job, read out of its archive in S3 without unpacking anything to disk."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import IO, Any

from workers.errors.tree import LocalProblem
from workers.files.os_words import plain_words
from workers.types import ClassScore, EpochMetrics, JobReport

REPORT_NAME = "report.json"
# A thousand classes make a matrix of 4 MB; what comes from a bucket may be anything.
MAX_REPORT_BYTES = 16 * 1024 * 1024
# An archive of ours has a dozen members; one with this many is not looked through.
MAX_MEMBERS = 10_000
# Decompressed bytes that are read in search of the report: a gzip bomb ends here.
MAX_READ_BYTES = 2 * 1024**3
_KNOWN = {"classes", "curves", "test_accuracy", "scores", "confusion", "skipped"}
# The report does not say when an epoch ended.
_NO_TIME = datetime.fromtimestamp(0, UTC)


def find_report(archive: IO[bytes]) -> bytes | None:
    """The bytes of ``report.json`` in the root of a ``.tar.gz`` stream, or ``None``.

    The stream is read only up to the report. Raises ``LocalProblem`` for an archive that is damaged or not sane.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r|gz") as tar:
            for count, member in enumerate(tar):
                if count >= MAX_MEMBERS or member.offset_data + member.size > MAX_READ_BYTES:
                    break
                if member.name.removeprefix("./") != REPORT_NAME or not member.isreg():
                    continue
                if member.size > MAX_REPORT_BYTES:
                    raise _unreadable(f"it has {member.size / 1e6:.0f} MB")
                reader = tar.extractfile(member)
                return reader.read() if reader is not None else None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _unreadable(f"its archive is damaged ({plain_words(error)})") from error
    return None


def parse_report(data: bytes) -> JobReport:
    """Check and convert a ``report.json``. Raises ``LocalProblem`` when it is not one."""
    try:
        raw = json.loads(data)
        if not isinstance(raw, dict):
            raise TypeError("it is not an object")
        return _convert(raw)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(str(error) or type(error).__name__) from error


def _convert(raw: Mapping[str, Any]) -> JobReport:
    accuracy = raw.get("test_accuracy")
    confusion = tuple(tuple(int(count) for count in row) for row in raw["confusion"])
    classes = tuple(str(name) for name in raw["classes"])
    never = {name for name, *answers in zip(classes, *confusion, strict=False) if answers and not any(answers)}
    return JobReport(
        classes=classes,
        curves=_curves(raw["curves"]),
        test_accuracy=None if accuracy is None else float(accuracy),
        scores=tuple(_score(row, never) for row in raw["scores"]),
        confusion=confusion,
        skipped=tuple((str(path), str(why)) for path, why in raw["skipped"]),
        extra={key: value for key, value in raw.items() if key not in _KNOWN},
    )


def _curves(rows: Sequence[Mapping[str, Any]]) -> tuple[EpochMetrics, ...]:
    """The report's rows; their names are those of the metric definitions (``train:loss``)."""
    return tuple(
        EpochMetrics(
            epoch=int(row["epoch"]),
            epochs=int(row.get("epochs", len(rows))),
            values={key: float(value) for key, value in row.items() if key not in ("epoch", "epochs")},
            at=_NO_TIME,
        )
        for row in rows
    )


def _score(row: Mapping[str, Any], never: Set[str]) -> ClassScore:
    """``never``: the classes that were never answered, of which no share can be right."""
    return ClassScore(
        name=str(row["name"]),
        precision=None if row["name"] in never else float(row["precision"]),
        recall=float(row["recall"]),
        f1=float(row["f1"]),
        support=int(row["support"]),
    )


def _unreadable(why: str) -> LocalProblem:
    return LocalProblem("The report cannot be read", f"The job left a report, but {why}.", code="BadReport")
