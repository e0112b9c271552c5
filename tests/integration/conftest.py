"""For stories against a real sandbox: one process, one event loop and one set of services for each test module."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.backends import backend_of
from tests.helpers.sagemaker_jobs import Account
from tests.helpers.sandbox import SandboxProcess
from workers.services import Services
from workers.upload.uploader import Uploader


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "state") as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all tests, as a window has one."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def run(runner: asyncio.Runner) -> Any:
    """Runs a coroutine in that loop."""
    return runner.run


@pytest.fixture(scope="module")
def account(sandbox: SandboxProcess) -> Account:
    """With a bucket and a role; modules that need more in it fill this one."""
    return Account(sandbox)


@pytest.fixture(scope="module")
def services(sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    services = Services(backend_of(sandbox))
    # Not the uploads that the person at this machine made.
    services.uploader = Uploader(services.session, tmp_path_factory.mktemp("uploads") / "uploads.sqlite")
    yield services
    services.close()


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that functions and the test both see: they share no folder of a disk, and not /tmp either."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)
