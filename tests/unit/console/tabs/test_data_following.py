"""What the Data tab says while an upload runs: the bucket follows it, findings that matter come first."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QObject, Signal

from console.tabs.data.commands import progress_text
from console.tabs.data.folder_panel import most_urgent
from console.tabs.data.following import PERIOD_SECONDS, UploadFollower
from workers.types import Finding, UploadProgress


class FakeUploading(QObject):
    changed = Signal()
    progressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.progress: UploadProgress | None = None
        self.begin()

    def begin(self) -> None:
        self.state, self.command = "running", SimpleNamespace(bucket="photos", prefix="sets/dogs/")

    @property
    def running(self) -> bool:
        return self.state == "running"

    def tell(self, done: int, phase: Any = "uploading") -> None:
        self.progress = progress(phase, done)
        self.progressed.emit()

    def end(self, state: str) -> None:
        self.state = state
        self.changed.emit()


class FakeBrowser:
    def __init__(self, name: str = "photos", prefix: str = "") -> None:
        self.name, self.prefix, self.loading = name, prefix, False
        self.calls: list[str] = []

    def open(self, prefix: str) -> None:
        self.prefix = prefix
        self.calls.append(f"open {prefix}")

    def again(self) -> None:
        self.calls.append("again")

    def relist(self) -> None:
        self.calls.append("relist")

    def uncounted(self) -> None:
        self.calls.append("uncounted")


def progress(phase: Any, done: int) -> UploadProgress:
    return UploadProgress(phase, done, 40, done * 1000, 40_000, 20.0, 20_000.0, 2.0, 0)


def follower(browser: Any, clock: Callable[[], float] = lambda: 0.0) -> tuple[FakeUploading, UploadFollower]:
    uploading: Any = FakeUploading()
    return uploading, UploadFollower(browser, uploading, clock=clock)


def test_the_folder_is_opened_once_something_arrived_and_read_again_now_and_then() -> None:
    browser, now = FakeBrowser(), [100.0]
    uploading, _kept = follower(browser, lambda: now[0])
    uploading.tell(0, "scanning")
    uploading.tell(0)
    assert browser.calls == []
    uploading.tell(3)
    uploading.tell(4)
    assert browser.calls == ["uncounted", "open sets/dogs/"]
    now[0] += PERIOD_SECONDS + 1
    uploading.tell(9)
    uploading.tell(10)
    assert browser.calls[2:] == ["relist"]
    browser.loading = True
    now[0] += PERIOD_SECONDS + 1
    uploading.tell(10)
    assert browser.calls.count("relist") == 1


@pytest.mark.parametrize(("name", "prefix"), [("other", ""), ("photos", "models/"), ("photos", "sets/dogs/train/")])
def test_who_looks_elsewhere_stays_there(name: str, prefix: str) -> None:
    browser = FakeBrowser(name, prefix)
    uploading, _kept = follower(browser)
    uploading.tell(3)
    uploading.end("done")
    assert browser.prefix == prefix


def test_an_upload_too_short_for_figures_is_shown_at_its_end_and_the_next_one_too() -> None:
    browser = FakeBrowser()
    uploading, _kept = follower(browser)
    uploading.end("done")
    assert browser.prefix == "sets/dogs/"
    browser.prefix = ""
    uploading.begin()
    uploading.tell(1)
    assert browser.prefix == "sets/dogs/"


def test_whoever_leaves_the_folder_of_an_upload_that_ended_is_never_taken_back_to_it() -> None:
    browser = FakeBrowser()
    uploading, _kept = follower(browser)
    uploading.tell(1)
    uploading.end("done")
    browser.prefix = ""
    uploading.changed.emit()
    uploading.changed.emit()
    assert browser.prefix == ""


@pytest.mark.parametrize("state", ["done", "cancelled", "failed"])
def test_what_was_counted_while_an_upload_ran_is_counted_anew_once(state: str) -> None:
    browser = FakeBrowser(prefix="models/")
    uploading, _kept = follower(browser)
    uploading.tell(1)
    uploading.end(state)
    assert browser.calls[-2:] == ["uncounted", "again"]
    uploading.changed.emit()
    assert browser.calls.count("again") == 1


def test_a_cancelled_upload_leaves_the_listing_where_it_is() -> None:
    browser = FakeBrowser()
    uploading, _kept = follower(browser)
    uploading.end("cancelled")
    assert browser.calls == []


def test_a_pause_has_no_rate_and_no_time_left() -> None:
    assert progress_text(progress("uploading", 10)) == "10 of 40 files, 20.0 KB/s, 2 s left"
    assert progress_text(progress("uploading", 10), paused=True) == "10 of 40 files, paused"


def test_what_matters_most_is_not_behind_the_last_line() -> None:
    findings = [Finding(severity, severity, severity) for severity in ("ok", "ok", "warning", "info", "error")]
    shown, hidden = most_urgent(findings, 3)
    assert [finding.severity for finding in shown] == ["warning", "error"]
    assert len(hidden) == 3
    assert most_urgent(findings, 5) == (findings, [])
