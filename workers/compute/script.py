"""The text of the commands that SSM runs on an instance, and the code that a job takes along.

SSM runs them with /bin/sh as root, without HOME on most systems. Values are quoted here, once.
"""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.aws.s3_uri import S3Uri
from workers.compute.types import JobSpec
from workers.paths import METRIC_DEFINITIONS, TRAINING_SOURCE

PREFIX = "sagedeck/ec2"
HOST = Path(__file__).with_name("host.py")
JOB_COMMENT = "sagedeck job "
JOBS_FOLDER = '"${HOME:-/root}/sagedeck/jobs"'
# Python of the Deep Learning AMIs (their release notes); elsewhere the system's.
DLAMI_PYTHON = "/opt/pytorch/bin/python"
_IGNORED = ("__pycache__", ".git", ".venv")

_FETCH = """
import hashlib, io, sys, tarfile
import boto3
bucket, key, wanted, region = sys.argv[1:]
data = boto3.client("s3", region_name=region).get_object(Bucket=bucket, Key=key)["Body"].read()
if hashlib.sha256(data).hexdigest() != wanted:
    sys.exit("error: The code in S3 is not what was sent.")
tarfile.open(fileobj=io.BytesIO(data)).extractall(".", filter="data")
"""


@dataclass(frozen=True)
class Package:
    """The code of a job: a .tar.gz and its SHA-256, which the command checks."""

    data: bytes
    sha256: str


def job_prefix(name: str) -> str:
    """The key prefix of a job in its bucket, without a slash at its end."""
    return f"{PREFIX}/{name}"


def model_uri(bucket: str, name: str) -> str:
    """Where a job's model lies once it has ended."""
    return str(S3Uri(bucket, f"{job_prefix(name)}/output/model.tar.gz"))


def job_description(spec: JobSpec, region: str) -> dict[str, object]:
    """``job.json``: what ``host.py`` reads, and what a window reads to show the job again."""
    return {
        "name": spec.name,
        "instance": spec.instance,
        "region": region,
        "data_uri": spec.data_uri,
        "bucket": spec.bucket,
        "prefix": job_prefix(spec.name),
        "hyperparameters": dict(spec.hyperparameters),
        "limit_seconds": spec.limit_seconds,
        "shut_down": spec.shut_down,
        "script": spec.script,
        "environment": dict(spec.environment),
        "metric_definitions": json.loads(METRIC_DEFINITIONS.read_text(encoding="utf-8")),
    }


def package(spec: JobSpec, about: Mapping[str, object]) -> Package:
    """The archive of ``host.py``, ``job.json`` and the script's folder. Raises ``OSError``. Blocking."""
    source = Path(spec.source) if spec.source else TRAINING_SOURCE
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        _add(tar, "host.py", HOST.read_bytes())
        _add(tar, "job.json", json.dumps(about, indent=1).encode())
        for file in sorted(source.rglob("*")):
            inside = file.relative_to(source)
            if not file.is_file() or file.suffix == ".pyc" or any(part in _IGNORED for part in inside.parts):
                continue
            _add(tar, f"code/{inside.as_posix()}", file.read_bytes())
    data = buffer.getvalue()
    return Package(data, hashlib.sha256(data).hexdigest())


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


def run_job(spec: JobSpec, region: str, code_key: str, sha256: str) -> list[str]:
    """The lines that fetch the code of a job and run it."""
    name = shlex.quote(spec.name)
    words = " ".join(map(shlex.quote, (spec.bucket, code_key, sha256, region)))
    return [
        "set -eu",
        f"python=python3; if [ -x {DLAMI_PYTHON} ]; then python={DLAMI_PYTHON}; fi",
        f"folder={JOBS_FOLDER}/{name}",
        'mkdir -p "$folder"; cd "$folder"',
        '"$python" -c "import boto3" 2>/dev/null || "$python" -m pip install --quiet boto3',
        f"\"$python\" - {words} <<'SAGEDECK'{_FETCH}SAGEDECK",
        'exec "$python" -u host.py .',
    ]


def stop_job(name: str) -> list[str]:
    """The lines that ask a job to stop gracefully: it saves its best model."""
    return [
        "set -eu",
        f"folder={JOBS_FOLDER}/{shlex.quote(name)}",
        'if [ ! -d "$folder" ]; then echo "This job is not on this instance."; exit 1; fi',
        'touch "$folder/stop"',
        'if [ -f "$folder/pid" ]; then kill -TERM "$(cat "$folder/pid")"; fi',
    ]
