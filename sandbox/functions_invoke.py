"""Lambda's Invoke: limits, roles, environments, the log lines and the metrics of every call."""

from __future__ import annotations

import base64
import json
import math
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import function_host
from sandbox.errors import AwsError
from sandbox.functions_code import CodeStore
from sandbox.functions_environment import Answer, Environment
from sandbox.functions_pool import Pool
from sandbox.functions_store import LATEST, Config, FunctionStore
from sandbox.iam_access import may_write_log
from sandbox.processes import Managed
from sandbox.registry import SandboxContext

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
# An asynchronous call that fails is tried twice more, after one and after two minutes.
ASYNC_RETRY_SECONDS = (60.0, 120.0)
_TAIL_BYTES = 4096
_PRINCIPAL = "lambda.amazonaws.com"


class Invoker:
    """Runs functions; one for the whole sandbox."""

    def __init__(self, ctx: SandboxContext, store: FunctionStore, code: CodeStore) -> None:
        self._ctx, self._store, self._code = ctx, store, code
        self._pool = Pool()
        self._closed = threading.Event()

    def invoke(self, config: Config, qualifier: str, given: dict[str, Any]) -> dict[str, Any]:
        """The result of the Invoke operation. Raises ``AwsError`` for what AWS refuses before the code runs."""
        kind = given.get("InvocationType", "RequestResponse")
        payload = given.get("Payload") or b"{}"
        limit = MAX_EVENT_BYTES if kind == "Event" else MAX_PAYLOAD_BYTES
        if len(payload) > limit:
            text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
            raise AwsError("RequestTooLargeException", text, 413, Type="User")
        try:
            event = payload.decode("utf-8")
            json.loads(event)
        except ValueError as error:
            text = f"Could not parse request body into json: Could not parse payload into json: {error}"
            raise AwsError("InvalidRequestContentException", text, 400, Type="User") from None
        if kind == "DryRun":
            return {"StatusCode": 204, "Payload": b""}
        request_id = str(uuid.uuid4())
        if kind == "Event":
            threading.Thread(target=self._run_async, args=(config, qualifier, event, request_id), daemon=True).start()
            return {"StatusCode": 202, "Payload": b""}
        answer, lines = self._call(config, qualifier, event, request_id)
        result = {"StatusCode": 200, "Payload": answer.payload.encode(), "ExecutedVersion": config["Version"]}
        if answer.error:
            result["FunctionError"] = answer.error
        if given.get("LogType") == "Tail":
            result["LogResult"] = base64.b64encode("\n".join([*lines, ""]).encode()[-_TAIL_BYTES:]).decode()
        return result

    def check_role(self, role_arn: str) -> None:
        """Refuse a role that does not exist or that does not trust Lambda, in AWS's words."""
        refused = AwsError(
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
            Type="User",
        )
        if not self._ctx.access.trusts_service(role_arn, _PRINCIPAL):
            raise refused

    def reserved(self, name: str) -> int | None:
        """The function's reserved concurrency, or None."""
        value = self._store.setting(name, "reserved")
        return None if value is None else int(value)

    def reserved_in_all(self) -> int:
        """The reserved concurrency of all functions together."""
        return sum(self.reserved(name) or 0 for name in self._store.names())

    def forget(self, name: str) -> None:
        """End the warm processes of a function whose code, settings or existence changed."""
        self._pool.discard(name)

    def close(self) -> None:
        """End every process; calls under way end with an error."""
        self._closed.set()
        self._pool.close()

    def _call(self, config: Config, qualifier: str, event: str, request_id: str) -> tuple[Answer, list[str]]:
        name = config["FunctionName"]
        own = self.reserved(name)
        others = 0 if own is not None else self.reserved_in_all()
        key = (name, config["Version"], config["RevisionId"])
        arn = self._store.function_arn(name, qualifier)
        lines: list[str] = []

        def run(environment: Environment) -> Answer:
            answer = environment.invoke(request_id, arn, event, config["Timeout"])
            lines.extend(_log_lines(config, request_id, answer))
            self._write_log(config, environment.stream, lines)
            return answer

        try:
            with self._pool.slot(name, own, others):
                answer = self._pool.call(key, lambda: self._new_environment(config), run)
        except AwsError as error:
            if error.code == "TooManyRequestsException":
                self._measure(name, Throttles=1.0)
            raise
        self._measure(
            name,
            Invocations=1.0,
            Errors=1.0 if answer.error else 0.0,
            Duration=answer.seconds * 1000,
            ConcurrentExecutions=float(self._pool.concurrency(name) + 1),
        )
        return answer, lines

    def _run_async(self, config: Config, qualifier: str, event: str, request_id: str) -> None:
        for pause in (*ASYNC_RETRY_SECONDS, None):
            try:
                answer, _ = self._call(config, qualifier, event, request_id)
                if not answer.error:
                    return
            except AwsError as error:
                if error.code != "TooManyRequestsException":
                    return
            if pause is None or self._closed.wait(pause) or not self._store.exists(config["FunctionName"]):
                return

    def _new_environment(self, config: Config) -> Environment:
        name, version = config["FunctionName"], config["Version"]
        self.check_role(config["Role"])
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{secrets.token_hex(16)}"
        folder = self._code.get(config["CodeSha256"], config["CodeSize"]).folder
        session = self._ctx.credentials.issue_session(config["Role"], name)
        variables = {
            **config.get("Environment", {}).get("Variables", {}),
            **session.environ(),
            **self._runtime_variables(config, stream, folder),
        }

        def spawn(request_fd: int, answer_fd: int) -> Managed:
            argv = [sys.executable, function_host.__file__, str(request_fd), str(answer_fd), config["Handler"]]
            return self._ctx.processes.spawn(
                "function",
                name,
                argv,
                env=variables,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(request_fd, answer_fd),
            )

        return Environment(spawn, stream, config["MemorySize"])

    def _runtime_variables(self, config: Config, stream: str, folder: Path) -> dict[str, str]:
        region = self._ctx.region
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": tempfile.gettempdir(),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self._ctx.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
            "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
            "AWS_LAMBDA_FUNCTION_VERSION": config["Version"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{config['FunctionName']}",
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "LAMBDA_TASK_ROOT": str(folder),
            "_HANDLER": config["Handler"],
        }

    def _write_log(self, config: Config, stream: str, lines: list[str]) -> None:
        """As on AWS, a function whose role may not write its log runs all the same, without a log."""
        group = f"/aws/lambda/{config['FunctionName']}"
        if may_write_log(self._ctx.access, config["Role"], group, stream, self._ctx.region):
            now = int(time.time() * 1000)
            self._ctx.logs.put(group, stream, [(now, line) for line in lines])

    def _measure(self, name: str, **values: float) -> None:
        now = time.time()
        for metric, value in values.items():
            self._ctx.metrics.put("AWS/Lambda", metric, {"FunctionName": name}, value, now)


def _log_lines(config: Config, request_id: str, answer: Answer) -> list[str]:
    milliseconds = answer.seconds * 1000
    lines = [f"START RequestId: {request_id} Version: {config.get('Version', LATEST)}", *answer.lines]
    if answer.error and not answer.reusable:
        lines.append(json.loads(answer.payload)["errorMessage"])
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {math.ceil(milliseconds)} ms",
        f"Memory Size: {config['MemorySize']} MB",
        f"Max Memory Used: {answer.memory_mb} MB",
    ]
    if answer.init_seconds is not None:
        report.append(f"Init Duration: {answer.init_seconds * 1000:.2f} ms")
    return [*lines, f"END RequestId: {request_id}", "\t".join(report)]
