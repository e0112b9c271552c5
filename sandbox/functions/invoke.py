"""Lambda's Invoke: limits, roles, environments, the log lines and the metrics of every call."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from sandbox.context import SandboxContext
from sandbox.core.account import ACCOUNT_ID
from sandbox.core.processes import Managed
from sandbox.core.walls import Walls
from sandbox.functions.code import CodeStore
from sandbox.functions.concurrency import Concurrency
from sandbox.functions.environment import Answer, Environment
from sandbox.functions.log import log_lines
from sandbox.functions.members import CallMembers
from sandbox.functions.pool import IDLE_SECONDS, MAX_AGE_SECONDS, Pool
from sandbox.functions.provisioned import Provisioned
from sandbox.functions.queue import EventQueue
from sandbox.functions.store import Config, FunctionStore
from sandbox.logs.store import Logs
from sandbox.metrics.store import Metrics
from sandbox.programs import function as function_host
from sandbox.roles.access import may_write_log
from sandbox.wire.errors import AwsError

# Lambda quotas: 6 MB for a synchronous call, 1 MB for an asynchronous one; LogResult has the last 4 KB.
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
_TAIL_BYTES = 4096
# EphemeralStorage of every function here. On AWS /tmp is the only folder that it may write to, and no larger.
TMP_MEGABYTES = 512
# A process that is past its age may wait once more and answer one more call; its keys must live that long.
KEY_SECONDS = MAX_AGE_SECONDS + IDLE_SECONDS + 3600.0
_PRINCIPAL = "lambda.amazonaws.com"
# What stands for a function's own /tmp.
_SCRATCH = "scratch"


class Invoker:
    """Runs functions; one for the whole sandbox."""

    def __init__(self, ctx: SandboxContext, store: FunctionStore, code: CodeStore) -> None:
        self._ctx, self._store, self._code = ctx, store, code
        self._pool = Pool()
        self.provisioned = Provisioned(
            lambda config: self._new_environment(config, "provisioned-concurrency"),
            lambda config, environment, lines: self._write_log(config, environment.stream, lines),
        )
        self.concurrency = Concurrency(store, self.provisioned)
        # What the processes of a killed sandbox left; they are gone by now.
        shutil.rmtree(ctx.state.path / _SCRATCH, ignore_errors=True)
        self._events = EventQueue(ctx.state.db, self._run_event)
        self._events.resume()

    def invoke(self, config: Config, qualifier: str, given: CallMembers) -> dict[str, object]:
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
        except (ValueError, RecursionError) as error:
            text = f"Could not parse request body into json: Could not parse payload into json: {error}"
            raise AwsError("InvalidRequestContentException", text, 400, Type="User") from None
        if kind == "DryRun":
            return {"StatusCode": 204, "Payload": b""}
        request_id = str(uuid.uuid4())
        if kind == "Event":
            self._events.put(config["FunctionName"], qualifier, event, request_id)
            return {"StatusCode": 202, "Payload": b""}
        answer, lines = self._call(config, qualifier, event, request_id)
        result = {"StatusCode": 200, "Payload": answer.payload.encode(), "ExecutedVersion": config["Version"]}
        if answer.error:
            result["FunctionError"] = answer.error
        if given.get("LogType") == "Tail":
            result["LogResult"] = base64.b64encode("\n".join([*lines, ""]).encode()[-_TAIL_BYTES:]).decode()
        return result

    def check_role(self, role_arn: str, function_arn: str) -> None:
        """Refuse a role that does not exist or that does not trust Lambda for this function, in AWS's words."""
        if role_arn.split(":")[4] != ACCOUNT_ID:
            raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
        refused = AwsError(
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
            Type="User",
        )
        if not self._ctx.access.trusts_service(role_arn, _PRINCIPAL, function_arn):
            raise refused

    def forget(self, name: str) -> None:
        """End the warm processes of a function whose code, settings or existence changed."""
        self._pool.discard(name)
        if not self._store.exists(name):
            self._events.forget(name)

    def busy(self) -> bool:
        """True while a call is under way or an asynchronous one waits."""
        return self._pool.busy() or self._events.waiting() or self.provisioned.busy()

    def close(self) -> None:
        """End every process; calls under way end with an error."""
        self._events.close()
        self.provisioned.close()
        self._pool.close()

    def _call(self, config: Config, qualifier: str, event: str, request_id: str) -> tuple[Answer, list[str]]:
        name = config["FunctionName"]
        own, unreserved = self.concurrency.reserved(name), self.concurrency.unreserved()
        key = (name, config["Version"], config["RevisionId"])
        arn = self._store.function_arn(name, qualifier)
        lines: list[str] = []

        def run(environment: Environment) -> Answer:
            answer = environment.invoke(request_id, arn, event, config["Timeout"])
            lines.extend(log_lines(config, request_id, answer))
            self._write_log(config, environment.stream, lines)
            return answer

        def run_provisioned(environment: Environment) -> Answer:
            with self._pool.slot(name, own, unreserved, provisioned=True):
                self._measure_provisioned(name, qualifier, ProvisionedConcurrencyInvocations=1.0)
                return run(environment)

        try:
            answer, configured = self.provisioned.call(name, qualifier, config["Version"], run_provisioned)
            if answer is None:
                with self._pool.slot(name, own, unreserved):
                    if configured:
                        self._measure_provisioned(name, qualifier, ProvisionedConcurrencySpilloverInvocations=1.0)
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

    def _run_event(self, name: str, qualifier: str, event: str, request_id: str) -> bool | None:
        try:
            config = self._store.get(name, self._store.routed(name, qualifier))
            answer, _ = self._call(config, qualifier, event, request_id)
        except AwsError as error:
            # Whatever else refuses a call (the function or its role is gone) will refuse it the next time too.
            return None if error.code == "TooManyRequestsException" else True
        return not answer.error

    def _new_environment(self, config: Config, kind: str = "on-demand") -> Environment:
        name, version = config["FunctionName"], config["Version"]
        self.check_role(config["Role"], self._store.function_arn(name))
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{secrets.token_hex(16)}"
        code = self._code.get(config["CodeSha256"], config["CodeSize"])
        folder = code.folder
        session = self._ctx.credentials.issue_session(config["Role"], name, KEY_SECONDS, kept=False)
        variables = {
            **config.get("Environment", {}).get("Variables", {}),
            **session.environ(),
            **self._runtime_variables(config, stream, folder),
            "AWS_LAMBDA_INITIALIZATION_TYPE": kind,
        }

        scratch = self._ctx.state.path / _SCRATCH / secrets.token_hex(8)
        scratch.mkdir(mode=0o700, parents=True)
        variables |= {"TMPDIR": str(scratch), "HOME": str(scratch)}
        walls = Walls([scratch], [folder, code.unreadable], tmp=scratch, tmp_megabytes=TMP_MEGABYTES)

        def ended(_: Managed) -> None:
            self._ctx.credentials.revoke(session.access_key_id)
            shutil.rmtree(scratch, ignore_errors=True)

        def spawn(request_fd: int, answer_fd: int) -> Managed:
            argv = [sys.executable, function_host.__file__, str(request_fd), str(answer_fd), config["Handler"]]
            argv.append(str(code.unreadable))
            return self._ctx.processes.spawn(
                "function",
                name,
                argv,
                env=variables,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(request_fd, answer_fd),
                on_exit=ended,
                walls=walls,
            )

        return Environment(spawn, stream, config["MemorySize"])

    def _runtime_variables(self, config: Config, stream: str, folder: Path) -> dict[str, str]:
        region = self._ctx.region
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self._ctx.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
            "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
            "AWS_LAMBDA_FUNCTION_VERSION": config["Version"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
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
            self._ctx.part(Logs).put(group, stream, [(now, line) for line in lines])

    def _measure(self, name: str, resource: str = "", **values: float) -> None:
        now = time.time()
        dimensions = {"FunctionName": name} | ({"Resource": f"{name}:{resource}"} if resource else {})
        for metric, value in values.items():
            self._ctx.part(Metrics).put("AWS/Lambda", metric, dimensions, value, now)

    def _measure_provisioned(self, name: str, qualifier: str, **values: float) -> None:
        """Of a configuration, for which CloudWatch has a dimension beside the function's."""
        use = self.provisioned.use(name, qualifier)
        self._measure(name, qualifier, ProvisionedConcurrencyUtilization=use, **values)
