"""Run Command's operations: SendCommand, CancelCommand and those that show commands and their output."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.context import SandboxContext
from sandbox.core.account import ACCOUNT_ID, REGION
from sandbox.ec2.service import Ec2Service
from sandbox.s3.inside import S3
from sandbox.ssm.agents import Agents
from sandbox.ssm.documents import RUN_SHELL_SCRIPT, check_document, check_parameters
from sandbox.ssm.records import Command, Commands, Invocation
from sandbox.ssm.run import UNSEEN_SECONDS, Runner, output_key
from sandbox.wire.errors import AwsError
from sandbox.wire.paging import page

Members = dict[str, Any]
_PLUGIN = "aws:runShellScript"
# The most, and the default, of SSM's list operations.
_PAGE = 50


class CommandCalls:
    """The operations, each from its members (checked against the model) to the members of its answer."""

    def __init__(
        self, ctx: SandboxContext, commands: Commands, agents: Agents, ec2: Ec2Service, runner: Runner
    ) -> None:
        self._ctx, self._commands, self._agents, self._ec2, self._runner = ctx, commands, agents, ec2, runner
        self.operations: dict[str, Callable[[Members], Members]] = {
            "SendCommand": self.send,
            "CancelCommand": self.cancel,
            "ListCommands": self.list,
            "ListCommandInvocations": self.list_invocations,
            "GetCommandInvocation": self.get,
        }

    def send(self, members: Members) -> Members:
        """SendCommand."""
        check_document(members["DocumentName"])
        parameters = check_parameters(members.get("Parameters"))
        bucket = members.get("OutputS3BucketName")
        if bucket:
            try:
                self._ctx.part(S3).store.bucket(bucket)
            except AwsError as error:
                raise AwsError("InvalidOutputFolder", "The S3 bucket does not exist.") from error
        targets = self._targets(members)
        now = time.time()
        command = Command(str(uuid.uuid4()), now, {**members, "Parameters": parameters}, targets)
        invocations = [
            Invocation(command.id, instance, now, instance_name=self._ec2.instances.tags(instance).get("Name", ""))
            for instance in targets
        ]
        self._commands.add(command, invocations)
        self._runner.wake()
        return {"Command": self._described(command)}

    def _targets(self, members: Members) -> list[str]:
        ids, targets = members.get("InstanceIds"), members.get("Targets")
        if ids and targets:
            raise AwsError("ValidationException", "Only one of InstanceIds and Targets can be specified.")
        if ids:
            wrong = [instance for instance in dict.fromkeys(ids) if not self._valid(instance)]
            if wrong:
                shown = ", ".join(wrong)
                text = f"Instances [[{shown}]] not in a valid state for account {ACCOUNT_ID}"
                raise AwsError("InvalidInstanceId", text)
            return list(dict.fromkeys(ids))
        if not targets:
            raise AwsError("ValidationException", "One of InstanceIds and Targets must be specified.")
        found = [agent.instance for agent in self._agents.all() if self._valid(agent.instance)]
        for target in targets:
            found = [instance for instance in found if self._matches(instance, target)]
        return found

    def _valid(self, instance_id: str) -> bool:
        """Managed, and running: what is stopped SSM does not know as a target."""
        instance = self._ec2.instances.find(instance_id)
        return instance is not None and instance.state == "running" and self._agents.find(instance_id) is not None

    def _matches(self, instance: str, target: dict[str, Any]) -> bool:
        key, values = str(target.get("Key", "")), [str(value) for value in target.get("Values") or ()]
        if key.lower() == "instanceids":
            return instance in values or values == ["*"]
        tags = self._ec2.instances.tags(instance)
        if key.startswith("tag:"):
            return tags.get(key[4:]) in values
        if key == "tag-key":
            return any(value in tags for value in values)
        raise AwsError("InvalidTarget", f"The target key {key!r} is not valid for this operation.")

    def cancel(self, members: Members) -> Members:
        """CancelCommand; what has ended stays as it is, as nobody guarantees a cancel."""
        command = self._known(members["CommandId"])
        wanted = members.get("InstanceIds") or command.targets
        for instance in wanted:
            if instance not in command.targets:
                raise AwsError("InvalidInstanceId", f"The command was not sent to the instance {instance}.")
        if any(invocation.open for invocation in self._commands.invocations(command.id)):
            command.cancelled = True
            self._commands.save(command)
        for instance in wanted:
            self._runner.cancel(command.id, instance)
        self._runner.wake()
        return {}

    def _known(self, command_id: str) -> Command:
        command = self._commands.command(command_id)
        if command is None:
            raise AwsError("InvalidCommandId", "The specified command ID isn't valid. Verify the ID and try again.")
        return command

    def list(self, members: Members) -> Members:
        """ListCommands."""
        rows = self._commands.commands()
        if wanted := members.get("CommandId"):
            rows = [self._known(wanted)]
        if instance := members.get("InstanceId"):
            rows = [command for command in rows if instance in command.targets]
        shown = [self._described(command) for command in rows]
        shown = [row for row in shown if _passes(row, members.get("Filters") or ())]
        return _page(members, "Commands", shown)

    def list_invocations(self, members: Members) -> Members:
        """ListCommandInvocations."""
        now = time.time()
        rows = self._commands.invocations(members.get("CommandId", ""), members.get("InstanceId", ""))
        rows = [invocation for invocation in rows if now - invocation.created >= UNSEEN_SECONDS]
        found = {invocation.command: self._commands.command(invocation.command) for invocation in rows}
        shown = [
            _invocation(command, invocation, bool(members.get("Details")))
            for invocation in rows
            if (command := found[invocation.command]) is not None
        ]
        shown = [row for row in shown if _passes(row, members.get("Filters") or ())]
        return _page(members, "CommandInvocations", shown)

    def get(self, members: Members) -> Members:
        """GetCommandInvocation."""
        invocation = self._commands.invocation(members["CommandId"], members["InstanceId"])
        command = self._commands.command(members["CommandId"])
        if members.get("PluginName") not in (None, _PLUGIN):
            raise AwsError("InvalidPluginName", "The plugin name isn't valid.")
        if invocation is None or command is None or time.time() - invocation.created < UNSEEN_SECONDS:
            raise AwsError("InvocationDoesNotExist", "")
        return {
            "CommandId": invocation.command,
            "InstanceId": invocation.instance,
            "Comment": command.request.get("Comment", ""),
            "DocumentName": RUN_SHELL_SCRIPT,
            "DocumentVersion": command.request.get("DocumentVersion", "$DEFAULT"),
            "PluginName": _PLUGIN,
            "ResponseCode": invocation.code,
            "ExecutionStartDateTime": _iso(invocation.started),
            "ExecutionElapsedTime": _elapsed(invocation),
            "ExecutionEndDateTime": _iso(invocation.ended),
            "Status": "InProgress" if invocation.status == "Delayed" else invocation.status,
            "StatusDetails": invocation.details,
            "StandardOutputContent": invocation.stdout if not invocation.open else "",
            "StandardErrorContent": invocation.stderr if not invocation.open else "",
            "StandardOutputUrl": invocation.stdout_url,
            "StandardErrorUrl": invocation.stderr_url,
            "CloudWatchOutputConfig": _cloudwatch(command),
        }

    def _described(self, command: Command) -> Members:
        """A command as SendCommand and ListCommands answer it."""
        rows = self._commands.invocations(command.id)
        ended = [invocation for invocation in rows if not invocation.open]
        errors = [
            invocation
            for invocation in ended
            if invocation.status == "Failed" or invocation.details == "ExecutionTimedOut"
        ]
        undelivered = [invocation for invocation in ended if invocation.details == "DeliveryTimedOut"]
        status, details = _command_status(command, rows)
        request = command.request
        return {
            "CommandId": command.id,
            "DocumentName": RUN_SHELL_SCRIPT,
            "DocumentVersion": request.get("DocumentVersion", "$DEFAULT"),
            "Comment": request.get("Comment", ""),
            "ExpiresAfter": _time(command.created + command.delivery_seconds + command.execution_seconds),
            "Parameters": request["Parameters"],
            "InstanceIds": request.get("InstanceIds") or [],
            "Targets": request.get("Targets") or [],
            "RequestedDateTime": _time(command.created),
            "Status": status,
            "StatusDetails": details,
            "OutputS3Region": REGION if request.get("OutputS3BucketName") else "",
            "OutputS3BucketName": request.get("OutputS3BucketName", ""),
            "OutputS3KeyPrefix": request.get("OutputS3KeyPrefix", ""),
            "MaxConcurrency": request.get("MaxConcurrency", "50"),
            "MaxErrors": request.get("MaxErrors", "0"),
            "TargetCount": len(rows),
            "CompletedCount": len(ended),
            "ErrorCount": len(errors),
            "DeliveryTimedOutCount": len(undelivered),
            "ServiceRole": request.get("ServiceRoleArn", ""),
            "NotificationConfig": {"NotificationArn": "", "NotificationEvents": []},
            "CloudWatchOutputConfig": _cloudwatch(command),
            "TimeoutSeconds": command.delivery_seconds,
        }


def _command_status(command: Command, rows: list[Invocation]) -> tuple[str, str]:
    """Status and details of a whole command, from its invocations."""
    if not rows:
        return "Success", "NoInstancesInTag"
    if any(invocation.open for invocation in rows):
        if command.cancelled:
            return "Cancelling", "Cancelling"
        waiting = all(invocation.status == "Pending" for invocation in rows)
        return ("Pending", "Pending") if waiting else ("InProgress", "InProgress")
    details = {invocation.details for invocation in rows}
    for status, wanted in (("Cancelled", "Cancelled"), ("Failed", "Failed"), ("TimedOut", "ExecutionTimedOut")):
        if wanted in details:
            return status, wanted
    return ("TimedOut", "DeliveryTimedOut") if "DeliveryTimedOut" in details else ("Success", "Success")


def _invocation(command: Command, invocation: Invocation, details: bool) -> Members:
    request = command.request
    answer: Members = {
        "CommandId": invocation.command,
        "InstanceId": invocation.instance,
        "InstanceName": invocation.instance_name,
        "Comment": request.get("Comment", ""),
        "DocumentName": RUN_SHELL_SCRIPT,
        "DocumentVersion": request.get("DocumentVersion", "$DEFAULT"),
        "RequestedDateTime": _time(invocation.created),
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputUrl": invocation.stdout_url,
        "StandardErrorUrl": invocation.stderr_url,
        "ServiceRole": request.get("ServiceRoleArn", ""),
        "NotificationConfig": {"NotificationArn": "", "NotificationEvents": []},
        "CloudWatchOutputConfig": _cloudwatch(command),
        "CommandPlugins": [],
    }
    if details:
        bucket = request.get("OutputS3BucketName", "")
        # The folder of the plugin's output, as AWS answers it after the end.
        prefix = output_key(command, invocation.instance, "").rpartition("/0.")[0] if bucket else ""
        answer["CommandPlugins"] = [
            {
                "Name": _PLUGIN,
                "Status": "InProgress" if invocation.status == "Cancelling" else invocation.status,
                "StatusDetails": invocation.details,
                "ResponseCode": invocation.code,
                "ResponseStartDateTime": _time(invocation.started),
                "ResponseFinishDateTime": _time(invocation.ended),
                "Output": invocation.output if not invocation.open else "",
                "StandardOutputUrl": invocation.stdout_url,
                "StandardErrorUrl": invocation.stderr_url,
                "OutputS3Region": REGION,
                "OutputS3BucketName": bucket,
                "OutputS3KeyPrefix": prefix,
            }
        ]
    return answer


def _passes(shown: Members, filters: Any) -> bool:
    for condition in filters:
        key, value = condition["key"], condition["value"]
        if key in ("InvokedAfter", "InvokedBefore"):
            try:
                at = datetime.fromisoformat(value)
            except ValueError as exc:
                raise AwsError("InvalidFilterValue", f"{value!r} is not a time.") from exc
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            after = shown["RequestedDateTime"] > at
            good = after if key == "InvokedAfter" else not after
        elif key == "Status":
            good = value in (shown["Status"], shown["StatusDetails"])
        elif key == "DocumentName":
            good = shown["DocumentName"] == value
        elif key == "ExecutionStage":
            good = (shown["Status"] in ("Pending", "InProgress", "Cancelling")) == (value == "Executing")
        else:
            raise AwsError("InvalidFilterKey", f"The filter {key!r} isn't valid.")
        if not good:
            return False
    return True


def _page(members: Members, member: str, rows: list[Members]) -> Members:
    bad = AwsError("InvalidNextToken", "The specified token isn't valid.")
    return page({"MaxResults": _PAGE, **members}, member, rows, lambda row: row, bad)


def _cloudwatch(command: Command) -> Members:
    given = command.request.get("CloudWatchOutputConfig") or {}
    enabled = bool(given.get("CloudWatchOutputEnabled"))
    return {"CloudWatchLogGroupName": given.get("CloudWatchLogGroupName", ""), "CloudWatchOutputEnabled": enabled}


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _iso(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(seconds * 1000) % 1000:03d}Z"


def _elapsed(invocation: Invocation) -> str:
    """ISO 8601's PT…; empty before the start."""
    if invocation.started is None:
        return ""
    seconds = max(0.0, (invocation.ended or time.time()) - invocation.started)
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = (f"{hours:.0f}H" if hours else "") + (f"{minutes:.0f}M" if minutes else "")
    return f"PT{text}{rest:.3f}S"
