"""Rows and columns of the Data tab: breeds of a folder, objects of a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from console.models.columns import DASH, Column
from console.models.format import bytes_text, when
from workers.files.folder_rules import is_picture
from workers.types import DatasetReport, Listing

SPLIT_TONES = {"train": "series1", "valid": "series2", "test": "series3", "all": "series1"}
# Of the median; a class with less is told as thin.
FEWEST_SHARE = 0.4


@dataclass(frozen=True)
class BreedRow:
    """One class of the folder: pictures by split, and one to show."""

    folder: str
    name: str
    counts: Mapping[str, int]
    total: int
    sample: Path | None


@dataclass(frozen=True)
class ObjectRow:
    """One entry of a bucket's "folder". ``size`` and ``modified`` are None for a folder."""

    key: str
    name: str
    size: int | None = None
    modified: datetime | None = None
    etag: str = ""

    @property
    def is_folder(self) -> bool:
        """True for a prefix that ends with a slash."""
        return self.size is None

    @property
    def is_picture(self) -> bool:
        """True when the name is a picture's."""
        return not self.is_folder and is_picture(self.name)


def breed_rows(report: DatasetReport) -> list[BreedRow]:
    """The report's classes as rows."""
    return [
        BreedRow(entry.folder, entry.name, dict(entry.counts), entry.total, entry.sample) for entry in report.classes
    ]


def scarce(rows: list[BreedRow]) -> list[int]:
    """Positions of the rows with far fewer pictures than the usual (less than 0.4 of the median)."""
    if len(rows) < 3:
        return []
    median = sorted(row.total for row in rows)[len(rows) // 2]
    return [at for at, row in enumerate(rows) if row.total < FEWEST_SHARE * median]


def object_rows(listing: Listing) -> list[ObjectRow]:
    """Folders, then objects, of one page of a listing."""
    start = len(listing.prefix)
    folders = [ObjectRow(prefix, prefix[start:].rstrip("/")) for prefix in listing.folders]
    objects = [ObjectRow(item.key, item.key[start:], item.size, item.modified, item.etag) for item in listing.objects]
    return folders + objects


def modified_text(value: datetime, now: datetime | None = None) -> str:
    """``14:32:57`` today, else the day."""
    local = value.astimezone()
    if local.date() == (now or datetime.now(UTC)).astimezone().date():
        return f"{local:%H:%M:%S}"
    return when(value, now)


def breed_columns() -> list[Column]:
    """Thumbnail and name, the splits as one bar, the sum."""
    return [
        Column("name", "Class", kind="name", priority=0, thumb=lambda row: row.sample),
        Column(
            "counts", "Splits", kind="bar", priority=2, width=64, value=_bar, tooltip=_splits_text, searchable=False
        ),
        Column("total", "All", kind="number", priority=0, searchable=False, sample="999"),
    ]


def _bar(row: BreedRow) -> list[tuple[float, str]]:
    return [(count, SPLIT_TONES[split]) for split, count in row.counts.items()]


def _splits_text(row: BreedRow) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in row.counts.items())


def size_text(value: int | None, row: ObjectRow) -> str:
    """The size of an object; a dash for a folder."""
    return DASH if value is None else bytes_text(value)
