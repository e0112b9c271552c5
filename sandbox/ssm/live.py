"""Live output: what commands print goes to CloudWatch Logs while they run, if the instance's role may write there.

As the agent does: a stream for each of standard output and error, several lines in one event, a fixed pace. What is
not sent when a command ends follows after it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from sandbox.context import SandboxContext
from sandbox.core.account import REGION
from sandbox.core.diagnostics import tell_exception
from sandbox.logs.names import log_stream_arn
from sandbox.logs.store import Logs
from sandbox.ssm.output import Spool
from sandbox.ssm.records import Command

# The agent sends four events once a second; an event every quarter is the same pace and reaches a window sooner.
TICK_SECONDS = 0.25
DEFAULT_GROUP = "/aws/ssm/AWS-RunShellScript"
STREAMS = ("stdout", "stderr")


@dataclass
class _Stream:
    group: str
    name: str
    spool: Spool
    final: bool = False


class LiveLogs:
    """One thread that sends what all running commands have printed."""

    def __init__(self, ctx: SandboxContext) -> None:
        self._ctx = ctx
        self._logs = ctx.part(Logs)
        self._lock = threading.Lock()
        self._streams: dict[tuple[str, str], list[_Stream]] = {}
        self._wake = threading.Event()
        self._closed = False
        threading.Thread(target=self._run, name="ssm live output", daemon=True).start()

    def follow(self, command: Command, instance: str, role: str, spools: tuple[Spool, Spool]) -> None:
        """Send a command's output from now on, if it was asked for and the role may write it."""
        wanted = command.request.get("CloudWatchOutputConfig") or {}
        if not wanted.get("CloudWatchOutputEnabled"):
            return
        group = wanted.get("CloudWatchLogGroupName") or DEFAULT_GROUP
        streams = []
        for spool, stream in zip(spools, STREAMS, strict=True):
            name = f"{command.id}/{instance}/aws-runShellScript/{stream}"
            if role and self._may_write(role, group, name):
                streams.append(_Stream(group, name, spool))
        if streams:
            with self._lock:
                self._streams[command.id, instance] = streams
            self._wake.set()

    def finish(self, command: str, instance: str) -> None:
        """The command has ended; the rest goes out at the usual pace."""
        with self._lock:
            for stream in self._streams.get((command, instance), ()):
                stream.final = True
        self._wake.set()

    def busy(self) -> bool:
        """True while something is still to be sent."""
        return bool(self._streams)

    def close(self) -> None:
        """Send what is left of ended commands, and end."""
        self._closed = True
        self._wake.set()

    def _may_write(self, role: str, group: str, stream: str) -> bool:
        actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
        if all(row["name"] != group for row in self._logs.db.query("SELECT name FROM log_groups")):
            actions.append("logs:CreateLogGroup")
        return all(
            self._ctx.access.allows_role(role, action, log_stream_arn(group, stream, REGION)) for action in actions
        )

    def _run(self) -> None:
        while not self._closed:
            with self._lock:
                everything = {key: list(streams) for key, streams in self._streams.items()}
            for key, streams in everything.items():
                done = [stream for stream in streams if self._send(stream)]
                if len(done) == len(streams):
                    with self._lock:
                        self._streams.pop(key, None)
            if everything:
                time.sleep(TICK_SECONDS)
            else:
                self._wake.wait()
                self._wake.clear()

    def _send(self, stream: _Stream) -> bool:
        """Send one event; True when all has been sent and no more comes."""
        final = stream.final
        try:
            text = stream.spool.next_event(final=final)
            if text is not None:
                self._logs.put(stream.group, stream.name, [(int(time.time() * 1000), text)])
        except Exception as exc:  # One full disk must not end the output of all
            tell_exception(exc)
            return final
        return final and text is None
