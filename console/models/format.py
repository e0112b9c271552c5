"""Numbers, times and sizes in the words of the window, and numbers as people type them.

Everything is written the same way whatever the system's language is: digits 0 to 9, a point before decimals, English
names of months. Qt sets the C library's locale, so ``strftime`` must not be asked for names.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from math import isfinite

from console.models.columns import DASH
from workers.aws.s3_uri import S3Uri
from workers.prices.words import dollars

PLACE_BETWEEN = " in "
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_BETWEEN = re.compile(r"\s*;\s*|,\s+|\s+")


def bytes_text(count: float) -> str:
    """``246 KB``, ``1.08 GB``: powers of 1000, at most three digits."""
    if count < 999.5:
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
        return f"{seconds // 1:.0f} s ago"
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
    return day_month(local, today.date())


def day_month(day: date, today: date) -> str:
    """``18 Sep``, with the year when it is not today's: ``18 Sep 2023``."""
    words = f"{day.day} {_MONTHS[day.month - 1]}"
    return words if day.year == today.year else f"{words} {day.year}"


def typed_number(text: str) -> float | None:
    """A number as somebody typed it, with a point or a comma before the decimals; ``None`` if it is none.

    ``1,204`` may mean 1204 or 1.204: that is no number either, rather than a wrong one.
    """
    bare = text.strip()
    if _GROUPED.fullmatch(bare) or bare.count(",") > 1 or ("," in bare and "." in bare):
        return None
    try:
        number = float(bare.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def typed_numbers(text: str) -> list[float]:
    """Numbers with spaces, commas or semicolons between them: ``0.001, 0.01``, ``0,001; 0,01``.

    Raises ``ValueError`` with a sentence for what is no number, or what may be one number or two.
    """
    found = []
    for part in (part for part in _BETWEEN.split(text.strip().strip(",;").strip()) if part):
        pieces = part.split(",") if "." in text and ";" not in text else [part]
        for piece in (piece for piece in pieces if piece):
            number = typed_number(piece)
            if number is None or ("," in piece and ";" not in text and not piece.startswith("0,")):
                if "," in piece:
                    raise ValueError(f"“{piece}” may be one or two numbers: write 1.5, or 1, 5 with a space.")
                raise ValueError("Numbers with commas between them, please: 0.001, 0.01.")
            found.append(number)
    return found


def fraction(value: float, digits: int = 3, *, least: bool = False) -> str:
    """``.871``, ``1.000``: a score from 0 to 1 without its leading zero, with the same digits for all in a column.

    With ``least`` ``≥ .871``: it may be more. A dash for what is no number.
    """
    if not isfinite(value):
        return DASH
    return f"{'≥ ' if least else ''}{f'{value:.{digits}f}'.removeprefix('0')}"


def cost(value: float, digits: int = 2) -> str:
    """``$0.47``, ``<$0.01``: a sum of money that was or will be spent, which is not nothing."""
    least = 10.0**-digits
    return f"<{dollars(least, digits)}" if 0 < value < least / 2 else dollars(value, digits)


def score_tick(value: float) -> str:
    """``.75``, ``1``, ``0``: a tick of an axis from 0 to 1."""
    return f"{value:.0f}" if value in (0, 1) else fraction(value, 2)


def loss(value: float, digits: int = 2) -> str:
    """``0.51``, ``3.20``: a loss, which may be more than 1 and keeps its zero therefore."""
    return f"{value:.{digits}f}" if isfinite(value) else DASH


def percents(value: float, digits: int = 0) -> str:
    """``64 %``, ``87.5 %`` with a digit, ``<1 %``: a part of a whole (0 to 1) with the sign.

    A dash for what is no number.
    """
    if not isfinite(value):
        return DASH
    return f"{percent(value) if not digits else f'{value * 100:.{digits}f}'} %"


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


def place_words(uri: str) -> str:
    """``dogs in my-bucket``: the folder first, because a narrow field shows only the beginning."""
    place = S3Uri.find(uri)
    if place is None:
        return uri
    return f"{place.key}{PLACE_BETWEEN}{place.bucket}" if place.key else place.bucket
