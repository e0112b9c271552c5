"""The URL that opens a notebook: good for five minutes, signed for the one JupyterLab that it belongs to."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from pathlib import Path

from sandbox.containers.python import HOST_PROGRAMS

# SageMaker API reference, CreatePresignedNotebookInstanceUrl: "the URL is valid only for 5 minutes".
URL_SECONDS = 300
DEFAULT_SESSION_SECONDS = 43_200
_PROGRAM = "notebook_access.py"
_CONFIG = '''"""Written by the sandbox."""
import importlib.util

spec = importlib.util.spec_from_file_location("sagedeck_notebook_access", {program})
access = importlib.util.module_from_spec(spec)
spec.loader.exec_module(access)
c.ServerApp.identity_provider_class = access.PresignedAccess
c.PresignedAccess.secret = {secret}
'''


class Access:
    """What one JupyterLab trusts; ``port`` is where it listens on the loopback interface."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._secret = secrets.token_hex(32)

    def configure(self, folder: Path) -> None:
        """Write JupyterLab's configuration, readable for its owner only."""
        path = folder / "jupyter_server_config.py"
        path.touch(mode=0o600)
        text = _CONFIG.format(program=json.dumps(str(HOST_PROGRAMS / _PROGRAM)), secret=json.dumps(self._secret))
        path.write_text(text, encoding="utf-8")

    def url(self, session: int) -> str:
        """A URL that opens JupyterLab once within five minutes, for a session of ``session`` seconds."""
        # As ``notebook_access.signed``, which cannot be imported here: JupyterLab may not be installed.
        text = f"{int(time.time()) + URL_SECONDS}.{session}"
        signature = hmac.new(self._secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"http://127.0.0.1:{self.port}/lab?authToken={text}.{signature}"
