"""The bottom of the page: how far the folder on the screen is on its way: checked, uploaded, trained on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.format import bytes_text, count, when
from console.tabs.data.bucket import BucketBrowser
from console.tabs.data.commands import how_it_ended, progress_text
from console.tabs.data.dataset import Dataset
from console.tabs.data.steps import Step, Steps
from console.tabs.data.upload_book import Course, UploadBook
from console.tabs.data.upload_words import figures, free_prefix, kept, other_set, what_is_sent
from console.widgets.base import label, set_tone, text_width
from console.widgets.charts.progress import ProgressBar
from console.widgets.charts.sparkline import Sparkline
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import LineEdit, set_invalid
from console.widgets.forms.focus import give
from console.widgets.forms.lines import CheckLine, IconLabel
from workers.types import PendingUpload, UploadResult

STATE_ICONS = {"done": ("ok", "ok"), "cancelled": ("stopped", "text2"), "failed": ("err", "err")}


class UploadPanel(QFrame):
    """Speaks of the folder on the screen alone; an upload of another one is a line at the foot.

    Signals: ``bucketWanted()``, ``trainWanted(str uri)``, ``goneWanted(Course)``, ``replaceWanted(Course)``,
    ``failedWanted(UploadResult)``, ``twinsWanted(UploadResult)``, ``folderWanted(Path)``.
    """

    bucketWanted = Signal()
    trainWanted = Signal(str)
    goneWanted = Signal(object)
    replaceWanted = Signal(object)
    failedWanted = Signal(object)
    twinsWanted = Signal(object)
    folderWanted = Signal(object)

    def __init__(
        self,
        ctx: AppContext,
        dataset: Dataset,
        browser: BucketBrowser,
        uploading: UploadBook,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._ctx, self._dataset, self._browser, self._uploading = ctx, dataset, browser, uploading
        self.setProperty("panel", "sunken")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.steps = Steps()
        self._glyph = IconLabel("upload", "accent")
        self._title = label("", "strong")
        self.prefix = LineEdit(placeholder="folder in the bucket", chars=14)
        self.prefix.setAccessibleName("Folder in the bucket")
        self._spark = Sparkline()
        self._spark.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.pause_button = Button("Pause", icon="pause", on=uploading.toggle_pause)
        self.cancel_button = Button("Cancel", on=uploading.cancel)
        self.close_button = Button("Close", "ghost", on=self._close)
        self.again_button = Button("Go on", icon="play", on=self._again)
        self.train_button = Button("Train on it…", "primary", "training", on=self._train)
        self.bucket_button = Button("Create a bucket…", "primary", "plus", on=self.bucketWanted.emit)
        self.upload_button = Button("Upload", "primary", "upload", on=self.start)
        self.replace_button = Button("Replace it…", "dangerText", "trash", on=self._replace)
        self.merge_button = Button("Merge both", on=self._merge)
        self.elsewhere_button = Button("Another folder", "primary", "folder", on=self._elsewhere)
        self._bar = ProgressBar(0.0, pixels=6)
        self._figures = [label("", "label"), *(label("", "small", "text2") for _ in range(3)), label("", "label")]
        self._note = label("", "small", "text2", wrap=True)
        self._note.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self._other: CheckLine | None = None
        self._extras = QVBoxLayout()
        self._extras.setSpacing(0)
        # Where each folder of this session is to go, as far as it was typed.
        self._wanted: dict[Path, str] = {}
        self._prefix_of: Path | None = None
        self._title_text = self._short_title = self._words = self._long_words = ""
        self._lay_out()
        dataset.changed.connect(self._fill_prefix)
        for signal in (dataset.changed, browser.bucketsChanged, browser.safetyChanged, uploading.changed):
            signal.connect(self.show_state)
        uploading.progressed.connect(self._show_progress)
        self.prefix.edited.connect(self._prefix_edited)
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
            self.replace_button, self.merge_button, self.elsewhere_button, self.bucket_button, self.upload_button,
        )  # fmt: skip
        top.addWidget(self._spark)
        for button in self._buttons:
            top.addWidget(button)
        row = QHBoxLayout()
        row.setSpacing(16)
        for part in self._figures:
            row.addWidget(part)
        row.addWidget(self._note, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 12, 10)
        column.setSpacing(8)
        column.addWidget(self.steps)
        column.addLayout(top)
        column.addWidget(self._bar)
        column.addLayout(row)
        column.addLayout(self._extras)

    @property
    def note(self) -> str:
        """What is said below the title."""
        return self._note.text()

    @property
    def title(self) -> str:
        """The first words of the panel."""
        return self._title_text

    @property
    def folder(self) -> Path | None:
        """The folder on the screen: what is uploaded and trained on."""
        report = self._dataset.report
        return report.root if report is not None else self._dataset.folder

    @property
    def course(self) -> Course | None:
        """The upload of the folder on the screen, unless the folder has become another one since it ended."""
        course = self._uploading.of(self.folder)
        if course is None or course.state != "done" or self._dataset.state != "checked":
            return course
        return course if course.contents == self._contents() else None

    def wanted_prefix(self) -> str:
        """The folder in the bucket, with a slash at its end; empty for the bucket itself."""
        text = self.prefix.value().strip("/")
        return f"{text}/" if text else ""

    def start(self) -> None:
        """Upload what was checked."""
        report = self._dataset.report
        if report is not None and not self._hindrance():
            self._uploading.start(report.root, self._browser.name, self.wanted_prefix(), self._contents())

    def _contents(self) -> str:
        return self._dataset.mark

    def _train(self) -> None:
        if self.course is not None:
            self.trainWanted.emit(self.course.command.uri)

    def _close(self) -> None:
        self._uploading.dismiss(self.course)

    def _again(self) -> None:
        if self.course is not None:
            self._uploading.again(self.course)

    def _merge(self) -> None:
        if self.course is not None:
            self._uploading.again(self.course, merge=True)

    def _replace(self) -> None:
        if self.course is not None:
            self.replaceWanted.emit(self.course)

    def _elsewhere(self) -> None:
        course = self.course
        if course is not None:
            self._uploading.dismiss(course)
            self.prefix.set_value(free_prefix(course.command.prefix))
            give(self.prefix)

    def _fill_prefix(self) -> None:
        """Each folder has its own destination: its name, or what was typed for it."""
        folder = self.folder
        if folder is not None and folder != self._prefix_of:
            self._prefix_of = folder
            self.prefix.set_value(self._wanted.get(folder, folder.name))
            # A long name shows its beginning.
            self.prefix.setCursorPosition(0)

    def _prefix_edited(self) -> None:
        if self._prefix_of is not None:
            self._wanted[self._prefix_of] = self.prefix.value()
        self.show_state()

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
            return "The buckets are being read" if self._browser.buckets is None else "There is no bucket yet"
        if self._uploading.running:
            return "It can be uploaded when the upload below has ended"
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
        course = self.course
        wanted = round(text_width(self._title_text, "strong")) + 2
        shown = [part for part in (*self._buttons, self.prefix) if not part.isHidden()]
        taken = sum(part.sizeHint().width() + 8 for part in shown) + theme().pixels(16) + 44
        room = self.width() - taken
        curve = self._spark.sizeHint().width() + 8
        self._spark.setVisible(course is not None and course.running and room >= wanted + curve)
        font = QFontMetrics(theme().font("strong"))
        words = self._title_text if wanted <= room else self._short_title or self._title_text
        self._title.setText(font.elidedText(words, Qt.TextElideMode.ElideMiddle, max(80, room)))
        self._show_words(self._words if words == self._title_text else self._long_words or self._words)

    def show_state(self) -> None:
        """Show what becomes of the folder on the screen."""
        course = self.course
        state = course.state if course is not None else "idle"
        has_folder = self._dataset.folder is not None and self._dataset.state != "failed"
        self.setVisible(has_folder or self._uploading.running or bool(self._uploading.pending))
        running, ended = state in ("running", "paused"), state in STATE_ICONS
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
        for button in (self.replace_button, self.merge_button, self.elsewhere_button):
            button.setVisible(state == "asks")
            button.hinder(self._ctx.hindrance)
        self._clear_extras()
        if course is None:
            self._show_idle(has_folder)
        elif running:
            self._show_running(course)
        else:
            self._show_ended(course)
        self._show_train(course)
        self._show_steps(course, has_folder)
        self._show_other()
        self._show_pending()

    def _show_train(self, course: Course | None) -> None:
        result = course.result if course is not None and course.state == "done" else None
        self.train_button.setVisible(result is not None and result.whole)
        # What is trained is the folder as it is now, and that is known when it was checked.
        self.train_button.allow(self._dataset.state == "checked", "The folder is not checked as it is now")
        if result is not None:
            self.train_button.setText("Train on it…" if result.exact else "Train on all of it…")

    def _show_steps(self, course: Course | None, has_folder: bool) -> None:
        report = self._dataset.report if self._dataset.state == "checked" else None
        checked: Step = ("Check", "run") if report is None else ("Checked", "done" if report.usable else "err")
        done = course is not None and course.state == "done"
        uploaded: Step = ("Upload", "later")
        if course is not None and not done:
            uploaded = ("Upload", "run" if course.running else "err" if course.state == "failed" else "warn")
        elif course is not None:
            uploaded = ("Uploaded", "done" if course.result is not None and course.result.exact else "warn")
        elif report is not None and report.usable:
            uploaded = ("Upload", "now")
        ready = not self.train_button.isHidden() and self.train_button.isEnabled()
        self.steps.set_steps((("Folder", "done"), checked, uploaded, ("Train", "now" if ready else "later")))
        self.steps.setVisible(has_folder)

    def _show_idle(self, has_folder: bool) -> None:
        report = self._dataset.report
        self._glyph.set_icon("upload", "accent")
        hindrance = self._hindrance()
        bucket = self._browser.name
        self._set_title(f"Upload to {bucket}/" if bucket else "Upload to a bucket", "Upload to the folder")
        files = what_is_sent(report)
        self.upload_button.setText(f"Upload {files}")
        self.upload_button.hinder(hindrance)
        self.bucket_button.hinder(self._ctx.hindrance)
        set_invalid(self.prefix, bool(self._prefix_problem()))
        size = f"{bytes_text(report.bytes)}. " if report is not None and report.bytes else ""
        since = self._uploading.of(self.folder)
        if since is not None:
            words = "Changed since it was uploaded to" if since.contents else "Uploaded before it was checked, to"
            size = f"{words} {since.command.bucket}/{since.command.prefix}. "
        words = hindrance or f"{size}What is there already is not sent again, and it can be stopped and go on later."
        self._say(words, f"Into {bucket}. {hindrance or f'{size}What is there is not sent again.'}")
        if not has_folder:
            self._set_title("Uploads")
            self._say("")

    def _show_running(self, course: Course) -> None:
        command = course.command
        paused = course.state == "paused"
        self._glyph.set_icon("pause" if paused else "upload", "accent")
        self._set_title(f"{'Paused: ' if paused else 'Uploading to '}{command.bucket}/{command.prefix}")
        self.pause_button.setText("Go on" if paused else "Pause")
        self.pause_button.set_icon("play" if paused else "pause")
        self._say("what is there is not sent again")
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._show_progress()

    def _show_progress(self) -> None:
        course, current = self.course, self._uploading.current
        if self._other is not None and current is not None:
            self._other.set_content("run", *_other_words(current))
        if course is None or course is not current or not course.running:
            return
        self._bar.set_fraction(course.fraction)
        self._spark.set_values(list(course.rates))
        texts = figures(course.progress, course.fraction, course.state == "paused")
        for figure, text in zip(self._figures, texts, strict=True):
            figure.setText(text)
            figure.setVisible(bool(text))

    def _show_ended(self, course: Course) -> None:
        command, result = course.command, course.result
        place = f"{command.bucket}/{command.prefix}"
        if result is not None and course.state == "asks":
            self._glyph.set_icon("warn", "warn")
            self._set_title(f"Another set is in {place}", "Another set is there")
            self._say(other_set(result), f"{place}: {other_set(result)}")
            return
        icon, tone = STATE_ICONS[course.state]
        self._glyph.set_icon(icon, tone)
        words = {"done": "Uploaded to", "cancelled": "Stopped:", "failed": "Not uploaded:"}[course.state]
        self._set_title(f"{words} {place}")
        if result is None:
            self._say(course.failure or "What was sent is kept; it goes on where it stopped.")
            return
        self._say(kept(result) if result.cancelled else how_it_ended(result))
        self._show_remarks(course, result)

    def _show_remarks(self, course: Course, result: UploadResult) -> None:
        if result.failed:
            title = f"{count(len(result.failed), 'file')} could not be sent"
            show = ("Show", partial(self.failedWanted.emit, result))
            self._extras.addWidget(CheckLine("err", title, result.failed[0][1], action=show))
        if result.gone:
            are = "is" if len(result.gone) == 1 else "are"
            title = f"{count(len(result.gone), 'object')} {are} no longer in the folder"
            action = ("Remove from the bucket…", partial(self.goneWanted.emit, course))
            detail = "still in the bucket, and would be trained on"
            self._extras.addWidget(CheckLine("warn", title, detail, action=action))
        if result.others:
            title = f"{count(len(result.others), 'object')} of another set beside it"
            self._extras.addWidget(CheckLine("warn", title, "merged knowingly; both would be trained on"))
        if result.twins:
            title = f"{count(len(result.twins), 'file name')} differ only in how accents are written"
            show = ("Show", partial(self.twinsWanted.emit, result))
            self._extras.addWidget(CheckLine("warn", title, "they look the same (NFC and NFD)", action=show))

    def _show_other(self) -> None:
        """An upload of another folder stays in sight, but never poses as this folder's."""
        current = self._uploading.current
        if current is None or current is self.course or not current.running:
            return
        show = ("Show that folder", partial(self.folderWanted.emit, current.command.folder))
        self._other = CheckLine("run", *_other_words(current), action=show)
        self._extras.addWidget(self._other)

    def _show_pending(self) -> None:
        if self._uploading.running:
            return
        done = self.course.command if self.course is not None else None
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
        own = entry.folder == self.folder and self._dataset.state == "checked"
        self._uploading.start(entry.folder, entry.bucket, entry.prefix, self._contents() if own else "")

    def _forget(self, entry: PendingUpload) -> None:
        self._ctx.with_services(self._uploading.forget, entry, label="Forgetting an upload")

    def _say(self, text: str, where_title_is_short: str = "") -> None:
        self._words, self._long_words = text, where_title_is_short
        self._note.setAlignment(Qt.AlignmentFlag.AlignLeft)
        set_tone(self._note, "text2")
        self._note.setVisible(bool(text))
        self._fit_title()

    def _show_words(self, text: str) -> None:
        self._note.setText(text)

    def _clear_extras(self) -> None:
        self._other = None
        while (item := self._extras.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()


def _other_words(course: Course) -> tuple[str, str]:
    command = course.command
    paused = course.state == "paused"
    detail = progress_text(course.progress, paused=paused) if course.progress is not None else "Starting"
    return f"Uploading {command.folder.name} to {command.bucket}/{command.prefix}", detail
