"""Run commands through SSM: send, list, follow, cancel. Live output comes from CloudWatch Logs, the whole from S3."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from workers.aws.logs import Logs
from workers.aws.session import AwsSession
from workers.aws.times import utc, utc_of
from workers.compute.script import JOB_COMMENT, PREFIX
from workers.compute.types import Command, CommandState, Instance
from workers.errors.tree import Conflict, InvalidInput, LocalProblem, NotFound
from workers.files.os_words import os_words
from workers.types import LogEvent

DOCUMENT = "AWS-RunShellScript"
LOG_GROUP = "/sagedeck/ec2"
# SSM keeps a command undelivered this long; an instance that is online takes it at once.
DELIVERY_SECONDS = 120
# SSM's own limits of executionTimeout (AWS-RunShellScript) and of a command's comment.
LONGEST_SECONDS = 172_800
LONGEST_COMMENT = 100
ONE_LINE_SECONDS = 3600
# SSM cuts what GetCommandInvocation gives of each stream.
SHOWN_STDOUT, SHOWN_STDERR = 24_000, 8_000


class Commands:
    """Commands on the instances of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._logs = Logs(session)

    async def run(self, instance: Instance, line: str, *, bucket: str = "", seconds: int = ONE_LINE_SECONDS) -> Command:
        """Run one line of shell on an instance that is online; returns the command as soon as SSM has taken it."""
        line = line.strip()
        if not line:
            raise InvalidInput("There is no command", "The line is empty.", "Type a command, for example: nvidia-smi")
        return await self.send(
            instance,
            [line],
            comment=line,
            bucket=bucket,
            prefix=f"{PREFIX}/commands" if bucket else "",
            seconds=seconds,
        )

    async def send(
        self, instance: Instance, lines: Sequence[str], *, comment: str, bucket: str, prefix: str, seconds: int
    ) -> Command:
        """Send lines to one instance. ``seconds`` is the longest run; SSM kills it then (exit code 137).

        With a bucket SSM keeps the whole output there. Raises ``Conflict`` when the instance is not online.
        """
        if not instance.running:
            raise Conflict(
                f"{instance.title} is {instance.state}", "A command needs a running instance.", "Start it first."
            )
        if instance.agent is None or not instance.agent.online:
            raise Conflict(
                f"{instance.title} takes no commands yet",
                "Its SSM agent has not reported." if instance.agent is None else "Its SSM agent has stopped reporting.",
                "Wait a minute after the start; then look at its role, its way to SSM, and whether the agent runs.",
                code="AgentNotOnline",
            )
        request: dict[str, Any] = {
            "DocumentName": DOCUMENT,
            "InstanceIds": [instance.id],
            "Comment": comment[:LONGEST_COMMENT],
            "TimeoutSeconds": DELIVERY_SECONDS,
            "Parameters": {"commands": list(lines), "executionTimeout": [str(min(seconds, LONGEST_SECONDS))]},
            "CloudWatchOutputConfig": {"CloudWatchLogGroupName": LOG_GROUP, "CloudWatchOutputEnabled": True},
        }
        if bucket:
            request |= {"OutputS3BucketName": bucket, "OutputS3KeyPrefix": prefix}
        answer = await self._session.call("ssm", "send_command", doing=f"run a command on {instance.title}", **request)
        sent = answer["Command"]
        return Command(
            id=sent["CommandId"],
            instance=instance.id,
            state="Pending",
            requested=utc(sent["RequestedDateTime"]),
            title=title_of(sent.get("Comment", "")),
            job=job_of(sent.get("Comment", "")),
            bucket=bucket,
            prefix=prefix,
        )

    async def of(self, instance: str = "", *, most: int = 200) -> tuple[Command, ...]:
        """The commands of one instance, or of all, newest first; SSM keeps them for 30 days."""
        parameters = {"InstanceId": instance} if instance else {}
        found: list[Command] = []
        async for item in self._session.paginate(
            "ssm",
            "list_command_invocations",
            "CommandInvocations",
            doing="list the commands",
            Details=True,
            **parameters,
        ):
            found.append(command_of(item))
            if len(found) >= most:
                break
        return tuple(sorted(found, key=lambda command: command.requested, reverse=True))

    async def describe(self, command: str, instance: str) -> Command | None:
        """One command as it is now; ``None`` while SSM does not know its invocation, just after it was sent."""
        answer = await self._session.call(
            "ssm",
            "list_command_invocations",
            doing="read the command",
            CommandId=command,
            InstanceId=instance,
            Details=True,
        )
        items = answer["CommandInvocations"]
        return command_of(items[0]) if items else None

    async def text(self, command: str) -> str:
        """The lines that were sent, for a look at them or to send them again."""
        answer = await self._session.call("ssm", "list_commands", doing="read the command", CommandId=command)
        items = answer["Commands"]
        if not items:
            raise NotFound("No such command", f"SSM does not know {command} any more; it keeps commands for 30 days.")
        return "\n".join(items[0].get("Parameters", {}).get("commands", ()))

    async def output(
        self, command: Command, token: str | None = None, *, from_end: bool = False
    ) -> tuple[tuple[LogEvent, ...], str]:
        """One page of a command's live output, both streams, and where to go on (see ``Logs.read``)."""
        events, position = await self._logs.read(LOG_GROUP, stream_prefix(command), token, from_end=from_end)
        return lines_of(events), position

    async def whole_output(self, command: Command, target: str) -> tuple[str, ...]:
        """Save what SSM kept in S3 into the folder ``target``; returns the names of the files, none while it runs."""
        if not command.bucket:
            return ()
        start = f"{command.prefix}/{command.id}/{command.instance}/"
        names: list[str] = []
        async for item in self._session.paginate(
            "s3", "list_objects_v2", "Contents", doing="find the output", Bucket=command.bucket, Prefix=start
        ):
            name = item["Key"].rpartition("/")[2]
            if name in ("stdout", "stderr"):
                file = f"{target}/{command.id}-{name}.txt"
                await self._session.run(
                    "save the output", self._download, command.bucket, item["Key"], file, service="s3"
                )
                names.append(file)
        return tuple(names)

    def _download(self, bucket: str, key: str, file: str) -> None:
        try:
            self._session.client("s3").download_file(bucket, key, file)
        except OSError as error:
            raise LocalProblem("Could not save the output", os_words(error), "Choose another folder.") from error

    async def cancel(self, command: Command) -> None:
        """Kill a command: no grace, what it wrote so far stays. It may have ended by itself meanwhile."""
        await self._session.call(
            "ssm",
            "cancel_command",
            doing="cancel the command",
            CommandId=command.id,
            InstanceIds=[command.instance],
        )


def lines_of(events: Sequence[LogEvent]) -> tuple[LogEvent, ...]:
    """One event a line: the SSM agent puts all that was printed within a second into one event."""
    return tuple(
        line
        for event in events
        for line in (
            [replace(event, message=text) for text in event.message.rstrip("\n").split("\n")]
            if "\n" in event.message
            else [event]
        )
    )


def stream_prefix(command: Command) -> str:
    """How the names of a command's log streams begin."""
    return f"{command.id}/{command.instance}/"


def job_of(comment: str) -> str:
    """The name of the job that a command with this comment runs, or ""."""
    return comment.removeprefix(JOB_COMMENT) if comment.startswith(JOB_COMMENT) else ""


def title_of(comment: str) -> str:
    """What to call a command: its job, or its own first line."""
    return job_of(comment) or comment


def command_of(item: Mapping[str, Any]) -> Command:
    """A command from ListCommandInvocations' item with details."""
    plugins = item.get("CommandPlugins") or [{}]
    plugin = plugins[0]
    code = plugin.get("ResponseCode")
    state = "InProgress" if item.get("Status") == "Delayed" else item.get("Status", "Pending")
    ended = utc_of(plugin, "ResponseFinishDateTime")
    return Command(
        id=item["CommandId"],
        instance=item["InstanceId"],
        state=cast("CommandState", state),
        requested=utc(item["RequestedDateTime"]),
        title=title_of(item.get("Comment", "")),
        detail=item.get("StatusDetails", ""),
        started=utc_of(plugin, "ResponseStartDateTime"),
        ended=ended,
        # Before the end SSM says -1, which is also the code of what never started.
        exit_code=None if code is None or (code == -1 and ended is None) else int(code),
        job=job_of(item.get("Comment", "")),
        bucket=plugin.get("OutputS3BucketName", ""),
        # SSM says where the plugin's output lies: PREFIX/COMMAND/INSTANCE/awsrunShellScript.
        prefix=plugin.get("OutputS3KeyPrefix", "").partition(f"/{item['CommandId']}/")[0],
        output=plugin.get("Output", ""),
    )


def run_cli(instance: str, lines: Sequence[str]) -> str:
    """The AWS CLI line that runs the same lines on the instance."""
    commands = ",".join('"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"' for line in lines)
    return (
        f"aws ssm send-command --document-name {DOCUMENT} --instance-ids {instance} "
        f"--parameters {shlex.quote('commands=[' + commands + ']')}"
    )
