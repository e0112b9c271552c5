"""The life of instances: pending → running → stopping → stopped → running … → shutting-down → terminated.

Whatever shuts an instance down comes through here: a call, a command in the instance itself, the death of its
processes. The words of the reasons are EC2's ("EC2 User Guide, Troubleshoot instance termination issues").
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.context import SandboxContext
from sandbox.core.diagnostics import tell_exception
from sandbox.core.os_words import plain_words
from sandbox.core.processes import StartFailed
from sandbox.ec2.disk import Disk
from sandbox.ec2.environment import environment_of
from sandbox.ec2.images import ours
from sandbox.ec2.machine import Machine
from sandbox.ec2.metadata import Metadata
from sandbox.ec2.records import Instance, Instances
from sandbox.ec2.userdata import script_of

BY_USER = ("Client.UserInitiatedShutdown", "User initiated shutdown")
BY_INSTANCE = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
BY_SANDBOX = ("Server.InternalError", "The sandbox stopped while the instance was running")
_NEVER_STARTED = ("Server.InternalError", "Internal error on launch")
_SHORT = {BY_USER: "User initiated", BY_INSTANCE: "Instance initiated", BY_SANDBOX: "The sandbox stopped"}
# Long enough that whoever polls sees "pending"; AWS takes many seconds.
_LEAST_BOOT_SECONDS = 0.3
# What a program gets from SIGTERM to SIGKILL at an orderly stop; EC2 gives minutes, which nobody would wait for here.
_STOP_SECONDS = 10.0
# Longer than a stop: steps of instances that still go at the end of the sandbox have ended by then.
_CLOSE_SECONDS = 20.0

Reason = tuple[str, str]


class Fleet:
    """All instances that run. ``on_up`` and ``on_down`` (instance id) are told in threads of the instances."""

    def __init__(self, ctx: SandboxContext, instances: Instances) -> None:
        self.instances = instances
        self.on_up: list[Callable[[str], None]] = []
        self.on_down: list[Callable[[str], None]] = []
        self.metadata = Metadata(ctx, instances)
        self._ctx = ctx
        self._folder = ctx.state.path / "instances"
        self._lock = threading.RLock()
        self._machines: dict[str, Machine] = {}
        self._timers: dict[str, tuple[float, threading.Timer]] = {}
        self._threads: set[threading.Thread] = set()
        self._closing = False

    def recover(self) -> None:
        """What a former sandbox left running is stopped, and says so; what it was terminating is terminated."""
        for instance in self.instances.all():
            if instance.state in ("pending", "running", "stopping"):
                self._settle(
                    instance.id, {instance.state}, "stopped", BY_SANDBOX if instance.state != "stopping" else None
                )
            elif instance.state == "shutting-down":
                self._settle(instance.id, {instance.state}, "terminated", None)

    def machine(self, instance_id: str) -> Machine | None:
        """The running instance; None when it is not running."""
        with self._lock:
            return self._machines.get(instance_id)

    def machines(self) -> list[Machine]:
        """All running instances."""
        with self._lock:
            return list(self._machines.values())

    def busy(self) -> bool:
        """True while a program runs in an instance or one is about to shut itself down."""
        return bool(self._timers) or any(machine.busy() for machine in self.machines())

    def boot(self, instance_id: str) -> None:
        """Start an instance that is pending, in a thread."""
        self._do(self._boot, instance_id)

    def _do(self, step: Callable[..., None], instance_id: str, *arguments: object) -> None:
        """One step in the life of an instance, in a thread that ``close`` waits for."""

        def run() -> None:
            try:
                step(instance_id, *arguments)
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=f"{step.__name__} {instance_id}", daemon=True)
        with self._lock:
            if not self._closing:
                self._threads.add(thread)
                thread.start()

    def disk(self, instance: Instance) -> Disk:
        """The instance's disk."""
        image = ours().get(instance.image)
        return Disk(self._folder / instance.id, image is not None and image.pytorch)

    def _boot(self, instance_id: str, state: str = "pending") -> None:
        began = time.monotonic()
        instance = self.instances.get(instance_id)
        machine = Machine(self._ctx, instance_id, self.disk(instance), lambda order: self._power(instance_id, order))
        try:
            env = environment_of(self._ctx, instance, machine.disk, self.metadata.open(instance))
            machine.boot(env, lambda: self._fell(instance_id, machine))
        except (OSError, StartFailed) as exc:
            tell_exception(exc)
            code, text = _NEVER_STARTED
            self._settle(instance_id, {state}, "stopped", (code, f"{text}: {plain_words(exc)}"))
            return
        time.sleep(max(0.0, _LEAST_BOOT_SECONDS - (time.monotonic() - began)))
        with self._lock:
            # After a slow restart it may have been stopped and started again, and run on another machine.
            alone = instance_id not in self._machines
            entered = alone and not self._closing and self._set(instance_id, {state}, "running")
            if entered:
                self._machines[instance_id] = machine
        if not entered:
            # Terminated while it booted, so its end did not see what the boot has made.
            machine.shut_down(0.0)
            if self.instances.get(instance_id).state == "terminated":
                self.metadata.close(instance_id)
                shutil.rmtree(machine.disk.base, ignore_errors=True)
            return
        if not machine.pid:
            # It fell before it was listed.
            self.stop(instance_id, BY_INSTANCE)
            return
        try:
            self._user_data(instance, machine)
        except OSError as exc:
            # A full disk costs the user data, as it would there; the agent answers all the same.
            tell_exception(exc)
        for told in self.on_up:
            told(instance_id)

    def _user_data(self, instance: Instance, machine: Machine) -> None:
        disk = machine.disk
        if disk.booted.exists():
            return
        disk.booted.parent.mkdir(parents=True, exist_ok=True)
        disk.booted.write_text(datetime.now(UTC).isoformat())
        script, notice = script_of(instance.user_data)
        log = disk.boot_log.open("ab", buffering=0)
        log.write(notice.encode())
        if not script:
            log.close()
            return
        path = disk.booted.parent / "user-data.sh"
        path.write_text(disk.local(script, self.metadata.url(instance.id)), encoding="utf-8")
        path.chmod(0o700)

        def keep(data: bytes) -> None:
            log.write(data)

        # At the end of the boot, as cloud-init's "scripts-user": the SSM agent does not wait for it.
        machine.run([str(path)], {}, disk.root, (keep, keep), lambda code: _end_of_user_data(log, code))

    def stop(self, instance_id: str, reason: Reason, *, terminate: bool = False, force: bool = False) -> None:
        """Shut an instance down; returns at once. What is not running is left, or terminated, as it is."""
        target = "terminated" if terminate else "stopped"
        passing = "shutting-down" if terminate else "stopping"
        with self._lock:
            before = {"pending", "running", "stopping", "stopped"} if terminate else {"running"}
            if self._closing or not self._set(instance_id, before, passing, reason):
                return
            machine = self._machines.get(instance_id)
            self._unschedule(instance_id)
        self._do(self._shut_down, instance_id, machine, target, force)

    def _shut_down(self, instance_id: str, machine: Machine | None, target: str, force: bool) -> None:
        if machine is not None:
            machine.shut_down(0.0 if force else _STOP_SECONDS)
        with self._lock:
            if self._machines.get(instance_id) is machine:
                self._machines.pop(instance_id, None)
        # If the instance was terminated while it was being stopped, the termination sets the last state.
        self._settle(instance_id, {"shutting-down" if target == "terminated" else "stopping"}, target, None)

    def reboot(self, instance_id: str) -> None:
        """Shut an instance down and start it again; it is "running" all the while."""
        with self._lock:
            machine = self._machines.get(instance_id)
            self._unschedule(instance_id)
        if machine is not None and not machine.asked_down:
            machine.asked_down = True
            self._do(self._reboot, instance_id, machine)

    def _reboot(self, instance_id: str, machine: Machine) -> None:
        machine.shut_down()
        with self._lock:
            if self._machines.get(instance_id) is machine:
                self._machines.pop(instance_id)
        for told in self.on_down:
            told(instance_id)
        if self.instances.get(instance_id).state == "running":
            self._boot(instance_id, "running")

    def _fell(self, instance_id: str, machine: Machine) -> None:
        """All processes of an instance are gone. If it is still listed, nobody had asked for that."""
        with self._lock:
            known = self._machines.get(instance_id) is machine
        if known and not machine.asked_down and not self._closing:
            self.stop(instance_id, BY_INSTANCE)

    def _power(self, instance_id: str, order: dict[str, Any]) -> None:
        """A program in the instance asks for a shutdown, a restart, or not to shut down after all."""
        action, seconds = str(order.get("action")), float(order.get("seconds", 0.0))
        with self._lock:
            self._unschedule(instance_id)
            if action not in ("stop", "reboot") or self._closing:
                return
            timer = threading.Timer(seconds, self._act, (instance_id, action))
            timer.daemon = True
            self._timers[instance_id] = (time.time() + seconds, timer)
            timer.start()

    def _act(self, instance_id: str, action: str) -> None:
        with self._lock:
            if self._closing:
                return
            self._timers.pop(instance_id, None)
            if action == "reboot":
                self.reboot(instance_id)
                return
            instance = self.instances.get(instance_id)
            self.stop(instance_id, BY_INSTANCE, terminate=instance.shutdown_behavior == "terminate")

    def _unschedule(self, instance_id: str) -> None:
        scheduled = self._timers.pop(instance_id, None)
        if scheduled is not None:
            scheduled[1].cancel()

    def _set(self, instance_id: str, before: set[str], state: str, reason: Reason | None = None) -> bool:
        """Change the state if it is one of ``before``."""
        done = False

        def change(instance: Instance) -> None:
            nonlocal done
            if instance.state in before:
                done = True
                _enter(instance, state, reason)

        self.instances.change(instance_id, change)
        return done

    def _settle(self, instance_id: str, before: set[str], state: str, reason: Reason | None) -> None:
        """An instance has no processes any more, and is in one of the states ``before``."""
        if not self._set(instance_id, before, state, reason):
            return
        self.metadata.close(instance_id)
        for told in self.on_down:
            told(instance_id)
        if state == "terminated":
            shutil.rmtree(self._folder / instance_id, ignore_errors=True)

    def close(self) -> None:
        """The sandbox ends: nothing runs any more, and every instance that ran says why it does not."""
        with self._lock:
            self._closing = True
            machines = dict(self._machines)
            for instance_id in list(self._timers):
                self._unschedule(instance_id)
        for machine in machines.values():
            machine.shut_down(0.0)
        with self._lock:
            threads = set(self._threads)
        for thread in threads:
            thread.join(_CLOSE_SECONDS)
        self.recover()
        self.metadata.stop()


def _enter(instance: Instance, state: str, reason: Reason | None) -> None:
    now = time.time()
    instance.state = state
    if state == "running":
        instance.reason, instance.state_reason = "", {}
        instance.started = now
    if state in ("stopped", "terminated"):
        instance.public_ip = ""
    if state == "terminated":
        instance.ended = now
        instance.volumes = [volume for volume in instance.volumes if not volume["DeleteOnTermination"]]
    if reason is not None:
        code, text = reason
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S GMT")
        instance.reason = f"{_SHORT.get(reason, text)} ({stamp})"
        instance.state_reason = {"Code": code, "Message": f"{code}: {text}"}


def _end_of_user_data(log: Any, code: int) -> None:
    if code:
        log.write(f"Failed to run module scripts-user: the script ended with {code}\n".encode())
    log.close()
