"""Processes that a test has to find, or to find gone."""

from __future__ import annotations

import psutil


def command_of(process: psutil.Process) -> str:
    """The command line; empty for one that has ended, also when it ends while it is read."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def children_running(module: str) -> list[psutil.Process]:
    """The living children of this process that run ``module``."""
    return [child for child in psutil.Process().children() if module in command_of(child)]
