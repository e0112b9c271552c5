"""Memory that is freed and asked for again: the system is not asked for it a second time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagedeck_training.data.dataset import Sample
from sagedeck_training.machine import memory
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.stopping import Stop
from sagedeck_training.network.features import Progress, compute_features
from sagedeck_training.network.model import build, for_inference
from tests.helpers.paths import TRAINING

IS_GLIBC = sys.platform == "linux" and str(os.confstr("CS_GNU_LIBC_VERSION")).startswith("glibc")
# Three layers of a network at a time, again and again: the pages that the system gave for the last two of four times.
LAYERS = """
import ctypes, resource, sys
sys.path.insert(0, sys.argv[1])
from sagedeck_training.machine import memory
print(memory.keep() if sys.argv[2] == "keep" else False)
c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes, c.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
for turn in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt if turn < 3 else before
    layers = [c.malloc(30_000_000) for _ in range(3)]
    for layer in layers:
        ctypes.memset(layer, 1, 30_000_000)
    for layer in layers:
        c.free(layer)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not IS_GLIBC, reason="other C libraries cannot be told")
def test_freed_memory_stays_and_is_used_again() -> None:
    kept, pages = ask("keep")
    assert kept == "True" and int(pages) < 1000
    # The system's own way, so that the figure above says something.
    assert int(ask("leave")[1]) > 10_000


def ask(how: str) -> list[str]:
    plain = {name: value for name, value in os.environ.items() if "MALLOC" not in name and name != "GLIBC_TUNABLES"}
    program = [sys.executable, "-c", LAYERS, str(TRAINING), how]
    return subprocess.run(program, env=plain, check=True, capture_output=True, text=True, timeout=60).stdout.split()


def test_the_pass_on_a_cpu_keeps_its_memory(small_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bool] = []
    monkeypatch.setattr(memory, "keep", lambda: kept.append(True))
    path = next(small_folder.glob("train/*/*.jpg")).relative_to(small_folder).as_posix()
    compute_features(
        for_inference(build("efficientnet_lite0", 2)), small_folder, [Sample(path, 0)], views=1, size=32, seed=0,
        workers=1, group=Group(), stop=Stop(), progress=Progress(1, print),
    )  # fmt: skip
    assert kept == [True]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_the_c_library_cannot_be_told_nothing_is_tried(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert memory.keep() is False
