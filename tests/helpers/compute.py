"""A stand-in for ``workers.compute.service.Compute``: instances, commands and output that a test sets."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.compute.jobs import InstanceJob
from workers.compute.types import (
    Agent,
    Check,
    Command,
    Image,
    Instance,
    InstanceSize,
    InstanceSpec,
    JobSpec,
    Series,
)
from workers.errors.tree import NotFound
from workers.training.curves import CurveReader
from workers.types import LogEvent, TrainingJob

NOW = datetime.now(UTC)
IMAGE = Image("ami-0c2f8d1b9aa347e10", "PyTorch 2.12, Ubuntu 24.04", root_device="/dev/sda1", smallest_disk_gib=35)
GPU_IMAGE = Image("ami-0aa11bb22cc33dd44", "PyTorch 2.12, Ubuntu 24.04 (GPU)", gpu=True, smallest_disk_gib=45)
METRICS = (
    ("epoch", "epoch=([0-9]+)/"),
    ("epochs", "epoch=[0-9]+/([0-9]+)"),
    ("train:loss", "train_loss=([0-9.]+)"),
    ("valid:loss", "valid_loss=([0-9.]+)"),
    ("train:accuracy", "train_acc=([0-9.]+)"),
    ("valid:accuracy", "valid_acc=([0-9.]+)"),
)


def instance(name: str, state: Any = "running", **changes: Any) -> Instance:
    """An instance as SageDeck launches them, two hours old."""
    number = sum(map(ord, name))
    return Instance(
        **{
            "id": f"i-0{number:016x}",
            "state": state,
            "type": "t3.xlarge",
            "started": NOW - timedelta(hours=2, minutes=11),
            "name": name,
            "image": IMAGE.id,
            "zone": "us-east-1a",
            "agent": Agent("Online", NOW - timedelta(seconds=12), "3.3.1", "Ubuntu 24.04")
            if state == "running"
            else None,
            "profile": "SageDeckInstance-dog-photos",
            "groups": (("sg-1", "sagedeck-no-inbound"),),
            "open_ports": (),
            "tokens_required": True,
            "volumes": (f"vol-0{number:016x}",),
            "detailed_monitoring": True,
            "tags": {"sagedeck:created-by": "sagedeck", "sagedeck:bucket": "dog-photos"},
        }
        | changes
    )


def command(title: str, where: Instance, state: Any = "Success", **changes: Any) -> Command:
    """A command that began 18 minutes ago."""
    ended = None if state in ("Pending", "InProgress") else NOW - timedelta(minutes=10)
    started = NOW - timedelta(minutes=18)
    number = sum(map(ord, title))
    base = {
        "id": f"{number:08x}-41aa-4e8d-9c1f-1f2e3d4c5b6a",
        "instance": where.id,
        "state": state,
        "requested": started,
    }
    return Command(**base | {"title": title, "started": started, "ended": ended, "bucket": "dog-photos"} | changes)


def job_lines(epochs: int) -> list[str]:
    """What train.py prints up to an epoch of 20."""
    lines = ["data: 8351 of 8351 files", "found 133 classes: 6,680 train, 835 valid, 836 test"]
    for epoch in range(1, epochs + 1):
        loss = 2.6 * math.exp(-epoch / 6)
        lines.append(
            f"epoch={epoch}/20 train_loss={loss:.3f} train_acc={1 - loss / 3:.3f} "
            f"valid_loss={loss * 0.8:.3f} valid_acc={1 - loss / 4:.3f} images_per_s=80"
        )
    return lines


class FakeCompute:
    """The same methods as ``Compute``, over lists."""

    def __init__(self) -> None:
        self.rows: list[Instance] = []
        self.command_rows: list[Command] = []
        self.lines: dict[str, list[str]] = {}
        self.job_rows: dict[str, InstanceJob] = {}
        self.elsewhere: tuple[TrainingJob, ...] = ()
        self.checks: tuple[Check, ...] = (Check("network", "ok", "Network", "Default VPC"),)
        self.error: Exception | None = None
        self.answered: Callable[[], Awaitable[None]] | None = None
        self.did: list[tuple[str, Any]] = []
        self.instances = self.images = self.preflight = self.launches = self.commands = self.jobs = self

    def per_hour(self, instance: Instance) -> float | None:
        return 0.1664 if instance.running else 0.0

    def list_price(self, instance: Instance) -> float | None:
        return 0.1664

    def cost_since_start(self, instance: Instance, now: Any = None) -> float | None:
        return 0.36 if instance.running else None

    async def everywhere(self) -> tuple[TrainingJob, ...]:
        return self.elsewhere

    async def per_hour_now(self) -> float:
        return sum(self.per_hour(instance) or 0.0 for instance in self.rows)

    # Instances

    async def all(self) -> tuple[Instance, ...]:
        if self.answered is not None:
            await self.answered()
        if self.error is not None:
            raise self.error
        return tuple(self.rows)

    async def cpu(self, instances: Any) -> dict[str, Series]:
        return {instance.id: self._busy(instance) for instance in instances}

    async def charts(self, instance: Instance, span: timedelta) -> tuple[Series, ...]:
        return (self._busy(instance), Series("NetworkIn", "bytes"), Series("mem_used_percent", "%"))

    def _busy(self, instance: Instance) -> Series:
        quiet = "scratch" in instance.name
        values = [
            (NOW - timedelta(minutes=59 - at), 1.0 if quiet or not (12 < at < 22 or at > 40) else 92.0 + at % 5)
            for at in range(60)
        ]
        return Series("CPUUtilization", "%", tuple(values) if instance.running else ())

    async def start(self, identity: str) -> None:
        self.did.append(("start", identity))

    async def terminate(self, identity: str) -> None:
        self.did.append(("terminate", identity))

    # Images and preflight

    async def deep_learning(self) -> tuple[Image, ...]:
        return (IMAGE, GPU_IMAGE)

    async def image(self, identity: str) -> Image:
        if identity not in (IMAGE.id, GPU_IMAGE.id):
            raise NotFound("No such AMI", f"There is no AMI “{identity}” in us-east-1 that this account may use.")
        return IMAGE if identity == IMAGE.id else GPU_IMAGE

    async def sizes(self, names: Any) -> dict[str, InstanceSize]:
        return {name: InstanceSize(name, 4, 16.0) for name in names}

    async def run(self, *given: Any, **more: Any) -> Any:
        if isinstance(given[0], InstanceSpec):
            return self.checks
        self.did.append(("run", given[1]))
        made = command(given[1], given[0], "InProgress", id="new-command")
        self.command_rows.insert(0, made)
        return made

    async def create_default_vpc(self) -> str:
        self.did.append(("create_default_vpc", ""))
        self.checks = (Check("network", "ok", "Network", "Default VPC"),)
        return "vpc-1"

    async def launch(self, spec: Any, where: Instance | None = None) -> Any:
        self.did.append(("launch", spec))
        if isinstance(spec, JobSpec):
            assert where is not None
            made = command(spec.name, where, "InProgress", job=spec.name, id=f"job-{spec.name}")
            self.command_rows.insert(0, made)
            return made
        self.rows.append(instance(spec.name, "pending", agent=None))
        return self.rows[-1].id

    # Commands and jobs

    async def of(self, identity: str = "", *, most: int = 200) -> tuple[Command, ...]:
        return tuple(known for known in self.command_rows if identity in ("", known.instance))

    async def describe(self, identity: str, where: str) -> Command | None:
        return next((known for known in self.command_rows if known.id == identity), None)

    async def output(self, command: Command, token: str | None = None, **_: Any) -> tuple[tuple[LogEvent, ...], str]:
        lines = self.lines.get(command.id, [])
        read = int(token or 0)
        return tuple(LogEvent(NOW, line) for line in lines[read:]), str(len(lines))

    async def cancel(self, command: Command) -> None:
        self.did.append(("cancel", command.id))

    async def of_command(self, command: Command) -> InstanceJob | None:
        return self.job_rows.get(command.job)

    def curve_reader(self, job: InstanceJob) -> CurveReader:
        return CurveReader(job.metric_definitions)

    async def stop(self, job: Any, where: Instance | None = None) -> None:
        self.did.append(("stop", job if isinstance(job, str) else job.name))


def busy_account() -> FakeCompute:
    """Three instances, of which one trains, one idles and one is stopped."""
    compute = FakeCompute()
    trainer, scratch = instance("dog-trainer"), instance("dog-scratch", started=NOW - timedelta(days=9))
    stopped = instance(
        "dog-gpu",
        "stopped",
        type="g4dn.xlarge",
        reason_code="Client.UserInitiatedShutdown",
        reason=f"User initiated ({NOW - timedelta(hours=1):%Y-%m-%d %H:%M:%S} GMT)",
    )
    compute.rows = [trainer, scratch, stopped]
    running = command("dogs-20-epochs", trainer, "InProgress", job="dogs-20-epochs")
    compute.command_rows = [
        running,
        command(
            "dogs-1-epoch",
            trainer,
            "Cancelled",
            job="dogs-1-epoch",
            requested=NOW - timedelta(minutes=48),
            started=NOW - timedelta(minutes=48),
            ended=NOW - timedelta(minutes=38),
        ),
        command("nvidia-smi", trainer, "Failed", exit_code=127, requested=NOW - timedelta(minutes=70)),
    ]
    compute.lines[running.id] = job_lines(13)
    compute.job_rows["dogs-20-epochs"] = InstanceJob(
        "dogs-20-epochs", "dog-photos", "InProgress", NOW, trainer.id, running, metric_definitions=METRICS
    )
    return compute
