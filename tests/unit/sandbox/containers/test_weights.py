"""Weights without internet: what lies in the operator's cache of torch, and what comes with the program, is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox.containers import weights
from sandbox.containers.python import JobPython
from sandbox.containers.weights import BACKBONE, CHECKPOINTS, offer


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's cache, with weights and a repository."""
    home = tmp_path / "operator" / "torch"
    (home / CHECKPOINTS).mkdir(parents=True)
    (home / CHECKPOINTS / "resnet18-f37072fd.pth").write_bytes(b"weights")
    (home / "hub" / "pytorch_vision_main").mkdir()
    monkeypatch.setenv("TORCH_HOME", str(home))
    return home


def test_a_cache_offers_the_operators_weights_and_our_backbones(tmp_path: Path, theirs: Path) -> None:
    offer(tmp_path / "cache")
    found = tmp_path / "cache" / "torch" / CHECKPOINTS
    assert (found / "resnet18-f37072fd.pth").read_bytes() == b"weights"
    assert (found.parent / "pytorch_vision_main").is_dir()
    assert (found / BACKBONE).stat().st_size > 10_000_000
    assert weights.sources() == [theirs.resolve()]


def test_what_a_job_has_put_there_stays_and_what_has_gone_is_offered_anew(tmp_path: Path, theirs: Path) -> None:
    own = tmp_path / "cache" / "torch" / CHECKPOINTS
    own.mkdir(parents=True)
    (own / "resnet18-f37072fd.pth").write_bytes(b"own")
    (own / BACKBONE).symlink_to(tmp_path / "an environment that has moved")
    offer(tmp_path / "cache")
    offer(tmp_path / "cache")
    assert (own / "resnet18-f37072fd.pth").read_bytes() == b"own"
    assert (own / BACKBONE).exists()


def test_without_a_cache_of_the_operator_the_backbone_alone_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    offer(tmp_path / "cache")
    assert os.listdir(tmp_path / "cache" / "torch" / CHECKPOINTS) == [BACKBONE]
    assert weights.sources() == []


def test_a_cache_that_cannot_be_written_costs_the_weights_alone(tmp_path: Path, theirs: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    offer(tmp_path / "cache")
    assert (tmp_path / "cache").is_file()


def test_torch_finds_them_where_a_job_looks(tmp_path: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    environment = JobPython(tmp_path / "python").environment(tmp_path / "cache")
    assert theirs.resolve() in JobPython(tmp_path / "python").walls(own=[]).read
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", environment["XDG_CACHE_HOME"])
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    url = f"https://nowhere.invalid/{BACKBONE}"
    state = torch.hub.load_state_dict_from_url(url, map_location="cpu", weights_only=True, progress=False)
    assert any(name.endswith("conv_stem.weight") or "stem" in name for name in state)
