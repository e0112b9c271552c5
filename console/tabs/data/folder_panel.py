"""The top of the page: which folder is in hand, and what the check found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from console.models.format import bytes_text, count, duration
from console.tabs.data.dataset import Dataset, short_path
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button
from console.widgets.forms.drop_area import DropArea
from console.widgets.forms.lines import CheckLine, LineAction, LineTone
from console.widgets.frames.banner import Banner
from workers.datasets.folder import DatasetProgress
from workers.types import DatasetReport, Finding

TONES: dict[str, LineTone] = {"ok": "ok", "info": "info", "warning": "warn", "error": "err"}
SPLITTABLE = frozenset(("no_split", "no_valid", "no_test"))
# What a check found: more is behind "All of it", and the list of breeds must stay in sight.
LINES_AT_MOST = 5
LINES_WHEN_NARROW = 3


def most_urgent(findings: Sequence[Finding], at_most: int) -> tuple[list[Finding], list[Finding]]:
    """Findings to show in ``at_most`` lines, and the others, which share the last line; both in their given order."""
    if len(findings) <= at_most:
        return list(findings), []
    chosen = sorted(findings, key=_urgency)[: at_most - 1]
    left = [finding for finding in findings if finding not in chosen]
    return [finding for finding in findings if finding in chosen], left


def _urgency(finding: Finding) -> int:
    return ("error", "warning", "info", "ok").index(finding.severity)


class FolderPanel(QWidget):
    """Signals: ``chooseWanted()``, ``splitWanted()``, ``filesWanted(Finding)``,
    ``findingsWanted()``, ``dropped(list[Path])``."""

    chooseWanted = Signal()
    splitWanted = Signal()
    filesWanted = Signal(object)
    findingsWanted = Signal()
    dropped = Signal(object)

    def __init__(self, dataset: Dataset, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dataset = dataset
        self._most = LINES_AT_MOST
        self.area = DropArea("folder", "Choose or drop a folder of pictures")
        self.area.dropped.connect(self.dropped)
        self.area.chooseRequested.connect(self.chooseWanted)
        self.choose_button = Button("Choose folder…", on=self.chooseWanted.emit)
        self.area.tail.addWidget(self.choose_button)
        self._banner = Banner("err")
        self._banner.hide()
        self._running = CheckLine("run", "Checking", action=("Stop", dataset.stop))
        self._bar = ProgressBar(None, pixels=3)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for part in (self.area, self._banner, self._running, self._bar):
            column.addWidget(part)
        column.addLayout(self._lines)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        dataset.changed.connect(self._show)
        dataset.progressed.connect(self._progress)
        self._show()

    def set_narrow(self, narrow: bool) -> None:
        """Fewer findings at once where the window is small."""
        self._most = LINES_WHEN_NARROW if narrow else LINES_AT_MOST
        self._show()

    def texts(self) -> list[str]:
        """The findings as they are shown."""
        return [line.accessibleName() for line in self._found()]

    def _found(self) -> list[CheckLine]:
        items = (self._lines.itemAt(at) for at in range(self._lines.count()))
        return [widget for item in items if item is not None and isinstance(widget := item.widget(), CheckLine)]

    def _show(self) -> None:
        dataset = self._dataset
        checking = dataset.state == "checking"
        self._running.setVisible(checking)
        self._bar.setVisible(checking)
        self._area_text()
        # Without a folder the page below offers the same, and so does the banner.
        self.choose_button.setVisible(dataset.folder is not None and dataset.error is None)
        if dataset.error is not None:
            words = " ".join(part for part in (dataset.error.message, dataset.error.hint) if part)
            fix = ("Choose another folder…", self.chooseWanted.emit)
            self._banner.set_content("err", dataset.error.title, words, fix=fix, details=dataset.error.details)
        self._banner.setVisible(dataset.error is not None)
        if checking and dataset.report is None:
            self._running.set_content("run", "Listing the folder")
            self._bar.set_fraction(None)
        self._show_findings(dataset.report if dataset.state == "checked" else None)

    def _area_text(self) -> None:
        folder, report = self._dataset.folder, self._dataset.report
        if folder is None:
            self.area.set_text(
                "Choose or drop a folder of pictures", "one folder for each class, best in train, valid and test"
            )
            return
        parts = [short_path(folder)]
        if report is not None and report.pictures:
            pictures = count(report.pictures, "picture")
            parts.append(f"{pictures} in {count(len(report.classes), report.noun)}, {bytes_text(report.bytes)}")
        self.area.set_text(folder.name or str(folder), ", ".join(parts))

    def _progress(self, progress: DatasetProgress) -> None:
        if not progress.total:
            self._running.set_content("run", "Listing the folder", count(progress.done, "file"))
            return
        left = f", {duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
        self._running.set_content("run", "Opening every picture", f"{progress.done:,} of {progress.total:,}{left}")
        self._bar.set_fraction(progress.done / progress.total)

    def _show_findings(self, report: DatasetReport | None) -> None:
        while (item := self._lines.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        if report is None:
            return
        shown, hidden = most_urgent(report.findings, self._most)
        for finding in shown:
            line = CheckLine(
                TONES[finding.severity], finding.title, finding.detail, action=self._action(finding), level=True
            )
            self._add(line)
        if hidden:
            tone = TONES[min(hidden, key=_urgency).severity]
            rest = count(len(hidden), "more finding")
            action = ("Show all", self.findingsWanted.emit)
            self._add(CheckLine(tone, rest, action=action, level=True))

    def _add(self, line: CheckLine) -> None:
        self._lines.addWidget(line)

    def _action(self, finding: Finding) -> LineAction | None:
        call: Callable[[], object]
        if finding.code in SPLITTABLE:
            return ("Split…", self.splitWanted.emit)
        if finding.use and (folder := self._dataset.folder) is not None:
            inside = folder / finding.use
            call = lambda: self._dataset.choose(inside)  # noqa: E731 - bound to this line's finding
            return (f"Use {inside.name}", call)
        if finding.paths:
            call = lambda: self.filesWanted.emit(finding)  # noqa: E731 - bound to this line's finding
            return ("Show", call)
        return None
