"""The parts of hosting: links with their tokens, user handlers, and instances that die, hang or do not load."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.containers.process import Command
from sandbox.containers.python import host_program
from sandbox.core.processes import Managed, Processes
from sandbox.core.state import StateDir
from sandbox.core.walls import Walls
from sandbox.logs.pump import LogPump
from sandbox.metrics.store import Datum
from sandbox.programs.handlers import Handlers
from sandbox.programs.wire import WireClosed, receive, send
from sandbox.sagemaker.hosting.instance import Instance, InstanceTools
from sandbox.sagemaker.hosting.link import HostDied, HostFull, HostLink, HostListener, HostTimeout
from sandbox.sagemaker.hosting.metrics import InvocationMetrics
from tests.helpers.waiting import wait_for

BYTES = {"Content-Type": "application/octet-stream"}
MODEL = """
import json, os, time
def model_fn(model_dir): return "m"
def input_fn(body, content_type): return body
def predict_fn(data, model):
    if data == b"hang": time.sleep(600)
    if data == b"die": os._exit(7)
    return os.getpid()
def output_fn(prediction, accept): return json.dumps(prediction), accept
"""


@pytest.fixture
def listener() -> Iterator[HostListener]:
    listener = HostListener()
    yield listener
    listener.close()


def dial(listener: HostListener, token: str) -> socket.socket:
    host, port = listener.address.split(":")
    connection = socket.create_connection((host, int(port)))
    send(connection, {"token": token})
    return connection


def test_a_token_opens_one_link_and_strangers_none(listener: HostListener) -> None:
    assert listener.address.startswith("127.0.0.1:")
    links: list[HostLink] = []
    token = listener.expect(links.append)
    with dial(listener, "guessed") as stranger, pytest.raises(WireClosed):
        receive(stranger)
    with dial(listener, token) as host:
        wait_for(lambda: links)
        with dial(listener, token) as second, pytest.raises(WireClosed):
            receive(second)

        def serve() -> None:
            header, body = receive(host)
            answer = {"id": header["id"], "status": 200, "headers": header["headers"], "seconds": 0.5}
            send(host, answer, body * 2)

        threading.Thread(target=serve, daemon=True).start()
        assert links[0].ask({"Accept": "x"}, bytes(100_000), 60) == (200, {"Accept": "x"}, bytes(200_000), 0.5)


def test_a_silent_process_times_out_and_a_gone_one_is_noticed(listener: HostListener) -> None:
    links: list[HostLink] = []
    host = dial(listener, listener.expect(links.append))
    wait_for(lambda: links)
    with pytest.raises(HostTimeout) as slow:
        links[0].ask({}, b"", 0.05)
    assert slow.value.hung
    other: list[HostLink] = []
    dial(listener, listener.expect(other.append)).close()
    wait_for(lambda: other)
    with pytest.raises(HostDied) as died:
        other[0].ask({}, b"", 60)
    assert not died.value.asked
    host.close()


def test_several_requests_are_with_the_process_at_once_and_get_their_own_answers(listener: HostListener) -> None:
    links: list[HostLink] = []
    token = listener.expect(links.append)
    host, port = listener.address.split(":")
    process = socket.create_connection((host, int(port)))
    send(process, {"token": token, "at_once": 3})
    wait_for(lambda: links)
    with ThreadPoolExecutor(4) as callers, process:
        asked = [callers.submit(links[0].ask, {}, body, 60) for body in (b"a", b"b", b"c", b"d")]
        taken = [receive(process) for _ in range(3)]
        # A fourth is not sent before one of the three is answered.
        process.settimeout(0.05)
        with pytest.raises(TimeoutError):
            receive(process)
        process.settimeout(None)
        for header, body in reversed(taken):
            send(process, {"id": header["id"], "status": 200, "headers": {}, "seconds": 0.1}, body * 2)
        header, body = receive(process)
        send(process, {"id": header["id"], "status": 200, "headers": {}, "seconds": 0.1}, body * 2)
        assert [answer.result()[2] for answer in asked] == [b"aa", b"bb", b"cc", b"dd"]


def test_a_request_that_waited_for_others_is_late_and_its_process_does_not_hang(listener: HostListener) -> None:
    links: list[HostLink] = []
    token = listener.expect(links.append)
    host, port = listener.address.split(":")
    process = socket.create_connection((host, int(port)))
    send(process, {"token": token, "at_once": 2})
    wait_for(lambda: links)
    with ThreadPoolExecutor(2) as callers, process:
        first = callers.submit(links[0].ask, {}, b"first", 60)
        answered, _body = receive(process)
        second = callers.submit(links[0].ask, {}, b"second", 1.0)
        receive(process)
        send(process, {"id": answered["id"], "status": 200, "headers": {}, "seconds": 0.1}, b"")
        assert first.result()[0] == 200
        with pytest.raises(HostTimeout) as late:
            second.result()
        assert not late.value.hung
        with pytest.raises(HostTimeout) as silent:
            links[0].ask({}, b"third", 0.05)
        assert silent.value.hung


def write_code(folder: Path, code: str) -> Path:
    (folder / "model" / "code").mkdir(parents=True)
    (folder / "model" / "code" / "inference.py").write_text(code)
    return folder / "model"


def load(tmp_path: Path, code: str) -> Handlers:
    model = write_code(tmp_path, code)
    return Handlers(model / "code", "inference.py", model)


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.modules.pop("inference", None)


def test_handlers_with_and_without_context(tmp_path: Path) -> None:
    handlers = load(
        tmp_path,
        "def model_fn(model_dir, context): return context.system_properties['model_dir']\n"
        "def input_fn(body, content_type): return type(body).__name__\n"
        "def predict_fn(data, model, context):\n"
        "    trace = context.get_request_header(0, 'trace')\n"
        "    context.set_response_header(0, 'X-Amzn-SageMaker-Custom-Attributes', trace)\n"
        "    return data\n"
        "def output_fn(prediction, accept): return prediction\n",
    )
    status, headers, body = handlers.answer({"Content-Type": "application/json", "Trace": "t1"}, b"{}")
    assert (status, body) == (200, b"str")
    assert headers == {"Content-Type": "application/json", "X-Amzn-SageMaker-Custom-Attributes": "t1"}
    assert handlers.answer({"Content-Type": "image/png"}, b"")[2] == b"bytes"


BATCHES = """
def model_fn(model_dir): return []
def input_fn(body, content_type):
    if body == b"bad": raise ValueError("no picture")
    return body
def predict_fn(data, model):
    model.append(1)
    return data
def predict_batch_fn(many, model):
    if b"poison" in many: raise RuntimeError("the batch does not fit")
    model.append(len(many))
    return [data * 2 for data in many]
def output_fn(prediction, accept, context):
    if prediction == b"refuserefuse":
        context.set_response_status(code=400, phrase="Bad Request")
        return "a sentence", "text/plain"
    return prediction
"""


def test_requests_that_wait_are_one_batch_and_each_gets_its_own_answer(tmp_path: Path) -> None:
    handlers = load(tmp_path, BATCHES)
    assert handlers.streams == 1
    bodies = (b"x", b"bad", b"refuse", b"y")
    answers = handlers.answer_all([(BYTES, body) for body in bodies])
    assert [(status, body.partition(b"\n")[0]) for status, _headers, body in answers] == [
        (200, b"xx"), (500, b"no picture"), (400, b"a sentence"), (200, b"yy"),
    ]  # fmt: skip
    assert answers[2][1] == {"Content-Type": "text/plain"}
    assert handlers.model == [3]
    # Beside others, one is a batch of its own; a batch that fails is answered one by one.
    assert handlers.answer_all([(BYTES, b"z")])[0][2] == b"zz"
    assert [body for _status, _headers, body in handlers.answer_all([(BYTES, b"poison"), (BYTES, b"x")])] == [
        b"poison", b"x",
    ]  # fmt: skip
    assert handlers.model == [3, 1, 1, 1]


def test_there_are_as_many_streams_as_processors_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert load(tmp_path, BATCHES).streams == 3


def test_code_without_a_batch_function_gets_one_request_at_a_time(tmp_path: Path) -> None:
    assert load(tmp_path, "def model_fn(d): return 'm'\n").streams == 0
    sys.modules.pop("inference", None)
    code = "def transform_fn(m, d, c, a): return m\ndef predict_batch_fn(many, model): return many\n"
    assert load(tmp_path / "other", f"def model_fn(d): return 'm'\n{code}").streams == 0


def test_transform_fn_alone(tmp_path: Path) -> None:
    code = "def model_fn(d): return 'm'\ndef transform_fn(model, data, content_type, accept): return model, 'text/x'\n"
    assert load(tmp_path, code).answer({}, b"") == (200, {"Content-Type": "text/x"}, b"m")
    sys.modules.pop("inference", None)
    with pytest.raises(ValueError, match="Cannot use transform_fn"):
        load(tmp_path / "both", code + "def input_fn(a, b): return a\n")


def test_default_handlers_are_the_toolkits(tmp_path: Path) -> None:
    handlers = load(tmp_path, "def model_fn(d): return lambda x: x * 2\n")
    handlers.model = type("Model", (), {"eval": lambda self: self, "__call__": lambda self, x: x * 2})()
    assert json.loads(handlers.answer({"Content-Type": "application/json"}, b"[1, 2]")[2]) == [2.0, 4.0]
    status, headers, body = handlers.answer({"Content-Type": "text/csv", "Accept": "text/csv"}, b"1,2")
    assert (status, headers["Content-Type"], body) == (200, "text/csv", b"2.0\n4.0\n")
    status, _headers, body = handlers.answer({"Content-Type": "image/jpeg"}, b"x")
    assert status == 415
    assert b"Content type image/jpeg is not supported" in body


def test_pickled_arrays_are_not_opened(tmp_path: Path) -> None:
    import io

    import numpy

    data = io.BytesIO()
    numpy.save(data, numpy.array([object()], dtype=object), allow_pickle=True)
    status, _headers, body = load(tmp_path, "def model_fn(d): return None\n").answer(
        {"Content-Type": "application/x-npy"}, data.getvalue()
    )
    assert status == 500
    assert b"allow_pickle=False" in body


def test_a_wrong_number_of_arguments_is_told(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="model_fn takes 3 arguments but 1 were given"):
        load(tmp_path, "def model_fn(a, b, c): return a\n")


def test_without_the_program_the_toolkits_handlers_serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    model = tmp_path / "model"
    (model / "code").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"Exactly one \.pth or \.pt file is required for PyTorch models: \[\]"):
        Handlers(model / "code", "inference.py", model)
    told = capsys.readouterr().out
    assert "The entry point inference.py is not in the model's code folder, which has: nothing." in told
    torch.jit.script(torch.nn.Linear(2, 1)).save(str(model / "model.pth"))
    handlers = Handlers(model / "code", "inference.py", model)
    status, headers, body = handlers.answer({"Content-Type": "application/json"}, b"[[1.0, 2.0]]")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert len(json.loads(body)[0]) == 1


def test_hooks_around_the_loading_of_a_model(tmp_path: Path) -> None:
    code = (
        "seen = []\ndef pre_model_fn(d): seen.append('before')\ndef model_fn(d): seen.append('load'); return 'm'\n"
        "def model_warmup_fn(d, model): seen.append(model)\ndef transform_fn(m, d, c, a): return ' '.join(seen), a\n"
    )
    assert load(tmp_path, code).answer({}, b"")[2] == b"before load m"


class Logs:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def put(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        self.lines += [line for _at, line in lines]

    def finish(self, group: str, stream: str) -> int:
        return 0


class Stage:
    """Real instances in a real process table."""

    def __init__(self, folder: Path, listener: HostListener) -> None:
        self.state = StateDir(folder / "state")
        self.processes = Processes(self.state)
        self.logs = Logs()
        self.listener = listener
        self.pump = LogPump(self.logs, lambda error: pytest.fail(str(error)))
        self.instances: list[Instance] = []

    def instance(self, model: Path) -> Instance:
        def command(address: str, token: str) -> Command:
            env = {
                "PATH": os.environ["PATH"],
                "SM_MODEL_DIR": str(model),
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": str(model / "code"),
                "SANDBOX_HOST_ADDRESS": address,
                "SANDBOX_HOST_TOKEN": token,
            }
            return Command(host_program("inference.py"), env, model, Walls([model]))

        def spawn(name: str, command: Command) -> Managed:
            return self.processes.spawn(
                "endpoint",
                name,
                command.argv,
                command.env,
                command.cwd,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )

        tools = InstanceTools(
            listener=self.listener,
            logs=self.pump,
            log_group="group",
            variant="AllTraffic",
            command=command,
            spawn=spawn,
            changed=lambda: None,
            public=str,
            queue=1,
            tmp=model.parent / "tmp",
        )
        self.instances.append(Instance(tools))
        return self.instances[-1]

    def close(self) -> None:
        for instance in self.instances:
            instance.close()
        self.pump.close()
        self.processes.stop_all()
        self.state.close()


@pytest.fixture
def stage(tmp_path: Path, listener: HostListener) -> Iterator[Stage]:
    stage = Stage(tmp_path, listener)
    yield stage
    stage.close()


def pid_of(instance: Instance) -> int:
    return int(json.loads(instance.ask(BYTES, b"x", 60)[2]))


def test_an_instance_that_dies_or_hangs_is_started_again(stage: Stage, tmp_path: Path) -> None:
    instance = stage.instance(write_code(tmp_path, MODEL))
    wait_for(lambda: instance.state == "ready")
    first = pid_of(instance)
    with pytest.raises(HostDied) as died:
        instance.ask(BYTES, b"die", 60)
    assert died.value.asked
    wait_for(lambda: instance.state == "ready")
    second = pid_of(instance)
    assert second != first
    with pytest.raises(HostTimeout) as slow:
        instance.ask(BYTES, b"hang", 0.3)
    assert slow.value.hung
    wait_for(lambda: instance.state == "ready")
    assert pid_of(instance) not in (first, second)
    instance.close()
    assert not stage.processes.running()
    assert any("ended (status 7); it is started again" in line for line in stage.logs.lines)
    assert any("did not answer within" in line for line in stage.logs.lines)


def test_a_waiting_request_gives_up_without_killing_the_busy_process(stage: Stage, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waiting = f"\n        while not os.path.exists({str(gate)!r}): time.sleep(0.01)"
    instance = stage.instance(write_code(tmp_path, MODEL.replace(" time.sleep(600)", waiting)))
    wait_for(lambda: instance.state == "ready")
    busy = threading.Thread(target=instance.ask, args=(BYTES, b"hang", 60))
    busy.start()
    wait_for(lambda: instance.waiting == 1)
    with pytest.raises(HostTimeout) as waited:
        instance.ask(BYTES, b"x", 0.2)
    assert not waited.value.hung
    # One is answered and one may wait; the next finds the queue full.
    second = threading.Thread(target=instance.ask, args=(BYTES, b"x", 60))
    second.start()
    wait_for(lambda: instance.waiting == 2)
    with pytest.raises(HostFull):
        instance.ask(BYTES, b"x", 60)
    gate.touch()
    second.join()
    busy.join()
    assert instance.state == "ready"


def test_a_model_that_does_not_load_is_not_tried_for_ever(stage: Stage, tmp_path: Path) -> None:
    instance = stage.instance(write_code(tmp_path, "def model_fn(d):\n    raise KeyError('classes.json')\n"))
    wait_for(lambda: instance.failed_to_load)
    assert instance.reason().startswith("KeyError: 'classes.json'")
    assert instance.state == "dead"
    assert not stage.processes.running()


def test_metrics_are_written_in_batches() -> None:
    class Store:
        def __init__(self) -> None:
            self.data: list[tuple[str, dict[str, str], Datum]] = []

        def put_data(self, namespace: str, data: list[tuple[str, dict[str, str], Datum]]) -> None:
            assert namespace == "AWS/SageMaker"
            self.data += data

    store = Store()
    metrics = InvocationMetrics(store)
    for status in (200, 200, 400, 500):
        metrics.add("e", "v", status, model_seconds=0.01, overhead_seconds=0.002)
    metrics.close()
    totals = {name: datum.total for name, _dimensions, datum in store.data if datum.unit == "Count"}
    assert totals == {
        "Invocations": 4,
        "Invocation4XXErrors": 1,
        "Invocation5XXErrors": 1,
        "InvocationModelErrors": 2,
    }
    latencies = [datum.total for name, _dimensions, datum in store.data if name == "ModelLatency"]
    assert latencies == [pytest.approx(10_000)] * 4


def test_a_folder_without_a_model_is_told_by_what_it_holds(tmp_path: Path) -> None:
    for name in ("features.npz", "labels.json"):
        (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match=r"Exactly one .* holds features\.npz, labels\.json\.$") as caught:
        Handlers(tmp_path, "", tmp_path)
    assert "has no model.pth" in str(caught.value)
