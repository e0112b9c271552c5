"""How much sooner a tuning job ends when the features are prepared once, and how a second host helps.

``python tests/bench/bench_tuning.py [--pictures 1000] [--jobs 12]``: a real sandbox runs a tuning job of 12 jobs, 3 at
a time, on drawn pictures, once with prepared features (their preparation included) and once with every job
computing its own. ``--baseline-jobs 3`` runs only one wave of the latter and scales its time. A small tuning job goes
before: what a sandbox loads once for all (the search engine, torch in the process that forks jobs) is paid by neither.
Then train.py passes over the pictures with one host and with two, one thread each. Prints the ratios; exit code 1 when
a goal is missed.
On a machine that does other work, too, a single job gets a smaller share of it than three do, which is unfair to the
prepared features: the ratio of processor seconds, printed besides, does not depend on that.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.helpers.pictures import make_folder  # noqa: E402
from tests.helpers.sandbox import SandboxProcess  # noqa: E402
from workers.services import Services  # noqa: E402
from workers.tuning.types import TuningSpec  # noqa: E402
from workers.types import Backend  # noqa: E402
from workers.upload.uploader import Uploader  # noqa: E402

RATIO_GOAL, HOSTS_GOAL, OVERHEAD_GOAL_SECONDS = 9.0, 1.7, 3.0
CLASSES, FEW = 10, 6


def processor_seconds(sandbox: SandboxProcess) -> float:
    """What the sandbox, the process that forks its jobs, and the ended jobs have used so far."""
    assert sandbox.process is not None
    first = psutil.Process(sandbox.process.pid)
    used = 0.0
    for process in [first, *first.children()]:
        try:
            # User and system, of its own and of those of its children that have ended.
            used += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return used


async def tuned(services: Services, sandbox: SandboxProcess, spec: TuningSpec) -> tuple[float, float, list[float]]:
    """Seconds from the click to the end, processor seconds, and each job's seconds from creation to training."""
    began, used = time.perf_counter(), processor_seconds(sandbox)
    await services.tuning.launch(spec)
    job = await services.tuning.describe(spec.tuning_name)
    while job.running:
        await asyncio.sleep(0.25)
        job = await services.tuning.describe(spec.tuning_name)
    seconds, used = time.perf_counter() - began, processor_seconds(sandbox) - used
    if job.status != "Completed" or job.counts.completed != spec.max_jobs:
        raise SystemExit(f"{job.name}: {job.status} {job.counts} {job.failure_reason}")
    overheads = []
    for trial in await services.tuning.trials(job):
        answer = await services.session.call("sagemaker", "describe_training_job", TrainingJobName=trial.name)
        steps = {step["Status"]: step["StartTime"] for step in answer["SecondaryStatusTransitions"]}
        overheads.append((steps["Training"] - answer["CreationTime"]).total_seconds())
    return seconds, used, overheads


async def tune_both(sandbox: SandboxProcess, data: Path, options: argparse.Namespace) -> bool:
    """Run both tuning jobs in one sandbox and print; whether the goals hold."""
    ready = sandbox.ready
    keys = (ready["access_key_id"], ready["secret_access_key"])
    services = Services(Backend("sandbox", "Sandbox", ready["region"], None, ready["endpoint_url"], *keys))
    services.uploader = Uploader(services.session, data.parent / "uploads.sqlite")
    try:
        bucket = await services.storage.suggest_bucket_name()
        await services.storage.create_bucket(bucket)
        await services.uploader.upload(data, bucket, "pictures")
        few = make_folder(data.parent / "few", 2, FEW, size=(96, 72))
        await services.uploader.upload(few, bucket, "few")
        await services.prewarm()
        settings = {"image_size": str(options.image_size), "views": str(options.views)}
        spec = TuningSpec(
            "once",
            f"s3://{bucket}/pictures",
            bucket,
            epochs=options.epochs,
            max_jobs=options.jobs,
            early_stopping="Off",
            hyperparameters=settings,
            random_seed=1,
        )
        small = {"max_jobs": 1, "max_parallel": 1, "epochs": 1, "features_once": False}
        before = dataclasses.replace(spec, tuning_name="before", data_uri=f"s3://{bucket}/few", **small)
        await tuned(services, sandbox, before)
        once, once_used, overheads = await tuned(services, sandbox, spec)
        baseline = options.baseline_jobs or options.jobs
        every = dataclasses.replace(spec, tuning_name="every", max_jobs=baseline, features_once=False)
        each, each_used, _ = await tuned(services, sandbox, every)
    finally:
        services.close()
    scaled, scaled_used = each * options.jobs / baseline, each_used * options.jobs / baseline
    if baseline != options.jobs:
        print(f"{baseline} jobs with features of their own took {each:.1f} s; scaled to {options.jobs} jobs")
    overhead = statistics.median(overheads)
    print(f"features once: {once:8.1f} s for {options.jobs} jobs, 3 at a time, with their preparation")
    print(f"each its own:  {scaled:8.1f} s")
    print(f"ratio {scaled / once:.1f} (goal: at least {RATIO_GOAL})")
    print(f"processor seconds: {once_used:.1f} and {scaled_used:.1f}, ratio {scaled_used / once_used:.1f}")
    print(
        f"job overhead, creation to training: median {overhead:.2f} s, longest {max(overheads):.2f} s "
        f"(goal: at most {OVERHEAD_GOAL_SECONDS})"
    )
    return scaled / once >= RATIO_GOAL and overhead <= OVERHEAD_GOAL_SECONDS


def feature_seconds(data: Path, place: Path, hosts: int, options: argparse.Namespace) -> float:
    """Seconds of train.py's feature pass on this many hosts with one thread each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    names = [f"algo-{number + 1}" for number in range(hosts)]
    arguments = [
        "--data-dir",
        str(data),
        "--epochs",
        "1",
        "--image-size",
        str(options.image_size),
        "--views",
        str(options.views),
    ]
    processes = []
    for name in names:
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "SM_HOSTS": json.dumps(names),
            "SM_CURRENT_HOST": name,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        command = [sys.executable, "train.py", *arguments, "--model-dir", str(place / f"model-{hosts}")]
        processes.append(subprocess.Popen(command, cwd=ROOT / "training", env=environment, stdout=subprocess.DEVNULL))
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit("train.py failed")
    report = json.loads((place / f"model-{hosts}" / "report.json").read_text(encoding="utf-8"))
    return float(report["durations"]["features"])


def main() -> int:
    """Measure, print, and say by the exit code whether the goals hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--baseline-jobs", type=int, default=0, help="0: as many as --jobs")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--only", choices=("tuning", "hosts"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = make_folder(place / "data", CLASSES, options.pictures // CLASSES, size=(400, 300))
        holds = True
        if options.only != "hosts":
            with SandboxProcess(place / "state") as sandbox:
                holds = asyncio.run(tune_both(sandbox, data, options))
        if options.only != "tuning":
            single, two = (feature_seconds(data, place, hosts, options) for hosts in (1, 2))
            print(f"feature pass, one thread a host: 1 host {single:.1f} s, 2 hosts {two:.1f} s")
            print(f"ratio {single / two:.2f} (goal: at least {HOSTS_GOAL})")
            holds = holds and single / two >= HOSTS_GOAL
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
