"""What runs a training job on an EC2 instance. It is sent there as it is: only Python's library and boto3.

``python host.py FOLDER``: FOLDER holds ``job.json`` and ``code/``. The data comes from S3, the script runs as in a
SageMaker container (SM_* variables, hyperparameters as arguments), and model, report and the whole output go to S3.
SIGTERM asks the script to stop and save its best model; a file ``stop`` in FOLDER does so before it has begun.
The exit code is the script's; 124 when it ran longer than its limit.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

# SageMaker gives a job this long between SIGTERM and SIGKILL; the script is written for it.
GRACE_SECONDS = 120
TIMED_OUT = 124
DOWNLOADS_AT_ONCE = 16
DATA_LINE_SECONDS = 5.0
# The agent must have told how the command ended before the instance goes down.
SHUT_DOWN_SECONDS = 15
# What the job needs after its limit: the grace, and the upload of the model.
AFTER_LIMIT_MINUTES = 15


class Job:
    """One job in its folder on this instance."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        self.stopped = threading.Event()
        self.timed_out = False
        self._child: subprocess.Popen[bytes] | None = None
        self._client: Any = None

    @property
    def s3(self) -> Any:
        """The S3 client of the instance's role."""
        if self._client is None:
            import boto3

            self._client = boto3.client("s3", region_name=self.about["region"])
        return self._client

    def run(self) -> int:
        """Run the job from data to upload; the exit code is the script's."""
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        (self.folder / "pid").write_text(str(os.getpid()), encoding="utf-8")
        began = time.time()
        code = 1
        if self.about["shut_down"]:
            shut_down(int(self.about["limit_seconds"]) // 60 + AFTER_LIMIT_MINUTES)
        try:
            self._state("InProgress", began)
            self._fetch_data()
            if (self.folder / "stop").exists():
                self.stop()
            code = 0 if self.stopped.is_set() else self._run_script()
        finally:
            self._upload_all()
            ended = "Stopped" if self.stopped.is_set() and code == 0 else "Completed" if code == 0 else "Failed"
            self._state(ended, began, code)
            (self.folder / "pid").unlink(missing_ok=True)
            if self.about["shut_down"]:
                if others_run(self.folder):
                    say("Another job runs on this instance, so it stays up.")
                else:
                    say("The instance shuts itself down now.")
                    shut_down_soon()
        return code

    def stop(self) -> None:
        """Ask the script to stop; it saves its best model."""
        if self.stopped.is_set():
            return
        self.stopped.set()
        # Not by print: this runs in the midst of whatever the main thread does, which may be a print.
        os.write(1, b"Asked to stop: the best model so far is saved.\n")
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        child = self._child
        if child is not None and child.poll() is None:
            os.killpg(child.pid, number)

    def _fetch_data(self) -> None:
        bucket, prefix = place(self.about["data_uri"])
        folder = self.folder / "data"
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ()) if not item["Key"].endswith("/")]
        if not keys:
            raise SystemExit(f"error: There is nothing at {self.about['data_uri']}.")
        say(f"data: 0 of {len(keys)} files")
        told = time.monotonic()

        def fetch(key: str) -> None:
            if self.stopped.is_set():
                return
            target = inside(folder, key[len(prefix) :])
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            self.s3.download_file(bucket, key, str(part))
            part.replace(target)

        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as threads:
            for done, _ in enumerate(threads.map(fetch, keys), start=1):
                if time.monotonic() - told > DATA_LINE_SECONDS or done == len(keys):
                    told = time.monotonic()
                    say(f"data: {done} of {len(keys)} files")

    def _run_script(self) -> int:
        code = self.folder / "code"
        needed = code / "requirements.txt"
        if needed.exists() and not installed(needed):
            say("Installing requirements.txt")
            subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-r", str(needed)], check=True)
        (self.folder / "model").mkdir(exist_ok=True)
        (self.folder / "output").mkdir(exist_ok=True)
        arguments = [
            part for name, value in sorted(self.about["hyperparameters"].items()) for part in (f"--{name}", value)
        ]
        with (self.folder / "output.log").open("wb") as log:
            child = self._child = subprocess.Popen(
                [sys.executable, "-u", self.about["script"], *arguments],
                cwd=code,
                env=environment(self.folder, self.about),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            lock = threading.Lock()
            pumps = [
                threading.Thread(target=pump, args=(source, target, log, lock))
                for source, target in ((child.stdout, sys.stdout.buffer), (child.stderr, sys.stderr.buffer))
            ]
            for thread in pumps:
                thread.start()
            # A stop that came between the look for the file and here.
            if self.stopped.is_set():
                self._signal(signal.SIGTERM)
            status = self._wait(child)
            # A grandchild that is left behind keeps the pipes open.
            self._kill_group(child)
            for thread in pumps:
                thread.join(timeout=10)
        return TIMED_OUT if self.timed_out else status if status >= 0 else 128 - status

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        ends = time.monotonic() + float(self.about["limit_seconds"])
        grace: float | None = None
        while True:
            try:
                return child.wait(timeout=1)
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                if grace is None and now > ends:
                    self.timed_out = True
                    say(f"The limit of {self.about['limit_seconds']} s has passed.")
                    self.stop()
                if self.stopped.is_set():
                    grace = grace or now + GRACE_SECONDS
                    if now > grace:
                        self._signal(signal.SIGKILL)

    @staticmethod
    def _kill_group(child: subprocess.Popen[bytes]) -> None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def _upload_all(self) -> None:
        for name in ("model", "output"):
            folder = self.folder / name
            if folder.is_dir() and any(folder.iterdir()):
                archive = self.folder / f"{name}.tar.gz"
                with tarfile.open(archive, "w:gz") as tar:
                    tar.add(folder, arcname=".")
                self._upload(archive, f"output/{name}.tar.gz")
        log = self.folder / "output.log"
        if log.exists():
            self._upload(log, "output/output.log")

    def _upload(self, file: Path, name: str) -> None:
        key = f"{self.about['prefix']}/{name}"
        self.s3.upload_file(str(file), self.about["bucket"], key)
        say(f"saved s3://{self.about['bucket']}/{key}")

    def _state(self, state: str, began: float, code: int | None = None) -> None:
        about = {"state": state, "began": began, "exit_code": code, "timed_out": self.timed_out}
        if code is not None:
            about["ended"] = time.time()
            about["metrics"] = final_metrics(self.folder / "output.log", self.about.get("metric_definitions", ()))
        self.s3.put_object(
            Bucket=self.about["bucket"],
            Key=f"{self.about['prefix']}/state.json",
            Body=json.dumps(about).encode(),
            ContentType="application/json",
        )


def say(text: str) -> None:
    """One line of the job's live output."""
    print(text, flush=True)


def place(uri: str) -> tuple[str, str]:
    """Bucket and prefix, with a slash at its end, of ``s3://bucket/prefix``."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return bucket, prefix.rstrip("/") + "/" if prefix.strip("/") else ""


def inside(folder: Path, name: str) -> Path:
    """``folder / name``; a key that would lie outside ends the job."""
    target = Path(os.path.normpath(folder / name))
    if folder not in target.parents:
        raise SystemExit(f"error: The key {name} would be written outside of the data folder.")
    return target


def pump(source: IO[bytes] | None, target: IO[bytes], log: IO[bytes], lock: threading.Lock) -> None:
    """Pass what the script writes on, and keep it in the log; what comes without a newline is not held back."""
    assert source is not None
    while block := os.read(source.fileno(), 65536):
        with lock:
            log.write(block)
        target.write(block)
        target.flush()


def final_metrics(log: Path, definitions: Iterable[Mapping[str, str]]) -> dict[str, float]:
    """The last value of each metric in what the script wrote, as SageMaker keeps it of its jobs."""
    patterns = {}
    for metric in definitions:
        try:
            patterns[metric["Name"]] = re.compile(metric["Regex"])
        except re.error:
            continue
    found: dict[str, float] = {}
    if not log.exists():
        return found
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            for name, pattern in patterns.items():
                match = pattern.search(line)
                try:
                    value = float(match[1]) if match else math.nan
                except (IndexError, TypeError, ValueError):
                    continue
                if math.isfinite(value):
                    found[name] = value
    return found


def environment(folder: Path, about: Mapping[str, Any]) -> dict[str, str]:
    """What the script finds in its environment, as in a SageMaker container."""
    return {
        **os.environ,
        **about["environment"],
        "PYTHONUNBUFFERED": "1",
        "SM_CHANNEL_TRAINING": str(folder / "data"),
        "SM_MODEL_DIR": str(folder / "model"),
        "SM_OUTPUT_DATA_DIR": str(folder / "output"),
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
        "SM_HOSTS": '["algo-1"]',
        "SM_CURRENT_HOST": "algo-1",
        "TRAINING_JOB_NAME": about["name"],
    }


def installed(requirements: Path) -> bool:
    """Whether pip would have nothing to do: no network is needed then."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        from packaging.requirements import Requirement
    except ImportError:
        return False
    for line in requirements.read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if not text:
            continue
        try:
            wanted = Requirement(text)
            if not wanted.specifier.contains(version(wanted.name), prereleases=True):
                return False
        except (ValueError, PackageNotFoundError):
            return False
    return True


def others_run(folder: Path) -> bool:
    """Whether another job of this instance is still at work."""
    for file in folder.parent.glob("*/pid"):
        if file.parent == folder:
            continue
        try:
            os.kill(int(file.read_text(encoding="utf-8")), 0)
        except (OSError, ValueError):
            continue
        return True
    return False


def shut_down(minutes: int) -> None:
    """Let the system go down in some minutes; a later call takes the place of an earlier one."""
    command = shutil.which("shutdown")
    if command is None:
        say("This system has no shutdown command: stop the instance yourself.")
        return
    done = subprocess.run([command, "-h", f"+{minutes}"], check=False, capture_output=True, text=True)
    if done.returncode:
        say(f"The instance cannot shut itself down: {done.stderr.strip()}")


def shut_down_soon() -> None:
    """Let the system go down in some seconds; where there is no systemd-run, in a minute, which is shutdown's least."""
    timer, command = shutil.which("systemd-run"), shutil.which("shutdown")
    if timer is not None and command is not None:
        words = [timer, f"--on-active={SHUT_DOWN_SECONDS}", command, "-h", "now"]
        if subprocess.run(words, check=False, capture_output=True).returncode == 0:
            return
    shut_down(1)


if __name__ == "__main__":
    sys.exit(Job(Path(sys.argv[1]).resolve()).run())
