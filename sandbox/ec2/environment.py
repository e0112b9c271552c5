"""The environment of an instance's programs: the training Python, the way to the sandbox, no keys.

Region and keys are not in it, as on an instance: the region must be given, the keys come from the metadata service.
"""

from __future__ import annotations

import os

from sandbox.context import SandboxContext
from sandbox.ec2.disk import Disk
from sandbox.ec2.records import Instance
from sandbox.ec2.types import processors

_AWS_CONFIG = "[default]\ns3 =\n  addressing_style = path\n"


def environment_of(ctx: SandboxContext, instance: Instance, disk: Disk, metadata_url: str) -> dict[str, str]:
    """Make the disk ready, and say what the programs of the instance get."""
    disk.base.mkdir(parents=True, exist_ok=True)
    python = disk.create()
    cache = disk.base / "cache"
    cache.mkdir(exist_ok=True)
    config = disk.base / "aws-config"
    config.write_text(_AWS_CONFIG, encoding="utf-8")
    env = python.environment(cache)
    first = [str(disk.commands), *([str(disk.root / "opt" / "pytorch" / "bin")] if disk.pytorch else [])]
    threads = str(processors(instance.type))
    return env | {
        "PATH": os.pathsep.join([*first, env["PATH"]]),
        "HOME": str(disk.home),
        "TMPDIR": str(disk.tmp),
        "USER": "root",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(disk.base / "no-credentials"),
        "AWS_ENDPOINT_URL": ctx.endpoint_url,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata_url,
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        # Programs that look for the machine's own systemd must not find it.
        "DBUS_SYSTEM_BUS_ADDRESS": "disabled:",
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
    }
