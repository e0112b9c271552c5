"""The Data tab: folder, checks, breeds and pictures, upload; at the right the bucket."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from console.absence import Absence
from console.models.format import count, percents
from console.not_connected import NotConnected
from console.tabs.base import Tab
from console.tabs.data import TAB
from console.tabs.data.breeds_panel import BreedsPanel
from console.tabs.data.bucket import BucketBrowser
from console.tabs.data.bucket_panel import BucketPanel
from console.tabs.data.commands import CreateBucket
from console.tabs.data.dataset import Dataset
from console.tabs.data.deleting import Deleting
from console.tabs.data.dialogs import BucketDialog, FilesDialog, FindingsDialog, SamplesDialog, SplitDialog
from console.tabs.data.folder_panel import TONES, FolderPanel
from console.tabs.data.following import UploadFollower
from console.tabs.data.pictures_panel import PicturesPanel
from console.tabs.data.rows import BreedRow, ObjectRow
from console.tabs.data.upload_book import Course, UploadBook
from console.tabs.data.upload_panel import UploadPanel
from console.tabs.data.uploaded_before import UploadedBefore
from console.widgets.forms.buttons import Button
from console.widgets.forms.focus import first_place
from console.widgets.frames.current_stack import CurrentStack
from console.widgets.frames.empty_state import EmptyState
from console.widgets.frames.file_dialog import ask_for_folder
from console.widgets.frames.panes import Panes
from console.widgets.frames.scroll_area import ScrollArea
from workers.errors.tree import SageDeckError
from workers.storage.key_names import DownloadPlan
from workers.types import Finding, UploadResult

if TYPE_CHECKING:
    from workers.services import Services

# Pixels at which a key, its size and its day stand side by side.
SIDE_WIDTH = 464


class DataTab(Tab):
    """Payloads of ``activate``: ``{"folder": Path}`` checks a folder, ``{"bucket": name}`` looks into that bucket."""

    spec = TAB
    subtitle = "on this computer"

    def build(self) -> Iterator[None]:
        """The folder in hand, what is to be uploaded of it, and the bucket."""
        ctx = self.ctx
        self.dataset = Dataset(ctx, self)
        self.browser = BucketBrowser(ctx, self)
        self.uploading = UploadBook(ctx, self)
        self.folder_panel = FolderPanel(self.dataset)
        yield
        self.breeds = BreedsPanel(self.ctx.settings)
        yield
        self.pictures = PicturesPanel(ctx, self.dataset)
        self.upload_panel = UploadPanel(ctx, self.dataset, self.browser, self.uploading)
        yield
        self.bucket_panel = BucketPanel(ctx, self.browser, self._twin)
        self.deleting = Deleting(ctx, self.browser, self.uploading.removed, self)
        self._follower = UploadFollower(self.browser, self.uploading, self)
        where = self.upload_panel.wanted_prefix
        self.lookup = UploadedBefore(ctx, self.dataset, self.browser, self.uploading, where, self)
        self._restored = False
        yield
        yield from self._lay_out()
        self._connect()
        self._show_dataset()

    def _lay_out(self) -> Iterator[None]:
        self._empty = EmptyState(
            "folder",
            "No pictures yet",
            "Choose a folder with one folder for each class, or have sample pictures drawn to try everything.",
            ("Sample pictures…", self.make_samples),
            ("Choose folder…", self.choose_folder),
        )
        self._nothing = QWidget()
        # In their places before they are filled: what is full would be moved with all that is in it.
        self._middle = CurrentStack(self._empty, self._nothing)
        above = QWidget()
        content = QVBoxLayout(above)
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(14)
        content.addWidget(self.folder_panel)
        content.addWidget(self._middle, 1)
        # In a low window the folder scrolls; what to do next stays in sight.
        scroll = ScrollArea("Folder")
        scroll.setWidget(above)
        self.body.setSpacing(6)
        self.body.addWidget(scroll, 1)
        yield
        self._found = Panes(Qt.Orientation.Horizontal, self.ctx.settings, "data.breeds")
        self._middle.addWidget(self._found)
        self._found.add(self.breeds, 57)
        self._found.add(self.pictures, 43)
        yield
        self.body.addSpacing(8)
        self.body.addWidget(self.upload_panel)
        self.samples_button = Button("Sample pictures…", "ghost", "paw", on=self.make_samples)
        self.head.add(self.samples_button)
        yield
        self._side_stack = QStackedWidget()
        self.set_side(self._side_stack, "Bucket", "bucket", SIDE_WIDTH)
        self._absent = NotConnected(self.ctx)
        self._bucket_page = ScrollArea("Bucket")
        for page in (self._bucket_page, self._absent):
            self._side_stack.addWidget(page)
        yield
        self._bucket_page.setWidget(self.bucket_panel)
        self.ctx.absenceChanged.connect(self._arrange_side)
        self._arrange_side(self.ctx.absence)

    def _arrange_side(self, absence: Absence | None) -> None:
        self._side_stack.setCurrentWidget(self._bucket_page if absence is None else self._absent)

    def _connect(self) -> None:
        self.folder_panel.chooseWanted.connect(self.choose_folder)
        self.folder_panel.splitWanted.connect(self.split)
        self.folder_panel.filesWanted.connect(self.show_files)
        self.folder_panel.findingsWanted.connect(self.show_findings)
        self.folder_panel.dropped.connect(self.accept_drop)
        self.dataset.changed.connect(self._show_dataset)
        self.breeds.chosen.connect(self._breed_chosen)
        self.upload_panel.bucketWanted.connect(self.create_bucket)
        self.upload_panel.trainWanted.connect(lambda uri: self.ctx.navigate("training", {"data_uri": uri}))
        self.upload_panel.goneWanted.connect(self.remove_gone)
        self.upload_panel.replaceWanted.connect(self.replace_set)
        self.upload_panel.failedWanted.connect(self.show_failed)
        self.upload_panel.twinsWanted.connect(self.show_twins)
        self.upload_panel.folderWanted.connect(self.dataset.choose)
        self.bucket_panel.createWanted.connect(self.create_bucket)
        self.bucket_panel.deleteWanted.connect(self.delete)
        self.bucket_panel.deleteBucketWanted.connect(self.delete_bucket)
        self.bucket_panel.restoreWanted.connect(self.restore)
        self.bucket_panel.downloadWanted.connect(self.download)
        self.uploading.changed.connect(self._badge)
        self.uploading.changed.connect(self._tell_bucket)
        self.uploading.progressed.connect(self._badge)
        self.ctx.backendChanging.connect(self._backend_leaves)

    # What the window calls

    def activate(self, payload: Any = None) -> None:
        """Show the folder in hand (or the one of the payload) and read the bucket (or the one of the payload)."""
        folder = payload.get("folder") if isinstance(payload, dict) else None
        if isinstance(payload, dict) and payload.get("bucket"):
            self.browser.choose(payload["bucket"])
            self.show_side()
        if folder is not None:
            self.dataset.choose(Path(folder))
        elif not self._restored:
            self.dataset.restore()
        self._restored = True
        self.refresh()

    def landing(self, payload: Any = None) -> QWidget | None:
        """The classes of the folder; while it is being checked, or without one, what chooses a folder."""
        view, choose = self.breeds.table.view, self.folder_panel.choose_button
        given = isinstance(payload, dict) and payload.get("folder") is not None
        if view.isVisible() and not given:
            return view
        return choose if choose.isVisible() else first_place(self._middle)

    def refresh(self) -> None:
        """Read buckets and the shown folder of the bucket again."""
        self.bucket_panel.thumbs.forget()
        if self.browser.refresh() is not None and not self.uploading.running:
            self.with_services(self.uploading.read_pending, label="Looking for unfinished uploads", key="pending")

    def forget_account(self) -> None:
        """The buckets go, and what was sent to them; the folder in hand is of this computer."""
        self.browser.reset()
        self.bucket_panel.thumbs.forget()
        self.uploading.reset()

    def backend_changed(self) -> None:
        """Another account: its buckets, and no upload yet."""
        self.browser.reset()
        self.uploading.reset()
        self.refresh()

    def accept_drop(self, paths: list[Path]) -> bool:
        """A folder is checked; pictures are not for this tab."""
        folders = [path for path in paths if path.is_dir()]
        if not folders:
            return False
        self.dataset.choose(folders[0])
        return True

    def set_narrow(self, narrow: bool) -> None:
        """Fewer findings and no histogram on a small window."""
        super().set_narrow(narrow)
        self.folder_panel.set_narrow(narrow)
        self.breeds.set_narrow(narrow)

    # What the operator does

    def choose_folder(self) -> None:
        """Ask for a folder of pictures."""
        start = self.dataset.folder.parent if self.dataset.folder is not None else Path.home()
        ask_for_folder(self, "Folder of pictures", self.dataset.choose, str(start))

    def make_samples(self) -> None:
        """Ask how many sample pictures, and draw them."""
        self.start(self._make_samples(), label="Drawing sample pictures", key="dialog", scope="window")

    def split(self) -> None:
        """Ask, and split the folder into a new one."""
        self.start(self._split(), label="Splitting the folder", key="dialog", scope="window")

    def create_bucket(self) -> None:
        """Ask for a name, and make the bucket."""
        self.with_services(self._create_bucket, label="Creating a bucket", key="dialog")

    def show_files(self, finding: Finding) -> None:
        """The files of a finding."""
        FilesDialog(finding, self).open()

    def show_findings(self) -> None:
        """Everything that the check found."""
        if self.dataset.report is not None:
            dialog = FindingsDialog([(TONES[entry.severity], entry) for entry in self.dataset.report.findings], self)
            dialog.filesWanted.connect(self.show_files)
            dialog.open()

    def show_failed(self, result: UploadResult) -> None:
        """The files that could not be sent."""
        if result.failed:
            names, reasons = zip(*result.failed[:500], strict=True)
            title = f"{count(len(result.failed), 'file')} could not be sent"
            self.show_files(Finding("error", "failed", title, "the others were sent", names, reasons))

    def show_twins(self, result: UploadResult) -> None:
        """The files whose names look the same."""
        title = f"{count(len(result.twins), 'file name')} differ only in how accents are written"
        notes = tuple("NFC" if unicodedata.is_normalized("NFC", name) else "NFD" for name in result.twins[:500])
        self.show_files(Finding("warning", "twins", title, "rename or remove one of each", result.twins[:500], notes))

    def remove_gone(self, course: Course) -> None:
        """Delete from the bucket what is no longer in the folder, after a confirmation."""
        command, result = course.command, course.result
        if result is not None and result.gone:
            why = f"They are in the bucket, but no longer in {command.folder.name}."
            self.start(self._remove(course, command.bucket, result.gone, why), label="Removing objects", key="dialog")

    def replace_set(self, course: Course) -> None:
        """Delete the other set that is in the way, after a confirmation, and upload in its place."""
        self.start(self._replace_set(course), label="Replacing a set", key="dialog")

    def delete(self, rows: list[ObjectRow]) -> None:
        """Delete objects and folders of the bucket, after a confirmation."""
        if rows:
            self.start(self.deleting.rows(self.browser.name, rows), label="Deleting objects", key="dialog")

    def delete_bucket(self) -> None:
        """Delete the bucket in hand, after a confirmation."""
        if self.browser.name:
            self.start(self.deleting.bucket(self.browser.name), label="Deleting a bucket", key="dialog")

    def restore(self) -> None:
        """Bring back what was deleted in the folder of the bucket that is shown, after a confirmation."""
        self.with_services(
            self.deleting.restore, self.browser.name, self.browser.prefix, label="Restoring objects", key="dialog"
        )

    def download(self, rows: list[ObjectRow]) -> None:
        """Ask where to, and fetch objects."""
        keys = [row.key for row in rows if not row.is_folder]
        if not keys:
            return
        place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation)
        bucket = self.browser.name
        ask_for_folder(
            self, "Download into", lambda chosen: self.download_to(bucket, keys, chosen), place or str(Path.home())
        )

    def download_to(self, bucket: str, keys: list[str], folder: Path) -> None:
        """Fetch objects into ``folder``."""
        self.with_services(self._download, bucket, keys, folder, label="Downloading")

    # Inside

    async def _make_samples(self) -> None:
        dialog = SamplesDialog(parent=self)
        if await dialog.ask():
            values = dialog.form.values()
            self.dataset.make_samples(values["folder"], values["classes"], values["per_class"], values["seed"])

    async def _split(self) -> None:
        if self.dataset.report is None:
            return
        dialog = SplitDialog(self.dataset.report, self)
        if await dialog.ask():
            self.dataset.split(dialog.form.value("seed"))

    async def _create_bucket(self, services: Services) -> None:
        suggested = await services.storage.suggest_bucket_name()
        taken = [bucket.name for bucket in self.browser.buckets or []]
        dialog = BucketDialog(suggested, taken, self)
        if await dialog.ask():
            name = dialog.form.value("name")
            if await self.ctx.run(CreateBucket(name)):
                self.browser.choose(name)

    async def _remove(self, course: Course, bucket: str, keys: Sequence[str], why: str) -> None:
        if await self.deleting.keys(bucket, keys, why):
            self.uploading.dismiss(course)

    async def _replace_set(self, course: Course) -> None:
        command, result = course.command, course.result
        if result is None:
            return
        why = (
            f"They are in {command.bucket}/{command.prefix} and not of {command.folder.name}, which takes their place."
        )
        if not result.others or await self.deleting.keys(command.bucket, result.others, why):
            self.uploading.again(course, merge=True)

    async def _download(self, services: Services, bucket: str, keys: list[str], folder: Path) -> None:
        plan = await services.storage.plan_download(bucket, keys, folder)
        if plan.refused and not await self._without_refused(plan):
            return
        title = f"Downloading {count(len(plan.files), 'object')}"
        item = self.ctx.activity.begin(title, "download")
        try:
            await services.storage.carry_out(
                bucket, plan, lambda done, total: item.progress(done / total, f"{done:,} of {total:,}")
            )
        except SageDeckError as error:
            item.fail(error)
            raise
        item.done(f"In {folder}")
        self.ctx.notify.success("Downloaded", f"{count(len(plan.files), 'object')} in {folder}")

    async def _without_refused(self, plan: DownloadPlan) -> bool:
        """Name what cannot be saved here before anything is; whether the others are wanted all the same."""
        names, reasons = zip(*plan.refused[:500], strict=True)
        title = f"{count(len(plan.refused), 'object')} cannot be saved here"
        finding = Finding("error", "names", title, "two names would be one file, or none at all", names, reasons)
        others = f"Download the {len(plan.files):,} others" if plan.files else ""
        return await FilesDialog(finding, self, go_on=others).ask()

    def _show_dataset(self) -> None:
        dataset = self.dataset
        report = dataset.report
        has_classes = report is not None and bool(report.classes)
        if has_classes:
            self._middle.setCurrentWidget(self._found)
        else:
            self._middle.setCurrentWidget(self._empty if dataset.folder is None else self._nothing)
        self.breeds.set_report(report if has_classes else None)

    def _breed_chosen(self, row: BreedRow | None) -> None:
        self.pictures.show_breed(row)

    def _tell_bucket(self) -> None:
        command = self.uploading.command
        running = command is not None and self.uploading.running
        self.browser.await_upload((command.bucket, command.prefix) if command is not None and running else None)

    def _badge(self) -> None:
        if self.uploading.running:
            fraction = self.uploading.fraction
            paused = self.uploading.state == "paused"
            text = "" if fraction is None else percents(fraction)
            self.badgeChanged.emit("pause" if paused else "upload", text, "accent")
        else:
            self.badgeChanged.emit("", "", "")

    def resource_changed(self, kind: str, name: str) -> None:
        """Read buckets again after one changed, and what is in it."""
        if kind == "bucket" and self.ctx.connected:
            self.bucket_panel.thumbs.forget()
            self.browser.changed()

    def _backend_leaves(self) -> None:
        self.browser.reset()

    def _twin(self, bucket: str, row: ObjectRow) -> Path | None:
        """The local file that an object was uploaded from, by its path below the folder in hand and its size."""
        report = self.dataset.report
        prefix = self.upload_panel.wanted_prefix()
        if report is None or not row.key.startswith(prefix):
            return None
        path = report.root / row.key[len(prefix) :]
        try:
            return path if path.is_file() and path.stat().st_size == row.size else None
        except OSError:
            return None
