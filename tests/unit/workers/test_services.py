"""Connecting to a backend: light to import, started and ended without waiting."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from tests.helpers.processes import children_running
from tests.helpers.waiting import until
from workers.errors.tree import LocalProblem, Unreachable
from workers.launcher.client import Launcher
from workers.services import Services
from workers.types import Backend

NEVER_READY = "tests.unit.workers.silent_child"
BACKEND = Backend("sandbox", "Sandbox", "us-east-1", None, "http://127.0.0.1:9", "AKIAEXAMPLE", "secret")


def test_importing_the_services_imports_no_sdk():
    # In the window's process boto3 comes later and in a thread, the SageMaker SDK never.
    heavy = "{'boto3', 'botocore', 'sagemaker', 'torch', 'moto', 'PySide6'}"
    code = f"import workers.services, sys; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_closing_ends_the_warm_up():
    services = Services(BACKEND)
    services.launcher = Launcher(BACKEND, module=NEVER_READY)

    async def body():
        warming = asyncio.create_task(services.prewarm())
        await until(lambda: children_running(NEVER_READY))
        services.close()
        with pytest.raises(LocalProblem, match="stopped"):
            await asyncio.wait_for(warming, 60)

    asyncio.run(body())
    with pytest.raises(Unreachable):
        asyncio.run(services.identity())


def test_closing_does_not_wait_for_the_launcher(monkeypatch):
    services = Services(BACKEND)
    gate, ended = threading.Event(), threading.Event()

    def slow_close():
        gate.wait(60)
        ended.set()

    monkeypatch.setattr(services.launcher, "close", slow_close)
    services.close()
    assert not ended.is_set()
    gate.set()
    assert ended.wait(60)


def test_secrets_are_not_in_the_representation():
    assert "secret" not in repr(Services(BACKEND).backend)
