"""Where the processes of a job meet: read from the environment, and checked before anybody waits for anybody."""

from __future__ import annotations

import ipaddress
import json
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass

# The port at which SageMaker's own launchers meet.
DEFAULT_PORT = 7777
INTERFACE = "GLOO_SOCKET_IFNAME"
# The same for what goes between GPUs.
GPU_INTERFACE = "NCCL_SOCKET_IFNAME"


class MeetingError(ValueError):
    """The environment cannot be right, or the meeting point cannot be opened; the message names the setting."""


@dataclass(frozen=True)
class Meeting:
    """This process among all of a job's, and the first one's address. ``torchrun`` brings a store of its own."""

    rank: int
    world: int
    host: str
    address: str = ""
    port: int = DEFAULT_PORT
    torchrun: bool = False


def read_meeting(env: Mapping[str, str]) -> Meeting:
    """What torchrun (RANK, WORLD_SIZE) or SageMaker (SM_HOSTS, SM_CURRENT_HOST) says. Raises ``MeetingError``."""
    host, hosts = env.get("SM_CURRENT_HOST", ""), _hosts(env)
    torchrun = "RANK" in env and "WORLD_SIZE" in env
    if torchrun:
        world = _whole(env, "WORLD_SIZE", 1, 100_000)
        rank = _whole(env, "RANK", 0, world - 1)
        address = env.get("MASTER_ADDR", "")
    elif len(hosts) > 1:
        if host not in hosts:
            raise MeetingError(f"SM_CURRENT_HOST is “{host}”, which is none of SM_HOSTS: {', '.join(hosts)}.")
        rank, world = hosts.index(host), len(hosts)
        address = env.get("MASTER_ADDR") or env.get("SM_MASTER_ADDR") or hosts[0]
    else:
        return Meeting(0, 1, host)
    if world == 1:
        return Meeting(0, 1, host)
    if not address:
        raise MeetingError("MASTER_ADDR must name the first host: there is more than one process.")
    port = DEFAULT_PORT
    for name in ("SM_MASTER_PORT", "MASTER_PORT"):
        port = _whole(env, name, 1, 65_535) if env.get(name) else port
    _check_interface(env)
    return Meeting(rank, world, host, address, port, torchrun)


def interface_for(env: Mapping[str, str], address: str) -> str:
    """The network interface that gloo shall use: loopback, or SageMaker's; empty to leave it to gloo."""
    if env.get(INTERFACE):
        return env[INTERFACE]
    names = {name for _, name in socket.if_nameindex()}
    wanted = "lo" if _is_loopback(address) and "lo" in names else env.get("SM_NETWORK_INTERFACE_NAME", "")
    return wanted if wanted in names else ""


def _check_interface(env: Mapping[str, str]) -> None:
    # Windows numbers its interfaces, and gloo takes a host name there.
    given = [name.strip() for name in env.get(INTERFACE, "").split(",") if name.strip()]
    if not given or sys.platform == "win32":
        return
    names = sorted(name for _, name in socket.if_nameindex())
    unknown = [name for name in given if name not in names]
    if unknown:
        raise MeetingError(
            f"{INTERFACE} names the network interface “{unknown[0]}”, which this host does not have. "
            f"It has {', '.join(names)}."
        )


def _hosts(env: Mapping[str, str]) -> list[str]:
    text = env.get("SM_HOSTS", "[]")
    try:
        hosts = json.loads(text)
    except ValueError:
        hosts = None
    if not isinstance(hosts, list) or not all(isinstance(name, str) and name for name in hosts):
        raise MeetingError(f"SM_HOSTS must be a JSON list of host names, not “{text[:80]}”.")
    if len(set(hosts)) < len(hosts):
        raise MeetingError(f"SM_HOSTS names a host twice: {', '.join(hosts)}.")
    return sorted(hosts)


def _whole(env: Mapping[str, str], name: str, least: int, most: int) -> int:
    text = env[name].strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise MeetingError(f"{name} must be a whole number from {least} to {most}, not “{text[:40]}”.")
    return int(text)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
