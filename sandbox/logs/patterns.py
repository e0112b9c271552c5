"""CloudWatch Logs filter patterns for unstructured lines.

From AWS's "Filter pattern syntax": terms that must all be there, ``?term`` any of which must, ``-term`` that must
not, quoted phrases, and one ``%regular expression%``. Matching is case-sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.core.bounded_regex import BoundedRegex, InvalidExpression, SlowExpression
from sandbox.wire.errors import AwsError

# Seconds that the expression of one request may search in all lines together.
EXPRESSION_SECONDS = 2.0
_TOKEN = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a line matches. Raises InvalidParameterException."""
    text = pattern.strip()
    if not text:
        return lambda line: True
    if text[0] in "{[":
        raise AwsError(
            "InvalidParameterException", "The sandbox does not offer JSON and column filter patterns; use terms."
        )
    if len(text) > 2 and text[0] == text[-1] == "%":
        return _by_expression(text[1:-1])
    needed: list[str] = []
    any_of: list[str] = []
    forbidden: list[str] = []
    for match in _TOKEN.finditer(text):
        sign, quoted, word = match.groups()
        term = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else word
        {"": needed, "?": any_of, "-": forbidden}[sign].append(term)

    def matches(line: str) -> bool:
        return (
            all(term in line for term in needed)
            and (not any_of or any(term in line for term in any_of))
            and not any(term in line for term in forbidden)
        )

    return matches


def _by_expression(text: str) -> Callable[[str], bool]:
    try:
        expression = BoundedRegex(text, EXPRESSION_SECONDS)
    except InvalidExpression as exc:
        raise AwsError("InvalidParameterException", f"Invalid filter pattern: {exc}") from exc

    def matches(line: str) -> bool:
        try:
            return expression.search(line) is not None
        except SlowExpression as exc:
            raise AwsError(
                "InvalidParameterException",
                f"The filter pattern %{text}% takes too long on these events. Make it simpler, or ask for less time.",
            ) from exc

    return matches
