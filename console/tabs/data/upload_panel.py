"""The bottom of the page: where the folder would go, the upload under way, and how it ended."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.context import AppContext
from console.models.base_format import bytes_text, count, duration, when
from console.tabs.data.bucket import BucketBrowser
from console.tabs.data.commands import PHASES, how_it_ended
from console.tabs.data.dataset import Dataset
from console.tabs.data.uploading import Uploading
from console.theme import theme
from console.widgets.base import label, set_tone, text_width
from console.widgets.buttons import Button
from console.widgets.fields import LineEdit, set_invalid
from console.widgets.lines import CheckLine, IconLabel
from console.widgets.progress import ProgressBar
from console.widgets.sparkline import Sparkline
from workers.types import PendingUpload, UploadProgress, UploadResult

STATE_ICONS = {"done": ("ok", "ok"), "cancelled": ("stopped", "text2"), "failed": ("err", "err")}


class UploadPanel(QFrame):
    """Signals: ``bucketWanted()``, ``trainWanted(str uri)``, ``goneWanted()``, ``failedWanted()``."""

    bucketWanted = Signal()
    trainWanted = Signal(str)
    goneWanted = Signal()
    failedWanted = Signal()

    def __init__(
        self,
        ctx: AppContext,
        dataset: Dataset,
        browser: BucketBrowser,
        uploading: Uploading,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._ctx, self._dataset, self._browser, self._uploading = ctx, dataset, browser, uploading
        self.setProperty("panel", "sunken")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._glyph = IconLabel("upload", "accent")
        self._title = label("", "strong")
        self.prefix = LineEdit(placeholder="folder in the bucket", chars=14)
        self.prefix.setAccessibleName("Folder in the bucket")
        self._spark = Sparkline()
        self._spark.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.pause_button = Button("Pause", icon="pause", on=uploading.toggle_pause)
        self.cancel_button = Button("Cancel", on=uploading.cancel)
        self.close_button = Button("Close", "ghost", on=uploading.dismiss)
        self.again_button = Button("Go on", icon="play", on=uploading.again)
        self.train_button = Button("Train on it…", icon="training", on=self._train)
        self.bucket_button = Button("Create a bucket…", "primary", "plus", on=self.bucketWanted.emit)
        self.upload_button = Button("Upload", "primary", "upload", on=self.start)
        self._bar = ProgressBar(0.0, pixels=6)
        self._figures = [label("", "label"), *(label("", "small", "text2") for _ in range(3)), label("", "label")]
        self._note = label("", "small", "text2")
        self._note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._note.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self._extras = QVBoxLayout()
        self._extras.setSpacing(0)
        self._suggested = self._title_text = self._short_title = self._words = self._long_words = ""
        self._lay_out()
        for signal in (dataset.changed, browser.bucketsChanged, browser.safetyChanged, uploading.changed):
            signal.connect(self.show_state)
        uploading.progressed.connect(self._show_progress)
        dataset.changed.connect(self._suggest_prefix)
        self.prefix.edited.connect(self.show_state)
        ctx.readOnlyChanged.connect(lambda on: self.show_state())
        self.show_state()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self._glyph)
        top.addWidget(self._title)
        top.addWidget(self.prefix)
        top.addStretch(1)
        self._buttons = (
            self.pause_button, self.cancel_button, self.close_button, self.again_button, self.train_button,
            self.bucket_button, self.upload_button,
        )  # fmt: skip
        top.addWidget(self._spark)
        for button in self._buttons:
            top.addWidget(button)
        figures = QHBoxLayout()
        figures.setSpacing(16)
        for part in self._figures:
            figures.addWidget(part)
        figures.addWidget(self._note, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 12, 10)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self._bar)
        column.addLayout(figures)
        column.addLayout(self._extras)

    @property
    def note(self) -> str:
        """What is said below the title."""
        return self._note.text()

    @property
    def title(self) -> str:
        """The first words of the panel."""
        return self._title_text

    def wanted_prefix(self) -> str:
        """The folder in the bucket, with a slash at its end; empty for the bucket itself."""
        text = self.prefix.value().strip("/")
        return f"{text}/" if text else ""

    def start(self) -> None:
        """Upload what was checked."""
        report = self._dataset.report
        if report is not None and not self._hindrance():
            self._uploading.start(report.root, self._browser.name, self.wanted_prefix())

    def _train(self) -> None:
        if self._uploading.command is not None:
            self.trainWanted.emit(self._uploading.command.uri)

    def _suggest_prefix(self) -> None:
        report = self._dataset.report
        if report is None or self.prefix.value() not in ("", self._suggested):
            return
        self._suggested = report.root.name
        self.prefix.set_value(self._suggested)
        # A long name shows its beginning.
        self.prefix.setCursorPosition(0)

    def _hindrance(self) -> str:
        """Why nothing can be uploaded now; empty when it can."""
        report = self._dataset.report
        if self._ctx.read_only:
            return "Read-only mode is on"
        if not self._ctx.connected:
            return "No account is connected"
        if report is None or self._dataset.state != "checked":
            return "The folder is still being checked"
        if not report.usable:
            return "Mend what is marked red above first; nothing is uploaded until then"
        if not self._browser.name:
            return "There is no bucket yet"
        return self._prefix_problem()

    def _prefix_problem(self) -> str:
        parts = self.wanted_prefix().split("/")[:-1]
        if any(part in ("", ".", "..") for part in parts):
            return "The folder in the bucket cannot have empty parts, “.” or “..”"
        return ""

    # Showing

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The title keeps its room; the curve goes first."""
        super().resizeEvent(event)
        self._fit_title()

    def _set_title(self, text: str, short: str = "") -> None:
        """``short`` is said instead where ``text`` has no room."""
        self._title_text, self._short_title = text, short
        self._title.setToolTip(text)
        self._fit_title()

    def _fit_title(self) -> None:
        wanted = round(text_width(self._title_text, "strong")) + 2
        shown = [part for part in (*self._buttons, self.prefix) if not part.isHidden()]
        taken = sum(part.sizeHint().width() + 8 for part in shown) + theme().pixels(16) + 44
        room = self.width() - taken
        curve = self._spark.sizeHint().width() + 8
        self._spark.setVisible(self._uploading.running and room >= wanted + curve)
        font = QFontMetrics(theme().font("strong"))
        words = self._title_text if wanted <= room else self._short_title or self._title_text
        self._title.setText(font.elidedText(words, Qt.TextElideMode.ElideMiddle, max(80, room)))
        self._show_words(self._words if words == self._title_text else self._long_words or self._words)

    def show_state(self) -> None:
        """Show what the upload does now."""
        state = self._uploading.state
        has_folder = self._dataset.folder is not None and self._dataset.state != "failed"
        self.setVisible(state != "idle" or has_folder or bool(self._uploading.pending))
        running, ended = self._uploading.running, state in STATE_ICONS
        for part in (self.pause_button, self.cancel_button, self._bar):
            part.setVisible(running)
        for figure in self._figures:
            figure.setVisible(running)
        idle = state == "idle" and has_folder
        no_bucket = idle and self._browser.buckets is not None and not self._browser.name
        self.prefix.setVisible(idle and not no_bucket)
        self.upload_button.setVisible(idle and not no_bucket)
        self.bucket_button.setVisible(no_bucket)
        self.close_button.setVisible(ended)
        self.again_button.setVisible(state in ("cancelled", "failed"))
        self.train_button.setVisible(state == "done" and not self._failed_count())
        self._clear_extras()
        if running:
            self._show_running()
        elif ended:
            self._show_ended()
        else:
            self._show_idle(has_folder)
        self._show_pending()

    def _show_idle(self, has_folder: bool) -> None:
        report = self._dataset.report
        self._glyph.set_icon("upload", "accent")
        hindrance = self._hindrance()
        bucket = self._browser.name
        self._set_title(f"Upload to {bucket}/" if bucket else "Upload to a bucket", "Upload to the folder")
        files = count(report.pictures, "picture") if report is not None and report.pictures else "the folder"
        self.upload_button.setText(f"Upload {files}")
        self.upload_button.setEnabled(not hindrance)
        self.bucket_button.setEnabled(self._ctx.connected and not self._ctx.read_only)
        set_invalid(self.prefix, bool(self._prefix_problem()))
        size = f"{bytes_text(report.bytes)}. " if report is not None and report.bytes else ""
        words = hindrance or f"{size}What is there already is not sent again, and it can be stopped and go on later."
        self._say(words, f"Into {bucket}. {hindrance or f'{size}What is there is not sent again.'}")
        if not has_folder:
            self._set_title("Unfinished uploads")
            self._say("")

    def _show_running(self) -> None:
        command = self._uploading.command
        assert command is not None
        paused = self._uploading.state == "paused"
        self._glyph.set_icon("pause" if paused else "upload", "accent")
        self._set_title(f"{'Paused: ' if paused else 'Uploading to '}{command.bucket}/{command.prefix}")
        self.pause_button.setText("Go on" if paused else "Pause")
        self.pause_button.set_icon("play" if paused else "pause")
        self._say("what is there is not sent again")
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._show_progress()

    def _show_progress(self) -> None:
        progress, fraction = self._uploading.progress, self._uploading.fraction
        self._bar.set_fraction(fraction)
        self._spark.set_values(list(self._uploading.rates))
        texts = _figures(progress, fraction, self._uploading.state == "paused")
        for figure, text in zip(self._figures, texts, strict=True):
            figure.setText(text)
            figure.setVisible(bool(text))

    def _show_ended(self) -> None:
        command, result, state = self._uploading.command, self._uploading.result, self._uploading.state
        assert command is not None
        icon, tone = STATE_ICONS[state]
        self._glyph.set_icon(icon, tone)
        words = {"done": "Uploaded to", "cancelled": "Stopped:", "failed": "Not uploaded:"}[state]
        self._set_title(f"{words} {command.bucket}/{command.prefix}")
        if result is None:
            self._say(self._uploading.failure or "What was sent is kept; it goes on where it stopped.")
            return
        self._say(_kept(result) if result.cancelled else how_it_ended(result))
        if result.failed:
            title = f"{count(len(result.failed), 'file')} could not be sent"
            self._extras.addWidget(
                CheckLine("err", title, result.failed[0][1], action=("Show", self.failedWanted.emit))
            )
        if result.gone:
            are = "is" if len(result.gone) == 1 else "are"
            title = f"{count(len(result.gone), 'object')} {are} no longer in the folder"
            action = ("Remove from the bucket…", self.goneWanted.emit)
            self._extras.addWidget(CheckLine("warn", title, "they are still in the bucket", action=action))

    def _show_pending(self) -> None:
        if self._uploading.running:
            return
        done = self._uploading.command
        for entry in self._uploading.pending[:2]:
            if done is not None and (entry.bucket, entry.prefix) == (done.bucket, done.prefix):
                continue
            title = f"Upload of {entry.folder.name} to {entry.bucket}/{entry.prefix} was not finished"
            detail = f"{count(entry.files_total, 'file')}, begun {when(entry.started)}"
            line = CheckLine("wait", title, detail, action=("Go on", partial(self._resume, entry)))
            forget = Button("Forget", "link", small=True, on=partial(self._forget, entry))
            line.layout().addWidget(forget)  # type: ignore[union-attr]
            self._extras.addWidget(line)

    def _resume(self, entry: PendingUpload) -> None:
        self._uploading.start(entry.folder, entry.bucket, entry.prefix)

    def _forget(self, entry: PendingUpload) -> None:
        self._ctx.tasks.start(self._uploading.forget(entry), label="Forgetting an upload")

    def _say(self, text: str, where_title_is_short: str = "") -> None:
        self._words, self._long_words = text, where_title_is_short
        self._note.setAlignment(Qt.AlignmentFlag.AlignLeft)
        set_tone(self._note, "text2")
        self._note.setVisible(bool(text))
        self._fit_title()

    def _show_words(self, text: str) -> None:
        self._note.setText(text)
        self._note.setToolTip(text)

    def _failed_count(self) -> int:
        return len(self._uploading.result.failed) if self._uploading.result is not None else 0

    def _clear_extras(self) -> None:
        while (item := self._extras.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()


def _kept(result: UploadResult) -> str:
    sent = f"{count(result.sent, 'file')} sent until then {'is' if result.sent == 1 else 'are'} kept."
    return f"{sent if result.sent else 'Nothing was sent.'} “Go on” sends what is missing."


def _figures(progress: UploadProgress | None, fraction: float | None, paused: bool) -> list[str]:
    """Percent, files, bytes, rate and time left, as far as they are known."""
    if progress is None:
        return ["Starting", "", "", "", ""]
    files = f"{progress.files_done:,} of {progress.files_total:,} files"
    if fraction is None:
        seen = count(progress.files_total, "file") if progress.phase == "scanning" else files
        return [PHASES[progress.phase], seen, "", "", ""]
    if progress.phase == "verifying":
        return [f"{fraction:.0%}", files, PHASES[progress.phase], "", ""]
    sizes = f"{bytes_text(progress.bytes_done)} of {bytes_text(progress.bytes_total)}"
    rate = f"{bytes_text(progress.bytes_per_second)}/s, {progress.files_per_second:,.0f} files/s"
    left = f"{duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
    if paused:
        rate, left = "paused", ""
    return [f"{fraction:.0%}", files, sizes, rate, left]
