"""An endpoint's inference process: loads one model, then answers one request after the other.

Runs as a plain script. It calls the sandbox (address and one-time token in its environment) and ends when
that connection ends, so it cannot outlive the sandbox.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

# The user's code must not find the sandbox's modules by their short names.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]


def _sibling(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"_sandbox_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Load, say so, serve. Returns the exit status."""
    host, port = os.environ.pop("SANDBOX_HOST_ADDRESS").rsplit(":", 1)
    token = os.environ.pop("SANDBOX_HOST_TOKEN")
    code, model_dir = Path(os.environ["SAGEMAKER_SUBMIT_DIRECTORY"]), Path(os.environ["SM_MODEL_DIR"])
    wire, handlers_module = _sibling("wire"), _sibling("handlers")
    requirements = code / "requirements.txt"
    if requirements.is_file() and _sibling("requirements").main([str(requirements)]):
        return 1
    started = time.perf_counter()
    try:
        handlers = handlers_module.Handlers(code, os.environ.get("SAGEMAKER_PROGRAM", ""), model_dir)
    except Exception:
        traceback.print_exc()
        return 1
    print(f"Model loaded in {time.perf_counter() - started:.1f} s.", flush=True)
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.send(connection, {"token": token})
        while True:
            try:
                header, body = wire.receive(connection)
            except wire.WireClosed:
                return 0
            begun = time.perf_counter()
            status, headers, answer = handlers.answer(header["headers"], body)
            took = time.perf_counter() - begun
            wire.send(connection, {"status": status, "headers": headers, "seconds": took}, answer)


if __name__ == "__main__":
    sys.exit(main())
