"""Installs a job's requirements file into the job's folder; runs inside of a job, as a plain script.

What is installed already needs neither pip nor the network. When pip fails, the line of the file that it
failed at is printed and written to /opt/ml/output/failure (``SM_OUTPUT_DIR``).
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

# pip says at its end what went wrong.
_KEPT_LINES = 40


def main(arguments: list[str]) -> int:
    """Install the file named by the first argument; returns the exit status."""
    file = Path(arguments[0] if arguments else "requirements.txt")
    if not file.is_file():
        return _fail(f"{file.name} does not exist in the job's source.")
    lines = list(requirement_lines(file.read_text(encoding="utf-8")))
    with _one_at_a_time():
        missing = [line for _number, line in lines if not is_satisfied(line)]
        if not missing:
            print(f"{file.name}: all {len(lines)} requirements are installed already.", flush=True)
            return 0
        print(f"{file.name}: installing {', '.join(missing)}", flush=True)
        status, output = _pip(file)
    return 0 if status == 0 else _fail(explain(file.name, lines, output), status)


def requirement_lines(text: str) -> Iterator[tuple[int, str]]:
    """(line number, requirement) of a requirements file; options such as ``--index-url`` count as lines."""
    joined, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        start = start or number
        if line.rstrip().endswith("\\"):
            joined += line.rstrip()[:-1] + " "
            continue
        content = " ".join(re.sub(r"(^|\s)#.*$", "", joined + line).split())
        if content:
            yield start, content
        joined, start = "", 0


def is_satisfied(line: str) -> bool:
    """True when the requirement is installed. Options, URLs and paths are never: pip is to decide."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return False
    return _satisfied(requirement, set())


def explain(name: str, lines: list[tuple[int, str]], output: list[str]) -> str:
    """Which line of the file pip failed at, and pip's own words."""
    errors = [line.removeprefix("ERROR:").strip() for line in output if line.startswith("ERROR:")]
    reason = errors[-1] if errors else (output[-1] if output else "pip said nothing")
    numbered = re.search(r"\(from line (\d+) of|\(line (\d+)\)", " ".join(errors))
    number = int(numbered.group(1) or numbered.group(2)) if numbered else _guilty(lines, errors)
    offline = any("connection" in line.lower() or "name resolution" in line.lower() for line in output)
    hint = " The package index could not be reached." if offline else ""
    where = next((f"line {n}, {text}" for n, text in lines if n == number), "")
    start = f"{name}, {where}" if where else name
    return f"{start}: could not be installed. {reason}.{hint}"


def _guilty(lines: list[tuple[int, str]], errors: list[str]) -> int | None:
    for number, text in lines:
        name = re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]
        if name and any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", error, re.I) for error in errors):
            return number
    return None


def _satisfied(requirement: object, seen: set[str]) -> bool:
    from packaging.requirements import Requirement

    assert isinstance(requirement, Requirement)
    if requirement.url:
        return False
    if requirement.marker and not requirement.marker.evaluate():
        return True
    try:
        found = metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    if not requirement.specifier.contains(found.version, prereleases=True):
        return False
    for extra in requirement.extras:
        for text in found.requires or []:
            needed = Requirement(text)
            key = f"{needed.name}[{extra}]"
            if needed.marker is None or key in seen or not needed.marker.evaluate({"extra": extra}):
                continue
            if needed.marker.evaluate({"extra": ""}):
                continue
            needed.marker = None
            if not _satisfied(needed, seen | {key}):
                return False
    return True


def _pip(file: Path) -> tuple[int, list[str]]:
    command = [sys.executable, "-m", "pip", "install", "-r", str(file)]
    output: list[str] = []
    # stdout and stderr are one stream of the job's log.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            output = [*output[-_KEPT_LINES:], line.strip()]
        return process.wait(), output


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hosts of one job share the overlay: the second one waits and then finds everything installed."""
    folder = os.environ.get("PIP_PYTHON")
    if not folder:
        yield
        return
    from filelock import FileLock

    with FileLock(Path(folder).parent / "requirements.lock"):
        yield


def _fail(message: str, status: int = 1) -> int:
    print(message, file=sys.stderr, flush=True)
    folder = os.environ.get("SM_OUTPUT_DIR")
    if folder:
        Path(folder, "failure").write_text(f"InstallRequirementsError: {message}", encoding="utf-8")
    return status or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
