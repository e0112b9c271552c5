"""What a job prints: cut into lines, its metrics, and its last lines."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from sandbox.core.bounded_regex import SEARCH_SECONDS, BoundedRegex, SlowExpression

# CloudWatch Logs takes events of at most 256 KiB, of which 26 bytes are its own.
MAX_EVENT_BYTES = 262_144 - 26
# A metric line is short; the cap bounds what a careless expression can cost.
MAX_METRIC_LINE = 4_096
_SHOWN_CHARACTERS = 120
TAIL_LINES = 300
TAIL_LINE_CHARACTERS = 2_000


class LineSplitter:
    """Cuts a byte stream into lines of text. Empty lines are dropped, as the awslogs driver does."""

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that ``chunk`` completes. A line over the limit is cut into pieces of the limit."""
        complete, newline, rest = chunk.rpartition(b"\n")
        if not newline:
            self._rest += chunk
            if len(self._rest) < self._limit:
                return []
            cut = _character_boundary(self._rest, self._limit)
            piece, self._rest = self._rest[:cut], self._rest[cut:]
            return self._lines(piece)
        data = self._rest + complete
        self._rest = rest
        return self._lines(data)

    def close(self) -> list[str]:
        """The last line, where the output did not end with a line break."""
        data, self._rest = self._rest, b""
        return self._lines(data)

    def _lines(self, data: bytes) -> list[str]:
        lines = [line.rstrip("\r") for line in data.decode("utf-8", "replace").split("\n")]
        # Four bytes is the longest character, so only lines this long can break the limit.
        if len(data) >= self._limit // 4:
            lines = [piece for line in lines for piece in self._pieces(line)]
        return [line for line in lines if line]

    def _pieces(self, line: str) -> Iterable[str]:
        if len(line) * 4 <= self._limit:
            return (line,)
        data = line.encode()
        pieces = []
        while len(data) > self._limit:
            cut = _character_boundary(data, self._limit)
            pieces.append(data[:cut].decode())
            data = data[cut:]
        pieces.append(data.decode())
        return pieces


class MetricReader:
    """Finds a job's metrics in its lines by the regexes of ``AlgorithmSpecification.MetricDefinitions``.

    A regex that takes too long on a line is not used any more: the job is worth more than one of its metrics.
    ``tell`` gets a sentence about it.
    """

    def __init__(
        self, definitions: Sequence[Mapping[str, str]], tell: Callable[[str], None] = lambda text: None
    ) -> None:
        self._patterns = [(definition["Name"], BoundedRegex(definition["Regex"])) for definition in definitions]
        self._tell = tell

    def read(self, lines: Iterable[str]) -> list[tuple[str, float]]:
        """(metric, value) in the order of the lines; what is not a finite number is left out."""
        found = []
        for line in lines:
            text = line[:MAX_METRIC_LINE]
            for name, pattern in self._patterns:
                try:
                    match = pattern.search(text)
                except SlowExpression:
                    self._drop(name, pattern, text)
                    continue
                value = _number(match)
                if value is not None:
                    found.append((name, value))
        return found

    def _drop(self, name: str, pattern: BoundedRegex, line: str) -> None:
        # Another host's thread may have been on the same regex.
        if all(known is not pattern for _name, known in self._patterns):
            return
        self._patterns = [entry for entry in self._patterns if entry[1] is not pattern]
        self._tell(
            f"{dropped_notice(name)}: its regex {pattern.text!r} took longer than "
            f"{SEARCH_SECONDS:g} s on the line {line[:_SHOWN_CHARACTERS]!r}. Make the regex simpler; the job goes on."
        )


def dropped_notice(metric: str) -> str:
    """How the line in a job's log begins that says that a metric is not read any more."""
    return f"[sandbox] The metric {metric!r} is not read any more"


class Tail:
    """The last lines that were printed."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)

    def extend(self, lines: Sequence[str]) -> None:
        """Add lines, the oldest first."""
        self._lines.extend(line[:TAIL_LINE_CHARACTERS] for line in lines[-TAIL_LINES:])

    def lines(self) -> list[str]:
        """The kept lines, the oldest first."""
        return list(self._lines)


def _character_boundary(data: bytes, limit: int) -> int:
    """The largest cut at or before ``limit`` that does not split a UTF-8 character."""
    cut = limit
    while cut > limit - 4 and cut < len(data) and data[cut] & 0xC0 == 0x80:
        cut -= 1
    return cut


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
