"""One group of processes on one or several hosts, over gloo, and nccl between GPUs; or a single process.

Gradients and metrics are summed over samples, never averaged over processes: a batch that is cut into unequal
parts then gives the same step as on one host.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from . import device
from .os_words import os_words
from .rendezvous import GPU_INTERFACE, INTERFACE, Meeting, MeetingError, interface_for, read_meeting

# How long the hosts of a job wait for each other at its start: for a name, for the first one, for all.
JOIN_TIMEOUT = timedelta(minutes=5)
# Hosts may differ by minutes in reading and decoding; a host that died is noticed at once.
TIMEOUT = timedelta(minutes=30)


class HostLost(RuntimeError):
    """Another host of the job ended or cannot be reached."""


class Group:
    """The processes of a job. Rank 0 prints, measures and writes. ``place`` is the device of this one."""

    def __init__(
        self, rank: int = 0, world: int = 1, host: str = "", place: torch.device = device.CPU,
        carried: frozenset[str] = frozenset({"cpu"}),
    ) -> None:  # fmt: skip
        self.rank, self.world, self.host, self.place = rank, world, host, place
        self._carried = carried

    @property
    def is_first(self) -> bool:
        """True in the process that writes the model."""
        return self.rank == 0

    def tally(self, place: torch.device) -> torch.device:
        """Where sums over the processes are kept: on ``place`` where they can be summed there, else on the CPU."""
        return place if self.world == 1 or place.type in self._carried else device.CPU

    def sum(self, values: Tensor) -> Tensor:
        """``values`` summed over the processes, in place; they must be where ``tally`` says."""
        if self.world > 1:
            with _exchange():
                dist.all_reduce(values)
        return values

    def share(self, total: int) -> range:
        """The indices of this process: every sample belongs to exactly one process."""
        return range(self.rank, total, self.world)

    def gather_rows(self, rows: Tensor, total: int) -> Tensor:
        """All ``total`` rows in order, from processes that hold those of their ``share``, where ``tally`` says."""
        if self.world == 1:
            return rows
        most = -(-total // self.world)
        flat = rows.contiguous().view(torch.uint8).reshape(len(rows), -1)
        padded = torch.zeros(most, flat.shape[1], dtype=torch.uint8, device=flat.device)
        padded[: len(flat)] = flat
        joined = torch.stack(self._all(padded), dim=1).reshape(most * self.world, -1)[:total]
        return joined.contiguous().view(rows.dtype).reshape(total, *rows.shape[1:])

    def gather_json(self, value: Any) -> list[Any]:
        """``value`` of every process, by rank."""
        if self.world == 1:
            return [value]
        data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        sizes = [int(size) for size in self._all(torch.tensor([len(data)]))]
        padded = torch.zeros(max(sizes), dtype=torch.uint8)
        padded[: len(data)] = data
        parts = self._all(padded)
        return [json.loads(bytes(part[:size].tolist())) for part, size in zip(parts, sizes, strict=True)]

    def close(self) -> None:
        """Leave the group."""
        if self.world > 1:
            dist.destroy_process_group()

    def _all(self, values: Tensor) -> list[Tensor]:
        """``values`` of every process, by rank; the shapes must be the same."""
        parts = [torch.empty_like(values) for _ in range(self.world)]
        with _exchange():
            dist.all_gather(parts, values)
        return parts


@contextmanager
def _exchange() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise HostLost(f"Another host of this job ended or cannot be reached ({_plain(error)}).") from error


def join(env: Mapping[str, str] = os.environ, place: torch.device = device.CPU) -> Group:
    """Join the job's processes as torchrun (RANK, WORLD_SIZE) or SageMaker (SM_HOSTS, SM_CURRENT_HOST) says.

    Returns when all are there. Raises ``MeetingError`` when the environment cannot be right, and ``HostLost`` when
    the others are not there within five minutes.
    """
    meeting = read_meeting(env)
    if meeting.world == 1:
        return Group(host=meeting.host, place=place)
    interface = interface_for(env, meeting.address)
    if interface:
        os.environ[INTERFACE] = interface
        os.environ.setdefault(GPU_INTERFACE, interface)
    store = _store(meeting)
    _wait_for_all(store, meeting)
    over = f" over the network interface {interface}" if interface else ""
    backend, carried = device.backend(place)

    def connect() -> None:
        dist.init_process_group(backend, store=store, rank=meeting.rank, world_size=meeting.world, timeout=TIMEOUT)

    with _exchange():
        _within(JOIN_TIMEOUT, connect, f"All hosts are there, but they cannot connect to each other{over}.")
    return Group(meeting.rank, meeting.world, meeting.host, place, carried)


def _store(meeting: Meeting) -> dist.Store:
    first = f"The first host, {meeting.address}, port {meeting.port},"
    family, kind, protocol, place = _resolved(meeting.address, meeting.port)
    try:
        if meeting.torchrun:
            met = dist.rendezvous("env://", rank=meeting.rank, world_size=meeting.world, timeout=JOIN_TIMEOUT)
            return next(iter(met))[0]
        if meeting.rank > 0:
            return dist.TCPStore(meeting.address, meeting.port, meeting.world, False, timeout=JOIN_TIMEOUT)
    except RuntimeError as error:
        if "in use" in str(error):
            raise MeetingError(f"Port {meeting.port} of this host is in use: give another MASTER_PORT.") from error
        raise HostLost(f"{first} cannot be reached ({_plain(error)}).") from error
    # The first host listens on its own address only, not on every interface.
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
        listener.listen(meeting.world)
    except OSError as error:
        listener.close()
        raise MeetingError(f"{first} cannot listen there ({os_words(error)}). Give another MASTER_PORT.") from error
    with _exchange():
        # libuv, torch's default server, takes no socket from outside. It would wait for the others without a word.
        return dist.TCPStore(
            meeting.address, meeting.port, meeting.world, True, timeout=JOIN_TIMEOUT,
            wait_for_workers=False, master_listen_fd=listener.detach(), use_libuv=False,
        )  # fmt: skip


def _resolved(address: str, port: int) -> tuple[Any, Any, int, Any]:
    """The first host's socket address. At the start of a job its name may take a while to be known."""
    deadline = time.monotonic() + JOIN_TIMEOUT.total_seconds()
    while True:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
            return family, kind, protocol, place
        except (OSError, UnicodeError) as error:
            if time.monotonic() >= deadline:
                raise HostLost(f"The first host, {address}, cannot be found: its name is not known here.") from error
            time.sleep(0.5)


def _wait_for_all(store: dist.Store, meeting: Meeting) -> None:
    """Returns when every rank is there once."""
    with _exchange():
        twice = store.add(f"sagedeck/rank/{meeting.rank}", 1) > 1
    if twice:
        raise MeetingError(f"Two processes of this job have the rank {meeting.rank}.")
    wanted = {rank: f"sagedeck/rank/{rank}" for rank in range(meeting.world)}
    try:
        store.wait(list(wanted.values()), JOIN_TIMEOUT)
    except RuntimeError as error:
        missing = [str(rank) for rank, key in wanted.items() if not _has(store, key)]
        raise HostLost(
            f"Not all {meeting.world} processes of this job came within {JOIN_TIMEOUT.total_seconds():.0f} s; "
            f"missing: rank {', '.join(missing) or 'unknown'}."
        ) from error


def _has(store: dist.Store, key: str) -> bool:
    try:
        return bool(store.check([key]))
    except RuntimeError:
        return False


def _within(limit: timedelta, call: Callable[[], None], otherwise: str) -> None:
    """Run a call that cannot be given a deadline of its own. Raises ``HostLost`` when it takes longer."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            failed.append(error)

    calling = threading.Thread(target=run, daemon=True)
    calling.start()
    calling.join(limit.total_seconds())
    if calling.is_alive():
        raise HostLost(otherwise)
    if failed:
        raise failed[0]


def _plain(error: Exception) -> str:
    """The first line of a torch error, without the place in its own code."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^(\[[^\]]*\]\s*)+", "", lines[0]).rstrip(". ")[:200]
