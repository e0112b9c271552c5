"""The function in front of an endpoint: checks the picture, asks the endpoint, answers in HTTP terms.

It takes two kinds of events:

- a direct call: ``{"image": base64}`` or ``{"bucket", "key"}``, both with an optional ``top_k``;
- an HTTP request through API Gateway (payload formats 1.0 and 2.0), a function URL or a load balancer: the JSON above
  or the bytes of a JPEG or PNG as ``body``, base64 where ``isBase64Encoded`` says so; ``?top_k=`` in the query. For
  pictures as bytes a REST API needs their type among its binary media types (``image/jpeg``, ``image/png``).

The answer is ``{"statusCode", "headers", "body"}`` for both, with ``body`` as JSON text, and ``isBase64Encoded`` for
the second. Bad input is a 4xx whose ``body`` is ``{"error": reason}``.

Environment: ``ENDPOINT_NAME`` (required), ``ALLOWED_S3`` (``bucket/prefix`` entries that events may name,
separated by commas; empty allows none), ``MAX_IMAGE_BYTES``, ``MAX_PIXELS``. The endpoint's answer is passed
on unchanged in ``body``. Needs nothing but the Lambda runtime's own boto3.
"""

from __future__ import annotations

import json
import os
import random
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from gateway import is_proxy, parse_proxy
from validation import BadRequest, Limits, check_location, check_picture, parse_event

LIMITS = Limits(
    max_bytes=int(os.environ.get("MAX_IMAGE_BYTES", Limits.max_bytes)),
    max_pixels=int(os.environ.get("MAX_PIXELS", Limits.max_pixels)),
)
# The endpoint itself gives up after 60 s; our own retries know the time that is left, botocore's do not.
_CONFIG = Config(connect_timeout=5, read_timeout=62, retries={"total_max_attempts": 1})
_THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "ServiceUnavailable"})
_TIME_TO_ANSWER_MS = 500
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0

runtime = boto3.client("sagemaker-runtime", config=_CONFIG)
s3 = boto3.client("s3", config=_CONFIG)


class EndpointFailed(Exception):
    """The endpoint or S3 did not serve: HTTP status, AWS's error code and message."""

    def __init__(self, status: int, code: str, message: str, request_id: str = "") -> None:
        self.status, self.code, self.message, self.request_id = status, code, message, request_id
        super().__init__(f"{code}: {message}")


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Lambda entry point. Returns ``{"statusCode", "headers", "body"}``; never raises for bad input."""
    started = time.monotonic()
    details: dict[str, Any] = {}
    try:
        request = parse_proxy(event, LIMITS) if is_proxy(event) else parse_event(event, LIMITS)
        image = request.image if request.image is not None else _read_s3(request.bucket, request.key)
        picture = check_picture(image, LIMITS)
        details.update(bytes=len(image), width=picture.width, height=picture.height)
        answer = _invoke(image, picture.content_type, context)
        status, body = 200, _keep_top(answer, request.top_k)
    except BadRequest as error:
        status, body = error.status, json.dumps({"error": str(error)})
        details["reason"] = str(error)
    except EndpointFailed as error:
        cause = {"code": error.code, "message": error.message, "requestId": error.request_id}
        status, body = error.status, json.dumps({"error": "The endpoint did not answer.", "cause": cause})
        details["cause"] = cause
    details.update(
        level="INFO" if status < 400 else "WARN" if status < 500 else "ERROR",
        status=status,
        endpoint=os.environ.get("ENDPOINT_NAME", ""),
        ms=round((time.monotonic() - started) * 1000, 1),
        requestId=getattr(context, "aws_request_id", ""),
    )
    print(json.dumps(details))
    result: dict[str, Any] = {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}
    return result | {"isBase64Encoded": False} if is_proxy(event) else result


def _keep_top(answer: str, top_k: int) -> str:
    try:
        parsed = json.loads(answer)
        parsed["labels"], parsed["probabilities"] = parsed["labels"][:top_k], parsed["probabilities"][:top_k]
    except (ValueError, KeyError, TypeError):
        # Some other model's answer: its caller knows its shape.
        return answer
    return json.dumps(parsed)


def _invoke(image: bytes, content_type: str, context: Any) -> str:
    pause = _FIRST_PAUSE_S
    while True:
        try:
            answer = runtime.invoke_endpoint(
                EndpointName=os.environ["ENDPOINT_NAME"],
                ContentType=content_type,
                Accept="application/json",
                Body=image,
            )
            return answer["Body"].read().decode("utf-8")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            wait = random.uniform(pause / 2, pause)
            refused = error.response.get("OriginalStatusCode", 0) if code == "ModelError" else 0
            if 400 <= refused < 500:
                # What the model cannot use is the caller's to mend, as what is refused here.
                said = str(error.response.get("OriginalMessage") or "The model cannot use the picture.")
                raise BadRequest(refused, said.partition("\n")[0]) from None
            if code not in _THROTTLED or not _time_for(wait, context):
                raise _endpoint_failed(error) from None
            time.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        except (ReadTimeoutError, ConnectTimeoutError) as error:
            raise EndpointFailed(504, "Timeout", str(error)) from None
        except BotoCoreError as error:
            raise EndpointFailed(502, type(error).__name__, str(error)) from None


def _time_for(wait_s: float, context: Any) -> bool:
    return context.get_remaining_time_in_millis() - wait_s * 1000 > _TIME_TO_ANSWER_MS


def _endpoint_failed(error: ClientError) -> EndpointFailed:
    code = error.response["Error"]["Code"]
    message = error.response["Error"].get("Message", "")
    if code in _THROTTLED:
        status = 503
    elif code == "ModelError" and error.response.get("OriginalStatusCode") == 504:
        status = 504
    else:
        status = 502
    return EndpointFailed(status, code, message, error.response["ResponseMetadata"].get("RequestId", ""))


def _read_s3(bucket: str, key: str) -> bytes:
    check_location(bucket, key, os.environ.get("ALLOWED_S3", ""))
    try:
        found = s3.get_object(Bucket=bucket, Key=key)
        if found["ContentLength"] > LIMITS.max_bytes:
            found["Body"].close()
            raise BadRequest(413, f"The object has {found['ContentLength']:,} bytes; at most {LIMITS.max_bytes:,}.")
        return found["Body"].read()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        # When an object is missing, S3 answers AccessDenied (s3:ListBucket) to a role that may not list the bucket.
        unlisted = code == "AccessDenied" and "s3:ListBucket" in error.response["Error"].get("Message", "")
        if unlisted or code in ("NoSuchKey", "NoSuchBucket", "404"):
            raise BadRequest(404, "There is no such object.") from None
        raise _endpoint_failed(error) from None
    except BotoCoreError as error:
        raise EndpointFailed(504, type(error).__name__, str(error)) from None
