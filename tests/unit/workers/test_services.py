"""Connecting to a backend: light to import, started and ended without waiting."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from workers.errors import Unreachable
from workers.services import Services
from workers.types import Backend

BACKEND = Backend("sandbox", "Sandbox", "us-east-1", None, "http://127.0.0.1:9", "AKIAEXAMPLE", "secret")


def test_importing_the_services_imports_no_sdk():
    # In the window's process boto3 comes later and in a thread, the SageMaker SDK never.
    heavy = "{'boto3', 'botocore', 'sagemaker', 'torch', 'moto', 'PySide6'}"
    code = f"import workers.services, sys; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_closing_returns_at_once_and_ends_the_warm_up():
    services = Services(BACKEND)

    async def body():
        warming = asyncio.create_task(services.prewarm())
        await asyncio.sleep(0.3)
        began = time.perf_counter()
        services.close()
        closed = time.perf_counter() - began
        with pytest.raises(Exception, match=r"stopped|disconnected"):
            await warming
        return closed, time.perf_counter() - began

    closed, ended = asyncio.run(body())
    assert closed < 0.1
    assert ended < 5
    with pytest.raises(Unreachable):
        asyncio.run(services.identity())


def test_secrets_are_not_in_the_representation():
    assert "secret" not in repr(Services(BACKEND).backend)
