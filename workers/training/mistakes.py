"""Which test pictures a trained model took for another class, as the job's report names them, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence

from workers.aws.s3_uri import S3Uri
from workers.types import JobReport


def mistaken(report: JobReport, truth: int, answer: int) -> tuple[str, ...] | None:
    """Paths in the data set of the pictures of class ``truth`` taken for ``answer`` (positions in the classes).

    ``None`` when the report names none: it is of an older script, or they were too many to name.
    """
    named = report.extra.get("mistakes")
    if not isinstance(named, Sequence) or isinstance(named, str):
        return None
    found = [entry[0] for entry in named if _is_entry(entry) and (entry[1], entry[2]) == (truth, answer)]
    return tuple(found) if found else None


def _is_entry(entry: object) -> bool:
    return isinstance(entry, Sequence) and len(entry) == 3 and isinstance(entry[0], str)


def place_of(data_uri: str, path: str) -> tuple[str, str] | None:
    """Bucket and key of a picture of the set that a job was trained on; ``None`` if that is not known."""
    place = S3Uri.find(data_uri)
    return None if place is None else (place.bucket, place.below(path).key)
