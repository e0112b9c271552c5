"""Predictions: types by content, limits, the container's own words, and a bounded number of calls at once."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time

import pytest
from botocore.exceptions import ClientError

from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput, ModelFailed, NotFound
from workers.inference.answers import MAX_BODY_BYTES, guess_type
from workers.inference.invoke import Inference
from workers.types import Backend

JPEG = b"\xff\xd8\xff\xe0" + b"x" * 20
ANSWER = {"labels": ["pug", "husky"], "probabilities": [0.3, 0.7], "logits": [1, 2], "classes": ["pug", "husky"]}


class Runtime:
    """The runtime client: answers, refuses, and counts who is inside."""

    def __init__(self, body="", error=None, seconds=0.0):
        self.body = body or json.dumps(ANSWER)
        self.error, self.seconds = error, seconds
        self.requests, self.inside, self.most = [], 0, 0
        self.lock = threading.Lock()

    def invoke_endpoint(self, **request):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        # Long enough for the others to come in meanwhile, if they are let in.
        time.sleep(self.seconds)
        with self.lock:
            self.inside -= 1
        self.requests.append(request)
        if self.error:
            raise ClientError(self.error, "InvokeEndpoint")
        return {"Body": io.BytesIO(self.body.encode())}


def inference(runtime):
    session = AwsSession(Backend("sandbox", "test", "us-east-1"))
    session.client = lambda service: runtime
    return Inference(session)


def test_the_best_class_comes_first_with_its_time():
    runtime = Runtime(seconds=0.02)
    prediction = asyncio.run(inference(runtime).predict("dogs", JPEG))
    assert (prediction.top, prediction.labels, prediction.probabilities) == ("husky", ("husky", "pug"), (0.7, 0.3))
    assert prediction.latency_ms >= 20
    assert json.loads(prediction.raw) == ANSWER
    assert runtime.requests[0]["ContentType"] == "image/jpeg"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (JPEG, "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n123", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF1234WEBPVP8 ", "image/webp"),
        (b"what is this", "application/x-image"),
    ],
)
def test_the_type_is_read_from_the_content(data, kind):
    assert guess_type(data) == kind


def test_a_given_type_is_kept():
    runtime = Runtime()
    asyncio.run(inference(runtime).predict("dogs", b"{}", "application/json"))
    assert runtime.requests[0]["ContentType"] == "application/json"


@pytest.mark.parametrize("data", [b"", JPEG + b"x" * MAX_BODY_BYTES])
def test_an_empty_or_too_large_body_is_not_sent(data):
    runtime = Runtime()
    with pytest.raises(InvalidInput):
        asyncio.run(inference(runtime).predict("dogs", data))
    assert runtime.requests == []


def test_the_containers_own_words_are_kept():
    error = {
        "Error": {"Code": "ModelError", "Message": "Received client error (400) from primary"},
        "OriginalMessage": "The picture cannot be used: it is cut off.",
        "OriginalStatusCode": 400,
        "ResponseMetadata": {"HTTPStatusCode": 424},
    }
    with pytest.raises(ModelFailed, match="it is cut off"):
        asyncio.run(inference(Runtime(error=error)).predict("dogs", JPEG))


def test_an_unknown_endpoint_is_not_found():
    error = {
        "Error": {"Code": "ValidationError", "Message": "Endpoint dogs of account 123456789012 not found."},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    with pytest.raises(NotFound):
        asyncio.run(inference(Runtime(error=error)).predict("dogs", JPEG))


@pytest.mark.parametrize(
    "body", ["<html>", "[]", '{"labels": ["a"], "probabilities": []}', '{"labels": [], "probabilities": []}', "null"]
)
def test_an_answer_of_another_kind_of_model_is_told(body):
    with pytest.raises(ModelFailed, match="not a class"):
        asyncio.run(inference(Runtime(body=body)).predict("dogs", JPEG))


def test_many_pictures_go_a_few_at_a_time_and_waiting_is_not_latency():
    runtime = Runtime(seconds=0.03)
    service = inference(runtime)

    async def body():
        began = time.perf_counter()
        predictions = await asyncio.gather(*(service.predict("dogs", JPEG) for _ in range(12)))
        return predictions, (time.perf_counter() - began) * 1000

    predictions, whole_ms = asyncio.run(body())
    assert 1 < runtime.most <= 4
    # Three rounds, of which a call takes one: with the waiting, the median would be two.
    median = sorted(prediction.latency_ms for prediction in predictions)[len(predictions) // 2]
    assert median < 0.55 * whole_ms
