"""The sandbox's process as a backend of the workers."""

from __future__ import annotations

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
    )
