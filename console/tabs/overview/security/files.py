"""Findings to and from files: a page, JSON, and what Prowler wrote. Reading and writing is done beside the window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.journal import write_whole
from console.models.format import count
from console.widgets.frames.file_dialog import ask_for_file, ask_where_to_save
from workers.errors.tree import translate
from workers.security.ocsf import as_ocsf
from workers.security.page import as_page
from workers.security.prowler import ProwlerFile, read_prowler
from workers.security.types import Report

# Ending: how the text is made, and what the file is called where one chooses it.
FORMS: dict[str, tuple[Callable[[Report], str], str]] = {
    ".html": (as_page, "Pages (*.html)"),
    ".ocsf.json": (as_ocsf, "OCSF (*.json)"),
}


def export(ctx: AppContext, over: QWidget, report: Report, ending: str) -> None:
    """Ask where, then write the report in the form that ``ending`` names."""
    make, kinds = FORMS[ending]
    name = f"sagedeck-findings-{report.account or 'report'}-{report.at:%Y%m%d}{ending}"

    def chosen(path: Path) -> None:
        ctx.tasks.start(_write(ctx, path, report, make), label=f"Write {path.name}", scope="window")

    ask_where_to_save(over, "Export findings", chosen, name, kinds)


async def _write(ctx: AppContext, path: Path, report: Report, make: Callable[[Report], str]) -> None:
    """A file that names an account's weak places is for its owner alone."""
    try:
        await asyncio.to_thread(lambda: write_whole(path, make(report)))
    except OSError as error:
        raise translate(error, f"write {path.name}") from error
    ctx.notify.success(f"{count(len(report.findings), 'finding')} exported", str(path))


def open_prowler(ctx: AppContext, over: QWidget, show: Callable[[ProwlerFile], object]) -> None:
    """Ask for a file of Prowler; ``show`` gets what is in it."""

    def chosen(path: Path) -> None:
        ctx.tasks.start(_read(path, show), label=f"Open {path.name}", scope="window", key="overview:prowler")

    ask_for_file(over, "Open a file of Prowler", chosen, "Prowler's JSON (*.json)")


async def _read(path: Path, show: Callable[[ProwlerFile], object]) -> None:
    show(await asyncio.to_thread(read_prowler, path))
