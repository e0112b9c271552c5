"""What is sent to a model and what its answer says, however it is reached."""

from __future__ import annotations

import json
import math

from workers.errors.tree import InvalidInput, ModelFailed

# InvokeEndpoint's limit for the body of a request to a real-time endpoint; Lambda's for an event, too.
MAX_BODY_BYTES = 6 * 1024 * 1024
# In a function's event the picture is text, a third longer, and has some words around it.
MAX_EVENT_PICTURE_BYTES = (MAX_BODY_BYTES - 1024) * 3 // 4
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


def guess_type(data: bytes) -> str:
    """The content type by the first bytes; ``application/x-image`` lets the container look for itself."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "application/x-image")


def check_size(data: bytes, most: int, taker: str) -> None:
    """Raise ``InvalidInput`` for a picture that is empty or that ``taker`` ("an endpoint") does not take."""
    if not data:
        raise InvalidInput("Nothing to send", "The file is empty.")
    if len(data) > most:
        raise InvalidInput(
            f"The picture is too large for {taker}",
            f"It has {len(data) / 1024**2:.1f} MB; {taker} takes at most {most / 1024**2:.3g} MB in one request.",
            "Make the picture smaller; the model itself looks at a few hundred pixels only.",
            code="TooLarge",
        )


def read_answer(body: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Labels and probabilities of an answer, best first. Raises ``ModelFailed`` when it is none."""
    try:
        answer = json.loads(body)
        if not isinstance(answer["labels"], list):
            raise ValueError("labels are no list")
        labels = tuple(str(label) for label in answer["labels"])
        probabilities = tuple(float(value) for value in answer["probabilities"])
        if len(labels) != len(probabilities) or not labels:
            raise ValueError("labels and probabilities differ in number")
        # Python's JSON reads NaN and Infinity; no chart, sum or share can be made of them.
        if not all(map(math.isfinite, probabilities)):
            raise ValueError("a probability is no number")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ModelFailed(
            "The endpoint's answer is not a class",
            "It answered, but not with labels and probabilities as SageDeck's models do.",
            "Is this endpoint a picture classifier?",
            code="UnexpectedAnswer",
            details=body[:2000],
        ) from error
    best = sorted(zip(probabilities, labels, strict=True), key=lambda pair: -pair[0])
    return tuple(label for _, label in best), tuple(value for value, _ in best)


def classes_of(raw: str) -> tuple[str, ...]:
    """All classes that the model knows, as its answer says; none where it does not."""
    try:
        found = json.loads(raw)["classes"]
        return tuple(map(str, found)) if isinstance(found, list) else ()
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
