"""The first program in a room: ``inside.py FOLDER HOST COMMAND …`` lays it out and runs the command in it.

It stands alone: in the environment that runs it nothing of ours is installed.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

# Linux's numbers (linux/sockios.h, net/if.h).
_SET_FLAGS, _UP_AND_RUNNING = 0x8914, 0x41


def lay_out(folder: Path, host: str) -> None:
    """Mount /opt/ml and /tmp, name this host, and have its loopback network work. Raises ``OSError``."""
    layers = folder / "layers"
    for place in ("etc", "opt"):
        upper, work = layers / place, layers / f"{place}-work"
        upper.mkdir()
        work.mkdir()
        _mount("-t", "overlay", "overlay", "-o", f"lowerdir=/{place},upperdir={upper},workdir={work}", f"/{place}")
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost {host}\n")
    Path("/opt/ml").mkdir(exist_ok=True)
    _mount("--bind", str(folder / "ml"), "/opt/ml")
    socket.sethostname(host)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP_AND_RUNNING))
    os.environ |= {"HOME": str(folder / "home")}
    os.chdir(folder / "work")
    _mount("--bind", str(folder / "tmp"), "/tmp")


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"mount {' '.join(arguments)}: {done.stderr.strip()}")


def main(folder: str, host: str, *command: str) -> int:
    """Lay out the room, run the command in it; its exit status, with its last words on our own output."""
    try:
        lay_out(Path(folder), host)
    except OSError as error:
        print(f"no room: {error}", flush=True)
        return 1
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
