"""Numbers, times and sizes in the words of the window."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite

from console.models.base import DASH


def bytes_text(count: float) -> str:
    """``246 KB``, ``1.08 GB``: powers of 1000, at most three digits."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("KB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            return f"{_three(count)} {unit}"
    return DASH


def _three(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}".rstrip("0").rstrip(".")


def duration(seconds: float) -> str:
    """``48 s``, ``3 min 12 s``, ``2 h 05 min``, ``9 d``."""
    if not isfinite(seconds):
        return DASH
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d"


def milliseconds(value: float) -> str:
    """``71 ms``, ``1.4 s``."""
    if value >= 999.5:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 9.95 else f"{value:.1f} ms"


def ago(at: datetime, now: datetime | None = None) -> str:
    """``now``, ``8 s ago``, ``4 min ago``, ``2 h ago``, ``19 d ago``; ``at`` must know its time zone."""
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    if seconds < 2:
        return "now"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    if seconds < 86_400:
        return f"{seconds // 3600:.0f} h ago"
    return f"{seconds // 86_400:.0f} d ago"


def when(at: datetime, now: datetime | None = None) -> str:
    """``13:51`` today, ``yesterday``, ``18 Sep``, ``18 Sep 2023``: local time; ``at`` must know its time zone."""
    local = at.astimezone()
    today = (now or datetime.now(UTC)).astimezone()
    days = (today.date() - local.date()).days
    if days == 0:
        return f"{local:%H:%M}"
    if days == 1:
        return "yesterday"
    return f"{local.day} {local:%b}" if local.year == today.year else f"{local.day} {local:%b %Y}"


def fraction(value: float, digits: int = 3, *, least: bool = False) -> str:
    """``.871``, ``1.000``: a score from 0 to 1 without its leading zero, with the same digits for all in a column.

    With ``least`` ``≥ .871``: it may be more. A dash for what is no number.
    """
    if not isfinite(value):
        return DASH
    return f"{'≥ ' if least else ''}{f'{value:.{digits}f}'.removeprefix('0')}"


def dollars(value: float, digits: int = 2) -> str:
    """``$0.47``, ``$1,204.00``."""
    if not isfinite(value):
        return DASH
    return f"{'–' if value < 0 else ''}${abs(value):,.{digits}f}"


def cost(value: float) -> str:
    """``$0.47``, ``<$0.01``: a sum of money that was or will be spent, which is not nothing."""
    return "<$0.01" if 0 < value < 0.005 else dollars(value)


def percent(value: float) -> str:
    """``63``, ``<1``, ``0``: a probability from 0 to 1 in whole percents, without the sign."""
    if 0 < value < 0.005:
        return "<1"
    return f"{min(value * 100, 100):.0f}"


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 job``, ``31 jobs``, ``1,204 pictures``."""
    return f"{number:,} {noun if number == 1 else plural or plural_of(noun)}"


def plural_of(noun: str) -> str:
    """``breeds``, ``classes``."""
    return noun + ("es" if noun.endswith("s") else "s")
