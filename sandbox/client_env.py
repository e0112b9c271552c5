"""What unmodified programs need to reach the sandbox: the text of ``python -m sandbox env``.

The SageMaker SDKs call STS at a URL of amazonaws.com that no setting changes; for them the exports also put a
small ``sitecustomize`` module before the Python path, which sends requests for AWS's hosts to the sandbox. It does
nothing for other hosts, and runs the ``sitecustomize`` that it hides, if there is one.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

SHIM = '''"""Written by the SageDeck sandbox: requests for *.amazonaws.com go to AWS_ENDPOINT_URL."""

import importlib.machinery
import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
_rest = [folder for folder in sys.path if os.path.abspath(folder or ".") != _here]
_hidden = importlib.machinery.PathFinder.find_spec("sitecustomize", _rest)
if _hidden is not None and _hidden.loader is not None:
    _hidden.loader.exec_module(importlib.util.module_from_spec(_hidden))


class _Finder:
    """Patches botocore's endpoint choice when botocore.endpoint is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "botocore.endpoint":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            _patch(module)

        spec.loader.exec_module = exec_module
        return spec


def _patch(module):
    create = module.EndpointCreator.create_endpoint

    def create_endpoint(self, service_model, region_name, endpoint_url, *args, **kwargs):
        sandbox = os.environ.get("AWS_ENDPOINT_URL", "")
        host = endpoint_url.split("://", 1)[-1].split("/", 1)[0]
        if sandbox and host.endswith((".amazonaws.com", ".aws.dev", ".api.aws")):
            endpoint_url = sandbox
        return create(self, service_model, region_name, endpoint_url, *args, **kwargs)

    module.EndpointCreator.create_endpoint = create_endpoint


if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:"):
    sys.meta_path.insert(0, _Finder())
'''


def write_shim(state: Path) -> Path:
    """Write the ``sitecustomize`` shim below the state folder; returns its folder."""
    folder = state / "shim"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SHIM, encoding="utf-8")
    return folder


def client_environ(ready: dict[str, Any], shim: Path | None = None) -> dict[str, str]:
    """The variables for SDKs and the AWS CLI, from the content of a ready file."""
    environ = {
        "AWS_ENDPOINT_URL": ready["endpoint_url"],
        "AWS_ACCESS_KEY_ID": ready["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": ready["secret_access_key"],
        "AWS_DEFAULT_REGION": ready["region"],
        "AWS_REGION": ready["region"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if shim is not None:
        environ["PYTHONPATH"] = str(shim)
    return environ


def read_ready(state: Path) -> dict[str, Any] | None:
    """The ready file of a sandbox on ``state``; None when there is none (it may be of a killed one)."""
    try:
        content = json.loads((state / "ready.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "endpoint_url" in content else None


def shell_exports(ready: dict[str, Any], shim: Path) -> str:
    """Lines for ``eval "$(…)"`` in a POSIX shell."""
    lines = [
        "# Programs started from this shell use the SageDeck sandbox instead of AWS.",
        "# PYTHONPATH holds a sitecustomize module that also redirects botocore's hard-coded amazonaws.com URLs.",
        "unset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE",
    ]
    for name, value in client_environ(ready, shim).items():
        tail = '"${PYTHONPATH:+:$PYTHONPATH}"' if name == "PYTHONPATH" else ""
        lines.append(f"export {name}={shlex.quote(value)}{tail}")
    return "\n".join(lines) + "\n"
