"""Models on this computer: fetched once, kept loaded, started anew when their process died, refused without torch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput, LocalProblem, SageDeckError
from workers.inference import local, model_files
from workers.inference.invoke import Inference
from workers.types import Backend, TrainingJob

NOW = datetime.now(UTC)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Models are there at once; which were fetched."""
    keys: list[str] = []

    def fetch(client: object, bucket: str, key: str) -> Path:
        keys.append(key)
        folder = tmp_path / key.partition("/")[0]
        folder.mkdir(exist_ok=True)
        if "bad" not in key:
            (folder / "model.pth").touch()
        return folder

    monkeypatch.setattr(model_files, "fetch", fetch)
    monkeypatch.setattr(local, "MODULE", "tests.helpers.model_child")
    return keys


def played(body: Callable[[Inference], Coroutine[Any, Any, Any]], status: Any = "Completed") -> Any:
    async def describe(name: str) -> TrainingJob:
        return TrainingJob(name, status, NOW, model_uri=f"s3://bucket/{name}/output/model.tar.gz")

    async def play() -> Any:
        session = AwsSession(Backend("sandbox", "test", "us-east-1"))
        session.client = lambda service: None  # type: ignore[method-assign, assignment, misc]
        inference = Inference(session, training=SimpleNamespace(describe=describe))  # type: ignore[arg-type]
        try:
            return await body(inference)
        finally:
            inference.close()

    return asyncio.run(play())


def test_a_model_is_fetched_and_loaded_once_and_says_how_long_it_took(fetched: list[str]) -> None:
    async def body(inference: Inference) -> Any:
        return [await inference.predict("model:one", b"x") for _ in range(3)]

    found = played(body)
    assert fetched == ["one/output/model.tar.gz"]
    assert {answer.top for answer in found} == {"one"} and {answer.model_ms for answer in found} == {12.5}
    assert len({json.loads(answer.raw)["classes"][0] for answer in found}) == 1, "one process answers all"


def test_a_process_that_died_is_told_and_another_one_answers(fetched: list[str]) -> None:
    async def body(inference: Inference) -> Any:
        with pytest.raises(LocalProblem, match="ended before it answered"):
            await inference.predict("model:one", b"die")
        return await inference.predict("model:one", b"x")

    assert played(body).top == "one"


def test_a_model_that_cannot_be_loaded_is_told_each_time(fetched: list[str]) -> None:
    async def body(inference: Inference) -> None:
        for _ in range(2):
            with pytest.raises(SageDeckError, match="no weights"):
                await inference.predict("model:bad", b"x")

    played(body)


def test_a_job_without_a_model_and_a_computer_without_torch_are_told(
    fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(inference: Inference) -> None:
        await inference.predict("model:one", b"x")

    with pytest.raises(InvalidInput, match="It failed, so it left no model"):
        played(body, "Failed")
    monkeypatch.setattr(local, "can_load", lambda: False)
    with pytest.raises(LocalProblem, match="sandbox"):
        played(body)
    assert fetched == []
