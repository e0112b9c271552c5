"""The client factory: one session per backend, boto3 in its own bounded threads."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from workers.aws import models, profile_check, recording
from workers.aws.chosen import core_session
from workers.aws.meter import ReadMeter
from workers.aws.pool import PoolClosed, WorkerPool
from workers.aws.times import moment
from workers.deadlines import bound
from workers.errors.rules import is_local
from workers.errors.tree import Unreachable, translate_for
from workers.types import Backend, Identity

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

T = TypeVar("T")
AskCode = Callable[[str], str | None]

# As many connections as botocore's pool keeps for a client.
THREADS = 10
CONNECT_SECONDS = 5
READ_SECONDS = 30
# InvokeEndpoint may compute for 60 s (AWS's limit for real-time endpoints).
SLOW_READ_SECONDS = {"sagemaker-runtime": 70, "lambda": 905}
ATTEMPTS = 4
# A second attempt of an inference or a function call would run it twice.
FEW_ATTEMPTS = {"sagemaker-runtime": 2, "lambda": 1}
# These have few endpoints, and each tells of all regions.
REGION_OF = {"pricing": "us-east-1", "ce": "us-east-1"}
USER_AGENT = "sagedeck/0.1"


def client_config(backend: Backend, service: str) -> Any:
    """The ``botocore.config.Config`` of a client: bounded timeouts, standard retries.

    With an ``endpoint_url`` the bucket goes into the path: a custom host has no name for each bucket.
    """
    from botocore.config import Config

    settings: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": SLOW_READ_SECONDS.get(service, READ_SECONDS),
        "retries": {"mode": "standard", "total_max_attempts": FEW_ATTEMPTS.get(service, ATTEMPTS)},
        "max_pool_connections": THREADS,
        "user_agent_extra": USER_AGENT,
        "tcp_keepalive": True,
    }
    if backend.endpoint_url:
        settings["s3"] = {"addressing_style": "path"}
        if is_local(backend.endpoint_url):
            # A proxy from the environment must not come between the program and this computer.
            settings["proxies"] = {}
    return Config(**settings)


def boto_session(backend: Backend, ask_code: AskCode | None = None) -> Any:
    """A ``boto3.Session`` with the backend's profile or keys, see ``chosen.core_session``. Blocking."""
    import boto3

    core = core_session(backend, ask_code)
    # Long lists are mostly times.
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=moment)
    models.share(core)
    return boto3.Session(
        botocore_session=core,
        profile_name=backend.profile_name,
        region_name=backend.region or None,
        aws_access_key_id=backend.access_key_id,
        aws_secret_access_key=backend.secret_access_key,
    )


class AwsSession:
    """Calls to one account. Errors come out as ``workers.errors.tree``; boto3 is imported in a pool thread, once."""

    def __init__(self, backend: Backend, *, threads: int = THREADS) -> None:
        self.backend = backend
        self._pool = WorkerPool(threads, "aws")
        self._lock = threading.Lock()
        self._boto: Any = None
        self._clients: dict[str, Any] = {}
        self._identity: Identity | None = None
        # What the session's own requests cost on AWS.
        self.meter = ReadMeter()
        # Called in a thread of the session with every change that is sent outside of ``recording``.
        self.on_change: recording.Listener | None = None
        # Called in a thread of the session with a device's number; gives its code, or None when nobody entered one.
        self.ask_code: AskCode | None = None

    @property
    def region(self) -> str:
        """The region the calls go to."""
        return self.backend.region

    @overload
    def client(self, service: Literal["s3"]) -> S3Client: ...
    @overload
    def client(self, service: str) -> Any: ...
    def client(self, service: str) -> Any:
        """The cached boto3 client of ``service``. Blocking: call it inside ``run``."""
        client = self._clients.get(service)
        if client is not None:
            return client
        # Making clients is not thread-safe in boto3; using them is.
        with self._lock:
            if self._boto is None:
                self._boto = boto_session(self.backend, lambda serial: self.ask_code(serial) if self.ask_code else None)
            if service not in self._clients:
                made = self._boto.client(
                    service,
                    region_name=REGION_OF.get(service),
                    config=client_config(self.backend, service),
                )
                self.meter.watch(made)
                recording.watch(made, lambda: self.on_change)
                self._clients[service] = bound(made, service)
            return self._clients[service]

    async def run(
        self, doing: str, function: Callable[..., T], /, *args: object, service: str = "", **kwargs: object
    ) -> T:
        """Run a blocking function in the session's threads; ``doing`` completes "Could not …" in errors.

        Raises ``SageDeckError``.
        """
        try:
            return await self._pool.run(function, *args, **kwargs)
        except PoolClosed as exc:
            raise _disconnected(doing) from exc
        except Exception as exc:
            raise translate_for(self.backend, exc, doing, service) from exc

    async def call(self, service: str, operation: str, /, doing: str = "", **parameters: object) -> dict[str, Any]:
        """Call ``operation`` (boto3's snake_case name) of ``service`` and return the answer as a dict.

        ``doing`` completes "Could not …"; without it the operation's own name is used. Raises ``SageDeckError``.
        """

        def make_call() -> dict[str, object]:
            return getattr(self.client(service), operation)(**parameters)

        return await self.run(doing or spoken(operation), make_call, service=service)

    async def paginate(
        self, service: str, operation: str, key: str, /, doing: str = "", **parameters: Any
    ) -> AsyncIterator[Any]:
        """Yield the items under ``key`` of every page; the next page is fetched when it is needed.

        Raises ``SageDeckError``.
        """
        doing = doing or spoken(operation)

        def pages() -> Any:
            return iter(self.client(service).get_paginator(operation).paginate(**parameters))

        iterator = await self.run(doing, pages, service=service)
        while (page := await self.run(doing, next, iterator, None, service=service)) is not None:
            for item in page.get(key) or ():
                yield item

    async def identity(self) -> Identity:
        """Who the credentials belong to; asked once. Raises ``SageDeckError``."""
        if self._identity is None:
            # Outside of any call: a code that is entered, or a program, takes longer than a call may.
            await self.run("sign in", self._find_keys)
            answer = await self.call("sts", "get_caller_identity", doing="sign in")
            self._identity = Identity(account=answer["Account"], arn=answer["Arn"])
        return self._identity

    def _find_keys(self) -> None:
        if self.backend.profile_name is not None:
            profile_check.check(self.backend.profile_name)
        self.client("sts")
        found = self._boto.get_credentials()
        if found is not None:
            found.get_frozen_credentials()

    def close(self) -> None:
        """Drop what waits and close the connections; returns at once, later calls raise ``Unreachable``."""
        self._pool.close()
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()


def spoken(operation: str) -> str:
    """``create_training_job`` as words: ``create training job``."""
    return re.sub(r"_v\d+$", "", operation).replace("_", " ")


def _disconnected(doing: str) -> Unreachable:
    return Unreachable("Not connected", f"Could not {doing}: the account was disconnected.", code="Disconnected")
