"""What an endpoint answers when several callers ask at once, and when one does.

``python tests/bench/bench_callers.py [--callers 8] [--seconds 10]``: two endpoints with the same model in one real
sandbox, one whose code answers waiting requests together (``predict_batch_fn``), one without that function, as before.
Each is asked by one caller and by several; the network alone, in batches in a process of its own, is measured in the
same run. Goals: several callers get at least 75/105 of what the network alone does, at no worse 99th percentile than
without the function; one caller waits no longer. Signed once and sent over open connections, so that the callers cost
little. On a machine that does other work the ratios hold, the numbers do not.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sandbox.containers.archive import pack  # noqa: E402
from tests.bench.bench_invoke import CLASSES, MAKE_MODEL, make_pictures  # noqa: E402
from tests.helpers.sagemaker_jobs import BUCKET, Account  # noqa: E402
from tests.helpers.sandbox import SandboxProcess  # noqa: E402

GOAL = 75 / 105
# One caller's median may vary by this much from run to run.
TOLERANCE = 1.1
ALONE = """
import os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder / "code"))
import inference, numpy, torch
loaded = inference.model_fn(str(folder))
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
batch = torch.zeros(8, loaded.image_size, loaded.image_size, 3, dtype=torch.uint8)
with torch.inference_mode():
    loaded.classifier(batch)
    began, passes = time.perf_counter(), 0
    while time.perf_counter() - began < float(sys.argv[2]):
        loaded.classifier(batch)
        passes += 1
print(8 * passes / (time.perf_counter() - began))
"""


def signed(account: Account, endpoint: str, picture: bytes) -> tuple[str, dict[str, str]]:
    """Path and headers of an InvokeEndpoint request, good for some minutes."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    ready = account.sandbox.ready
    url = f"{account.sandbox.url}/endpoints/{endpoint}/invocations"
    request = AWSRequest("POST", url, headers={"Content-Type": "image/jpeg"}, data=picture)
    SigV4Auth(Credentials(ready["access_key_id"], ready["secret_access_key"]), "sagemaker", ready["region"]).add_auth(
        request
    )
    return urlsplit(url).path, dict(request.headers.items())


def ask(
    account: Account, endpoint: str, pictures: list[bytes], callers: int, seconds: float
) -> tuple[float, list[float]]:
    """Requests a second, and the milliseconds of each."""
    requests = [(*signed(account, endpoint, picture), picture) for picture in pictures]
    took: list[float] = []
    end = time.perf_counter() + seconds

    def call(first: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(account.sandbox.url).netloc, timeout=60)
        number = first
        while time.perf_counter() < end:
            path, headers, picture = requests[number % len(requests)]
            began = time.perf_counter()
            connection.request("POST", path, picture, headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise SystemExit(answer.read().decode())
            answer.read()
            took.append((time.perf_counter() - began) * 1000)
            number += 1
        connection.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(took) / seconds, took


def processor_seconds(sandbox: SandboxProcess) -> dict[str, float]:
    """What the callers (this process), the sandbox and the models' processes have used so far."""
    assert sandbox.process is not None
    first = psutil.Process(sandbox.process.pid)
    families = {"callers": [psutil.Process()], "sandbox": [first], "model": first.children(recursive=True)}
    return {name: sum(sum(process.cpu_times()[:2]) for process in family) for name, family in families.items()}


def told(name: str, rate: float, took: list[float]) -> tuple[float, float, float]:
    """Print one line; rate, median and 99th percentile."""
    cuts = statistics.quantiles(took, n=100)
    print(f"{name:34} {rate:7.1f}/s   p50 {cuts[49]:7.1f} ms   p99 {cuts[98]:7.1f} ms")
    return rate, cuts[49], cuts[98]


def endpoints(account: Account, model: Path, folder: Path) -> None:
    """Make ``together`` and ``single``."""
    code = model / "code" / "inference.py"
    text = code.read_text(encoding="utf-8")
    for name in ("together", "single"):
        code.write_text(text if name == "together" else text.replace("predict_batch_fn", "_unused"), encoding="utf-8")
        archive = folder / f"{name}.tar.gz"
        pack([model], archive)
        account.model(name, {})
        account.s3.upload_file(str(archive), BUCKET, f"models/{name}/model.tar.gz")
        account.config(name, name)
        account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    for name in ("together", "single"):
        if account.settled(name) != "InService":
            raise SystemExit(account.sagemaker.describe_endpoint(EndpointName=name)["FailureReason"])
    code.write_text(text, encoding="utf-8")


def main() -> int:
    """Measure, print, and say by the exit code whether the goals hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp" if os.path.isdir("/var/tmp") else None) as place:
        folder = Path(place)
        model, photos = folder / "model", folder / "photos"
        photos.mkdir()
        subprocess.run([sys.executable, "-c", MAKE_MODEL, str(model), str(CLASSES)], check=True, cwd=ROOT)
        pictures = make_pictures(photos)
        with SandboxProcess(folder / "state") as sandbox:
            account = Account(sandbox)
            endpoints(account, model, folder)
            found = {}
            for callers in (1, options.callers):
                for name in ("single", "together"):
                    ask(account, name, pictures, callers, 1.0)
                    used = processor_seconds(sandbox)
                    rate, took = ask(account, name, pictures, callers, options.seconds)
                    found[name, callers] = told(f"{callers} callers, {name}", rate, took)
                    now = processor_seconds(sandbox)
                    each = [f"{who} {(now[who] - used[who]) * 1000 / len(took):.1f}" for who in now]
                    print(f"    processor milliseconds a request: {', '.join(each)}")
        alone = float(
            subprocess.run(
                [sys.executable, "-c", ALONE, str(model), str(options.seconds)],
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(min(2, os.cpu_count() or 1))},
            ).stdout
        )
    several, before = found["together", options.callers], found["single", options.callers]
    print(f"{'the network alone, batches of 8':34} {alone:7.1f}/s")
    share = several[0] / alone
    print(
        f"several callers get {share:.2f} of it (goal {GOAL:.2f}), {several[0] / before[0]:.2f} times as many as singly"
    )
    print(f"99th percentile {several[2] / before[2]:.2f} of what it is singly (goal: at most 1)")
    slower = found["together", 1][1] / found["single", 1][1]
    print(f"one caller's median {slower:.2f} of what it is singly (goal: at most {TOLERANCE})")
    return 0 if share >= GOAL and several[2] <= before[2] and slower <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
