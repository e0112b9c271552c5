"""The query language of Logs Insights, as far as the sandbox has it: what it does not know is refused.

``fields`` and ``display`` (fields, with ``as``), ``filter`` (= != < <= > >= ``like``, ``=~``, ``in``, ``ispresent``,
``and``/``or``/``not``), ``sort``, ``limit``, ``stats`` (count, sum, avg, min, max, count_distinct by fields and bin()).
Source: CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from sandbox.core.bounded_regex import BoundedRegex, InvalidExpression
from sandbox.wire.errors import AwsError

Part = TypeVar("Part")
# CloudWatch Logs API reference, StartQuery: rows that a query returns at most.
MOST_ROWS = 10_000
# Seconds that one expression may search in all lines together.
EXPRESSION_SECONDS = 10.0
# Parentheses within each other; far from what Python's stack can bear.
_DEEPEST = 30
AGGREGATES = ("count", "sum", "avg", "min", "max", "count_distinct")
# Seconds of the units of bin().
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<quoted>`[^`]+`)
    |(?P<span>\d+(?:ms|s|m|h|d|w)\b)|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))|(?P<name>[@A-Za-z_][\w@.]*)
    |(?P<sign>!=|<=|>=|=~|[|(),=<>\[\]*])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"\s*/((?:[^/\\]|\\.)+)/")


@dataclass(frozen=True)
class Column:
    """A field that is shown, under its ``name``."""

    field: str
    name: str


@dataclass(frozen=True)
class Test:
    """One comparison: ``sign`` is =, !=, <, <=, >, >=, in, like, matches or ispresent."""

    field: str
    sign: str
    values: tuple[str, ...] = ()
    expression: BoundedRegex | None = None


@dataclass(frozen=True)
class Not:
    """What must not hold."""

    inner: Condition


@dataclass(frozen=True)
class All:
    """What must hold together."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """Of which one must hold."""

    parts: tuple[Condition, ...]


Condition = Test | Not | All | AnyOf


@dataclass(frozen=True)
class Fields:
    """``fields`` adds columns, ``display`` (``alone``) shows no others."""

    columns: tuple[Column, ...]
    alone: bool = False


@dataclass(frozen=True)
class Filter:
    """Keeps the rows for which the condition holds."""

    condition: Condition


@dataclass(frozen=True)
class Sort:
    """(field, whether the largest comes first), the most important first."""

    keys: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Limit:
    """The first rows."""

    count: int


@dataclass(frozen=True)
class Aggregate:
    """One figure of ``stats``; ``field`` is * for count(*)."""

    function: str
    field: str
    name: str


@dataclass(frozen=True)
class Group:
    """What ``stats`` counts by: a field, or the time in steps of ``seconds``."""

    field: str
    name: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Stats:
    """Figures by groups."""

    aggregates: tuple[Aggregate, ...]
    groups: tuple[Group, ...] = ()


Command = Fields | Filter | Sort | Limit | Stats


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def parse(text: str) -> list[Command]:
    """The commands of a query. Raises MalformedQueryException, with the place of what is not understood."""
    return _Parser(text).commands()


def malformed(message: str, start: int, end: int) -> AwsError:
    """AWS's refusal of a query; the places are counted in characters."""
    location = {"startCharOffset": start, "endCharOffset": end}
    return AwsError(
        "MalformedQueryException", message, 400, queryCompileError={"location": location, "message": message}
    )


@dataclass
class _Parser:
    text: str
    at: int = 0
    depth: int = 0

    def commands(self) -> list[Command]:
        found = [self._command()]
        while self._take("|"):
            found.append(self._command())
        if self._peek() is not None:
            self._fail()
        if sum(isinstance(command, Stats) for command in found) > 1:
            raise malformed("The sandbox takes one stats command in a query.", 0, len(self.text))
        return found

    def _command(self) -> Command:
        word = self._next("name")
        read: dict[str, Callable[[], Command]] = {
            "fields": lambda: Fields(self._columns()),
            "display": lambda: Fields(self._columns(), alone=True),
            "filter": lambda: Filter(self._either()),
            "sort": lambda: Sort(tuple(self._several(self._sort_key))),
            "limit": lambda: Limit(self._count()),
            "stats": self._stats,
        }
        command = read.get(word.text.lower())
        if command is None:
            self._fail(word)
        return command()

    def _columns(self) -> tuple[Column, ...]:
        return tuple(self._several(self._column))

    def _column(self) -> Column:
        name = self._field()
        return Column(name, self._alias() or name)

    def _alias(self) -> str:
        return self._field() if self._word("as") else ""

    def _sort_key(self) -> tuple[str, bool]:
        name = self._field()
        if (begin := self._peek()) is not None and begin.text == "(":
            # A figure of stats by the way it was written: sort count(*).
            name = self._call_text(name)
        if self._word("desc"):
            return name, True
        self._word("asc")
        return name, False

    def _call_text(self, function: str) -> str:
        self._expect("(")
        inside = "*" if self._take("*") else self._span_or_field()
        self._expect(")")
        return f"{function}({inside})"

    def _span_or_field(self) -> str:
        token = self._peek()
        if token is not None and token.kind == "span":
            return self._next("span").text
        return self._field()

    def _count(self) -> int:
        token = self._next("number")
        if not token.text.isdecimal() or not 1 <= int(token.text) <= MOST_ROWS:
            raise malformed(f"limit must be between 1 and {MOST_ROWS}", token.start, token.end)
        return int(token.text)

    def _stats(self) -> Stats:
        aggregates = tuple(self._several(self._aggregate))
        return Stats(aggregates, tuple(self._several(self._group)) if self._word("by") else ())

    def _aggregate(self) -> Aggregate:
        word = self._next("name")
        function = word.text.lower()
        if function not in AGGREGATES:
            self._fail(word)
        self._expect("(")
        name = "*" if function == "count" and (self._take("*") or self._is(")")) else self._field()
        self._expect(")")
        return Aggregate(function, name, self._alias() or f"{function}({name})")

    def _group(self) -> Group:
        name = self._field()
        if name.lower() != "bin" or not self._take("("):
            return Group(name, self._alias() or name)
        token = self._next("span")
        number, unit = re.fullmatch(r"(\d+)(\w+)", token.text).groups()  # type: ignore[union-attr]
        self._expect(")")
        if not int(number):
            raise malformed("bin() needs a period", token.start, token.end)
        return Group("@timestamp", self._alias() or f"bin({token.text})", int(number) * _UNITS[unit])

    # Conditions

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._word("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._single()]
        while self._word("and"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _single(self) -> Condition:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise malformed("The condition is nested too deeply", 0, len(self.text))
        try:
            if self._word("not"):
                return Not(self._single())
            if self._take("("):
                inner = self._either()
                self._expect(")")
                return inner
            return self._test()
        finally:
            self.depth -= 1

    def _test(self) -> Condition:
        name = self._field()
        if name.lower() == "ispresent" and self._take("("):
            name = self._field()
            self._expect(")")
            return Test(name, "ispresent")
        if self._word("not"):
            if self._word("like"):
                return Not(self._like(name))
            self._expect_word("in")
            return Not(Test(name, "in", self._list()))
        if self._word("like"):
            return self._like(name)
        if self._word("in"):
            return Test(name, "in", self._list())
        sign = self._next("sign")
        if sign.text == "=~":
            return self._like(name)
        if sign.text not in ("=", "!=", "<", "<=", ">", ">="):
            self._fail(sign)
        return Test(name, sign.text, (self._value(),))

    def _like(self, name: str) -> Test:
        found = _REGEX.match(self.text, self.at)
        if found is None:
            return Test(name, "like", (self._string(),))
        self.at = found.end()
        try:
            return Test(name, "matches", expression=BoundedRegex(found[1], EXPRESSION_SECONDS))
        except InvalidExpression as exc:
            raise malformed(f"invalid regular expression: {exc}", found.start(1), found.end(1)) from exc

    def _list(self) -> tuple[str, ...]:
        self._expect("[")
        values = tuple(self._several(self._value))
        self._expect("]")
        return values

    def _value(self) -> str:
        token = self._peek()
        if token is not None and token.kind == "number":
            return self._next("number").text
        return self._string()

    def _string(self) -> str:
        return re.sub(r"\\(.)", r"\1", self._next("string").text[1:-1])

    # Tokens

    def _several(self, read: Callable[[], Part]) -> list[Part]:
        found = [read()]
        while self._take(","):
            found.append(read())
        return found

    def _field(self) -> str:
        token = self._peek()
        if token is not None and token.kind == "quoted":
            return self._next("quoted").text[1:-1]
        return self._next("name").text

    def _peek(self) -> _Token | None:
        """The next token; a stretch that is none of the language is one without a kind."""
        at = self.at
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if found is None:
                return _Token("", self.text[at], at, at + 1)
            if found.lastgroup is not None:
                return _Token(found.lastgroup, found[0], found.start(), found.end())
            at = found.end()
        return None

    def _next(self, kind: str) -> _Token:
        token = self._peek()
        if token is None or token.kind != kind:
            self._fail(token)
        self.at = token.end
        return token

    def _is(self, sign: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "sign" and token.text == sign

    def _take(self, sign: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "sign" or token.text != sign:
            return False
        self.at = token.end
        return True

    def _word(self, word: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "name" or token.text.lower() != word:
            return False
        self.at = token.end
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            self._fail()

    def _expect_word(self, word: str) -> None:
        if not self._word(word):
            self._fail()

    def _fail(self, token: _Token | None = None) -> NoReturn:
        token = token or self._peek()
        if token is None:
            raise malformed("unexpected end of the query", len(self.text), len(self.text))
        raise malformed(f"unexpected symbol found {token.text[:100]} at position {token.start}", token.start, token.end)
