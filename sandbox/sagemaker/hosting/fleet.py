"""The instances behind one endpoint: made from models, shared by requests, grown and shrunk."""

from __future__ import annotations

import itertools
import os
import random
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.containers.archive import ArchiveError
from sandbox.containers.opt_ml import HostFolder
from sandbox.containers.process import Command, Spawned
from sandbox.containers.python import JobPython, host_program
from sandbox.core.numbers import whole
from sandbox.core.os_words import plain_words
from sandbox.logs.pump import LogStreams
from sandbox.roles.keys import RoleKeys
from sandbox.sagemaker.hosting.container import container_environment, container_of, model_place, prepare_model
from sandbox.sagemaker.hosting.instance import Instance, InstanceTools
from sandbox.sagemaker.hosting.link import HostListener
from sandbox.sagemaker.inputs import ObjectStore
from sandbox.wire.errors import AwsError

LOG_GROUP = "/aws/sagemaker/Endpoints"
# PyTorch on a slow, busy disk takes minutes to start.
STARTUP_SECONDS = 300.0
# Requests that are on their way to instances that go get this long.
DRAIN_SECONDS = 60.0
_MOST_THREADS = 2
# DescribeEndpoint's FailureReason has at most so many characters.
_MAX_REASON = 1024
QUEUE_SIZE = 100
# How the container's own server (TorchServe) is told another size.
QUEUE_VARIABLE = "TS_JOB_QUEUE_SIZE"


class FleetError(Exception):
    """The endpoint cannot serve; the text is its FailureReason: AWS's words, and ``why`` the cause alone."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text} {why[:1].upper()}{why[1:]}"[:_MAX_REASON])
        self.why = why


class ModelUnusable(FleetError):
    """The model's data cannot be had or unpacked."""


@dataclass(frozen=True)
class FleetTools:
    """What a fleet needs of the sandbox. ``keys`` makes a role's keys in a folder, ``s3``
    and ``logs`` are a role's."""

    listener: HostListener
    logs: Callable[[str], LogStreams]
    s3: Callable[[str], ObjectStore]
    cache: Path
    spawn: Callable[[str, Command], Spawned]
    keys: Callable[[str, Path], RoleKeys]
    # A short name for the folder that is a host's /tmp, empty where the system makes it that; and its end.
    tmp_name: Callable[[Path], str] = lambda folder: ""
    forget_tmp: Callable[[str], None] = lambda name: None


@dataclass
class Variant:
    """A production variant: its model and its instances."""

    name: str
    model: Mapping[str, Any]
    count: int
    weight: float
    startup_seconds: float = STARTUP_SECONDS
    # Empty for a serverless variant, which no quota of instances counts.
    instance_type: str = ""
    # RANDOM or LEAST_OUTSTANDING_REQUESTS, as RoutingConfig asks; without it the least busy one answers.
    routing: str = ""
    instances: list[Instance] = field(default_factory=list)
    turn: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def queue(self) -> int:
        """How many requests an instance keeps waiting beside the one that it answers."""
        given = container_of(self.model).get("Environment", {}).get(QUEUE_VARIABLE, "")
        return whole(given) or QUEUE_SIZE

    def ready(self) -> int:
        """How many of its instances can answer."""
        return sum(instance.state == "ready" for instance in self.instances)

    def to_record(self) -> dict[str, Any]:
        """What is needed to make the variant again after a restart, even if its model's record is deleted."""
        return {
            "name": self.name,
            "model": dict(self.model),
            "count": self.count,
            "weight": self.weight,
            "startup_seconds": self.startup_seconds,
            "instance_type": self.instance_type,
            "routing": self.routing,
        }


class Fleet:
    """All variants of one deployment of an endpoint (or of a transform job), in ``folder``.

    ``log_group``: where the instances' output goes, by default the endpoint's group; ``stamp`` ends the streams' names.
    """

    def __init__(
        self,
        endpoint: str,
        folder: Path,
        variants: list[Variant],
        tools: FleetTools,
        log_group: str = "",
        stamp: str = "",
    ) -> None:
        self.endpoint = endpoint
        self._log_group, self._stamp = log_group or f"{LOG_GROUP}/{endpoint}", stamp
        self.variants = {variant.name: variant for variant in variants}
        self._folder = folder
        self._tools = tools
        self._condition = threading.Condition()
        self._size_lock = threading.Lock()
        self._closed = False
        # Of each variant, from its first instance on.
        self._keys: dict[str, RoleKeys] = {}
        self._tmp_names: dict[str, str] = {}

    @property
    def closed(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._closed

    def folder_of(self, variant: Variant) -> Path:
        """Where the variant's instances have their model."""
        return self._folder / variant.name

    def start(self) -> None:
        """Unpack the models and start the instances. Raises ``FleetError`` when a model cannot be used."""
        for variant in self.variants.values():
            try:
                store = self._tools.s3(variant.model["ExecutionRoleArn"])
                prepare_model(self._host(variant), variant.model, store)
            except ArchiveError as error:
                raise ModelUnusable(
                    f"Failed to extract {_archive(variant)} is a valid tar.gz archive.", str(error)
                ) from error
            except AwsError as error:
                text = (
                    f"Failed to download {_archive(variant)} exists and that the role passed to CreateModel has "
                    "permissions to download it."
                )
                raise ModelUnusable(text, f"{error.code}: {error.message}") from error
            except (OSError, ValueError) as error:
                text = f"The model of production variant {variant.name} cannot be used."
                raise ModelUnusable(text, plain_words(error)) from error
            JobPython(self._folder / variant.name / "python").create()
        self._tools.cache.mkdir(exist_ok=True)
        for variant in self.variants.values():
            self.resize(variant.name, variant.count)

    def wait_ready(self, cancelled: Callable[[], bool] = lambda: False) -> bool:
        """Wait until every instance answers; False when ``cancelled`` (call ``poke`` after it changes).

        Raises ``FleetError`` with the last lines of the log when a model does not load, or not in time.
        """
        limit = max(variant.startup_seconds for variant in self.variants.values())
        deadline = time.monotonic() + limit
        with self._condition:
            while not (self._closed or cancelled()):
                states = [(variant, instance) for variant in self.variants.values() for instance in variant.instances]
                for variant, instance in states:
                    if instance.failed_to_load:
                        raise _not_healthy(variant, instance.reason())
                if all(instance.state == "ready" for _variant, instance in states):
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    slow, _ = next(pair for pair in states if pair[1].state != "ready")
                    raise _not_healthy(slow, f"The model was not loaded after {limit:.0f} s.")
                self._condition.wait(left)
        return False

    def poke(self) -> None:
        """Have the waiting threads look again."""
        with self._condition:
            self._condition.notify_all()

    def pick(self, target: str | None, timeout: float) -> tuple[Variant, Instance] | None:
        """An instance that can answer, the least busy one in turn; waits up to ``timeout`` s for one.

        ``target`` names the variant, else the weights decide. None: no instance came up in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            variant = self.variants[target] if target else self._by_weight()
            instances = variant.instances
            first = next(variant.turn)
            order = [instances[(first + n) % len(instances)] for n in range(len(instances))] if instances else []
            ready = [instance for instance in order if instance.state == "ready"]
            if ready and variant.routing == "RANDOM":
                return variant, random.choice(ready)
            if ready:
                return variant, min(ready, key=lambda instance: instance.waiting)
            with self._condition:
                left = deadline - time.monotonic()
                if left <= 0 or self._closed:
                    return None
                # A bounded wait, for a state may have changed between the look and the wait.
                self._condition.wait(min(left, 0.2))

    def resize(self, name: str, count: int) -> None:
        """Start or end instances so that the variant has ``count`` of them."""
        variant = self.variants[name]
        variant.count = count
        while len(variant.instances) < count:
            # Under the lock, so that ``close`` sees every instance that was ever started.
            with self._size_lock:
                if self._closed:
                    return
                variant.instances = [*variant.instances, self._instance(variant)]
        gone, variant.instances = variant.instances[count:], variant.instances[:count]
        # They still answer the requests that they already have.
        _drain(gone, DRAIN_SECONDS, lambda: self._closed)
        for instance in gone:
            instance.close()

    def instances(self) -> list[Instance]:
        """All instances of all variants."""
        return [instance for variant in self.variants.values() for instance in variant.instances]

    def close(self) -> None:
        """End all processes and remove the files."""
        with self._size_lock, self._condition:
            self._closed = True
            self._condition.notify_all()
        threads = [threading.Thread(target=instance.close, daemon=True) for instance in self.instances()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for keys in self._keys.values():
            keys.close()
        for name in self._tmp_names.values():
            self._tools.forget_tmp(name)
        shutil.rmtree(self._folder, ignore_errors=True)

    def drain(self, timeout: float, cancelled: Callable[[], bool]) -> None:
        """Wait until no request is on its way any more, at most ``timeout`` seconds."""
        _drain(self.instances(), timeout, cancelled)

    def _by_weight(self) -> Variant:
        variants = list(self.variants.values())
        if len(variants) == 1:
            return variants[0]
        weights = [variant.weight if variant.count else 0.0 for variant in variants]
        return random.choices(variants, weights)[0] if any(weights) else variants[0]

    def _host(self, variant: Variant) -> HostFolder:
        base = self._folder / variant.name
        if variant.name not in self._tmp_names:
            self._tmp_names[variant.name] = self._tools.tmp_name(HostFolder(base).tmp)
        return HostFolder(base, self._tmp_names[variant.name])

    def _instance(self, variant: Variant) -> Instance:
        threads = max(1, min(_MOST_THREADS, (os.cpu_count() or 1) // max(1, variant.count)))
        host = self._host(variant)
        base = host.base
        if variant.name not in self._keys:
            self._keys[variant.name] = self._tools.keys(variant.model["ExecutionRoleArn"], base / "aws")
        environment = self._keys[variant.name].environment
        # Instances share the model's files; a /tmp of its own each of them has on AWS.
        tmp = base / f"tmp-{secrets.token_hex(4)}"
        tmp.mkdir()

        def command(address: str, token: str) -> Command:
            env = container_environment(host, variant.model, self._tools.cache, threads)
            env |= environment | {"SANDBOX_HOST_ADDRESS": address, "SANDBOX_HOST_TOKEN": token, "TMPDIR": str(tmp)}
            walls = JobPython(base / "python").walls(own=[base, self._tools.cache], tmp=tmp)
            warm = JobPython(base / "python").warm(self._tools.cache, Path(env["SAGEMAKER_SUBMIT_DIRECTORY"]))
            return Command(host_program("inference.py"), env, host.root, walls, warm)

        return Instance(
            InstanceTools(
                listener=self._tools.listener,
                logs=self._tools.logs(variant.model["ExecutionRoleArn"]),
                log_group=self._log_group,
                stamp=self._stamp,
                variant=variant.name,
                command=command,
                spawn=lambda stream, command: self._tools.spawn(f"{self.endpoint}/{stream}", command),
                changed=self.poke,
                public=host.public,
                queue=variant.queue,
                tmp=tmp,
            )
        )


def _drain(instances: Sequence[Instance], timeout: float, cancelled: Callable[[], bool]) -> None:
    deadline = time.monotonic() + timeout
    while any(instance.waiting for instance in instances) and time.monotonic() < deadline and not cancelled():
        time.sleep(0.02)


def _archive(variant: Variant) -> str:
    """The model's archive in AWS's words, and the beginning of what one is to make sure of."""
    found = model_place(container_of(variant.model))
    url = found[0] if found else ""
    return (
        f'model data archive for container "container_1" from URL "{url}". Please ensure that the object located at '
        "the URL"
    )


def _not_healthy(variant: Variant, reason: str) -> FleetError:
    text = (
        f"The primary container for production variant {variant.name} did not pass the ping health check. Please check "
        "CloudWatch logs for this endpoint. Last lines:"
    )
    return FleetError(text, reason)
