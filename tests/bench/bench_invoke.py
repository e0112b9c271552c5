"""InvokeEndpoint through the sandbox against the same preprocessing and forward pass in a plain process.

Run: ``.venv/bin/python tests/bench/bench_invoke.py [--requests 300]``. Goal: the median through the sandbox is at
most the raw median + 5 ms. Both sides run alternately, with the same thread settings and the same pictures.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sandbox.containers.archive import pack  # noqa: E402
from tests.helpers.sagemaker_jobs import BUCKET, IMAGE, Account  # noqa: E402
from tests.helpers.sandbox import SandboxProcess  # noqa: E402

GOAL_MS = 5.0
THREADS = "2"
CLASSES = 133
PICTURES = 16

MAKE_MODEL = """
import sys
from pathlib import Path
sys.path.insert(0, "training")
import torch
from sagedeck_training.network import model
from sagedeck_training.results import artifacts
torch.manual_seed(0)
names = [f"breed {number}" for number in range(int(sys.argv[2]))]
artifacts.write_model(Path(sys.argv[1]), model.build("efficientnet_lite0", len(names)), names, names,
                      "efficientnet_lite0", 224)
"""
RAW = """
import json, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder / "code"))
import inference
model = inference.model_fn(str(folder))
pictures = [path.read_bytes() for path in sorted(Path(sys.argv[2]).iterdir())]
print("ready", flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    answer = inference.predict_fn(inference.input_fn(pictures[int(line)], "image/jpeg"), model)
    took = time.perf_counter() - began
    print(json.dumps({"seconds": took, "top": answer["labels"][0]}), flush=True)
"""


def make_pictures(folder: Path) -> list[bytes]:
    """Photo-sized JPEG files of noise and shapes."""
    from PIL import Image, ImageDraw

    numbers = random.Random(7)
    pictures = []
    for index in range(PICTURES):
        picture = Image.effect_noise((640, 480), 40).convert("RGB")
        draw = ImageDraw.Draw(picture)
        for _ in range(12):
            x, y = numbers.randrange(600), numbers.randrange(440)
            colour = tuple(numbers.randrange(256) for _ in range(3))
            draw.ellipse((x, y, x + numbers.randrange(20, 200), y + numbers.randrange(20, 200)), fill=colour)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=88)
        (folder / f"{index:02}.jpg").write_bytes(buffer.getvalue())
        pictures.append(buffer.getvalue())
    return pictures


class Raw:
    """The model in a process of its own, asked over a pipe; its times are taken inside of it."""

    def __init__(self, model: Path, pictures: Path) -> None:
        environ = {**os.environ, "OMP_NUM_THREADS": THREADS, "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", RAW, str(model), str(pictures)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
            # Linux shares processors between sessions; the endpoint's process is in one of its own, too.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def ask(self, index: int) -> dict[str, Any]:
        """Seconds and the top label for one picture."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{index}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure(account: Account, raw: Raw, pictures: list[bytes], requests: int) -> tuple[list[float], list[float]]:
    """Milliseconds of the raw calls and of those through the sandbox, taken in turn."""
    raw_ms, sandbox_ms = [], []
    for number in range(requests + 20):
        index = number % len(pictures)
        plain = raw.ask(index)
        began = time.perf_counter()
        answer = json.loads(account.invoke("bench", pictures[index]))
        took = time.perf_counter() - began
        assert answer["labels"][0] == plain["top"]
        if number >= 20:
            raw_ms.append(plain["seconds"] * 1000)
            sandbox_ms.append(took * 1000)
    return raw_ms, sandbox_ms


def main() -> int:
    """Measure and print; 0 when the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-invoke-") as name:
        base = Path(name)
        (base / "pictures").mkdir()
        pictures = make_pictures(base / "pictures")
        subprocess.run([sys.executable, "-c", MAKE_MODEL, str(base / "model"), str(CLASSES)], check=True, cwd=ROOT)
        pack([base / "model"], base / "model.tar.gz")
        with SandboxProcess(base / "state") as sandbox:
            account = Account(sandbox)
            account.s3.upload_file(str(base / "model.tar.gz"), BUCKET, "model.tar.gz")
            environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
            container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz", "Environment": environment}
            account.sagemaker.create_model(ModelName="bench", ExecutionRoleArn=account.role, PrimaryContainer=container)
            account.config("bench", "bench")
            began = time.perf_counter()
            account.sagemaker.create_endpoint(EndpointName="bench", EndpointConfigName="bench")
            assert account.settled("bench") == "InService", account.log("AllTraffic", "/aws/sagemaker/Endpoints/bench")
            print(f"endpoint in service after {time.perf_counter() - began:.1f} s")
            raw = Raw(base / "model", base / "pictures")
            try:
                raw_ms, sandbox_ms = measure(account, raw, pictures, arguments.requests)
            finally:
                raw.close()
            account.sagemaker.delete_endpoint(EndpointName="bench")
            assert account.settled("bench") == "gone"
    plain, through = statistics.median(raw_ms), statistics.median(sandbox_ms)
    overhead = through - plain
    print(
        f"raw forward + preprocessing   median {plain:6.2f} ms   p95 {statistics.quantiles(raw_ms, n=20)[-1]:6.2f} ms"
    )
    print(
        f"InvokeEndpoint in the sandbox median {through:6.2f} ms   p95 "
        f"{statistics.quantiles(sandbox_ms, n=20)[-1]:6.2f} ms"
    )
    print(f"overhead at the median {overhead:.2f} ms (goal: at most {GOAL_MS:.0f} ms)")
    return 0 if overhead <= GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
