"""What the EC2 tab changes: instances, commands and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands import Affected, Command, Confirmation
from console.models.format import count, dollars
from workers.compute.access import profile_name
from workers.compute.commands import run_cli
from workers.compute.jobs import InstanceJob
from workers.compute.script import job_prefix, run_job, stop_job
from workers.compute.types import Command as RunCommand
from workers.compute.types import Instance, InstanceSpec, JobSpec

if TYPE_CHECKING:
    from workers.services import Services

_EVENT = "instance"


class LaunchInstance(Command):
    """Launch one instance with a role, a profile and a security group of its own."""

    icon = "ec2"

    def __init__(self, spec: InstanceSpec) -> None:
        self.spec = spec
        self.title = f"Launch {spec.name}"

    async def run(self, services: Services) -> str:
        """Make what it needs, then launch it; returns its id."""
        return await services.compute.launches.launch(self.spec)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return f"{result}, {self.spec.type}, {self.spec.disk_gib} GiB"

    def cli(self) -> str:
        """RunInstances; the role, its profile and the security group are made before."""
        spec = self.spec
        return (
            "# SageDeck makes the instance profile and the security group (SECURITY_GROUP) first.\n"
            f"aws ec2 run-instances --image-id {spec.image.id} --instance-type {spec.type} "
            f"--iam-instance-profile Name={profile_name(spec.bucket)} --security-group-ids SECURITY_GROUP "
            "--metadata-options HttpTokens=required,HttpEndpoint=enabled,HttpPutResponseHopLimit=1 "
            f"--instance-initiated-shutdown-behavior {spec.at_end} "
            f"--block-device-mappings DeviceName={spec.image.root_device},"
            f"Ebs={{VolumeSize={spec.disk_gib},VolumeType=gp3,Encrypted=true}}"
        )

    def events(self) -> list[tuple[str, str]]:
        """An instance was launched."""
        return [(_EVENT, self.spec.name)]


class CreateDefaultVpc(Command):
    """Make the default VPC, which costs nothing."""

    title = "Create the default VPC"
    icon = "ec2"

    async def run(self, services: Services) -> str:
        """Make it; returns its id."""
        return await services.compute.preflight.create_default_vpc()

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return "aws ec2 create-default-vpc"


class _OnInstances(Command):
    """A change to some instances."""

    verb = ""

    def __init__(self, instances: list[Instance]) -> None:
        self.instances = instances
        names = instances[0].title if len(instances) == 1 else count(len(instances), "instance")
        self.title = f"{self.verb.capitalize()} {names}"

    def cli(self) -> str:
        """One line for all."""
        return f"aws ec2 {self.verb}-instances --instance-ids {' '.join(instance.id for instance in self.instances)}"

    def events(self) -> list[tuple[str, str]]:
        """The instances changed."""
        return [(_EVENT, instance.id) for instance in self.instances]


class StartInstances(_OnInstances):
    """Start stopped instances."""

    verb, icon = "start", "play"

    async def run(self, services: Services) -> None:
        """Ask EC2 for each."""
        for instance in self.instances:
            await services.compute.instances.start(instance.id)


class StopInstances(_OnInstances):
    """Stop running instances: the disks stay."""

    verb, icon = "stop", "stop"

    def __init__(self, instances: list[Instance], running: int, saves: float | None) -> None:
        super().__init__(instances)
        self._running, self._saves = running, saves

    def confirmation(self) -> Confirmation:
        """What ends, what stays, what it saves."""
        ends = f"{count(self._running, 'command')} running there will be killed. " if self._running else ""
        return Confirmation(
            f"{self.title}?",
            f"{ends}The disk stays as it is and goes on costing; it can be started again.",
            confirm_label="Stop",
            icon="stop",
            danger=bool(self._running),
            saves=f"{dollars(self._saves, 3)} an hour" if self._saves else "",
        )

    async def run(self, services: Services) -> None:
        """Ask EC2 for each."""
        for instance in self.instances:
            await services.compute.instances.stop(instance.id)


class TerminateInstances(_OnInstances):
    """Terminate instances: disks and all."""

    verb, icon = "terminate", "trash"

    def __init__(self, instances: list[Instance], running: int, saves: float | None) -> None:
        super().__init__(instances)
        self._running, self._saves = running, saves

    def confirmation(self) -> Confirmation:
        """What is gone for good, and what stays."""
        first = self.instances[0]
        return Confirmation(
            f"{self.title}?",
            "It cannot be taken back."
            + (f" {count(self._running, 'command')} running there will be killed." if self._running else ""),
            confirm_label="Terminate",
            also_deleted=tuple(
                Affected("disk", f"Disk {volume}", f"of {instance.title}")
                for instance in self.instances
                for volume in instance.volumes
            ),
            kept=(Affected("bucket", "Models and reports in S3", "jobs that have ended keep them"),),
            saves=f"{dollars(self._saves, 3)} an hour" if self._saves else "",
            type_name=first.title if len(self.instances) == 1 else f"terminate {len(self.instances)}",
        )

    async def run(self, services: Services) -> None:
        """Ask EC2 for each."""
        for instance in self.instances:
            await services.compute.instances.terminate(instance.id)


class RunLine(Command):
    """Run one line of shell on an instance."""

    icon = "terminal"

    def __init__(self, instance: Instance, line: str, bucket: str) -> None:
        self.instance, self.line, self._bucket = instance, line, bucket
        self.title = f"Run a command on {instance.title}"

    async def run(self, services: Services) -> RunCommand:
        """Send it; returns the command."""
        return await services.compute.commands.run(self.instance, self.line, bucket=self._bucket)

    def done_text(self, result: RunCommand) -> str:
        """What the activity panel says; the line itself may hold a secret."""
        return f"command {result.id[:13]}"

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return run_cli(self.instance.id, [self.line])

    def events(self) -> list[tuple[str, str]]:
        """The instance has another command."""
        return [("command", self.instance.id)]


class LaunchJob(Command):
    """Train on an instance."""

    icon = "training"

    def __init__(self, spec: JobSpec, instance: Instance) -> None:
        self.spec, self.instance = spec, instance
        self.title = f"Train {spec.name} on {instance.title}"

    async def run(self, services: Services) -> RunCommand:
        """Put the code into the bucket and send the command."""
        return await services.compute.jobs.launch(self.spec, self.instance)

    def done_text(self, result: RunCommand) -> str:
        """What the activity panel says."""
        return f"command {result.id[:13]}"

    def cli(self) -> str:
        """The command; the code is put into the bucket before, with its checksum in SHA256."""
        region = self.instance.zone[:-1] or "us-east-1"
        key = f"{job_prefix(self.spec.name)}/code.tar.gz"
        lines = run_job(self.spec, region, key, "SHA256")
        return f"# SageDeck puts the code at s3://{self.spec.bucket}/{key} first; SHA256 is its checksum.\n" + run_cli(
            self.instance.id, lines
        )

    def events(self) -> list[tuple[str, str]]:
        """A job was started."""
        return [("command", self.instance.id), ("job", self.spec.name)]


class StopJob(Command):
    """Ask a job on an instance to stop; it saves the best model that it has."""

    icon = "stop"

    def __init__(self, job: InstanceJob, instance: Instance) -> None:
        self.job, self.instance = job, instance
        self.title = f"Stop {job.name}"

    def confirmation(self) -> Confirmation:
        """What is kept."""
        return Confirmation(
            f"{self.title}?",
            "The script has 120 seconds to save its best model, which is kept. A stopped job cannot go on.",
            confirm_label="Stop",
            icon="stop",
            danger=False,
        )

    async def run(self, services: Services) -> RunCommand:
        """Send the command that asks it."""
        return await services.compute.jobs.stop(self.job, self.instance)

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return run_cli(self.instance.id, stop_job(self.job.name))

    def events(self) -> list[tuple[str, str]]:
        """The job changes."""
        return [("command", self.instance.id), ("job", self.job.name)]


class CancelCommand(Command):
    """Kill a command: it saves nothing."""

    icon = "stop"

    def __init__(self, command: RunCommand) -> None:
        self.command = command
        self.title = f"Cancel {command.title}"

    def confirmation(self) -> Confirmation:
        """What is lost."""
        lost = "The job is killed and saves no model. " if self.command.job else ""
        return Confirmation(
            f"{self.title}?",
            f"{lost}What it has written to its output stays.",
            confirm_label="Kill it",
            icon="stop",
        )

    async def changed(self, services: Services) -> str:
        """Whether it still runs."""
        now = await services.compute.commands.describe(self.command.id, self.command.instance)
        return "" if now is not None and now.running else "The command ended meanwhile."

    async def run(self, services: Services) -> None:
        """Ask SSM."""
        await services.compute.commands.cancel(self.command)

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return f"aws ssm cancel-command --command-id {self.command.id} --instance-ids {self.command.instance}"

    def events(self) -> list[tuple[str, str]]:
        """The command changes."""
        return [("command", self.command.instance)]
