"""What training and answering do a second on the machine's device: absolute figures, with the device's name.

``python tests/bench/bench_gpu.py [--device auto] [--pictures 3478] [--classes 133] [--epochs 8] [--batch-size 128]``

It makes its own small pictures and needs nothing but this repository, torch, Pillow and numpy; without the weights'
package the networks are random, which costs as much time. On a CPU (``--device cpu``, or where there is no GPU) it
takes few pictures, says so, and prints the frozen pass as a share of what the fused network alone does on the same
cores, both measured by turns. Goals (one H200 with 16 CPUs): frozen pass 3,000 pictures/s, fine-tuning of all stages
5,000 pictures/s; on a CPU the share 0.9. Only the share is a goal of every machine, and it is the exit code.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "training"), str(ROOT)]

import torch  # noqa: E402

import inference  # noqa: E402
import train  # noqa: E402
from sagedeck_training.data import crops  # noqa: E402
from sagedeck_training.data.dataset import Sample  # noqa: E402
from sagedeck_training.data.decoder import Decoded  # noqa: E402
from sagedeck_training.data.decoding import Decoders  # noqa: E402
from sagedeck_training.data.pictures import crops_of  # noqa: E402
from sagedeck_training.machine import device  # noqa: E402
from sagedeck_training.machine.distributed import Group  # noqa: E402
from sagedeck_training.machine.ordered import ordered_map  # noqa: E402
from sagedeck_training.machine.stopping import Stop  # noqa: E402
from sagedeck_training.network import features  # noqa: E402
from sagedeck_training.network.model import Classifier, WeightsError, build, for_inference, load_backbone_weights  # noqa: E402
from tests.helpers.pictures import draw_picture  # noqa: E402

SIZE, VIEWS, SHARE_GOAL, PAIRS = 224, 3, 0.9, 3
# Drawing costs more than all that is measured: some pictures lie there under several names.
MOST_DRAWN = 240
CALLERS = 8


def make_pictures(root: Path, classes: int, count: int) -> None:
    """``count`` training pictures and a tenth as many to validate and to test, of about 300 x 225."""
    drawn: dict[tuple[int, int], bytes] = {}
    for split, share in (("train", 1.0), ("valid", 0.1), ("test", 0.1)):
        for number in range(max(classes, round(count * share))):
            label = number % classes
            kind = (label, number // classes % max(1, MOST_DRAWN // classes))
            if kind not in drawn:
                buffer = io.BytesIO()
                draw_picture(*kind, (300, 225)).save(buffer, "JPEG", quality=88)
                drawn[kind] = buffer.getvalue()
            folder = root / split / f"{label:03}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:05}.jpg").write_bytes(drawn[kind])


def rate(count: int, work: Callable[[], object], place: torch.device) -> float:
    """``count`` a second: ``work``, and what the device still does for it."""
    began = time.perf_counter()
    work()
    if place.type != "cpu":
        torch.zeros((), device=place).item()
    return count / (time.perf_counter() - began)


def say(what: str, figure: float, unit: str = "pictures/s") -> None:
    """One line of the report."""
    print(f"{what:<52} {figure:>9.1f} {unit}", flush=True)


def frozen(network: Classifier, root: Path, samples: list[Sample], workers: int, views: int = VIEWS) -> float:
    """Pictures a second of the pass over the pictures."""
    progress = features.Progress(len(samples), lambda text: None)

    def work() -> None:
        features.compute_features(
            network, root, samples, views=views, size=SIZE, seed=0, workers=workers, group=Group(), stop=Stop(),
            progress=progress,
        )  # fmt: skip

    return rate(len(samples), work, device.of(network))


def network_on_cores(network: Classifier, count: int, workers: int) -> float:
    """Pictures a second of the network alone, in the batches and the threads of the pass on a CPU."""
    batch = torch.randint(0, 256, (features.PASS_BATCH, SIZE, SIZE, 3), dtype=torch.uint8)
    passes = max(workers, count * VIEWS // features.PASS_BATCH)

    def look(_: int) -> None:
        with torch.inference_mode():
            network.features(batch)

    def work() -> None:
        for _ in ordered_map(look, range(passes), workers, prepare=lambda: torch.set_num_threads(1)):
            pass

    return rate(passes * features.PASS_BATCH // VIEWS, work, device.CPU)


def parts_on_device(network: Classifier, paths: list[Path], workers: int) -> None:
    """What each part of the pass does alone: decoding, views, network."""
    place = device.of(network)
    decoders = Decoders(SIZE, workers, place)
    found: list[Decoded] = []

    def decode() -> None:
        found.extend(picture for picture in decoders.decoded(paths, 256) if isinstance(picture, Decoded))

    # Its processes start here.
    list(decoders.decoded(paths[: 4 * workers], 0))
    say(f"decoding alone ({workers} workers)", rate(len(paths), decode, place))
    decoders.close()
    some = found[: device.pictures_at_once(place, SIZE) // VIEWS]
    wanted = [crops_of(picture.width, picture.height, VIEWS, "0") for picture in some]
    there, sides = crops.sent(some, place)
    views = crops.cut(there, sides, wanted, SIZE)
    repeated = 20 if place.type != "cpu" else 1

    def cut() -> None:
        for _ in range(repeated):
            crops.cut(there, sides, wanted, SIZE)

    def look() -> None:
        with torch.no_grad(), device.mixed(place):
            for _ in range(repeated):
                network.features(views)

    look()
    say(f"{VIEWS} views alone", rate(repeated * len(some), cut, place))
    say(f"network alone, {VIEWS} views in batches of {len(views)}", rate(repeated * len(some), look, place))


def fine_tuning(root: Path, model: Path, options: argparse.Namespace, weights: str) -> tuple[float, float]:
    """Pictures a second of an epoch of all stages (the median after the first), validation included; test accuracy."""
    argv = ["--data-dir", str(root), "--model-dir", str(model), "--unfreeze", "all", "--epochs", str(options.epochs)]
    argv += ["--batch-size", str(options.batch_size), "--patience", "0", "--weights", weights]
    if train.main([*argv, "--device", options.device, "--checkpoint-dir", "none"]):
        raise SystemExit(1)
    report = json.loads((model / "report.json").read_text(encoding="utf-8"))
    rates = [row["images_per_second"] for row in report["curves"]]
    return statistics.median(rates[1:] or rates), report["test_accuracy"]


def endpoint(model: Path, picture: bytes, seconds: float) -> None:
    """Requests a second: one caller, and several whose requests are answered together."""
    loaded = inference.model_fn(str(model))
    precision = "half" if isinstance(getattr(loaded.classifier, "backbone", None), inference.Halved) else "full"

    def ask(together: int) -> int:
        requests = [inference.input_fn(picture, "image/jpeg") for _ in range(together)]
        end, answered = time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            if together == 1:
                inference.predict_fn(requests[0], loaded)
            else:
                inference.predict_batch_fn(requests, loaded)
            answered += together
        return answered

    where = device.describe(loaded.place)
    say(f"endpoint on {loaded.place.type} in {precision} precision, one caller", ask(1) / seconds, "requests/s")
    with ThreadPoolExecutor(2) as pool:
        answered = sum(pool.map(ask, [CALLERS // 2] * 2))
    say(f"endpoint, {CALLERS} callers in two batches ({where})", answered / seconds, "requests/s")


def main() -> int:
    """Print all figures; the exit code is 1 when a CPU's share is below its goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--pictures", type=int, default=0, help="0: 3,478 on an accelerator, 60 on a CPU")
    parser.add_argument("--classes", type=int, default=0, help="0: 133 on an accelerator, 6 on a CPU")
    parser.add_argument("--epochs", type=int, default=0, help="of fine-tuning; 0: 8 on an accelerator, 1 on a CPU")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each kind of request")
    options = parser.parse_args()
    place = device.best(options.device)
    is_cpu = place.type == "cpu"
    device.settle(place)
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    pictures = options.pictures or (60 if is_cpu else 3478)
    classes = options.classes or (6 if is_cpu else 133)
    options.epochs = options.epochs or (1 if is_cpu else 8)
    print(f"device: {device.describe(place)}; {workers} CPUs; torch {torch.__version__}; {pictures} pictures")
    if is_cpu:
        print("No accelerator is measured: few pictures, and only the share below says something.")
    classifier, weights = build("efficientnet_lite0", classes), "default"
    try:
        load_backbone_weights(classifier, "efficientnet_lite0", "default")
    except WeightsError:
        weights = "none"
        print("The weights are not installed: the networks are random.")
    network = for_inference(classifier).to(place)
    with tempfile.TemporaryDirectory() as folder:
        root, model = Path(folder) / "data", Path(folder) / "model"
        make_pictures(root, classes, pictures)
        paths = sorted((root / "train").glob("*/*.jpg"))
        samples = [Sample(path.relative_to(root).as_posix(), 0) for path in paths]
        frozen(network, root, samples[: 8 * workers], workers)
        shares = []
        if is_cpu:
            for _ in range(PAIRS):
                alone, whole = network_on_cores(network, pictures, workers), frozen(network, root, samples, workers)
                shares.append(whole / alone)
                say(f"network alone, {VIEWS} views", alone)
                say(f"frozen pass with {VIEWS} views, decoding included", whole)
            print(f"share by turns: {', '.join(f'{share:.2f}' for share in shares)} (goal: median {SHARE_GOAL})")
        else:
            parts_on_device(network, paths, workers)
            for turn in ("first", "second"):
                say(f"frozen pass with {VIEWS} views, {turn} time", frozen(network, root, samples, workers))
        speed, accuracy = fine_tuning(root, model, options, weights)
        say("fine-tuning of all stages", speed)
        print(f"test accuracy {accuracy:.4f}")
        endpoint(model, paths[0].read_bytes(), options.seconds)
    return 1 if shares and statistics.median(shares) < SHARE_GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
