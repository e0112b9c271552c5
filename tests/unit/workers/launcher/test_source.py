"""The source that goes with a job: clean, and with the operator's own requirements."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from workers.launcher.request import LaunchRequest
from workers.launcher.source import staged_source
from workers.training.request import launch_request
from workers.types import TrainingSpec


def make_source(folder: Path, **changes: str) -> LaunchRequest:
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "train.pyc").write_bytes(b"x")
    (folder / ".hidden").write_text("x")
    (folder / "train.py").write_text("print(1)")
    (folder / "requirements.txt").write_text("torch\n")
    spec = TrainingSpec("a", "s3://b/d", "b")
    return replace(launch_request(spec, "us-east-1", "arn:role"), source_dir=str(folder), **changes)


def test_only_what_belongs_to_the_script_is_copied(tmp_path):
    with staged_source(make_source(tmp_path)) as folder:
        names = sorted(path.name for path in Path(folder).rglob("*"))
        assert names == ["requirements.txt", "train.py"]
        assert Path(folder, "requirements.txt").read_text() == "torch\n"
    assert not Path(folder).exists()


def test_the_operators_requirements_replace_the_scripts_own_for_this_job_alone(tmp_path):
    request = make_source(tmp_path, requirements_text="pandas>=2.2")
    with staged_source(request) as folder:
        assert Path(folder, "requirements.txt").read_text() == "pandas>=2.2\n"
    assert (tmp_path / "requirements.txt").read_text() == "torch\n"


def test_no_requirements_are_requirements_too(tmp_path):
    with staged_source(make_source(tmp_path, requirements_text="")) as folder:
        assert Path(folder, "requirements.txt").read_text() == "\n"
