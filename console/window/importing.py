"""Which modules a tab's code needs, one after the other, so that the GUI thread can import them in small pieces.

Classes of widgets must be made in the GUI thread: shiboken keeps all its types in one table, and Qt reads it without a
lock whenever it asks an object for its class (shiboken6 6.11: PepType_SOTP, PySide::MetaObjectBuilder). While a thread
imported a tab, the window crashed in about one start of 200 on a busy machine.
"""

from __future__ import annotations

import contextlib
import dis
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import console

_OURS = "console"
# Whatever of these is imported makes classes that Qt knows.
_WITH_QT = (_OURS, "PySide6", "shiboken6", "qasync")
_ROOT = Path(console.__file__).parent


def prepare(target: str) -> list[str]:
    """The modules of the window that ``target`` needs and that are not imported yet, each after those that it needs.

    For a thread: everything else that they need (numpy, the workers) is imported here. A module that cannot be read
    or imported is left out: importing ``target`` says why.
    """
    order: dict[str, None] = {}
    others: dict[str, None] = {}
    _visit(target, order, others, set())
    for name in others:
        with contextlib.suppress(Exception):
            import_module(name)
    return list(order)


def _visit(name: str, order: dict[str, None], others: dict[str, None], seen: set[str]) -> None:
    if name in seen or name in sys.modules:
        return
    seen.add(name)
    path = _file(name)
    if path is None:
        return
    with contextlib.suppress(Exception):
        code = SourceFileLoader(name, str(path)).get_code(name)
        for needed in _imports(code) if code is not None else ():
            if needed.partition(".")[0] not in _WITH_QT:
                others[needed] = None
            elif needed.partition(".")[0] == _OURS:
                _visit(needed, order, others, seen)
    order[name] = None


def _imports(code: CodeType) -> Iterator[str]:
    """What a module imports when it is imported itself, and not what it imports for its types only."""
    module, types_only, resumes_at = "", False, 0
    for instruction in dis.get_instructions(code):
        if instruction.offset < resumes_at:
            continue
        if instruction.opname == "LOAD_NAME" and instruction.argval == "TYPE_CHECKING":
            types_only = True
        elif types_only and "IF_FALSE" in instruction.opname:
            types_only, resumes_at = False, instruction.argval
        elif instruction.opname == "IMPORT_NAME":
            module = str(instruction.argval)
            yield module
        elif instruction.opname == "IMPORT_FROM" and module.partition(".")[0] == _OURS:
            yield f"{module}.{instruction.argval}"


def _file(name: str) -> Path | None:
    """The file of a module of ours; None for a name that is no module."""
    place = _ROOT.joinpath(*name.split(".")[1:])
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)
