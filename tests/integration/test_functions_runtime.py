"""What a function's process gets, what it may not exceed, and what its log says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.functions import ECHO, LOGGING, TRUST, call, zipped
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

MARKER = "OPERATORS_SECRET_MARKER"
REPORT = re.compile(
    r"REPORT RequestId: [0-9a-f-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
    r"Max Memory Used: \d+ MB(\tInit Duration: [\d.]+ ms)?(\t.*)?"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    state = tmp_path_factory.mktemp("functions") / "state"
    with SandboxProcess(state, environ={MARKER: "nobody may see this"}) as running:
        iam = running.client("iam")
        iam.create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.attach_role_policy(RoleName="fn", PolicyArn=LOGGING)
        yield running


def make(sandbox: SandboxProcess, name: str, code: str = ECHO, **more: Any) -> Any:
    role = "arn:aws:iam::123456789012:role/fn"
    settings = {"Runtime": "python3.12", "Role": role, "Handler": "code.handler", "Timeout": 10} | more
    return sandbox.client("lambda").create_function(FunctionName=name, Code={"ZipFile": zipped(code)}, **settings)


def log(sandbox: SandboxProcess, name: str) -> list[str]:
    pages = sandbox.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
    return [event["message"].rstrip("\n") for page in pages for event in page["events"]]


def test_start_end_and_report_are_written_as_lambda_writes_them(sandbox: SandboxProcess) -> None:
    make(sandbox, "logged")
    cold, _ = call(sandbox, "logged")
    call(sandbox, "logged")
    request = cold["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    lines = log(sandbox, "logged")
    starts = [line for line in lines if line.startswith("START RequestId: ")]
    assert len(starts) == 2 and all(line.endswith(" Version: $LATEST") for line in starts)
    identity = starts[0].split()[2]
    assert lines[:3] == [f"START RequestId: {identity} Version: $LATEST", "seen 1", f"END RequestId: {identity}"]
    reports = [REPORT.fullmatch(line) for line in lines if line.startswith("REPORT")]
    # Only a cold start has an Init Duration.
    assert [found is not None and bool(found[1]) for found in reports] == [True, False]
    assert request


@pytest.mark.parametrize(
    ("name", "code", "kind", "message", "status"),
    [
        ("slow", "time.sleep(60)", "Sandbox.Timedout", "Error: Task timed out after 1.00 seconds", "Status: timeout"),
        (
            "exits",
            "os._exit(3)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: exit status 3",
            "Status: error\tError Type: Runtime.ExitError",
        ),
        (
            "aborts",
            "os.kill(os.getpid(), 6)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: signal: aborted",
            "Status: error\tError Type: Runtime.ExitError",
        ),
        (
            # Given back before the answer: what was used at the most counts.
            "greedy",
            "x = bytearray(300_000_000); x = None; return 'done'",
            "Runtime.OutOfMemory",
            "Error: Runtime exited with error: signal: killed",
            "Status: error\tError Type: Runtime.OutOfMemory",
        ),
    ],
)
def test_a_call_that_dies_says_how(
    sandbox: SandboxProcess, name: str, code: str, kind: str, message: str, status: str
) -> None:
    make(
        sandbox,
        name,
        f"import os, time\ndef handler(e, c):\n  print('begun')\n  {code}\n",
        Timeout=1 if name == "slow" else 30,
    )
    answer, payload = call(sandbox, name)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert payload["errorType"] == kind and payload["errorMessage"].endswith(message)
    assert re.match(r"RequestId: [0-9a-f-]{36} Error: ", payload["errorMessage"])
    lines = log(sandbox, name)
    assert lines[1] == "begun" and lines[-1].endswith(status) and REPORT.fullmatch(lines[-1])
    if kind == "Sandbox.Timedout":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{12}Z [0-9a-f-]{36} Task timed out after 1.00 seconds", lines[2])
    # The next call gets a new process.
    assert call(sandbox, name)[1]["errorType"] == kind


def test_an_exception_has_the_runtimes_shape(sandbox: SandboxProcess) -> None:
    make(sandbox, "raises", "def inner():\n  raise KeyError('missing')\ndef handler(e, c):\n  inner()\n")
    answer, payload = call(sandbox, "raises")
    assert answer["FunctionError"] == "Unhandled"
    assert list(payload) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (payload["errorType"], payload["errorMessage"]) == ("KeyError", "'missing'")
    assert payload["stackTrace"][0].startswith('  File "/var/task/code.py", line 4, in handler\n')
    assert "[ERROR] KeyError: 'missing'" in log(sandbox, "raises")
    # An exception does not cost the process.
    assert sum("Init Duration" in line for line in log(sandbox, "raises")) == 1
    call(sandbox, "raises")
    assert sum("Init Duration" in line for line in log(sandbox, "raises")) == 1


def test_loggers_write_in_lambdas_form(sandbox: SandboxProcess) -> None:
    code = (
        "import logging\nlogger = logging.getLogger()\nlogger.setLevel(logging.INFO)\n"
        "def handler(event, context):\n  logger.info('got %s', event['x'])\n  return context.aws_request_id\n"
    )
    make(sandbox, "logger", code)
    request = call(sandbox, "logger", {"x": 1})[1]
    line = next(line for line in log(sandbox, "logger") if "got 1" in line)
    assert re.fullmatch(rf"\[INFO\]\t\d{{4}}-\d\d-\d\dT[\d:]{{8}}\.\d{{3}}Z\t{request}\tgot 1", line)


def test_nothing_of_the_operators_environment_reaches_the_code(sandbox: SandboxProcess) -> None:
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "  import subprocess, sys\n"
        "  child = subprocess.run([sys.executable, '-c', 'import os; print(sorted(os.environ))'], "
        "capture_output=True, text=True).stdout\n"
        "  return [dict(os.environ), child, sys.argv, sys.path]\n"
    )
    make(sandbox, "bare", code, Environment={"Variables": {"MINE": "1"}}, Timeout=20)
    environment, child, argv, path = call(sandbox, "bare")[1]
    assert MARKER not in environment and MARKER not in child and environment["MINE"] == "1"
    operator = {sandbox.ready["access_key_id"], sandbox.ready["secret_access_key"]}
    assert not operator & set(environment.values())
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert environment["AWS_SECRET_ACCESS_KEY"] not in " ".join(argv)
    # Neither the sandbox's own modules nor the folder of its program can be imported.
    assert not [entry for entry in path if (Path(entry) / "function_host.py").exists()]
    client = sandbox.client("lambda")
    with pytest.raises(ClientError, match="reserved keys") as error:
        client.update_function_configuration(
            FunctionName="bare", Environment={"Variables": {"AWS_ACCESS_KEY_ID": "mine"}}
        )
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_a_handler_that_never_stops_printing_fills_neither_memory_nor_log(sandbox: SandboxProcess) -> None:
    make(sandbox, "floods", "def handler(e, c):\n  while True:\n    print('x' * 200_000)\n", Timeout=3)
    assert call(sandbox, "floods")[1]["errorType"] == "Sandbox.Timedout"
    lines = log(sandbox, "floods")
    assert sum(map(len, lines)) < 10 * 1024 * 1024
    assert any("the rest is lost" in line for line in lines)


def test_code_that_writes_into_the_runtimes_pipe_ends_its_call_only(sandbox: SandboxProcess) -> None:
    make(sandbox, "forges", "import os, sys\ndef handler(e, c):\n  os.write(int(sys.argv[2]), b'[1]\\n')\n  return 1\n")
    assert call(sandbox, "forges")[1]["errorType"] == "Runtime.ExitError"
    make(sandbox, "after-it")
    assert call(sandbox, "after-it")[1] == [{}, 1]


def test_answers_and_events_have_lambdas_limits(sandbox: SandboxProcess) -> None:
    make(sandbox, "sized", "def handler(event, context):\n  return 'x' * event\n", MemorySize=512)
    client = sandbox.client("lambda")
    assert len(call(sandbox, "sized", 6_291_000)[1]) == 6_291_000
    payload = call(sandbox, "sized", 6_300_000)[1]
    assert payload["errorType"] == "Function.ResponseSizeTooLarge"
    assert payload["errorMessage"].endswith("exceeded maximum allowed payload size (6291556 bytes).")
    for kind, size in (("RequestResponse", 6 * 1024 * 1024), ("Event", 1024 * 1024)):
        with pytest.raises(ClientError) as error:
            client.invoke(FunctionName="sized", InvocationType=kind, Payload=b'"' + b"x" * (size - 1) + b'"')
        assert error.value.response["Error"]["Code"] == "RequestTooLargeException"
        assert error.value.response["Error"]["Message"].startswith(f"Request must be smaller than {size} bytes")


def test_settings_change_with_the_configuration(sandbox: SandboxProcess) -> None:
    code = "import os\ndef handler(e, c):\n  return [os.environ.get('AA'), c.memory_limit_in_mb, c.function_version]\n"
    made = make(sandbox, "changing", code)
    client = sandbox.client("lambda")
    assert call(sandbox, "changing")[1] == [None, "128", "$LATEST"]
    changed = client.update_function_configuration(
        FunctionName="changing", MemorySize=256, Timeout=7, Environment={"Variables": {"AA": "b"}}
    )
    assert (changed["MemorySize"], changed["Timeout"], changed["LastUpdateStatus"]) == (256, 7, "Successful")
    assert call(sandbox, "changing")[1] == ["b", "256", "$LATEST"]
    with pytest.raises(ClientError) as error:
        client.update_function_configuration(FunctionName="changing", Timeout=5, RevisionId=made["RevisionId"])
    assert error.value.response["Error"]["Code"] == "PreconditionFailedException"
    for wrong in ({"MemorySize": 64}, {"Timeout": 901}):
        with pytest.raises(Exception, match=r"MemorySize|memorySize|Timeout|timeout"):
            client.update_function_configuration(FunctionName="changing", **wrong)
    other = code.replace("return", "return 'second',")
    assert client.update_function_code(FunctionName="changing", ZipFile=zipped(other), Publish=True)["Version"] == "1"
    assert call(sandbox, "changing", Qualifier="1")[1][0] == "second"
    assert client.get_waiter("function_updated_v2").wait(FunctionName="changing") is None


def test_an_alias_may_send_some_calls_to_another_version(sandbox: SandboxProcess) -> None:
    client = sandbox.client("lambda")
    make(sandbox, "canary", "def handler(e, c):\n  return c.function_version\n")
    client.publish_version(FunctionName="canary")
    client.update_function_code(FunctionName="canary", ZipFile=zipped("def handler(e, c):\n  return '2'\n"))
    client.publish_version(FunctionName="canary")
    everything = {"AdditionalVersionWeights": {"2": 1.0}}
    client.create_alias(FunctionName="canary", Name="live", FunctionVersion="1", RoutingConfig=everything)
    answer, payload = call(sandbox, "canary", Qualifier="live")
    assert (answer["ExecutedVersion"], payload) == ("2", "2")
    with pytest.raises(ClientError) as error:
        client.delete_function(FunctionName="canary", Qualifier="2")
    assert error.value.response["Error"]["Code"] == "ResourceConflictException"
    client.update_alias(FunctionName="canary", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.0}})
    answer, payload = call(sandbox, "canary", Qualifier="live")
    assert (answer["ExecutedVersion"], payload) == ("1", "1")
    with pytest.raises(ClientError) as error:
        client.invoke(FunctionName="canary", Qualifier="nothing")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_reserved_concurrency_counts_calls_that_run(sandbox: SandboxProcess, shared: Path) -> None:
    gate = shared / "gate"
    code = f"import os, time\ndef handler(e, c):\n  while not os.path.exists({str(gate)!r}):\n    time.sleep(0.02)\n"
    make(sandbox, "single", code, Timeout=60)
    client = sandbox.client("lambda")
    client.put_function_concurrency(FunctionName="single", ReservedConcurrentExecutions=1)

    def refused() -> str:
        try:
            client.invoke(FunctionName="single", InvocationType="RequestResponse")
        except ClientError as error:
            return str(error.response.get("Reason"))
        return ""

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(refused), pool.submit(refused)]
        first = wait_for(lambda: next((answer for answer in found if answer.done()), None))
        gate.touch()
        assert first.result() == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert sorted(answer.result() for answer in found) == ["", "ReservedFunctionConcurrentInvocationLimitExceeded"]
    with pytest.raises(ClientError, match="below its minimum value"):
        client.put_function_concurrency(FunctionName="single", ReservedConcurrentExecutions=950)


def test_an_event_that_was_accepted_runs_even_after_a_crash(tmp_path: Path, shared: Path) -> None:
    gate, ran = shared / "gate", shared / "ran"
    code = (
        "import os, time\ndef handler(event, context):\n"
        f"  while not os.path.exists({str(gate)!r}):\n    time.sleep(0.02)\n"
        f"  open({str(ran)!r}, 'a').write(event['n'] + context.aws_request_id + '\\n')\n"
    )
    with SandboxProcess(tmp_path / "state") as running:
        running.client("iam").create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))
        make(running, "later", code, Timeout=60)
        client = running.client("lambda")
        answer = client.invoke(FunctionName="later", InvocationType="Event", Payload=json.dumps({"n": "1"}))
        assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
        running.kill()
        gate.touch()
        running.start()
        wait_for(ran.exists)
        assert len(ran.read_text().splitlines()) == 1
