"""For all tests: drawn examples are the same in every run, a slow machine fails none, no answer leaves its model."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from pytestqt.qtbot import QtBot

from tests.helpers.waiting import SECONDS

settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

# Every sandbox that a test starts inherits it and checks its answers (sandbox/wire/answer_check.py).
_FOLDER = tempfile.TemporaryDirectory(prefix="sagedeck-answers-")
DEVIATIONS = Path(_FOLDER.name) / "deviations"
os.environ["SAGEDECK_CHECK_ANSWERS"] = str(DEVIATIONS)


def _new_deviations() -> str:
    """What sandboxes wrote since the last look."""
    global _seen
    if not DEVIATIONS.exists():
        return ""
    with DEVIATIONS.open("rb") as file:
        file.seek(_seen)
        found = file.read()
    _seen += len(found)
    return found.decode()


_seen = 0


@pytest.fixture(autouse=True)
def answers_in_their_models() -> Iterator[None]:
    """Fail the test in which an answer of a sandbox was not as AWS's model of its operation says."""
    yield
    found = _new_deviations()
    assert not found, f"answers that are not in their models:\n{found}"


@pytest.fixture(autouse=True, scope="session")
def answers_in_their_models_to_the_end() -> Iterator[None]:
    """The same for what is asked after the last test, while shared sandboxes are taken down."""
    yield
    found = _new_deviations()
    assert not found, f"answers that are not in their models:\n{found}"


class PatientBot(QtBot):
    """Waits as long as ``until`` does: five seconds, as Qt's own, are not enough where others compute, too."""

    def waitUntil(self, callback: Any, *, timeout: int = round(SECONDS * 1000)) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = round(SECONDS * 1000), **options: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **options)


@pytest.fixture
def qtbot(qapp: Any, request: pytest.FixtureRequest) -> QtBot:
    return PatientBot(request)


@pytest.fixture(scope="session", autouse=True)
def _own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test uses the data folder of who runs it: child processes run in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes (an archive with its time in it, say) would name a test otherwise in each process that collects it."""
    return argname if isinstance(val, bytes) else None
