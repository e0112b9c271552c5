"""The launch form: image, type, disk, what happens at the end, what it costs, and what is missing, with its cure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.models.format import dollars
from console.widgets.base import label
from console.widgets.forms.fields import ComboBox, IntField, LineEdit
from console.widgets.forms.form import Form, Hint
from console.widgets.forms.lines import CheckLine, HintLine, LineTone
from console.widgets.forms.switch import Switch
from console.widgets.frames.dialog import FormDialog
from workers.compute.access import ssh_problem
from workers.compute.images import mismatch
from workers.compute.launch import spec_problem
from workers.compute.types import Check, Image, InstanceSize, InstanceSpec
from workers.errors.tree import SageDeckError
from workers.prices.table import HOURS_PER_MONTH

if TYPE_CHECKING:
    from workers.services import Services

DEFAULT_TYPE = "t3.xlarge"
OWN_IMAGE = "own"
AT_END = (("stop", "Stop: keep the disk"), ("terminate", "Terminate: delete the disk"))
# Pixels: an image's name beside its label.
WIDTH = 520
# GiB with room for a deep learning image and a dataset; minutes after which a forgotten instance has ended itself.
DISK_GIB, LIMIT_MINUTES = 60, 240
# After the last key: each check asks AWS several times.
_SETTLED_SECONDS = 0.4
_MARKS: dict[str, LineTone] = {"ok": "ok", "warn": "warn", "missing": "err", "unknown": "warn"}

Cure = Callable[[str], Awaitable[bool]]


class LaunchDialog(FormDialog):
    """Ask with ``ask()``, then read ``spec()``. ``cure`` does what a check's button offers; true when it is done."""

    def __init__(
        self,
        services: Services,
        images: tuple[Image, ...],
        buckets: list[str],
        cure: Cure,
        parent: QWidget | None = None,
    ) -> None:
        self._services, self._cure = services, cure
        # The rows check themselves while they are made: there is no whole form to look into before.
        self._ready = False
        self._checks: tuple[Check, ...] = ()
        self._images = {image.id: image for image in images}
        self._own: Image | None = None
        self._sizes: dict[str, InstanceSize] = {}
        self._looking: asyncio.Task[None] | None = None
        form = Form()
        stamp = datetime.now().strftime("%m%d-%H%M")
        form.add("name", "Name", LineEdit(f"trainer-{stamp}", chars=24), check=_name_check)
        offered = [(image.id, image.name) for image in images]
        # Without a GPU to pay for, the image that needs none comes first.
        form.add("image", "Image (AMI)", ComboBox([*offered, (OWN_IMAGE, "Another AMI, by its id…")]))
        form.add("ami", "AMI id", LineEdit("", "ami-0123456789abcdef0", chars=24), check=self._check_ami)
        form.add_pair(
            ("type", "Type", ComboBox([(name, name) for name in self._types()], DEFAULT_TYPE)),
            ("disk", "Disk, gp3, encrypted", IntField(DISK_GIB, 8, 16_384, suffix="GiB"), self._check_disk),
        )
        form.add_pair(
            (
                "end",
                "When it shuts itself down",
                ComboBox(list(AT_END)),
            ),
            ("limit", "At the latest after", IntField(LIMIT_MINUTES, 0, 14_400, suffix="min"), _limit_hint),
        )
        form.add("bucket", "Bucket of data and models", ComboBox([(name, name) for name in buckets]))
        self.ssh_switch = Switch("Open SSH to one address", False)
        form.add_widget(self.ssh_switch)
        form.add("ssh", "My address", LineEdit("", "203.0.113.7/32", chars=20), check=self._check_ssh)
        super().__init__(
            "Launch instance",
            form,
            ok="Launch",
            icon="ec2",
            text="No port is open: commands reach it through SSM. It bills from the start until it is stopped.",
            width=WIDTH,
            extra_check=self._nothing_missing,
            parent=parent,
        )
        self._ready = True
        self._lines = QVBoxLayout()
        self._lines.setSpacing(2)
        self._price = label("", "strong", wrap=True)
        self.foot.addLayout(self._lines)
        self.foot.addWidget(self._price)
        self.ssh_switch.toggled.connect(self._show_fields)
        form.changed.connect(self._edited)
        self._show_fields()
        self._edited()

    def spec(self) -> InstanceSpec:
        """What the form says."""
        given = self.form.values()
        image = self._own if given["image"] == OWN_IMAGE else self._images.get(given["image"])
        return InstanceSpec(
            name=given["name"],
            image=image or Image(given["ami"] or "", ""),
            type=given["type"],
            bucket=given["bucket"] or "",
            disk_gib=given["disk"],
            at_end=given["end"],
            limit_minutes=given["limit"],
            ssh_from=given["ssh"] if self.ssh_switch.isChecked() else "",
        )

    @property
    def checks(self) -> tuple[Check, ...]:
        """What the preflight said last."""
        return self._checks

    def _types(self) -> list[str]:
        offers = self._services.prices.offers("ec2", self._services.region)
        return [offer.name for offer in offers] or [DEFAULT_TYPE]

    def _check_ami(self, text: str) -> str | None:
        if self._chosen_image() != OWN_IMAGE or self._own is not None:
            return None
        return "Type an AMI id of this region." if not text else "Looking for it…" if self._looking else None

    def _chosen_image(self) -> str:
        return str(self.form.value("image")) if self._ready else ""

    def _check_disk(self, size: int) -> str | None:
        image = self._images.get(self._chosen_image())
        if image is not None and size < image.smallest_disk_gib:
            return f"This AMI needs {image.smallest_disk_gib} GiB or more."
        return None

    def _check_ssh(self, address: str) -> str | None:
        if not self._ready or not self.ssh_switch.isChecked():
            return None
        return ssh_problem(address) if address else "Type the one address that may use SSH."

    def _show_fields(self) -> None:
        self.form.row("ami").setVisible(self.form.value("image") == OWN_IMAGE)
        self.form.row("ssh").setVisible(self.ssh_switch.isChecked())
        self.form.row("ssh").check()
        self.update_ok()

    def _edited(self) -> None:
        self._show_fields()
        self._show_price()
        if self._looking is not None:
            self._looking.cancel()
        self._looking = asyncio.ensure_future(self._look())

    def _show_price(self) -> None:
        given = self.form.values()
        price = self._services.prices.per_hour(given["type"], "ec2", self._services.region)
        if price is None:
            self._price.setText("No list price is known for this type.")
            return
        limit = given["limit"] / 60
        most = (
            f", at most {dollars(price * limit)} until its limit"
            if limit
            else f", {dollars(price * HOURS_PER_MONTH, 0)} a month"
        )
        self._price.setText(f"{dollars(price, 3)} an hour{most}, and the disk")

    async def _look(self) -> None:
        # What one types is not asked about letter by letter.
        await asyncio.sleep(_SETTLED_SECONDS)
        await self._find_own_image()
        if spec_problem(self.spec()) is None:
            self._show_checks(await self._services.compute.preflight.run(self.spec()))

    async def _find_own_image(self) -> None:
        if self.form.value("image") != OWN_IMAGE or not self.form.value("ami"):
            self._own = None
            return
        row = self.form.row("ami")
        try:
            self._own = await self._services.compute.images.image(self.form.value("ami"))
        except SageDeckError as error:
            self._own = None
            row.hint(error.message, "err")
        else:
            row.hint(self._own.name, "ok")
            size = (await self._services.compute.images.sizes((self.form.value("type"),))).get(self.form.value("type"))
            problem = mismatch(self._own, size)
            if problem:
                row.hint(problem, "warn")
        self.update_ok()

    def _show_checks(self, checks: tuple[Check, ...]) -> None:
        self._checks = checks
        while self._lines.count():
            item = self._lines.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for check in checks:
            if check.state == "ok":
                continue
            action = (check.fix_label, lambda fix=check.fix: self._mend(fix)) if check.fix else None
            # What is missing is read to its end before anybody pays: it wraps.
            line = HintLine()
            line.say(f"{check.title}: {check.detail}", _MARKS[check.state], action=action)
            self._lines.addWidget(line)
        if checks and all(check.state == "ok" for check in checks):
            self._lines.addWidget(CheckLine("ok", "Ready", "network, way to SSM, permissions, type and quota"))
        self.update_ok()

    def _mend(self, fix: str) -> None:
        async def mend() -> None:
            if await self._cure(fix):
                self._edited()

        self._mending = asyncio.ensure_future(mend())

    def _nothing_missing(self) -> bool:
        return not any(check.state == "missing" for check in self._checks) and bool(self.form.value("bucket"))

    def done(self, result: int) -> None:
        """Stop looking when the dialog is closed."""
        if self._looking is not None:
            self._looking.cancel()
        super().done(result)


def _name_check(name: str) -> str | None:
    return None if name else "The name is missing."


def _limit_hint(minutes: int) -> Hint | None:
    return None if minutes else Hint("Without a limit it bills until somebody stops it.", "warn")
