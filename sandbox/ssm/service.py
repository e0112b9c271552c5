"""Systems Manager: agents and commands of the sandbox's instances, and the public parameters that name images.

Parameters of one's own and everything else are moto's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.context import SandboxContext
from sandbox.ec2.records import Instance
from sandbox.ec2.service import Ec2Service
from sandbox.moto_host.calls import Calls
from sandbox.service import Operation, Service
from sandbox.ssm import documents
from sandbox.ssm.agents import AGENT_VERSION, Agent, Agents
from sandbox.ssm.calls import CommandCalls
from sandbox.ssm.live import LiveLogs
from sandbox.ssm.parameters import Parameters
from sandbox.ssm.records import Commands
from sandbox.ssm.run import Runner
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller
from sandbox.wire.paging import page

Members = dict[str, Any]


class SsmService(Service):
    """Run Command, managed instances and public parameters."""

    name = "ssm"
    undone = {
        "DescribeDocument": {"VersionName": ()},
        "GetDocument": {"VersionName": ()},
        "GetParametersByPath": {"ParameterFilters": ([],)},
        "SendCommand": {"AlarmConfiguration": (), "DocumentHash": (), "DocumentHashType": ()},
    }

    agents: Agents
    runner: Runner

    def __init__(self, ec2: Ec2Service) -> None:
        super().__init__()
        self._ec2 = ec2

    def start(self, ctx: SandboxContext) -> None:
        """Open the records; what ran when the sandbox was killed has failed."""
        commands = Commands(ctx.state.db)
        commands.recover()
        self.agents = Agents(ctx, ctx.state.db, self._ec2)
        self._live = LiveLogs(ctx)
        self.runner = Runner(ctx, commands, self.agents, self._ec2, self._live)
        everything = CommandCalls(ctx, commands, self.agents, self._ec2, self.runner).operations
        everything |= Parameters(ctx.part(Calls).moto).operations
        everything |= {
            "DescribeInstanceInformation": self._information,
            "GetConnectionStatus": self._connection,
            "DescribeDocument": self._describe_document,
            "GetDocument": self._get_document,
        }
        self.operations |= {name: _without_caller(answer) for name, answer in everything.items()}

    def stop(self) -> None:
        """End the threads."""
        self.runner.close()
        self.agents.close()
        self._live.close()

    def busy(self) -> bool:
        """True while a command runs or its output is on its way."""
        return self.runner.busy() or self._live.busy()

    def _information(self, members: Members) -> Members:
        rows = []
        for agent in self.agents.all():
            instance = self._ec2.instances.find(agent.instance)
            if instance is not None and instance.state != "terminated":
                rows.append(_described(agent, instance, self._ec2.instances.tags(instance.id)))
        for condition in members.get("Filters") or ():
            rows = [row for row in rows if _passes(row, condition["Key"], condition["Values"])]
        for condition in members.get("InstanceInformationFilterList") or ():
            rows = [row for row in rows if _passes(row, condition["key"], condition["valueSet"])]
        for row in rows:
            row.pop("_tags")
        bad = AwsError("InvalidNextToken", "The specified token isn't valid.")
        return page({"MaxResults": 10, **members}, "InstanceInformationList", rows, lambda row: row, bad)

    def _connection(self, members: Members) -> Members:
        target = members["Target"]
        word = "connected" if self.agents.online(target) else "notconnected"
        return {"Target": target, "Status": word}

    def _describe_document(self, members: Members) -> Members:
        documents.check_document(members["Name"])
        return {"Document": documents.described()}

    def _get_document(self, members: Members) -> Members:
        documents.check_document(members["Name"])
        return {
            "Name": documents.RUN_SHELL_SCRIPT,
            "DocumentVersion": "1",
            "Status": "Active",
            "Content": documents.content(),
            "DocumentType": "Command",
            "DocumentFormat": "JSON",
        }


def _described(agent: Agent, instance: Instance, tags: dict[str, str]) -> Members:
    system = str(instance.image_facts.get("RootDeviceName"))
    ubuntu = system == "/dev/sda1"
    return {
        "InstanceId": instance.id,
        "PingStatus": "Online" if agent.online else "ConnectionLost",
        "LastPingDateTime": datetime.fromtimestamp(agent.pinged, UTC),
        "AgentVersion": AGENT_VERSION,
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Ubuntu" if ubuntu else "Amazon Linux",
        "PlatformVersion": "24.04" if ubuntu else "2023",
        "ResourceType": "EC2Instance",
        "IPAddress": instance.private_ip,
        "ComputerName": instance.private_dns,
        "SourceId": instance.id,
        "SourceType": "AWS::EC2::Instance",
        "_tags": tags,
    }


def _passes(row: Members, key: str, values: list[str]) -> bool:
    if key.startswith("tag:"):
        return row["_tags"].get(key[4:]) in values
    names = {"InstanceIds": "InstanceId", "PlatformTypes": "PlatformType"}
    member = names.get(key, key)
    if member not in row or member.startswith("_"):
        raise AwsError("InvalidInstanceInformationFilterValue", f"The filter {key!r} isn't valid.")
    return str(row[member]) in values


def _without_caller(answer: Callable[[Members], Members]) -> Operation:
    def run(members: Members, _caller: Caller) -> Members:
        return answer(members)

    return run
