"""A job's own packages: what is installed counts, what is missing is named by its line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.containers.python import JobPython
from sandbox.programs import requirements
from sandbox.programs.requirements import explain, is_satisfied, requirement_lines


def test_lines_of_a_requirements_file() -> None:
    text = "# header\nnumpy>=1  # why\n\ntorch \\\n  ==2\n--index-url https://x/y#z\n"
    assert list(requirement_lines(text)) == [
        (2, "numpy>=1"),
        (4, "torch ==2"),
        (6, "--index-url https://x/y#z"),
    ]


@pytest.mark.parametrize(
    ("line", "satisfied"),
    [
        ("numpy", True),
        ("NumPy>=1.0", True),
        ("numpy<1", False),
        ("no-such-package-at-all", False),
        ("no-such-package-at-all; python_version < '3'", True),
        ("moto[server]", True),
        ("--index-url https://x", False),
        ("-r other.txt", False),
        ("./local", False),
        ("numpy @ https://x/numpy.whl", False),
    ],
)
def test_what_counts_as_installed(line: str, satisfied: bool) -> None:
    assert is_satisfied(line) is satisfied


LINES = [(1, "numpy>1"), (3, "cowsay==99.9"), (4, "bad line =="), (5, "cow")]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            [
                "ERROR: Could not find a version that satisfies the requirement cowsay==99.9 (from versions: 1.0)",
                "ERROR: No matching distribution found for cowsay==99.9",
            ],
            "requirements.txt, line 3, cowsay==99.9: could not be installed. No matching distribution found",
        ),
        (["ERROR: Invalid requirement: 'bad line ==' (from line 4 of r.txt)"], "line 4, bad line =="),
        (["WARNING: Retrying after connection broken", "ERROR: No matching distribution found for cow"], "line 5, cow"),
        (["WARNING: Retrying after connection broken", "ERROR: nothing"], "The package index could not be reached"),
        ([], "requirements.txt: could not be installed. pip said nothing"),
    ],
)
def test_the_guilty_line_is_named(output: list[str], words: str) -> None:
    assert words in explain("requirements.txt", LINES, output)


def test_a_job_sees_the_overlay_and_the_sandboxes_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "operators")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://me:password@index.invalid/simple https://other.invalid")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:password@proxy.invalid")
    python = JobPython(tmp_path / "python")
    python.create()
    (python.site_packages / "only_here.py").write_text("VALUE = 7\n")
    env = python.environment(tmp_path / "cache", first=tmp_path / "code")
    assert "password" not in json.dumps(env)
    assert "operators" not in json.dumps(env)
    settings = python.folder / "pip.conf"
    assert "https://me:password@index.invalid" in settings.read_text()
    assert settings.stat().st_mode & 0o077 == 0
    program = "import sys, json, only_here, numpy; print(json.dumps([only_here.VALUE, numpy.__file__]))"
    for command in ("python", str(python.interpreter)):
        answer = subprocess.run([command, "-c", program], env=env, capture_output=True, text=True, check=True)
        value, place = json.loads(answer.stdout)
        assert value == 7
        assert os.path.realpath(place).startswith(os.path.realpath(sys.prefix))


def test_pip_of_a_job_installs_into_the_job(tmp_path: Path) -> None:
    python = JobPython(tmp_path / "python")
    python.create()
    package = tmp_path / "package"
    package.mkdir()
    env = python.environment(tmp_path / "cache")
    answer = subprocess.run(
        ["pip", "install", "--no-index", "numpy"], env=env, capture_output=True, text=True, check=True, cwd=package
    )
    assert "Requirement already satisfied: numpy" in answer.stdout


def test_hosts_of_one_job_install_one_after_the_other(tmp_path: Path) -> None:
    """The second waits while the first holds the overlay, and goes on when the first is killed."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "requirements.txt").write_text("numpy\n")
    hold = (
        "import sys, time; from filelock import FileLock\n"
        "lock = FileLock(sys.argv[1]); lock.acquire(); print('held', flush=True); time.sleep(600)"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path / "bin" / "requirements.lock")], stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None and first.stdout.readline() == "held\n"
    script = Path(requirements.__file__)
    second = subprocess.Popen(
        [sys.executable, str(script), "requirements.txt"], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PIP_PYTHON": str(tmp_path / "bin" / "python")},
    )  # fmt: skip
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(1)
    first.kill()
    first.communicate()
    out, _ = second.communicate(timeout=60)
    assert "all 1 requirements are installed already" in out and second.returncode == 0


@pytest.mark.parametrize(
    ("files", "forked"),
    [
        ({"train.py": "import torch"}, True),
        ({"train.py": "print(1)"}, False),
        ({"train.py": "import helper", "helper.py": "from torch import nn"}, True),
        ({"train.py": "import rooms.helper", "rooms/helper.py": "from torch import nn"}, True),
        ({"train.py": "import torch", "requirements.txt": "numpy\n# torch\n"}, True),
        ({"train.py": "import torch", "requirements.txt": "sagedeck-no-such-package"}, False),
        ({"train.py": "import torch", "requirements.txt": "numpy<0.1"}, False),
        ({}, False),
    ],
)
def test_only_what_imports_torch_and_installs_nothing_is_forked(
    tmp_path: Path, files: dict[str, str], forked: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    usual = JobPython(tmp_path / "python").warm(tmp_path, tmp_path)
    assert (usual is not None) == forked
    if usual is not None:
        assert usual["OMP_WAIT_POLICY"] == "PASSIVE" and not any("KEY" in name for name in usual)
