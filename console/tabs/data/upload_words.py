"""What the upload panel says: figures of a running upload, how one ended, what another set means."""

from __future__ import annotations

from console.models.format import bytes_text, count, duration, percents
from console.tabs.data.commands import PHASES
from workers.types import DatasetReport, UploadProgress, UploadResult

# Files that are no picture to train on, and are sent all the same.
_SENT_ALONG = {"loose", "not_pictures", "other_folders", "too_large", "too_many_unreadable", "unreadable"}


def what_is_sent(report: DatasetReport | None) -> str:
    """``79 pictures``, or ``the folder`` while it is not checked or has more than pictures in it."""
    if report is None or not report.pictures or any(finding.code in _SENT_ALONG for finding in report.findings):
        return "the folder"
    return count(report.pictures, "picture")


def kept(result: UploadResult) -> str:
    """What became of an upload that was stopped."""
    sent = f"{count(result.sent, 'file')} sent until then {'is' if result.sent == 1 else 'are'} kept."
    return f"{sent if result.sent else 'Nothing was sent.'} “Go on” sends what is missing."


def figures(progress: UploadProgress | None, fraction: float | None, paused: bool) -> list[str]:
    """Percent, files, bytes, rate and time left, as far as they are known."""
    if progress is None:
        return ["Starting", "", "", "", ""]
    files = f"{progress.files_done:,} of {progress.files_total:,} files"
    if fraction is None:
        seen = count(progress.files_total, "file") if progress.phase == "scanning" else files
        return [PHASES[progress.phase], seen, "", "", ""]
    if progress.phase == "verifying":
        return [percents(fraction), files, PHASES[progress.phase], "", ""]
    sizes = f"{bytes_text(progress.bytes_done)} of {bytes_text(progress.bytes_total)}"
    rate = f"{bytes_text(progress.bytes_per_second)}/s, {progress.files_per_second:,.0f} files/s"
    left = f"{duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
    if paused:
        rate, left = "paused", ""
    return [percents(fraction), files, sizes, rate, left]


def other_set(result: UploadResult) -> str:
    """What is there already, and what merging would do to it."""
    parts = []
    if result.others:
        parts.append(f"{count(len(result.others), 'object')} there {_are(len(result.others))} not of this folder")
    if result.overwrites:
        parts.append(f"{count(result.overwrites, 'object')} of the same name would be overwritten")
    return f"{' and '.join(parts)}. Nothing was sent yet."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def free_prefix(prefix: str) -> str:
    """``dogs-2`` for ``dogs``, ``dogs-3`` for ``dogs-2``: where no set was found yet."""
    name, dash, number = prefix.strip("/").rpartition("-")
    if dash and number.isdecimal():
        return f"{name}-{int(number) + 1}"
    return f"{prefix.strip('/') or 'set'}-2"
