"""How late the window's event loop answers while an upload, a live log of 200 lines/s and a job poll run.

``python tests/bench/bench_lag.py [--files 8351]``: the real window (offscreen) on a real sandbox; a job prints 200
lines a second and the Training tab follows it, the Data tab uploads. A probe asks the loop for every 5 ms and notes
how much later it came. Prints p50, p99 and the worst, and the same for the idle window as the baseline; exit code 1
when a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.bench.bench_upload import make_files  # noqa: E402
from tests.bench.in_window import GOAL_P99_MS, GOAL_WORST_MS, Probe, idle_lag, opened, run, say_lag  # noqa: E402
from tests.helpers.window import until  # noqa: E402

BUCKET = "bench-lag"
JOB = "bench-lag-log"
# One line: an argument of a container's entry point may hold no line break.
TALKER = (
    "import time; begun = time.time(); "
    "[(print('line', n, 'of a log that is followed while pictures are uploaded', flush=True), "
    "time.sleep(max(0, begun + (n + 1) / 200 - time.time()))) for n in range(120000)]"
)
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*", "logs:*"], "Resource": "*"}]}


async def start_talker(session: Any) -> None:
    """A job in the sandbox whose script prints 200 lines a second."""
    role = await session.call("iam", "create_role", RoleName="bench", AssumeRolePolicyDocument=json.dumps(TRUST))
    await session.call("iam", "put_role_policy", RoleName="bench", PolicyName="all", PolicyDocument=json.dumps(ALLOW))
    await session.call(
        "sagemaker",
        "create_training_job",
        TrainingJobName=JOB,
        RoleArn=role["Role"]["Arn"],
        AlgorithmSpecification={
            "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "-c", TALKER],
        },
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        StoppingCondition={"MaxRuntimeInSeconds": 1800},
    )


async def measure(work: Path, files: int) -> int:
    folder = work / "pictures"
    total = await asyncio.to_thread(make_files, folder, files)
    async with opened(work) as (application, services):
        await services.storage.create_bucket(BUCKET)
        data = application.window.pages.tab("data")
        training = application.window.pages.tab("training")
        application.ctx.navigate("training")
        await services.prewarm()
        idle = await idle_lag()
        await start_talker(services.session)
        training.refresh()
        await until(lambda: training.detail.job is not None and len(training.detail.log.view.buffer) > 200)
        probe = Probe()
        probe.start()
        began = time.perf_counter()
        data.uploading.start(folder, BUCKET, "pictures/")
        await until(lambda: data.uploading.running)
        await until(lambda: not data.uploading.running, 600)
        if data.uploading.result is None:
            raise SystemExit(
                f"the upload failed: {data.uploading.failure} {getattr(data.uploading.error, 'details', '')}"
            )
        seconds = time.perf_counter() - began
        loaded = probe.stop()
        lines = len(training.detail.log.view.buffer)
        result = data.uploading.result
    print(f"upload: {result.sent} files, {total / 1e6:.0f} MB in {seconds:.1f} s; log: {lines} lines")
    say_lag(idle, "loaded", loaded)
    print(f"goals: p99 < {GOAL_P99_MS:.0f} ms, worst < {GOAL_WORST_MS:.0f} ms; {len(probe.late)} probes")
    return 0 if loaded[1] < GOAL_P99_MS and loaded[2] < GOAL_WORST_MS and not result.failed else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=8351)
    options = parser.parse_args()
    return run(lambda work: measure(work, options.files))


if __name__ == "__main__":
    sys.exit(main())
