"""Functions for tests: their code, their zip, and a call of one."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tests.helpers.sandbox import SandboxProcess

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}

LOGGING = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"

ECHO = (
    "calls = 0\ndef handler(event, context):\n  global calls\n  calls += 1\n"
    "  print('seen', calls)\n  return [event, calls]\n"
)


def zipped(code: str, name: str = "code.py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, code)
    return buffer.getvalue()


def call(sandbox: SandboxProcess, name: str, event: Any = None, **more: Any) -> tuple[dict[str, Any], Any]:
    answer = sandbox.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}), LogType="Tail", **more)
    return answer, json.loads(answer["Payload"].read() or "null")


CLASSES = ["Akita", "Basenji", "Borzoi"]

INFERENCE = f"""
import json
def model_fn(model_dir): return {CLASSES!r}
def input_fn(body, content_type): return body
def predict_fn(data, classes):
    logits = [float(len(data) % (at + 2)) for at in range(len(classes))]
    return {{"labels": classes, "probabilities": [0.5, 0.3, 0.2], "logits": logits, "classes": classes}}
def output_fn(prediction, accept): return json.dumps(prediction)
"""
