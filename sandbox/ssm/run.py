"""Delivers commands to agents and runs them: five at once an instance, with the two time limits, until they have ended.

What an agent sends elsewhere (S3, CloudWatch Logs) it sends with the role of its instance.
"""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path

from sandbox.context import SandboxContext
from sandbox.core.account import REGION, object_arn
from sandbox.core.diagnostics import tell_exception
from sandbox.core.os_words import plain_words
from sandbox.ec2.machine import Command as Running
from sandbox.ec2.machine import Machine
from sandbox.ec2.service import Ec2Service
from sandbox.s3.inside import S3
from sandbox.ssm.agents import Agents
from sandbox.ssm.live import LiveLogs
from sandbox.ssm.output import STDERR_CHARACTERS, STDOUT_CHARACTERS, Spool, plugin_output
from sandbox.ssm.records import Command, Commands, Invocation
from sandbox.wire.errors import AwsError

# The agent's own CommandWorkersLimit.
AT_ONCE = 5
# Just after it was sent, SSM does not know an invocation yet.
UNSEEN_SECONDS = 0.25
# The exit codes by which a script asks its agent for a restart, or to leave out what follows.
REBOOT, SUCCESS_AND_SKIP = 194, 168
# 128 + SIGKILL, as a shell tells it.
_KILLED = 137
# So that a script that always asks for a restart ends.
_MOST_RESTARTS = 15
# How late a time limit or a start may be: while something runs or may start, and while it waits for its instance.
_TICK_SECONDS = 0.1
_SLOW_TICK_SECONDS = 2.0
_INTERRUPTED = "The instance was stopped while the command was running."

Key = tuple[str, str]


class _Run:
    """A command that runs on an instance now."""

    def __init__(self, command: Command, machine: Machine, spools: tuple[Spool, Spool]) -> None:
        self.command, self.machine, self.spools = command, machine, spools
        self.deadline = time.monotonic() + command.execution_seconds
        self.running: Running | None = None
        self.cancelled = False
        self.timed_out = False


class Runner:
    """One thread that hands out commands and watches the limits; each command has threads of its own."""

    def __init__(
        self, ctx: SandboxContext, commands: Commands, agents: Agents, ec2: Ec2Service, live: LiveLogs
    ) -> None:
        self._ctx, self._commands, self._agents, self._ec2, self._live = ctx, commands, agents, ec2, live
        self._lock = threading.RLock()
        self._runs: dict[Key, _Run] = {}
        self._wake = threading.Event()
        self._closed = False
        agents.on_online.append(self._online)
        threading.Thread(target=self._loop, name="ssm run command", daemon=True).start()

    def close(self) -> None:
        """The sandbox ends; what still runs has failed."""
        self._closed = True
        self._wake.set()

    def wake(self) -> None:
        """A command was sent, or something ended."""
        self._wake.set()

    def busy(self) -> bool:
        """True while a command runs."""
        return bool(self._runs)

    def cancel(self, command: str, instance: str) -> None:
        """Take back what waits, kill what runs."""
        with self._lock:
            run = self._runs.get((command, instance))

            def change(it: Invocation) -> None:
                if it.status in ("Pending", "Delayed"):
                    it.finish("Cancelled", "Cancelled")
                elif it.status == "InProgress":
                    it.status, it.details = "Cancelling", "Cancelling"

            self._commands.change(command, instance, change)
            if run is not None:
                run.cancelled = True
        if run is not None and run.running is not None:
            run.machine.kill(run.running)

    def _loop(self) -> None:
        while not self._closed:
            waiting = self._commands.invocations(open_only=True)
            try:
                self._look_after(waiting)
            except Exception as exc:
                tell_exception(exc)
            # Commands that wait for an instance that is gone can only end.
            soon = bool(self._runs) or any(invocation.started is None for invocation in waiting)
            self._wake.wait((_TICK_SECONDS if soon else _SLOW_TICK_SECONDS) if waiting else None)
            self._wake.clear()

    def _look_after(self, waiting: list[Invocation]) -> None:
        now = time.time()
        for invocation in reversed(waiting):
            key = (invocation.command, invocation.instance)
            run = self._runs.get(key)
            if run is not None:
                if time.monotonic() > run.deadline and not run.timed_out and run.running is not None:
                    run.timed_out = True
                    run.machine.kill(run.running)
            elif invocation.started is not None:
                self._without_agent(invocation, now)
            elif now - invocation.created >= UNSEEN_SECONDS:
                self._deliver(invocation, now)

    def _without_agent(self, invocation: Invocation, now: float) -> None:
        """Its instance has gone: how it ended is not known until SSM stops expecting it."""
        command = self._commands.command(invocation.command)
        if command is None or now <= invocation.created + command.delivery_seconds + command.execution_seconds:
            return
        self._commands.change(
            invocation.command, invocation.instance, lambda it: it.finish("TimedOut", "DeliveryTimedOut")
        )

    def _deliver(self, invocation: Invocation, now: float) -> None:
        command = self._commands.command(invocation.command)
        if command is None:
            return
        if now > invocation.created + command.delivery_seconds:
            self._commands.change(
                invocation.command, invocation.instance, lambda it: it.finish("TimedOut", "DeliveryTimedOut")
            )
            return
        machine = self._ec2.fleet.machine(invocation.instance)
        with self._lock:
            used = sum(1 for _, instance in self._runs if instance == invocation.instance)
            if used >= AT_ONCE or machine is None or machine.going_down.is_set():
                return
            if not self._agents.receives(invocation.instance):
                return
            self._start(command, invocation, machine)

    def _start(self, command: Command, invocation: Invocation, machine: Machine) -> None:
        folder = machine.disk.orchestration(invocation.instance, command.id)
        metadata = self._ec2.fleet.metadata.url(invocation.instance)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            spools = (Spool(folder / "stdout", STDOUT_CHARACTERS), Spool(folder / "stderr", STDERR_CHARACTERS))
            script = _write_script(folder, machine, command.request["Parameters"]["commands"], metadata)
        except OSError as exc:
            reason = "no space left on device" if exc.errno == errno.ENOSPC else plain_words(exc)
            self._commands.change(invocation.command, invocation.instance, lambda it: _failed_to_start(it, reason))
            return
        run = self._runs[invocation.command, invocation.instance] = _Run(command, machine, spools)

        def begin(it: Invocation) -> None:
            it.status, it.details, it.started = "InProgress", "InProgress", it.started or time.time()

        self._commands.change(invocation.command, invocation.instance, begin)
        self._live.follow(command, invocation.instance, self._role(invocation.instance), spools)
        env = {
            "AWS_SSM_REGION_NAME": REGION,
            "AWS_SSM_INSTANCE_ID": invocation.instance,
            "SSM_COMMAND_ID": command.id,
        }
        cwd = machine.disk.home
        if wanted := command.request["Parameters"]["workingDirectory"][0]:
            cwd = Path(machine.disk.local(wanted))
        # As the agent does: sh runs the script's path, so that its first line may name another shell.
        argv = ["sh", "-c", '"$0"', str(script)]
        run.running = machine.run(
            argv,
            env,
            cwd,
            (spools[0].write, spools[1].write),
            lambda code: self._ended(command, invocation.instance, code),
        )
        if run.cancelled:
            machine.kill(run.running)

    def _role(self, instance_id: str) -> str:
        instance = self._ec2.instances.find(instance_id)
        return self._agents.role(instance) if instance is not None else ""

    def _ended(self, command: Command, instance: str, code: int) -> None:
        with self._lock:
            run = self._runs.get((command.id, instance))
        if run is None:
            return
        try:
            self._finish(run, instance, code)
        finally:
            with self._lock:
                self._runs.pop((command.id, instance), None)
            self._wake.set()

    def _finish(self, run: _Run, instance: str, code: int) -> None:
        stdout, stderr = run.spools
        gone = run.machine.going_down.is_set() and not run.cancelled and not run.timed_out
        if not gone and code not in (0, REBOOT, SUCCESS_AND_SKIP):
            words = f"signal: {_signal_word(-code)}" if code < 0 else f"exit status {code}"
            stderr.write(f"failed to run commands: {words}".encode())
        if stdout.lost or stderr.lost:
            stderr.write(
                f"\n[sandbox] {stdout.lost + stderr.lost} bytes of the output are lost: the disk was full.".encode()
            )
        for spool in run.spools:
            spool.close()
        self._live.finish(run.command.id, instance)
        if gone:
            # The agent went down with the instance, so SSM has not been told.
            self._commands.change(run.command.id, instance, lambda it: setattr(it, "interrupted", True))
            return
        urls = self._upload(run, instance)

        def change(it: Invocation) -> None:
            it.stdout, it.stderr = stdout.head, stderr.head
            it.output = plugin_output(stdout.head, stderr.head)
            it.stdout_url, it.stderr_url = urls
            if code == REBOOT and not run.cancelled and not run.timed_out and it.restarts < _MOST_RESTARTS:
                it.restarts += 1
                it.interrupted = True
                it.extra["again"] = True
            elif run.cancelled:
                it.finish("Cancelled", "Cancelled", _KILLED)
            elif run.timed_out:
                it.finish("TimedOut", "ExecutionTimedOut", _KILLED)
            elif code in (0, SUCCESS_AND_SKIP):
                it.finish("Success", "Success", code)
            else:
                it.finish("Failed", "Failed", 128 - code if code < 0 else code)

        changed = self._commands.change(run.command.id, instance, change)
        if changed is not None and changed.open:
            self._ec2.fleet.reboot(instance)

    def _online(self, instance: str) -> None:
        """An agent is back: a script that asked for the restart runs again, what was cut off has failed."""

        def change(it: Invocation) -> None:
            it.interrupted = False
            if it.extra.pop("again", False):
                it.started, it.status, it.details = None, "Pending", "Pending"
                return
            it.stderr = f"{it.stderr}\n{_INTERRUPTED}".strip()
            it.output = plugin_output(it.stdout, it.stderr)
            it.finish("Failed", "Failed", -1)

        for invocation in self._commands.invocations(instance=instance, open_only=True):
            if invocation.interrupted:
                self._commands.change(invocation.command, instance, change)
        self._wake.set()

    def _upload(self, run: _Run, instance: str) -> tuple[str, str]:
        """Store the output in S3 with the instance's role; what it may not do is left out, as on AWS."""
        bucket = run.command.request.get("OutputS3BucketName", "")
        if not bucket:
            return "", ""
        role = self._role(instance)
        s3 = self._ctx.part(S3)
        for spool, name in zip(run.spools, ("stdout", "stderr"), strict=True):
            key = output_key(run.command, instance, name)
            try:
                if spool.path.stat().st_size and role:
                    self._ctx.access.authorize_role(role, "s3:PutObject", object_arn(bucket, key))
                    s3.put_file(bucket, key, spool.path)
            except (AwsError, OSError):
                continue
        urls = [
            f"https://s3.{REGION}.amazonaws.com/{bucket}/{output_key(run.command, instance, name)}"
            for name in ("stdout", "stderr")
        ]
        return urls[0], urls[1]


def output_key(command: Command, instance: str, stream: str) -> str:
    """The key in S3 of a stream's whole output."""
    prefix = str(command.request.get("OutputS3KeyPrefix", "")).strip("/")
    start = f"{prefix}/" if prefix else ""
    return f"{start}{command.id}/{instance}/awsrunShellScript/0.awsrunShellScript/{stream}"


def _write_script(folder: Path, machine: Machine, lines: list[str], metadata_url: str) -> Path:
    script = folder / "_script.sh"
    script.write_text(machine.disk.local("\n".join(lines) + "\n", metadata_url), encoding="utf-8")
    script.chmod(0o700)
    return script


def _failed_to_start(it: Invocation, reason: str) -> None:
    it.started = time.time()
    it.stderr = it.output = f"failed to run commands: {reason}"
    it.finish("Failed", "Failed", 1)


def _signal_word(number: int) -> str:
    return {9: "killed", 15: "terminated", 11: "segmentation fault", 6: "aborted"}.get(number, str(number))
