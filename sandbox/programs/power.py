"""``shutdown``, ``poweroff``, ``halt``, ``reboot``, ``systemctl`` and ``systemd-run`` inside of an instance.

Run as ``python -I -S power.py NAME [ARGUMENT ...]`` by the small scripts that come first on an instance's PATH. They
tell the sandbox through the FIFO named in ``SAGEDECK_POWER``; the machine that the sandbox runs on is never asked.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(h|min|m|sec|s|)")
_VERBS = {"poweroff": "stop", "halt": "stop", "reboot": "reboot"}


def main(arguments: list[str]) -> int:
    """Do what the command ``arguments[0]`` does; returns its exit code."""
    name, rest = arguments[0], arguments[1:]
    if name == "shutdown":
        return _shutdown(rest)
    if name == "systemctl":
        return _systemctl(rest)
    if name == "systemd-run":
        return _systemd_run(rest)
    if "-w" in rest or "--wtmp-only" in rest:
        return 0
    return _tell(_VERBS[name], 0.0)


def _shutdown(rest: list[str]) -> int:
    action, when = "stop", ""
    for word in rest:
        if word in ("-c", "--cancel"):
            return _tell("cancel", 0.0)
        if word in ("-r", "--reboot"):
            action = "reboot"
        elif word.startswith("-") and word not in ("-h", "-P", "-H", "--poweroff", "--halt", "--no-wall", "-k"):
            return _refuse(f"shutdown: unrecognized option '{word}'")
        elif not word.startswith("-") and not when:
            when = word
    seconds = _delay(when or "+1")
    if seconds is None:
        return _refuse(f"Failed to parse time specification: {when}")
    if seconds:
        at = time.strftime("%a %Y-%m-%d %H:%M:%S %Z", time.localtime(time.time() + seconds))
        word = "Reboot" if action == "reboot" else "Shutdown"
        sys.stderr.write(f"{word} scheduled for {at}, use 'shutdown -c' to cancel.\n")
    return 0 if "-k" in rest else _tell(action, seconds)


def _delay(when: str) -> float | None:
    """Seconds from ``now``, ``+m``, ``m`` or ``hh:mm``; None for anything else."""
    if when in ("now", "+0", "0"):
        return 0.0
    if re.fullmatch(r"\+?\d{1,6}", when):
        return 60.0 * int(when)
    clock = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", when)
    if clock is None:
        return None
    now = time.localtime()
    wanted = int(clock[1]) * 60 + int(clock[2])
    return ((wanted - now.tm_hour * 60 - now.tm_min) * 60 - now.tm_sec) % 86400.0


def _systemctl(rest: list[str]) -> int:
    words = [word for word in rest if not word.startswith("-")]
    if words and words[0] in _VERBS:
        return _tell(_VERBS[words[0]], 0.0)
    return _refuse("System has not been booted with systemd as init system (PID 1). Can't operate.")


def _systemd_run(rest: list[str]) -> int:
    seconds, unit = 0.0, f"run-u{os.getpid()}"
    while rest and rest[0].startswith("-"):
        option, equals, value = rest[0].partition("=")
        if option in ("--on-active", "--unit", "--description", "-u", "-p", "--property") and not equals:
            if len(rest) < 2:
                return _refuse(f"systemd-run: option '{option}' requires an argument")
            value, rest = rest[1], rest[1:]
        rest = rest[1:]
        if option == "--on-active":
            spans = _SPAN.findall(value)
            if not spans:
                return _refuse(f"Failed to parse timer value: {value}")
            seconds = sum(float(number) * _UNITS[letters] for number, letters in spans)
        elif option in ("--unit", "-u"):
            unit = value
        elif option not in ("--description", "-p", "--property", "--no-block", "--collect", "-G", "--quiet", "-q"):
            return _refuse(f"systemd-run: the sandbox does not know the option {option}")
    if not rest:
        return _refuse("Command line to execute required.")
    sys.stderr.write(f"Running timer as unit: {unit}.timer\n" if seconds else f"Running as unit: {unit}.service\n")
    sys.stderr.flush()
    if os.fork() == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        time.sleep(seconds)
        os.execvp(rest[0], rest)  # noqa: S606
    return 0


def _tell(action: str, seconds: float) -> int:
    try:
        fifo = os.open(os.environ["SAGEDECK_POWER"], os.O_WRONLY | os.O_NONBLOCK)
        os.write(fifo, json.dumps({"action": action, "seconds": seconds}).encode() + b"\n")
    except (OSError, KeyError):
        return _refuse("Failed to connect to bus: the instance does not answer.")
    return 0


def _refuse(text: str) -> int:
    sys.stderr.write(text + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
