"""The page of HTML that an evaluation, or a comparison, is handed on as: one file that fetches nothing."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from PIL import Image

from workers.errors.tree import SageDeckError
from workers.evaluation.comparing import Comparison
from workers.evaluation.measures import Latency, Measures
from workers.evaluation.sending import read_file
from workers.evaluation.types import Evaluation
from workers.files.class_names import class_title
from workers.inference.model_view import Unusable, upright
from workers.inference.targets import Target

# A page of some megabytes can still be sent around; the CSV has all.
MOST_MISTAKES = 60
MOST_FAILED = 500
MOST_CHANGES = 1000
# Pixels.
_SIDE = 96
DASH = "–"
_STYLE = """
body { font-family: system-ui, sans-serif; font-size: 14px; color: #1A1D21; background: #FFFFFF; margin: 32px;
       max-width: 1100px; }
h1 { font-size: 22px; margin-bottom: 4px; } h2 { font-size: 16px; margin-top: 32px; }
p, td, th { line-height: 1.45; } .quiet { color: #4F5763; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; color: #4F5763; font-size: 12px; }
td, th { padding: 4px 16px 4px 0; border-bottom: 1px solid #E5E8EC; vertical-align: top; }
td.n, th.n { text-align: right; } .note { background: #FCF2DA; color: #8A5800; padding: 8px 12px; }
img { max-width: 1100px; }
"""


def share(value: float | None, digits: int = 1) -> str:
    """``87.5 %``; a dash for what is not known."""
    return DASH if value is None else f"{value * 100:.{digits}f} %"


def milliseconds(value: float | None) -> str:
    """``71.2 ms``; a dash for what is not known."""
    return DASH if value is None else f"{value:,.1f} ms"


def evaluation_page(evaluation: Evaluation, measures: Measures, charts: Mapping[str, bytes]) -> str:
    """The page of one evaluation. Blocking: it reads the pictures of the worst mistakes."""
    head = evaluation.head
    title = f"Evaluation of the {Target.parse(head.target).full_words}"
    parts = [_facts(evaluation), _notes(measures), _figures(measures)]
    parts += [f"<h2>{escape(words)}</h2>{_picture(png, words)}" for words, png in charts.items()]
    parts += [_latency(measures.latency), _classes(measures), _mistakes(evaluation, measures), _failed(evaluation)]
    return _page(title, parts)


def _facts(evaluation: Evaluation) -> str:
    head = evaluation.head
    began = datetime.fromtimestamp(head.began, UTC)
    split = "all pictures" if head.split == "all" else f"{head.split} pictures"
    account = f"account {head.account}, {head.region}"
    took = f"{evaluation.seconds:,.1f} s" + (f" in {len(evaluation.runs)} goes" if len(evaluation.runs) > 1 else "")
    words = f"{split} of {head.folder}; begun {began:%Y-%m-%d %H:%M} UTC, took {took}; {account}"
    return f'<p class="quiet">{escape(words)}</p>'


def notes_of(measures: Measures) -> list[str]:
    """What somebody must know who reads the figures, in sentences."""
    said = []
    left = measures.pictures - measures.answered - measures.failed
    if left > 0:
        said.append(f"Stopped: {left:,} of {measures.pictures:,} pictures were not asked about; this is of the rest.")
    if measures.unknown:
        names = ", ".join(f"{class_title(name)} ({number:,})" for name, number in measures.unknown)
        do = "picture does" if measures.unjudged == 1 else "pictures do"
        said.append(
            f"The model has no class for {len(measures.unknown):,} of the folders: {names}. Their "
            f"{measures.unjudged:,} {do} not count as right or wrong: the figures are of the other {measures.judged:,}."
        )
    if measures.absent and measures.told:
        names = ", ".join(map(class_title, measures.absent))
        said.append(f"{len(measures.absent):,} of the model's classes have no picture here: {names}.")
    if not measures.told and measures.answered:
        said.append("The model does not say which classes it knows: the folders' names are taken for them.")
    if measures.failed:
        what = (
            "1 picture got no answer: it is"
            if measures.failed == 1
            else f"{measures.failed:,} pictures got no answer: they are"
        )
        said.append(f"{what} listed with the reason.")
    return said


def _notes(measures: Measures) -> str:
    return "".join(f'<p class="note">{escape(note)}</p>' for note in notes_of(measures))


def _figures(measures: Measures) -> str:
    rows = [
        ("Accuracy", f"{share(measures.accuracy)} ({measures.right:,} of {measures.judged:,})"),
        ("Top-5 accuracy", share(measures.top5)),
        ("Expected calibration error", share(measures.ece)),
        ("Answered, failed", f"{measures.answered:,}, {measures.failed:,} of {measures.pictures:,}"),
    ]
    return _table((), rows)


def _latency(latency: Latency) -> str:
    rows = [
        ("Median", milliseconds(latency.median)), ("95 % under", milliseconds(latency.p95)),
        ("Mean", milliseconds(latency.mean)), ("of that network and queues", milliseconds(latency.network)),
        ("of that function", milliseconds(latency.function)), ("of that model", milliseconds(latency.model)),
    ]  # fmt: skip
    starts = "1 cold start is" if latency.cold == 1 else f"{latency.cold:,} cold starts are"
    cold = f'<p class="quiet">{starts} left out.</p>' if latency.cold else ""
    return "<h2>Latency</h2>" + _table((), rows) + cold


def _classes(measures: Measures) -> str:
    rows = [
        (score.title, share(score.precision), share(score.recall), share(score.f1), f"{score.support:,}")
        for score in sorted(measures.scores, key=lambda score: (score.f1 is None, score.f1 or 0.0, score.title))
    ]
    return "<h2>Classes, weakest first</h2>" + _table(("Class", "Precision", "Recall", "F1", "Pictures"), rows)


def _mistakes(evaluation: Evaluation, measures: Measures) -> str:
    if not measures.mistakes:
        return ""
    rows = []
    for mistake in measures.mistakes[:MOST_MISTAKES]:
        picture = _thumbnail(Path(evaluation.head.folder) / mistake.answer.path)
        words = f"{escape(class_title(mistake.truth))}<br>taken for {escape(class_title(mistake.said))}"
        quiet = f'<span class="quiet">{escape(mistake.answer.path)}</span>'
        rows.append(
            f'<tr><td>{picture}</td><td>{words}<br>{quiet}</td><td class="n">{share(mistake.confidence)}</td></tr>'
        )
    more = len(measures.mistakes) - len(rows)
    after = f'<p class="quiet">and {more:,} more, which are in the CSV.</p>' if more > 0 else ""
    return f"<h2>Mistakes, the most confident first</h2><table>{''.join(rows)}</table>{after}"


def _failed(evaluation: Evaluation) -> str:
    failed = sorted((answer.path, answer.error) for answer in evaluation.answers if answer.error)
    if not failed:
        return ""
    more = len(failed) - MOST_FAILED
    after = f'<p class="quiet">and {more:,} more, which are in the CSV.</p>' if more > 0 else ""
    return "<h2>Without an answer</h2>" + _table(("Picture", "Why"), failed[:MOST_FAILED]) + after


def comparison_page(first: Evaluation, second: Evaluation, comparison: Comparison, measures: Sequence[Measures]) -> str:
    """The page of two evaluations compared."""
    names = [Target.parse(evaluation.head.target).full_words for evaluation in (first, second)]
    heads = "".join(
        f"<h2>{letter}: {escape(name)}</h2>{_facts(evaluation)}{_notes(figures)}"
        for letter, name, evaluation, figures in zip("AB", names, (first, second), measures, strict=True)
    )
    rows = [
        ("Accuracy", *(share(figures.accuracy) for figures in measures)),
        ("Top-5 accuracy", *(share(figures.top5) for figures in measures)),
        ("Calibration error", *(share(figures.ece) for figures in measures)),
        ("Median latency", *(milliseconds(figures.latency.median) for figures in measures)),
    ]
    counts = [
        ("Both right", f"{comparison.both_right:,}"), ("Only A right", f"{comparison.only_first:,}"),
        ("Only B right", f"{comparison.only_second:,}"), ("Both wrong", f"{comparison.both_wrong:,}"),
        ("Judged by both", f"{comparison.pictures:,}"), ("Only by A", f"{comparison.not_in_second:,}"),
        ("Only by B", f"{comparison.not_in_first:,}"),
    ]  # fmt: skip
    changes = [
        (change.path, *map(class_title, (change.truth, change.first.top, change.second.top)), _in_letters(change.kind))
        for change in comparison.changes[:MOST_CHANGES]
    ]  # fmt: skip
    more = len(comparison.changes) - len(changes)
    parts = [
        heads, "<h2>Figures</h2>", _table(("", "A", "B"), rows), "<h2>Picture by picture</h2>", _table((), counts),
        f"<p>{escape(chance_words(comparison))}</p>", "<h2>Answered differently</h2>",
        _table(("Picture", "Class", "A", "B", "Change"), changes),
        f'<p class="quiet">and {more:,} more, which are in the CSV.</p>' if more > 0 else "",
    ]  # fmt: skip
    return _page(f"{names[0]} and {names[1]}", parts)


def _in_letters(kind: str) -> str:
    return kind.replace("first", "A").replace("second", "B")


def chance_words(comparison: Comparison) -> str:
    """Whether the difference may be chance, in a sentence."""
    if comparison.chance is None:
        return "No picture speaks for one of them alone."
    if comparison.only_first == comparison.only_second:
        return "As many pictures speak for one as for the other."
    better = "A" if comparison.only_first > comparison.only_second else "B"
    often = f"{comparison.chance * 100:.2g} %" if comparison.chance >= 0.0001 else "less than 0.01 %"
    return (
        f"{better} is right more often. Were both equally good, a difference like this or a larger one would come "
        f"about by chance in {often} of such comparisons (McNemar's exact test)."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{' class=n' if _is_figure(cell) else ''}>{escape(cell)}</{tag}>" for cell in row)

    first = f"<tr>{cells(head, 'th')}</tr>" if head else ""
    others = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table>{first}{others}</table>"


def _is_figure(cell: str) -> bool:
    return cell == DASH or (cell[:1].isdigit() and cell.endswith(("%", "ms"))) or cell.replace(",", "").isdigit()


def _thumbnail(path: Path) -> str:
    try:
        image = upright(read_file(path), _SIDE)
    except (SageDeckError, Unusable):
        # It is not there any more: its name is.
        return ""
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return (
        f'<img alt="" width="{image.width}" src="data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}">'
    )


def _picture(png: bytes, words: str) -> str:
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _page(title: str, parts: Iterable[str]) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title[:1].upper() + title[1:])}</h1>{''.join(parts)}</body></html>\n"
    )
