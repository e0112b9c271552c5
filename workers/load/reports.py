"""Reports of load tests, a JSON file each in the program's data folder, and what they are exported as."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import logging
import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from workers import paths
from workers.children.typed import read, write
from workers.errors.saving import save_whole
from workers.files import private
from workers.files.cells import harmless
from workers.load.types import LoadReport, LoadTarget
from workers.types import Backend

log = logging.getLogger(__name__)

VERSION = 1
# Files, the oldest of which go.
MOST_KEPT = 200
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}-[A-Za-z0-9-]{1,80}")


def default_folder(backend: Backend | None = None) -> Path:
    """Where the reports of an account lie. Every sandbox has the same account number; its keys tell it from others."""
    folder = paths.user_data() / "load-tests"
    if backend is None or backend.access_key_id is None:
        return folder
    return folder / hashlib.sha256(backend.access_key_id.encode()).hexdigest()[:12]


def new_id(began: float, target: LoadTarget) -> str:
    """What a report is called: its time (UTC) and what was tested."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", target.name).strip("-")[:60] or "test"
    return f"{datetime.fromtimestamp(began, UTC):%Y%m%dT%H%M%S}-{words}"


def as_json(report: LoadReport) -> str:
    """All of a report as JSON text."""
    return json.dumps({"version": VERSION, **write(report)}, indent=1, ensure_ascii=False)


def as_csv(report: LoadReport) -> str:
    """A line for each second: rates, percentiles (ms) from the intended start, instances, and a column for each
    error's code."""
    codes = sorted({error.code for second in report.seconds for error in second.errors})
    file = io.StringIO()
    table = csv.writer(file)
    head = ("second", "intended", "sent", "answered", "failed", "p50_ms", "p90_ms", "p99_ms", "instances")
    table.writerow([*head, *map(harmless, codes)])
    instances = list(report.instances)
    now: int | None = None
    for second in report.seconds:
        while instances and instances[0][0] < second.at + 1:
            now = instances.pop(0)[1]
        counts = {error.code: error.count for error in second.errors}
        figures = (second.intended, second.sent, second.answered, second.failed, second.p50, second.p90, second.p99)
        table.writerow([second.at, *("" if figure is None else figure for figure in figures),
                        "" if now is None else now, *(counts.get(code, 0) for code in codes)])  # fmt: skip
    return file.getvalue()


def export(report: LoadReport, path: Path) -> None:
    """Write it as a table for ``.csv``, else as JSON, whole or not at all. Blocking; raises ``LocalProblem``."""
    save_whole(path, as_csv(report) if path.suffix.lower() == ".csv" else as_json(report))


class Reports:
    """Blocking; raises ``OSError`` where a file cannot be written."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or default_folder()
        self._known: dict[str, LoadReport | None] = {}

    def keep(self, report: LoadReport) -> None:
        """Write it down; of more than ``MOST_KEPT`` the oldest go."""
        private.make_folder(self._folder)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".making-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(as_json(report))
            Path(name).replace(self._path(report.id))
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        for old in self._names()[MOST_KEPT:]:
            self.forget(old)

    def all(self, account: str, region: str) -> tuple[LoadReport, ...]:
        """Those of this account and region, newest first, without their seconds. A file that is none is left alone.

        What was read once is not read again: an hour's report has 3,600 of them.
        """
        names = self._names()
        self._known = {name: report for name, report in self._known.items() if name in names}
        for name in names:
            if name not in self._known:
                self._known[name] = self._read(name, whole=False)
        found = (self._known[name] for name in names)
        return tuple(
            report for report in found if report is not None and (report.account, report.region) == (account, region)
        )

    def whole(self, name: str) -> LoadReport:
        """One with its seconds. Raises ``FileNotFoundError`` when it is gone, or none any more."""
        report = self._read(name, whole=True)
        if report is None:
            raise FileNotFoundError(f"the report {name} is gone")
        return report

    def forget(self, name: str) -> None:
        """Delete one; nothing happens when it is gone."""
        self._path(name).unlink(missing_ok=True)

    def _names(self) -> list[str]:
        try:
            names = [path.stem for path in self._folder.glob("*.json") if _NAME.fullmatch(path.stem)]
        except OSError:
            return []
        return sorted(names, reverse=True)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise FileNotFoundError(f"{name!r} is no report")
        return self._folder / f"{name}.json"

    def _read(self, name: str, *, whole: bool) -> LoadReport | None:
        try:
            found = json.loads(self._path(name).read_text("utf-8"))
            if found.pop("version") != VERSION:
                return None
            if not whole:
                found["seconds"] = []
            report = read(LoadReport, found)
            return report if report.id == name else None
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            log.warning("the report %s could not be read: %s", name, error)
            return None
