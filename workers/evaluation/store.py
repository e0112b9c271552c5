"""Evaluations on this computer: a file of JSON lines each, written as answers come, so that nothing asked is lost.

The first line is the head; then come answers (a later one about the same path replaces an earlier one), the model's
classes, goes, what CloudWatch counted, and the summary, which the list reads alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workers import paths
from workers.children.typed import read
from workers.evaluation.types import Answered, Evaluation, Head, Run, Summary
from workers.files import private
from workers.types import Backend

log = logging.getLogger(__name__)

VERSION = 1
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}-[A-Za-z0-9-]{1,80}")
# A summary is the last line, and shorter than this.
_TAIL_BYTES = 16 * 1024
# Short names: there is a line for every picture.
_SHORT = {
    "path": "p", "truth": "t", "digest": "d", "labels": "l", "probabilities": "q", "ms": "m", "function_ms": "f",
    "model_ms": "o", "cold": "c", "variant": "v", "error": "e",
}  # fmt: skip


def default_folder(backend: Backend) -> Path:
    """Where an account's evaluations lie. Every sandbox has the same account number; its keys tell it from others."""
    folder = paths.user_data() / "evaluations"
    if backend.access_key_id is None:
        return folder
    return folder / hashlib.sha256(backend.access_key_id.encode()).hexdigest()[:12]


def new_id(began: float, words: str) -> str:
    """What an evaluation is called: its time (UTC) and what was asked."""
    bare = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:60] or "target"
    return f"{datetime.fromtimestamp(began, UTC):%Y%m%dT%H%M%S}-{bare}"


def answer_line(answer: Answered) -> str:
    """A line for an answer."""
    found = {_SHORT[name]: value for name, value in asdict(answer).items() if value not in ("", None, False, ())}
    return _line({"a": found})


def _line(value: Mapping[str, Any]) -> str:
    # In ASCII: a file's name may have bytes that are no letters, which UTF-8 cannot write.
    return json.dumps(value, separators=(",", ":")) + "\n"


def classes_line(classes: tuple[str, ...]) -> str:
    """A line for the classes that the model says it knows."""
    return _line({"classes": classes})


def run_line(run: Run) -> str:
    """A line for a go."""
    return _line({"run": asdict(run)})


def gone_line(gone: list[str], pictures: int) -> str:
    """A line for pictures that are not in the folder any more, and how many there are now."""
    return _line({"gone": gone, "pictures": pictures})


class Store:
    """Blocking; raises ``OSError`` where a file cannot be read or written."""

    def __init__(self, folder: Path, summarize: Callable[[Evaluation], Summary]) -> None:
        self.folder = folder
        self._summarize = summarize
        self._known: dict[str, tuple[tuple[int, int], Summary | None]] = {}

    def begin(self, head: Head) -> Path:
        """Make the file of a new evaluation."""
        private.make_folder(self.folder)
        path = self.path(head.id)
        with private.open_text(path, "x") as file:
            file.write(_line({"version": VERSION, "head": asdict(head)}))
        return path

    def path(self, name: str) -> Path:
        """The file of an evaluation. ValueError for what is no id."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no evaluation")
        return self.folder / f"{name}.jsonl"

    def note_cloud(self, name: str, cloud_ms: float) -> None:
        """Keep what CloudWatch counted."""
        self._append(name, _line({"cloud": cloud_ms}))

    def seal(self, name: str) -> Summary:
        """Add the summary of what is there now."""
        summary = self._summarize(self.read(name))
        kept = {key: value for key, value in asdict(summary).items() if key != "head"}
        self._append(name, _line({"summary": kept, "pictures": summary.head.pictures}))
        return summary

    def _append(self, name: str, line: str) -> None:
        with private.open_end(self.path(name)) as file:
            file.write(line)

    def read(self, name: str) -> Evaluation:
        """A whole evaluation. Raises ``FileNotFoundError`` when it is gone or none any more."""
        return read_file(self.path(name))

    def all(self, account: str, region: str) -> tuple[Summary, ...]:
        """Those of this account and region, newest first. A file that is none is left alone."""
        found: list[Summary] = []
        with contextlib.suppress(OSError):
            for path in sorted(self.folder.glob("*.jsonl"), reverse=True):
                summary = self._summary(path) if _NAME.fullmatch(path.stem) else None
                if summary is not None and (summary.head.account, summary.head.region) == (account, region):
                    found.append(summary)
        return tuple(found)

    def forget(self, name: str) -> None:
        """Delete one; nothing happens when it is gone."""
        self.path(name).unlink(missing_ok=True)

    def _summary(self, path: Path) -> Summary | None:
        """Read anew only where the file has changed: an evaluation that goes on does all the time."""
        try:
            info = path.stat()
            state = (info.st_mtime_ns, info.st_size)
            known = self._known.get(path.stem)
            if known is None or known[0] != state:
                known = self._known[path.stem] = (state, self._read_summary(path))
            return known[1]
        except (OSError, ValueError) as error:
            log.info("the evaluation %s cannot be read: %s", path.name, error)
            return None

    def _read_summary(self, path: Path) -> Summary | None:
        with path.open("rb") as file:
            head = _parsed(file.readline())
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            last = _parsed(file.read().rstrip(b"\n").rpartition(b"\n")[2])
        if "head" not in head:
            return None
        if "summary" in last and (kept := _summary_of(head["head"], last)) is not None:
            return kept
        found = _evaluation_of(_lines(path))
        return self._summarize(found) if found is not None else None


def read_file(path: Path) -> Evaluation:
    """The evaluation in a file. Raises ``FileNotFoundError`` when it is gone or none any more. Blocking."""
    found = _evaluation_of(_lines(path))
    if found is None:
        raise FileNotFoundError(f"the evaluation {path.stem} is gone")
    return found


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield _parsed(line)


def _parsed(line: bytes) -> Mapping[str, Any]:
    """An empty mapping for what is no line of ours: the last one may be cut off."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _summary_of(head: object, line: Mapping[str, Any]) -> Summary | None:
    """``None`` for a summary that is damaged, or another version's."""
    try:
        known = replace(read(Head, head), pictures=int(line["pictures"]))
        whole = {"head", *line["summary"]} == {field.name for field in fields(Summary)}
        return read(Summary, {**line["summary"], "head": asdict(known)}) if whole else None
    except (TypeError, ValueError, KeyError):
        return None


def _evaluation_of(lines: Iterator[Mapping[str, Any]]) -> Evaluation | None:
    """``None`` where the first line is no head of ours; further lines that are none of ours are left out."""
    first = next(lines, {})
    if first.get("version") != VERSION or "head" not in first:
        return None
    try:
        head = read(Head, first["head"])
    except ValueError:
        return None
    found, answers = Evaluation(head), dict[str, Answered]()
    for line in lines:
        with contextlib.suppress(TypeError, ValueError, KeyError):
            found = _with(found, answers, line)
    return replace(found, answers=tuple(answers.values()))


def _with(found: Evaluation, answers: dict[str, Answered], line: Mapping[str, Any]) -> Evaluation:
    """``found`` and ``answers`` with what one line says. Raises for a line that says nothing that is known."""
    if "a" in line:
        answer = _answer_of(line["a"])
        answers[answer.path] = answer
    elif "classes" in line:
        return replace(found, classes=tuple(map(str, line["classes"])))
    elif "run" in line:
        return replace(found, runs=(*found.runs, read(Run, line["run"])))
    elif "gone" in line:
        head = replace(found.head, pictures=int(line["pictures"]))
        for path in line["gone"]:
            answers.pop(path, None)
        return replace(found, head=head)
    elif "cloud" in line:
        return replace(found, cloud_ms=float(line["cloud"]))
    return found


def _answer_of(found: Mapping[str, Any]) -> Answered:
    named = {name: found[short] for name, short in _SHORT.items() if short in found}
    for name in ("labels", "probabilities"):
        named[name] = tuple(named.get(name, ()))
    return Answered(**{"truth": "", "digest": "", **named})
