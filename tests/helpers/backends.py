"""The sandbox's process as a backend of the workers."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.sandbox import SandboxProcess
from workers.types import Backend


def backend_of(sandbox: SandboxProcess) -> Backend:
    ready = sandbox.ready
    return Backend(
        "sandbox",
        "Sandbox",
        ready["region"],
        endpoint_url=ready["endpoint_url"],
        access_key_id=ready["access_key_id"],
        secret_access_key=ready["secret_access_key"],
        time_factor=ready["time_factor"],
        exposure=ready["exposure"],
        interrupts_spot=ready["interrupts_spot"],
    )


def sandbox_of(backend: Backend, state: Path) -> SandboxProcess:
    """The sandbox that a window has started, for what a test does in its account beside the window."""
    found = SandboxProcess(state)
    found.ready = {
        "endpoint_url": backend.endpoint_url,
        "region": backend.region,
        "access_key_id": backend.access_key_id,
        "secret_access_key": backend.secret_access_key,
    }
    return found
