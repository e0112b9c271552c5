"""What runs a job on an instance: real scripts in real processes, with S3 as a folder."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

import pytest

from workers.compute import host, script
from workers.compute.types import JobSpec

# The host program as on an instance, with a boto3 that keeps objects as files and a shutdown that notes its words.
BOTO3 = """
import os, pathlib, shutil
ROOT = pathlib.Path(os.environ["FAKE_S3"])
class Client:
    def get_paginator(self, name):
        return self
    def paginate(self, Bucket, Prefix):
        keys = [p.relative_to(ROOT / Bucket).as_posix() for p in (ROOT / Bucket).rglob("*") if p.is_file()]
        yield {"Contents": [{"Key": key} for key in sorted(keys) if key.startswith(Prefix)]}
    def download_file(self, bucket, key, target):
        shutil.copyfile(ROOT / bucket / key, target)
    def upload_file(self, source, bucket, key):
        (ROOT / bucket / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, ROOT / bucket / key)
    def put_object(self, Bucket, Key, Body, **_):
        (ROOT / Bucket / Key).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / Bucket / Key).write_bytes(Body)
    def get_object(self, Bucket, Key):
        return {"Body": (ROOT / Bucket / Key).open("rb")}
def client(name, **_):
    return Client()
"""


class Machine:
    """A stand-in for an instance: its own home, boto3 and PATH."""

    def __init__(self, root: Path):
        self.root, self.s3, self.home = root, root / "s3", root / "home"
        (root / "modules").mkdir()
        (root / "modules" / "boto3.py").write_text(BOTO3)
        self.words = root / "shutdown.txt"
        (root / "bin").mkdir()
        shim = root / "bin" / "shutdown"
        shim.write_text(f'#!/bin/sh\necho "$*" >> {self.words}\n')
        shim.chmod(0o755)
        self.timer = root / "bin" / "systemd-run"
        self.timer.write_text(f'#!/bin/sh\necho "$*" >> {self.words}\n')
        self.timer.chmod(0o755)
        python = root / "bin" / "python3"
        python.symlink_to(sys.executable)
        self.home.mkdir()
        self.put("photos", "sets/dogs/train/pug/1.jpg", b"one")
        self.environment = {
            "PATH": f"{root / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.home),
            "FAKE_S3": str(self.s3),
            "PYTHONPATH": str(root / "modules"),
        }

    def put(self, bucket: str, key: str, data: bytes) -> None:
        target = self.s3 / bucket / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def start(self, code: str, **settings) -> subprocess.Popen[bytes]:
        """The job as SSM starts it: the command's lines by /bin/sh."""
        source = self.root / "source"
        source.mkdir(exist_ok=True)
        (source / "own.py").write_text(textwrap.dedent(code))
        spec = JobSpec(
            **{"name": "job-1", "instance": "i-1", "data_uri": "s3://photos/sets/dogs", "bucket": "photos"}
            | {"source": str(source), "script": "own.py"}
            | settings
        )
        made = script.package(spec, script.job_description(spec, "us-east-1"))
        key = f"{script.job_prefix(spec.name)}/code.tar.gz"
        self.put("photos", key, made.data)
        return self.shell(script.run_job(spec, "us-east-1", key, made.sha256))

    def shell(self, lines: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["/bin/sh", "-c", "\n".join(lines)], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def kept(self, name: str, job: str = "job-1") -> bytes:
        return (self.s3 / "photos" / script.job_prefix(job) / name).read_bytes()

    def state(self) -> dict:
        return json.loads(self.kept("state.json"))


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_data_comes_the_script_runs_and_model_and_output_are_kept(machine):
    code, out, err = ended(
        machine.start(
            """
            import os, sys, pathlib
            print("arguments", sys.argv[1:])
            print("to stderr", file=sys.stderr)
            data = pathlib.Path(os.environ["SM_CHANNEL_TRAINING"])
            text = (data / "train" / "pug" / "1.jpg").read_text()
            (pathlib.Path(os.environ["SM_MODEL_DIR"]) / "model.pth").write_text(text)
            """,
            hyperparameters={"epochs": "20"},
        )
    )

    assert code == 0, err.decode()
    assert b"data: 1 of 1 files" in out and b"arguments ['--epochs', '20']" in out and b"to stderr" in err
    with tarfile.open(fileobj=io.BytesIO(machine.kept("output/model.tar.gz"))) as tar:
        assert tar.extractfile("./model.pth").read() == b"one"
    kept = machine.kept("output/output.log")
    assert b"arguments" in kept and b"to stderr" in kept
    assert machine.state()["state"] == "Completed" and machine.state()["exit_code"] == 0


def test_the_last_value_of_each_metric_is_kept_as_sagemaker_keeps_it(machine):
    code, _, err = ended(
        machine.start(
            """
            print("epoch=1/2 train_loss=nan valid_acc=0.7 best_accuracy=0.7")
            print("epoch=2/2 train_loss=nan valid_acc=0.6 best_accuracy=0.7", end="")
            raise SystemExit(3)
            """
        )
    )
    assert code == 3, err.decode()
    told = machine.state()["metrics"]
    assert told == {"epoch": 2, "epochs": 2, "valid:accuracy": 0.6, "valid:best_accuracy": 0.7}


def test_the_instance_goes_down_after_the_reply_and_not_before_the_limit(machine):
    ended(machine.start("print('done')", shut_down=True, limit_seconds=3600))
    first, second = machine.words.read_text().splitlines()
    assert first == "-h +75"
    assert second.startswith("--on-active=15 ") and second.endswith("shutdown -h now")


def test_without_systemd_it_goes_down_in_a_minute(machine):
    machine.timer.write_text("#!/bin/sh\nexit 1\n")
    ended(machine.start("print('done')", shut_down=True, limit_seconds=3600))
    assert machine.words.read_text().splitlines() == ["-h +75", "-h +1"]


def test_without_shut_down_nothing_is_shut_down(machine):
    ended(machine.start("print('done')", shut_down=False))
    assert not machine.words.exists()


def test_while_another_job_runs_there_the_instance_stays_up(machine):
    other = machine.home / "sagedeck" / "jobs" / "other"
    other.mkdir(parents=True)
    (other / "pid").write_text(str(os.getpid()))
    _, out, _ = ended(machine.start("print('done')", shut_down=True))
    assert b"Another job runs" in out
    assert machine.words.read_text() == "-h +75\n"


def test_a_failed_script_is_told_with_its_code_and_keeps_its_output(machine):
    code, _, _ = ended(machine.start("import sys; print('no pictures'); sys.exit(3)"))
    assert code == 3
    assert machine.state()["state"] == "Failed" and b"no pictures" in machine.kept("output/output.log")


def test_stopping_gracefully_saves_the_model(machine):
    job = machine.start(
        """
        import os, pathlib, signal, sys, threading
        told = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: told.set())
        print("epoch=1/20", flush=True)
        told.wait(50)
        (pathlib.Path(os.environ["SM_MODEL_DIR"]) / "model.pth").write_text("best")
        """
    )
    while b"epoch=1/20" not in job.stdout.readline():
        pass
    code, _, err = ended(machine.shell(script.stop_job("job-1")))
    assert code == 0, err.decode()

    assert ended(job)[0] == 0
    assert machine.state()["state"] == "Stopped"
    assert machine.kept("output/model.tar.gz")


def test_a_stop_before_the_script_has_begun_runs_no_script(machine):
    folder = machine.home / "sagedeck" / "jobs" / "job-1"
    folder.mkdir(parents=True)
    (folder / "stop").touch()
    code, out, _ = ended(machine.start("print('ran all the same')"))
    assert code == 0 and b"ran all the same" not in out
    assert machine.state()["state"] == "Stopped"


def test_stopping_a_job_that_is_not_there_says_so(machine):
    code, out, _ = ended(machine.shell(script.stop_job("nobody")))
    assert code == 1 and b"not on this instance" in out


def test_a_job_over_its_limit_is_stopped_and_told(machine, monkeypatch):
    code, out, _ = ended(machine.start("import time; time.sleep(50)", limit_seconds=0))
    assert code == host.TIMED_OUT and b"The limit of 0 s has passed" in out
    assert machine.state()["timed_out"] is True and machine.state()["state"] == "Failed"


def test_output_without_newline_not_utf8_and_children_left_behind(machine):
    code, out, _ = ended(
        machine.start(
            """
            import subprocess, sys
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            sys.stdout.buffer.write(b"\\xff\\xfe half a line")
            """
        )
    )
    assert code == 0
    assert out.count(b"\xff\xfe half a line") == 1 and b"\xff\xfe half a line" in machine.kept("output/output.log")


def test_code_that_was_changed_on_the_way_does_not_run(machine):
    job = machine.start("print('good')")
    ended(job)
    key = script.job_prefix("job-1") + "/code.tar.gz"
    spec = JobSpec("job-1", "i-1", "s3://photos/sets/dogs", "photos")
    code, _, err = ended(machine.shell(script.run_job(spec, "us-east-1", key, "0" * 64)))
    assert code != 0 and b"is not what was sent" in err


def test_no_data_is_told(machine):
    code, _, err = ended(machine.start("print('ran')", data_uri="s3://photos/nothing-here"))
    assert code != 0 and b"There is nothing at s3://photos/nothing-here" in err
    assert machine.state()["state"] == "Failed"


def test_a_key_that_leaves_the_folder_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="outside"):
        host.inside(tmp_path, "../../etc/passwd")


def test_names_are_quoted():
    spec = JobSpec("a; rm -rf ~", "i-1", "s3://b/c", "b")
    assert "'a; rm -rf ~'" in "\n".join(script.run_job(spec, "us-east-1", "key", "0"))
    assert "'a; rm -rf ~'" in "\n".join(script.stop_job("a; rm -rf ~"))


def test_the_code_is_our_training_folder_without_rubbish():
    spec = JobSpec("job-1", "i-1", "s3://photos/sets", "photos")
    made = script.package(spec, script.job_description(spec, "us-east-1"))
    with tarfile.open(fileobj=io.BytesIO(made.data)) as tar:
        names = tar.getnames()
    ours = {"code/train.py", "code/metric_definitions.json", "code/sagedeck_training/run.py"}
    assert {"host.py", "job.json"} | ours <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_a_signal_to_the_host_is_passed_on_once(machine):
    job = machine.start("import time; print('epoch=1', flush=True); time.sleep(50)")
    while b"epoch=1" not in job.stdout.readline():
        pass
    os.kill(int((machine.home / "sagedeck" / "jobs" / "job-1" / "pid").read_text()), signal.SIGTERM)
    assert ended(job)[0] == 128 + signal.SIGTERM
