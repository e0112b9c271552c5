"""One group of processes on one or several hosts, over gloo; or a single process.

Gradients and metrics are summed over samples, never averaged over processes: a batch that is cut into unequal
parts then gives the same step as on one host.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

DEFAULT_PORT = 7777
JOIN_TIMEOUT = timedelta(minutes=5)
# Hosts may differ by minutes in reading and decoding; a host that died is noticed at once.
TIMEOUT = timedelta(minutes=30)


class HostLost(RuntimeError):
    """Another host of the job ended or cannot be reached."""


class Group:
    """The processes of a job. Rank 0 prints, measures and writes."""

    def __init__(self, rank: int = 0, world: int = 1, host: str = "") -> None:
        self.rank, self.world, self.host = rank, world, host

    @property
    def is_first(self) -> bool:
        """True in the process that writes the model."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """``values`` summed over the processes, in place."""
        if self.world > 1:
            with _exchange():
                dist.all_reduce(values)
        return values

    def share(self, total: int) -> range:
        """The indices of this process: every sample belongs to exactly one process."""
        return range(self.rank, total, self.world)

    def gather_rows(self, rows: Tensor, total: int) -> Tensor:
        """All ``total`` rows in order, from processes that hold the rows of their ``share``."""
        if self.world == 1:
            return rows
        most = -(-total // self.world)
        flat = rows.contiguous().view(torch.uint8).reshape(len(rows), -1)
        padded = torch.zeros(most, flat.shape[1], dtype=torch.uint8)
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
        raise HostLost(f"Another host of this job ended or cannot be reached: {error}") from error


def join(env: Mapping[str, str] = os.environ) -> Group:
    """Join the job's processes as torchrun (RANK, WORLD_SIZE) or SageMaker (SM_HOSTS, SM_CURRENT_HOST) says.

    Returns when all are there. Raises ``HostLost`` when they are not within five minutes.
    """
    host = env.get("SM_CURRENT_HOST", "")
    hosts = sorted(json.loads(env.get("SM_HOSTS", "[]")))
    by_torchrun = "RANK" in env and "WORLD_SIZE" in env
    if by_torchrun:
        rank, world = int(env["RANK"]), int(env["WORLD_SIZE"])
        address = env.get("MASTER_ADDR", "")
    else:
        rank, world = (hosts.index(host), len(hosts)) if len(hosts) > 1 else (0, 1)
        address = env.get("MASTER_ADDR") or env.get("SM_MASTER_ADDR") or next(iter(hosts), "")
    if world == 1:
        return Group(host=host)
    _choose_interface(env, address)
    with _exchange():
        port = int(env.get("MASTER_PORT") or env.get("SM_MASTER_PORT") or DEFAULT_PORT)
        store = None if by_torchrun else _store(address, port, rank, world)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=world, timeout=TIMEOUT)
    return Group(rank, world, host)


def _store(address: str, port: int, rank: int, world: int) -> dist.TCPStore:
    """The meeting point. The first host listens on its own address only, not on every interface."""
    if rank > 0:
        return dist.TCPStore(address, port, world, False, timeout=JOIN_TIMEOUT)
    family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(place)
    listener.listen(world)
    # libuv, torch's default server, takes no socket from outside.
    return dist.TCPStore(
        address, port, world, True, timeout=JOIN_TIMEOUT, master_listen_fd=listener.detach(), use_libuv=False
    )


def _choose_interface(env: Mapping[str, str], address: str) -> None:
    """Tell gloo the network interface, unless the environment does: loopback, or SageMaker's."""
    if "GLOO_SOCKET_IFNAME" in env:
        return
    names = {name for _, name in socket.if_nameindex()}
    wanted = env.get("SM_NETWORK_INTERFACE_NAME", "")
    if _is_loopback(address) and "lo" in names:
        wanted = "lo"
    if wanted in names:
        os.environ["GLOO_SOCKET_IFNAME"] = wanted


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
