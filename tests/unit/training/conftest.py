"""The training code runs as plain scripts: its folder is on the path, as it is in a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.pictures import make_folder


@pytest.fixture(autouse=True)
def plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """No SageMaker environment, and one thread: tests run beside each other."""
    for name in list(os.environ):
        if name.startswith("SM_") or name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 classes with 14 training, 3 validation and 3 test pictures each."""
    return make_folder(tmp_path_factory.mktemp("pictures"), 3, 20, size=(96, 72))
