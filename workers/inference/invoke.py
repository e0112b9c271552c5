"""Asking an endpoint for the class of a picture."""

from __future__ import annotations

import asyncio
import json
import time

from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput, ModelFailed
from workers.types import Prediction

# InvokeEndpoint's limit for the body of a request to a real-time endpoint.
MAX_BODY_BYTES = 6 * 1024 * 1024
CONCURRENT_CALLS = 4
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


class Inference:
    """Real-time predictions, a few at a time. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._calls = asyncio.Semaphore(CONCURRENT_CALLS)

    async def predict(self, endpoint: str, data: bytes, content_type: str | None = None) -> Prediction:
        """Send a picture and read the answer. Without ``content_type`` the file's first bytes decide.

        Raises ``InvalidInput`` for a body over 6 MB or empty, ``ModelFailed`` with the container's own words, and
        ``NotFound`` for an unknown endpoint. ``latency_ms`` is measured from the request to the whole answer,
        without the time it waited for its turn; InvokeEndpoint does not say how much of it was the model's.
        """
        if not data:
            raise InvalidInput("Nothing to send", "The file is empty.")
        if len(data) > MAX_BODY_BYTES:
            raise InvalidInput(
                "The picture is too large for an endpoint",
                f"It has {len(data) / 1024**2:.1f} MB; an endpoint takes at most 6 MB in one request.",
                "Make the picture smaller; the model itself looks at a few hundred pixels only.",
                code="TooLarge",
            )
        doing = f"get a prediction from {endpoint}"
        async with self._calls:
            body, seconds = await self._session.run(
                doing, self._invoke, endpoint, data, content_type or guess_type(data), service="sagemaker-runtime"
            )
        labels, probabilities = _read(body)
        return Prediction(
            labels=labels,
            probabilities=probabilities,
            latency_ms=seconds * 1000,
            raw=body,
        )

    def _invoke(self, endpoint: str, data: bytes, content_type: str) -> tuple[str, float]:
        client = self._session.client("sagemaker-runtime")
        began = time.perf_counter()
        answer = client.invoke_endpoint(
            EndpointName=endpoint, Body=data, ContentType=content_type, Accept="application/json"
        )
        body = answer["Body"].read()
        return body.decode("utf-8", "replace"), time.perf_counter() - began


def guess_type(data: bytes) -> str:
    """The content type by the first bytes; ``application/x-image`` lets the container look for itself."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "application/x-image")


def _read(body: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    try:
        answer = json.loads(body)
        labels = tuple(str(label) for label in answer["labels"])
        probabilities = tuple(float(value) for value in answer["probabilities"])
        if len(labels) != len(probabilities) or not labels:
            raise ValueError("labels and probabilities differ in number")
    except (ValueError, TypeError, KeyError) as error:
        raise ModelFailed(
            "The endpoint's answer is not a class",
            "It answered, but not with labels and probabilities as SageDeck's models do.",
            "Is this endpoint a picture classifier?",
            code="UnexpectedAnswer",
            details=body[:2000],
        ) from error
    best = sorted(zip(probabilities, labels, strict=True), key=lambda pair: -pair[0])
    return tuple(label for _, label in best), tuple(value for value, _ in best)
