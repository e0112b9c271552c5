"""An evaluation over an endpoint against the model alone in a loop, with as many workers, over the same pictures.

``python tests/bench/bench_evaluation.py [--pictures 1000] [--rounds 3] [--instances 1]``: an endpoint's instances share
the processors, and each answers in as many streams as it has of them; the model alone runs in as many processes. Both
sides run in turn, round by round, over the same pictures. Goal: the evaluation answers at least
0.9 times as many pictures a second; exit code 1 when it is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from sandbox.containers.archive import pack  # noqa: E402
from tests.bench.bench_invoke import CLASSES, MAKE_MODEL  # noqa: E402
from tests.helpers.sagemaker_jobs import BUCKET, IMAGE, Account  # noqa: E402
from tests.helpers.sandbox import SandboxProcess  # noqa: E402
from workers.evaluation.service import AT_ONCE, Evaluations, summary_of  # noqa: E402
from workers.evaluation.store import Store  # noqa: E402
from workers.samples.catalogue import chosen  # noqa: E402
from workers.samples.scene import picture_bytes  # noqa: E402
from workers.services import Services  # noqa: E402
from workers.types import Backend  # noqa: E402

GOAL = 0.9
# Different pictures; the others are the same with other bytes at their end.
DRAWN = 40
# What the window offers: one is computed, and others are on their way.
AT_ONCE_AN_INSTANCE = AT_ONCE
# Of an instance, as the sandbox's hosts have them.
MOST_STREAMS = 2
ALONE = """
import sys, time
from pathlib import Path
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder / "code"))
import inference
model = inference.model_fn(str(folder))
mine = [Path(line) for line in Path(sys.argv[2]).read_text().splitlines()]
print("ready", flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    for path in mine:
        inference.output_fn(inference.predict_fn(inference.input_fn(path.read_bytes(), "image/jpeg"), model))
    print(time.perf_counter() - began, flush=True)
"""


def make_pictures(folder: Path, number: int) -> list[Path]:
    """``number`` pictures in folders of two classes, each with content of its own."""
    drawn = [picture_bytes(breed, f"bench/{at}") for at, breed in enumerate([*chosen(10)] * (DRAWN // 10))]
    made = []
    for at in range(number):
        path = folder / f"class {at % 2}" / f"{at:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        # What comes behind a JPEG's end is no part of the picture.
        path.write_bytes(drawn[at % len(drawn)] + str(at).encode())
        made.append(path)
    return made


class Alone:
    """The model in processes of their own, each with a share of the pictures.

    In this bench's session, of which a busy Linux gives each the same share of the processors: two of their own would
    get twice what the endpoint's one process with two streams gets.
    """

    def __init__(self, model: Path, shares: list[Path], threads: str) -> None:
        environ = {**os.environ, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"}
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-c", ALONE, str(model), str(share)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ,
            )
            for share in shares
        ]  # fmt: skip
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.readline()

    def seconds(self) -> float:
        """One round: how long the slowest share takes."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        took = []
        for process in self._processes:
            assert process.stdout is not None
            took.append(float(process.stdout.readline()))
        return max(took)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def deployed(account: Account, model: Path, instances: int) -> None:
    """The endpoint ``bench`` of this model."""
    account.s3.upload_file(str(model), BUCKET, "model.tar.gz")
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz", "Environment": environment}
    account.sagemaker.create_model(ModelName="bench", ExecutionRoleArn=account.role, PrimaryContainer=container)
    account.config("bench", "bench", instances)
    account.sagemaker.create_endpoint(EndpointName="bench", EndpointConfigName="bench")
    assert account.settled("bench") == "InService"


def services_of(sandbox: SandboxProcess) -> Services:
    """The workers on this sandbox."""
    facts = sandbox.ready
    return Services(
        Backend(
            "sandbox", "bench", facts["region"], endpoint_url=facts["endpoint_url"],
            access_key_id=facts["access_key_id"], secret_access_key=facts["secret_access_key"],
        )
    )  # fmt: skip


async def evaluated(evaluations: Evaluations, folder: Path, at_once: int) -> float:
    """One evaluation: the seconds in which it asked."""
    labelled = await evaluations.look(folder)
    row = await evaluations.start("bench", labelled, at_once=at_once)
    assert row.whole and not row.failed, row
    return row.seconds


class Processors:
    """Milliseconds of computing a picture: of the model's processes, of the rest of the sandbox, of who evaluates."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        assert sandbox.process is not None
        self._sandbox = psutil.Process(sandbox.process.pid)
        self._before = self._now()

    def _now(self) -> tuple[float, float, float]:
        models = sum(sum(child.cpu_times()[:2]) for child in self._sandbox.children(recursive=True))
        mine = resource.getrusage(resource.RUSAGE_CHILDREN)
        return models, sum(self._sandbox.cpu_times()[:2]), mine.ru_utime + mine.ru_stime

    def words(self, pictures: int) -> str:
        """What was used since the last time."""
        now = self._now()
        used = [(after - before) / pictures * 1000 for after, before in zip(now, self._before, strict=True)]
        self._before = now
        return "model {:.1f}, sandbox {:.1f}, evaluation {:.1f} ms".format(*used)


def main() -> int:
    """Measure and print; 0 when the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--instances", type=int, default=1)
    arguments = parser.parse_args()
    instances, number = arguments.instances, arguments.pictures
    threads = os.environ.setdefault("OMP_NUM_THREADS", "1")
    workers = instances * max(1, min(MOST_STREAMS, (os.cpu_count() or 1) // instances))
    with tempfile.TemporaryDirectory(prefix="bench-evaluation-") as name:
        base = Path(name)
        pictures = make_pictures(base / "pictures", number)
        shares = []
        for at in range(workers):
            shares.append(base / f"share-{at}")
            shares[-1].write_text("\n".join(map(str, pictures[at::workers])))
        subprocess.run([sys.executable, "-c", MAKE_MODEL, str(base / "model"), str(CLASSES)], check=True, cwd=ROOT)
        pack([base / "model"], base / "model.tar.gz")
        with SandboxProcess(base / "state") as sandbox:
            deployed(Account(sandbox), base / "model.tar.gz", instances)
            services = services_of(sandbox)
            evaluations = Evaluations(
                services.session, services.endpoints, services.functions, services.inference,
                Store(base / "kept", summary_of),
            )  # fmt: skip
            alone = Alone(base / "model", shares, threads)
            processors, ratios = Processors(sandbox), []
            try:
                for _ in range(arguments.rounds):
                    plain = number / alone.seconds()
                    processors.words(number)
                    began = time.perf_counter()
                    asked = number / asyncio.run(
                        evaluated(evaluations, base / "pictures", AT_ONCE_AN_INSTANCE * instances)
                    )
                    whole = number / (time.perf_counter() - began)
                    ratios.append(asked / plain)
                    print(
                        f"alone {plain:6.1f} pictures/s, evaluation {asked:6.1f} (with start and end {whole:6.1f}), "
                        f"ratio {ratios[-1]:.3f}; processor a picture: {processors.words(number)}", flush=True,
                    )  # fmt: skip
            finally:
                alone.close()
                services.close()
    best, median = max(ratios), statistics.median(ratios)
    print(f"{workers} worker(s) in {instances} instance(s), {threads} thread(s) each")
    print(f"ratio median {median:.3f}, best {best:.3f}, goal {GOAL}")
    return 0 if median >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
