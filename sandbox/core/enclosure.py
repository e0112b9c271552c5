"""What a child does to itself before its program begins: its own /tmp, and walls around everything else.

Linux only, standard library only: ``keeper.py`` loads it by its path. The own /tmp is a mount in a namespace of user
and mounts (unshare(2), user_namespaces(7)); the walls are Landlock (landlock(7)), which holds for root, too, and for
everything that the program starts. ``python -I -S enclosure.py FOLDER`` tries both and prints what is missing, as
JSON: the rules of a container or of a distribution decide, and no version number tells.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import stat
import struct
import sys
from typing import Any

# Linux's numbers, of its headers sched.h, mount.h, prctl.h and unistd.h.
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_SLAVE = 0x2, 0x4, 0x1000, 0x4000, 0x80000
_PR_SET_NO_NEW_PRIVS = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
# Bits of the kernel's linux/landlock.h: what may be done with files, with devices, and in folders.
_READ = 1 << 0 | 1 << 2 | 1 << 3
_TRUNCATE = 1 << 14
_FILE = 1 << 0 | 1 << 1 | 1 << 2 | _TRUNCATE
_DEVICE = 1 << 1 | _READ | _TRUNCATE
_ALL = (1 << 14) - 1
# Nobody makes devices: through one of their own, root would read the disk around all walls.
_MAKE_DEVICE = 1 << 6 | 1 << 11
# What root could go round the walls with (capabilities(7)): raw memory and disks, other processes, modules, devices.
_WAYS_ROUND = (2, 16, 17, 19, 21, 27, 38, 39)
_PR_CAPBSET_DROP, _CAPABILITIES_VERSION = 24, 0x20080522
# Before the second version nobody could move a file from one folder to another.
_LEAST_VERSION, _TRUNCATE_VERSION = 2, 3
TMP = "/tmp"  # noqa: S108


class Missing(OSError):
    """The system does not do this; the text says what."""


def enter(plan: dict[str, Any]) -> None:
    """Put this process, which has one thread, behind ``plan``. Raises ``OSError``: then it must not go on.

    ``tmp``: the folder that becomes /tmp, or ``{"megabytes": N}`` for one in memory; ``show``: what of the real /tmp
    stays to be seen; ``hide``: folders that shall be empty; ``cwd``: where to be then. ``read`` and ``write``: the only
    places that may be read or written; ``devices``: those whose files may be written, too.
    """
    if plan.get("tmp"):
        _own_tmp(plan["tmp"], plan.get("show", []), plan.get("hide", []))
        os.chdir(plan["cwd"])
    if plan.get("read"):
        _walls([(_READ, plan["read"]), (_DEVICE, plan.get("devices", [])), (_ALL, plan["write"])])


def _own_tmp(tmp: str | dict[str, int], show: list[str], hide: list[str]) -> None:
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    _call("a namespace of its own", libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
            file.write(text)
    shown = [(path, os.open(path, os.O_PATH)) for path in show if os.path.exists(path)]  # noqa: PTH110
    _mount(None, "/", None, _MS_REC | _MS_SLAVE)
    if isinstance(tmp, dict):
        _mount("tmpfs", TMP, "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={tmp['megabytes']}m,mode=0700")
    else:
        _mount(tmp, TMP, None, _MS_BIND)
    for path, descriptor in shown:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.makedirs(path, mode=0o700, exist_ok=True)  # noqa: PTH103
        else:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        _mount(f"/proc/self/fd/{descriptor}", path, None, _MS_BIND | _MS_REC)
        os.close(descriptor)
    for path in hide:
        if os.path.isdir(path):  # noqa: PTH112
            _mount("tmpfs", path, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=0700")


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    texts = [text.encode() if text is not None else None for text in (source, target, kind, data)]
    _call(f"a mount on {target}", libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]))


def _walls(rules: list[tuple[int, list[str]]]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < _LEAST_VERSION:
        raise Missing("no Landlock, or an old one (Linux 5.19 and later have it)")
    handled = _ALL | (_TRUNCATE if version >= _TRUNCATE_VERSION else 0)
    attribute = struct.pack("Q", handled)
    ruleset = _call("Landlock", libc.syscall(_CREATE_RULESET, attribute, ctypes.c_size_t(len(attribute)), 0))
    for access, paths in rules:
        if access == _ALL:
            access = handled & ~_MAKE_DEVICE
        for path in paths:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                _allow(libc, ruleset, path, access & handled)
    _drop(libc)
    _call("no new privileges", libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call("Landlock", libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _drop(libc: Any) -> None:
    """Give up the ways round, now and for every program that is started; who has none of them loses nothing."""
    for number in _WAYS_ROUND:
        libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    header = struct.pack("Ii", _CAPABILITIES_VERSION, 0)
    held = ctypes.create_string_buffer(24)
    _call("a look at the capabilities", libc.capget(header, held))
    # Effective, permitted and inheritable, the lower 32 of each first.
    low = ~sum(1 << number for number in _WAYS_ROUND if number < 32) & 0xFFFFFFFF
    high = ~sum(1 << number - 32 for number in _WAYS_ROUND if number >= 32) & 0xFFFFFFFF
    masks = (low, low, low, high, high, high)
    kept = [value & mask for value, mask in zip(struct.unpack("6I", held.raw), masks, strict=True)]
    _call("fewer capabilities", libc.capset(header, struct.pack("6I", *kept)))


def _allow(libc: Any, ruleset: int, path: str, access: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            access &= _FILE
        rule = struct.pack("=Qi", access, descriptor)
        _call(f"a wall around {path}", libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


def _call(what: str, result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise Missing(error, f"{what} is refused: {os.strerror(error)}")
    return result


def main(folder: str) -> int:
    """Try both on folders below ``folder``; prints ``{"tmp": "", "walls": ""}``, each with what is missing."""
    own, secret = os.path.join(folder, "own"), os.path.join(folder, "secret")  # noqa: PTH118
    os.mkdir(own)  # noqa: PTH102
    with open(secret, "w") as file:  # noqa: PTH123
        file.write("secret")
    walls = {"read": ["/usr"], "write": [own]}
    found = {"tmp": _try({"tmp": own, "cwd": "/"}, own, ""), "walls": _try(walls, own, secret)}
    sys.stdout.write(json.dumps(found))
    return 0


def _try(plan: dict[str, Any], own: str, secret: str) -> str:
    """What is missing for ``plan``, as a process of its own finds it; an empty text when nothing is."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            missing = _tried(plan, own, secret)
        except OSError as error:
            missing = error.strerror or str(error)
        os.write(write, missing.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        missing = answer.read()
    os.waitpid(pid, 0)
    return missing


def _tried(plan: dict[str, Any], own: str, secret: str) -> str:
    enter(plan)
    place = own if secret else TMP
    with open(os.path.join(place, f"probe-{bool(secret)}"), "w") as file:  # noqa: PTH118, PTH123
        file.write("here")
    if not secret:
        return "" if os.listdir(TMP) == ["probe-False"] else "the mount is not seen"  # noqa: PTH208
    try:
        open(secret).close()  # noqa: PTH123
    except PermissionError:
        return ""
    return "the walls let through"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
