"""Lambda in the sandbox: what a warm and a cold call cost, and what checking a large event costs.

Run: ``.venv/bin/python tests/bench/bench_functions.py [--calls 300]``. Goals: warm Invoke at most 10 ms at the median
(client, signature, HTTP and process included), cold at most 1 s, validation of a 5 MB event at most 30 ms of
processor time. It also tells what a call of STS costs, for what client and HTTP alone take on this machine at present,
and what IAM's decision costs a role's request.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import random
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "lambda" / "predict")]

from tests.helpers.sandbox import SandboxProcess  # noqa: E402

WARM_MS, COLD_S, VALIDATION_MS = 10.0, 1.0, 30.0
EVENT_BYTES = 5 * 1024 * 1024
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com", "AWS": "arn:aws:iam::123456789012:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bench-bucket/*"},
    ],
}


def median_ms(call: Callable[[], Any], times: int) -> float:
    """Median of ``times`` calls in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def zipped(code: str) -> bytes:
    """A function's zip of one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("code.py", code)
    return buffer.getvalue()


def large_event() -> str:
    """An event of nearly 5 MB with a real JPEG in it."""
    from PIL import Image

    random.seed(1)
    picture = Image.frombytes("RGB", (1500, 1500), random.randbytes(1500 * 1500 * 3))
    best = b""
    for quality in range(60, 101, 2):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        if len(buffer.getvalue()) * 4 / 3 > EVENT_BYTES:
            break
        best = buffer.getvalue()
    return json.dumps({"image": base64.b64encode(best).decode()})


def validation_ms() -> tuple[float, float]:
    """Processor time of checking a large event, which does nothing but compute, and the event's size in MB."""
    import validation

    limits = validation.Limits()
    text = large_event()
    event = json.loads(text)

    taken = []
    for _ in range(40):
        began = time.process_time()
        request = validation.parse_event(event, limits)
        validation.check_picture(request.image, limits)
        taken.append((time.process_time() - began) * 1000)
    return statistics.median(taken), len(text) / 1e6


def main() -> int:
    """Measure and print; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder, SandboxProcess(Path(folder) / "state") as sandbox:
        iam, functions, s3 = sandbox.client("iam"), sandbox.client("lambda"), sandbox.client("s3")
        role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName="bench", PolicyName="p", PolicyDocument=json.dumps(POLICY))
        functions.create_function(
            FunctionName="bench", Runtime="python3.12", Role=role, Handler="code.handler",
            Code={"ZipFile": zipped("def handler(event, context):\n  return 1\n")},
        )  # fmt: skip

        def invoke() -> None:
            functions.invoke(FunctionName="bench", Payload=b"{}")["Payload"].read()

        cold = []
        for number in range(5):
            functions.update_function_configuration(FunctionName="bench", Description=str(number))
            began = time.perf_counter()
            invoke()
            cold.append(time.perf_counter() - began)
        sts = sandbox.client("sts")
        warm, plain = median_ms(invoke, calls), median_ms(sts.get_caller_identity, calls)
        s3.create_bucket(Bucket="bench-bucket")
        keys = sts.assume_role(RoleArn=role, RoleSessionName="bench")["Credentials"]
        as_role = sandbox.client(
            "s3", aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )  # fmt: skip
        body = b"x" * 1000
        # In turn, so that what else the machine does falls on both.
        puts: dict[str, list[float]] = {"operator": [], "role": []}
        for _ in range(10):
            for name, client in (("operator", s3), ("role", as_role)):
                puts[name].append(
                    median_ms(lambda client=client: client.put_object(Bucket="bench-bucket", Key="k", Body=body), 30)
                )
    checked, size = validation_ms()
    cold_s = statistics.median(cold)
    operator_put, role_put = statistics.median(puts["operator"]), statistics.median(puts["role"])
    print(f"warm Invoke, median of {calls}      {warm:7.2f} ms   goal {WARM_MS:.0f} ms")
    print(f"STS GetCallerIdentity         {plain:7.2f} ms   (so the function adds {warm - plain:.2f} ms)")
    print(f"cold Invoke, median of {len(cold)}        {cold_s * 1000:7.0f} ms   goal {COLD_S * 1000:.0f} ms")
    print(f"validation of a {size:.1f} MB event {checked:7.2f} ms   goal {VALIDATION_MS:.0f} ms")
    print(f"PUT of 1 KB as the operator   {operator_put:7.2f} ms")
    print(f"PUT of 1 KB as a role         {role_put:7.2f} ms   (decision and cache: {role_put - operator_put:+.2f} ms)")
    return 0 if warm <= WARM_MS and cold_s <= COLD_S and checked <= VALIDATION_MS else 1


if __name__ == "__main__":
    sys.exit(main())
