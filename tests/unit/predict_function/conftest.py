"""The function's code is packaged by path (`lambda` is a keyword), so it is loaded by path here too."""

from __future__ import annotations

import importlib
import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CODE = Path(__file__).parents[3] / "lambda" / "predict"


@pytest.fixture(scope="session")
def code_path() -> Any:
    sys.path.insert(0, str(CODE))
    yield CODE
    sys.path.remove(str(CODE))


@pytest.fixture(scope="session")
def validation(code_path: Path) -> ModuleType:
    return importlib.import_module("validation")


class Endpoint:
    """Stands in for the endpoint: counts the calls, answers or raises what it is told to."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.failures: list[Exception] = []
        self.answer = {"labels": ["Akita", "Pug", "Boxer"], "probabilities": [0.7, 0.2, 0.1], "logits": [3, 2, 1]}

    def invoke_endpoint(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        if self.failures:
            raise self.failures.pop(0)
        return {"Body": io.BytesIO(json.dumps(self.answer).encode())}


@pytest.fixture
def function(code_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unused")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unused")
    monkeypatch.setenv("ENDPOINT_NAME", "dogs")
    module = importlib.import_module("handler")
    monkeypatch.setattr(module, "runtime", Endpoint())
    return module
