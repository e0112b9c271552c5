"""Several hosts: real processes over gloo on the loopback interface."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import train
from sagedeck_training.machine.distributed import Group
from tests.helpers.paths import TRAINING

# How far a loss or an accuracy of several hosts may be from that of one: what rounding does, and no more. One training
# picture less moves the losses of these runs by 0.005 and more.
TOLERANCE = 1e-4
RUN = ["--image-size", "64", "--batch-size", "16", "--epochs", "3", "--seed", "4"]


@pytest.fixture
def port() -> Iterator[int]:
    """A port that is kept from everybody who asks for a free one, but not from who listens on it by its number."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def start(host: int, hosts: int, port: int, *options: str) -> subprocess.Popen[str]:
    names = [f"algo-{number + 1}" for number in range(hosts)]
    env = {
        **os.environ, "SM_HOSTS": json.dumps(names), "SM_CURRENT_HOST": names[host], "OMP_NUM_THREADS": "1",
        "SM_MASTER_ADDR": "127.0.0.1", "SM_MASTER_PORT": str(port),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, str(TRAINING / "train.py"), *RUN, *options],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def curves(folder: Path) -> list[list[float]]:
    report = json.loads((folder / "report.json").read_text())
    names = ("train:loss", "train:accuracy", "valid:loss", "valid:accuracy")
    return [[row[name] for name in names] for row in report["curves"]]


@pytest.mark.parametrize(("count", "options"), [(4, []), (2, ["--unfreeze", "1"])], ids=["features", "pictures"])
def test_several_hosts_give_the_curve_of_one(
    small_folder: Path, tmp_path: Path, port: int, count: int, options: list[str]
) -> None:
    pictures = len(list(small_folder.glob("train/*/*.jpg")))
    assert pictures == 42 and pictures % 4, "the hosts' shares must differ, or dropped pictures would not show"
    data = ["--data-dir", str(small_folder)]
    hosts = [start(n, count, port, *data, "--model-dir", str(tmp_path / f"host{n}"), *options) for n in range(count)]
    assert train.main([*data, "--model-dir", str(tmp_path / "one"), *RUN, *options]) == 0
    outputs = [process.communicate(timeout=180)[0] for process in hosts]
    assert [process.returncode for process in hosts] == [0] * count, outputs
    for alone, together in zip(curves(tmp_path / "one"), curves(tmp_path / "host0"), strict=True):
        assert together == pytest.approx(alone, abs=TOLERANCE)
    single, two = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("one", "host0"))
    assert two["confusion"] == single["confusion"] and two["hosts"] == count
    assert two["mistakes"] == single["mistakes"], "each host names those of its share"
    assert [path.name for path in tmp_path.glob("host*")] == ["host0"]
    assert ["epoch=" in output for output in outputs] == [True] + [False] * (count - 1)


def test_under_torchrun(small_folder: Path, tmp_path: Path, port: int) -> None:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nnodes=1", "--nproc_per_node=2", "--master_addr=127.0.0.1",
         f"--master_port={port}", str(TRAINING / "train.py"), "--data-dir", str(small_folder),
         "--model-dir", str(tmp_path), *RUN],
        env=env, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("epoch=1/") == 1
    assert json.loads((tmp_path / "report.json").read_text())["hosts"] == 2


def test_a_host_that_dies_ends_the_others_at_once(small_folder: Path, tmp_path: Path, port: int) -> None:
    data = ["--data-dir", str(small_folder), "--model-dir", str(tmp_path), "--patience", "0"]
    hosts = [start(n, 2, port, *data, "--epochs", "1000000") for n in range(2)]
    try:
        assert hosts[0].stdout is not None
        for line in hosts[0].stdout:
            if line.startswith("epoch=2/"):
                break
        hosts[1].kill()
        # At once: not after the half hour that a host is waited for.
        rest, _ = hosts[0].communicate(timeout=120)
        assert hosts[0].returncode == 1
        assert "Another host of this job ended or cannot be reached" in rest
    finally:
        for process in hosts:
            process.kill()
            process.wait()


def test_hosts_that_see_different_pictures_are_told(small_folder: Path, tmp_path: Path, port: int) -> None:
    model = ["--model-dir", str(tmp_path / "m")]
    from tests.helpers.pictures import make_folder

    other = make_folder(tmp_path / "other", 2, 6, size=(48, 48))
    hosts = [start(n, 2, port, "--data-dir", str(root), *model) for n, root in enumerate((small_folder, other))]
    for process in hosts:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 1 and "every host needs all data" in output


@pytest.mark.parametrize("total", [0, 1, 3, 4, 42, 43])
def test_every_picture_belongs_to_one_host(total: int) -> None:
    shares = [list(Group(rank, 4).share(total)) for rank in range(4)]
    assert sorted(index for share in shares for index in share) == list(range(total))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_nothing_is_exchanged() -> None:
    group = Group()
    assert group.is_first and list(group.share(3)) == [0, 1, 2]
    assert group.gather_json({"a": 1}) == [{"a": 1}]
