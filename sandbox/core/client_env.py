"""What unmodified programs need to reach the sandbox: the text of ``python -m sandbox env``.

The SageMaker SDKs call STS at a URL of amazonaws.com that no setting changes; for them the exports also put a
small ``sitecustomize`` module before the Python path: clients made with such a URL go to the sandbox instead, and so
does what s3control asks at a host named after the account. It does nothing for other URLs, nor when
``AWS_ENDPOINT_URL`` is no longer the sandbox's, and runs the ``sitecustomize`` that it hides, if there is one. The SDKs
also report every call to Amazon, and print a traceback when they cannot: the exports name a file of defaults that turns
this off, which the user's own file of defaults overrides.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SDK_DEFAULTS_FILE = "sagemaker.yaml"
SDK_DEFAULTS = """\
SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""

SHIM = '''"""Written by the SageDeck sandbox: boto clients made for URLs of amazonaws.com go to AWS_ENDPOINT_URL."""

import importlib.machinery
import importlib.util
import inspect
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
_rest = [folder for folder in sys.path if os.path.abspath(folder or ".") != _here]
_hidden = importlib.machinery.PathFinder.find_spec("sitecustomize", _rest)
if _hidden is not None and _hidden.loader is not None:
    _hidden.loader.exec_module(importlib.util.module_from_spec(_hidden))


class _Finder:
    """Patches botocore's session when it is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "botocore.session":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            _patch(module.Session)

        spec.loader.exec_module = exec_module
        return spec


def _patch(session):
    create = session.create_client
    order = inspect.signature(create)

    def create_client(*args, **kwargs):
        call = order.bind(*args, **kwargs)
        url = call.arguments.get("endpoint_url") or ""
        host = url.split("://", 1)[-1].split("/", 1)[0].split(":", 1)[0]
        if host.endswith((".amazonaws.com", ".api.aws")):
            call.arguments["endpoint_url"] = os.environ["AWS_ENDPOINT_URL"]
        client = create(*call.args, **call.kwargs)
        client.meta.events.register_first("request-created", _without_prefix)
        return client

    session.create_client = create_client


def _without_prefix(request, **_):
    """s3control asks at ACCOUNT.127.0.0.1, which is nowhere."""
    here = os.environ.get("AWS_ENDPOINT_URL", "").split("://", 1)[-1].split("/", 1)[0]
    scheme, _, rest = request.url.partition("://")
    host, slash, path = rest.partition("/")
    if here and host.endswith("." + here):
        request.url = scheme + "://" + here + slash + path


if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:"):
    sys.meta_path.insert(0, _Finder())
'''


def write_shim(state: Path) -> Path:
    """Write the ``sitecustomize`` shim and the SDKs' defaults below the state folder; returns their folder."""
    folder = state / "shim"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SHIM, encoding="utf-8")
    (folder / _SDK_DEFAULTS_FILE).write_text(SDK_DEFAULTS, encoding="utf-8")
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
        # Else clients would ask "stream-127.0.0.1" for a live tail.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    if shim is not None:
        environ["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"] = str(shim / _SDK_DEFAULTS_FILE)
        environ["PYTHONPATH"] = str(shim)
    return environ


def read_ready(state: Path) -> dict[str, Any] | None:
    """The ready file of a sandbox on ``state``; None when there is none (it may be of a killed one)."""
    try:
        content = json.loads((state / "ready.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "endpoint_url" in content else None


def shell_exports(ready: dict[str, Any], shim: Path, notes: Sequence[str] = (), session_token: str = "") -> str:
    """Lines for ``eval "$(…)"`` in a POSIX shell; ``notes`` are told as comments, ``session_token`` is a role's."""
    lines = [
        "# Programs started from this shell use the SageDeck sandbox instead of AWS.",
        "# PYTHONPATH holds a sitecustomize module that redirects boto clients made for URLs of amazonaws.com;",
        "# the SageMaker SDKs' reports to Amazon are off.",
        *(f"# {note}" for note in notes),
        "unset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE",
    ]
    token = {"AWS_SESSION_TOKEN": session_token} if session_token else {}
    for name, value in (client_environ(ready, shim) | token).items():
        tail = '"${PYTHONPATH:+:$PYTHONPATH}"' if name == "PYTHONPATH" else ""
        lines.append(f"export {name}={shlex.quote(value)}{tail}")
    return "\n".join(lines) + "\n"
