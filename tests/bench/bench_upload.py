"""Upload of many small files into the sandbox, against ``aws s3 sync`` and ``s5cmd`` into the same sandbox.

Run: ``.venv/bin/python tests/bench/bench_upload.py [--files 8351]``. Goals: at most half of the time of
``aws s3 sync``; the memory of the process that asks for the upload grows by less than 100 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sandbox.core.client_env import client_environ  # noqa: E402
from tests.helpers.sandbox import SandboxProcess, clean_environ  # noqa: E402
from workers.aws.session import AwsSession  # noqa: E402
from workers.storage.buckets import Storage  # noqa: E402
from workers.types import Backend, UploadResult  # noqa: E402
from workers.upload.uploader import Uploader  # noqa: E402

FILES = 8351
CLASSES = 133
SMALLEST, LARGEST = 20_000, 150_000
BUCKET = "bench-upload"
RATIO_GOAL = 0.5
MEMORY_GOAL_MB = 100
BIN = Path(sys.executable).parent


def make_files(folder: Path, count: int) -> int:
    """Write ``count`` files of random bytes in class folders; returns their bytes together."""
    numbers = random.Random(20260131)
    total = 0
    for number in range(count):
        path = folder / "train" / f"{number % CLASSES + 1:03}.Breed" / f"Breed_{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = numbers.randint(SMALLEST, LARGEST)
        path.write_bytes(numbers.randbytes(size))
        total += size
    return total


async def upload(backend: Backend, folder: Path, manifest: Path, prefix: str) -> tuple[UploadResult, float, float]:
    """Upload as the window does; returns the result, the seconds, and how many MB this process grew by."""
    session = AwsSession(backend)
    try:
        # The window has connected, and so imported boto3, long before somebody uploads.
        await Storage(session).buckets()
        own = psutil.Process()
        before = most = own.memory_info().rss

        def on_progress(_: object) -> None:
            nonlocal most
            most = max(most, own.memory_info().rss)

        began = time.perf_counter()
        result = await Uploader(session, manifest).upload(folder, BUCKET, prefix, on_progress)
        return result, time.perf_counter() - began, (most - before) / 2**20
    finally:
        session.close()


def timed(argv: list[str], environ: dict[str, str]) -> float:
    """Run a program to its end and return the seconds it took."""
    began = time.perf_counter()
    subprocess.run(argv, env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    """Measure and print; 0 when the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument(
        "--dir", type=Path, default=None, help="where the files and the state go (1 GB is read 4 times)"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-upload-", dir=args.dir) as name:
        folder = Path(name) / "set"
        total = make_files(folder, args.files)
        # Written back now, not while one of the programs is being timed.
        os.sync()
        print(f"{args.files} files, {total / 1e6:.0f} MB, {os.cpu_count()} cores")
        with SandboxProcess(Path(name) / "state") as sandbox:
            return measure(sandbox, folder, Path(name) / "manifest.sqlite", total, args.files)


def measure(sandbox: SandboxProcess, folder: Path, manifest: Path, total: int, count: int) -> int:
    """Run the three programs one after the other, and print how they compare."""
    ready = sandbox.ready
    backend = Backend(
        "sandbox",
        "Sandbox",
        ready["region"],
        endpoint_url=ready["endpoint_url"],
        access_key_id=ready["access_key_id"],
        secret_access_key=ready["secret_access_key"],
    )
    sandbox.client("s3").create_bucket(Bucket=BUCKET)
    environ = {**clean_environ(), **client_environ(ready)}
    sync = timed([str(BIN / "aws"), "s3", "sync", "--quiet", str(folder), f"s3://{BUCKET}/aws/"], environ)
    print(f"aws s3 sync     {sync:7.2f} s  {count / sync:6.0f} files/s  {total / sync / 1e6:6.1f} MB/s")
    endpoint = ["--endpoint-url", ready["endpoint_url"], "--log", "error"]
    fast = timed([str(BIN / "s5cmd"), *endpoint, "cp", f"{folder}/", f"s3://{BUCKET}/s5/"], environ)
    print(f"s5cmd cp        {fast:7.2f} s  {count / fast:6.0f} files/s  {total / fast / 1e6:6.1f} MB/s")
    result, ours, grown = asyncio.run(upload(backend, folder, manifest, "ours"))
    print(f"SageDeck        {ours:7.2f} s  {count / ours:6.0f} files/s  {total / ours / 1e6:6.1f} MB/s")
    assert (result.sent, result.failed) == (count, ()), result.summary
    again, second, _ = asyncio.run(upload(backend, folder, manifest, "ours"))
    assert (again.sent, again.skipped) == (0, count), again.summary
    print(f"a second time   {second:7.2f} s  {again.summary}")
    good = ours <= RATIO_GOAL * sync and grown < MEMORY_GOAL_MB
    print(f"ratio to aws s3 sync {ours / sync:.2f} (goal {RATIO_GOAL}), ratio to s5cmd {ours / fast:.2f}")
    print(f"memory of this process +{grown:.1f} MB (goal {MEMORY_GOAL_MB})")
    print("goals met" if good else "GOALS MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
