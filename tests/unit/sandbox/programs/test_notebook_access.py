"""The token in a notebook's URL: signed for one JupyterLab, for five minutes, for a session of so many seconds."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest

from sandbox.containers.python import HOST_PROGRAMS
from sandbox.sagemaker.notebooks.access import Access


class Provider:
    """JupyterLab's own class, which need not be installed here."""

    def get_user_cookie(self, handler: Any) -> Any:
        return None

    def generate_anonymous_user(self, handler: Any) -> str:
        return "somebody"


class Handler:
    def __init__(self, token: str) -> None:
        self.token = token

    def get_argument(self, name: str, otherwise: str) -> str:
        return self.token if name == "authToken" else otherwise


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("jupyter_server", "jupyter_server.auth", "jupyter_server.auth.identity", "traitlets"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["jupyter_server.auth.identity"].IdentityProvider = Provider  # type: ignore[attr-defined]

    trait = types.SimpleNamespace(tag=lambda **_: "")
    sys.modules["traitlets"].Unicode = lambda *_, **__: trait  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location("access", HOST_PROGRAMS / "notebook_access.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def token_of(access: Access, session: int = 1800) -> str:
    return access.url(session).partition("authToken=")[2]


def test_a_fresh_url_opens_a_session_and_nothing_else_does(program: Any, tmp_path: Path) -> None:
    access, other = Access(1), Access(1)
    access.configure(tmp_path)
    config = (tmp_path / "jupyter_server_config.py").read_text()
    assert (tmp_path / "jupyter_server_config.py").stat().st_mode & 0o077 == 0
    secret = config.partition("secret = ")[2].strip().strip('"')
    provider = program.PresignedAccess()
    provider.secret = secret
    assert asyncio.run(provider.get_user_token(Handler(token_of(access)))) == "somebody"
    assert provider.cookie_options["expires_days"] == pytest.approx(1800 / 86_400)
    good = token_of(access)
    expires, session, signature = good.split(".")
    for wrong in (
        token_of(other),
        "",
        "x",
        f"{int(expires) + 1}.{session}.{signature}",
        f"{expires}.99999.{signature}",
        f"{expires}.{session}.",
        "..",
        f"{expires}.{session}.ä",
    ):
        assert asyncio.run(provider.get_user_token(Handler(wrong))) is None, wrong
    assert program.session_of(secret, good, time.time() + 301) == 0
    assert program.session_of(secret, good, time.time()) == 1800
