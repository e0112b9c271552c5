"""Whole runs of train.py, most of them in this process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import train
from sagedeck_training import run as run_module
from sagedeck_training.network.model import state_hash
from tests.helpers.paths import TRAINING
from tests.helpers.pictures import draw_picture

SMALL = ["--image-size", "64", "--batch-size", "16"]


def report_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_a_run_writes_what_an_endpoint_and_a_report_need(
    small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--model-dir", str(tmp_path / "m"), "--output-data-dir", str(tmp_path / "o")]
    before = signal.getsignal(signal.SIGTERM)
    assert train.main(["--data-dir", str(small_folder), *out, *SMALL, "--epochs", "4"]) == 0
    assert signal.getsignal(signal.SIGTERM) is before
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("/")[0] for line in lines if line.startswith("epoch=")] == [f"epoch={n}" for n in range(1, 5)]
    files = {path.relative_to(tmp_path / "m").as_posix() for path in (tmp_path / "m").rglob("*") if path.is_file()}
    assert {"model.pth", "classes.json", "report.json", "code/inference.py", "code/requirements.txt"} <= files
    report = report_of(tmp_path / "m")
    assert report == report_of(tmp_path / "o")
    assert report["classes"] == ["Breed 1", "Breed 2", "Breed 3"]
    assert len(report["curves"]) == 4 and report["curves"][-1]["train:accuracy"] > 0.6
    assert sum(map(sum, report["confusion"])) == 9
    counted = [[0] * 3 for _ in range(3)]
    for path, truth, answer in report["mistakes"]:
        assert (small_folder / path).is_file() and path.split("/")[:2] == ["test", f"00{truth + 1}.Breed_{truth + 1}"]
        counted[truth][answer] += 1
    wrong = [[0 if at == row else n for at, n in enumerate(line)] for row, line in enumerate(report["confusion"])]
    assert counted == wrong
    assert lines[-1] == f"test_acc={report['test_accuracy']:.4f}"
    state = torch.load(tmp_path / "m" / "model.pth", weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    about = json.loads((tmp_path / "m" / "classes.json").read_text())
    assert about["folders"] == ["001.Breed_1", "002.Breed_2", "003.Breed_3"] and about["image_size"] == 64


def test_it_runs_from_a_plain_shell_without_torchs_compiler(small_folder: Path, tmp_path: Path) -> None:
    # The compiler's import takes longer than training a head; only torch.optim and torch.compile need it.
    script = str(TRAINING / "train.py")
    program = (
        f"import os, runpy, sys; sys.path.insert(0, {str(TRAINING)!r}); sys.argv[0] = {script!r}\n"
        "os._exit = lambda code: print('code', code, 'torch._dynamo' in sys.modules)\n"
        f"runpy.run_path({script!r}, run_name='__main__')"
    )
    options = ["--data-dir", str(small_folder), "--model-dir", str(tmp_path / "m"), *SMALL, "--epochs", "1"]
    ran = subprocess.run(
        [sys.executable, "-c", program, *options, "--weights", "none"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert "code 0 False" in ran.stdout, ran.stdout + ran.stderr
    assert (tmp_path / "m" / "model.pth").is_file()


def test_prepared_features_give_the_same_run_without_the_pictures(small_folder: Path, tmp_path: Path) -> None:
    data, epochs = ["--data-dir", str(small_folder)], ["--epochs", "3"]
    assert train.main([*data, "--model-dir", str(tmp_path / "direct"), *SMALL, *epochs]) == 0
    assert train.main([*data, "--model-dir", str(tmp_path / "features"), *SMALL, "--prepare-features"]) == 0
    trial = ["--features-dir", str(tmp_path / "features"), "--model-dir", str(tmp_path / "trial"), *SMALL, *epochs]
    assert train.main(trial) == 0
    direct, stored = report_of(tmp_path / "direct"), report_of(tmp_path / "trial")
    assert stored["features"] == "prepared" and direct["features"] == "computed"
    for name in ("train:loss", "valid:loss"):
        expected = [row[name] for row in direct["curves"]]
        assert [row[name] for row in stored["curves"]] == pytest.approx(expected, abs=2e-3)
    assert stored["confusion"] == direct["confusion"] and stored["classes"] == direct["classes"]


def test_a_run_without_checkpoints_does_not_say_what_they_would_be_of(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["--data-dir", str(small_folder), *SMALL]
    assert train.main([*given, "--features-dir", str(tmp_path / "f"), "--prepare-features"]) == 0
    hashed: list[object] = []
    monkeypatch.setattr(run_module, "state_hash", lambda network: hashed.append(network) or state_hash(network))
    trial = ["--features-dir", str(tmp_path / "f"), "--model-dir", str(tmp_path / "m"), *SMALL, "--epochs", "1"]
    assert train.main(trial) == 0
    assert len(hashed) == 1, "for the features alone"


def test_prepared_features_with_other_classes_are_not_used(small_folder: Path, tmp_path: Path) -> None:
    data = ["--data-dir", str(small_folder), "--features-dir", str(tmp_path / "f"), *SMALL, "--epochs", "1"]
    assert train.main([*data, "--prepare-features"]) == 0
    manifest = tmp_path / "f" / "manifest.json"
    stored = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**stored, "classes": stored["classes"][::-1]}), encoding="utf-8")
    assert train.main([*data, "--model-dir", str(tmp_path / "m")]) == 0
    assert report_of(tmp_path / "m")["features"] == "computed"


def test_prepared_features_of_something_else_are_not_used(
    small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_folder, data)
    prepare = [
        "--data-dir",
        str(data),
        "--model-dir",
        str(tmp_path / "f"),
        *SMALL,
        "--prepare-features",
        "--views",
        "1",
    ]
    assert train.main(prepare) == 0
    stored = ["--features-dir", str(tmp_path / "f"), "--model-dir", str(tmp_path / "m"), *SMALL, "--epochs", "1"]
    assert train.main([*stored, "--views", "2"]) == 1
    assert "other settings or data: views" in capsys.readouterr().err
    draw_picture(0, 999, (96, 72)).save(next(data.glob("train/001*/*.jpg")))
    assert train.main([*stored, "--views", "1", "--data-dir", str(data)]) == 0
    assert "other settings or data: data. They are computed again." in capsys.readouterr().out
    assert report_of(tmp_path / "m")["features"] == "computed"


def test_unfreezing_trains_the_last_stages_and_nothing_else(small_folder: Path, tmp_path: Path) -> None:
    run = ["--data-dir", str(small_folder), "--model-dir", str(tmp_path), *SMALL, "--epochs", "2", "--unfreeze", "2"]
    assert train.main(run) == 0
    from sagedeck_training.network.model import build, load_backbone_weights

    fresh = build("efficientnet_lite0", 3)
    load_backbone_weights(fresh, "efficientnet_lite0", "default")
    state = torch.load(tmp_path / "model.pth", weights_only=True)
    changed = {
        name for name, value in fresh.backbone.state_dict().items() if not torch.equal(value, state[f"backbone.{name}"])
    }
    assert changed == {
        "_conv_head.weight", "_blocks.15._expand_conv.weight", "_blocks.15._depthwise_conv.weight",
        "_blocks.15._project_conv.weight",
    }  # fmt: skip
    assert report_of(tmp_path)["test_accuracy"] > 0.4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--unfreeze", "99"], "9 stages"),
        (["--backbone", "no_such_net"], "no backbone no_such_net"),
        (["--weights", "/nowhere/weights.pth"], "no weights file"),
        (["--learning-rate", "1e38", "--weight-decay", "0"], "at step"),
    ],
)
def test_expected_failures_say_why_in_the_log_and_to_sagemaker(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    options: list[str], words: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("SM_OUTPUT_FAILURE", str(tmp_path / "failure"))
    assert train.main(["--data-dir", str(small_folder), "--model-dir", str(tmp_path / "m"), *SMALL, *options]) == 1
    told = (tmp_path / "failure").read_text()
    assert words in told and "Traceback" not in told
    assert capsys.readouterr().err.strip() == f"error: {told}"
    assert not (tmp_path / "m").exists()


def test_unreadable_pictures_are_counted_and_named(
    small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_folder, data)
    bad = sorted(data.glob("train/*/*.jpg"))
    bad[0].write_bytes(b"")
    run = ["--data-dir", str(data), "--model-dir", str(tmp_path / "m"), *SMALL, "--epochs", "1", "--views", "1"]
    assert train.main(run) == 0
    name = bad[0].relative_to(data).as_posix()
    assert report_of(tmp_path / "m")["skipped"] == [[name, "the file is empty"]]
    for path in bad[1:5]:
        path.write_bytes(b"no picture")
    assert train.main(run) == 1
    error = capsys.readouterr().err
    assert "5 of 60 pictures cannot be read" in error and name in error


def test_a_stop_that_comes_when_all_is_done_does_not_kill(tmp_path: Path) -> None:
    # Python takes a second or so to take torch down.
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGTERM)\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, str(TRAINING / "train.py"), "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0


def test_the_process_ends_with_its_work(tmp_path: Path) -> None:
    # Taking torch apart takes half as long as a trial.
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit\natexit.register(print, 'taken apart')\n", encoding="utf-8"
    )
    folders = ["--data-dir", str(tmp_path / "none"), "--model-dir", str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, str(TRAINING / "train.py"), *folders],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 1 and "There is no folder" in ended.stderr
    assert "taken apart" not in ended.stdout


def test_sigterm_saves_the_best_model_and_ends_well(small_folder: Path, tmp_path: Path) -> None:
    folders = ["--data-dir", str(small_folder), "--model-dir", str(tmp_path / "m")]
    process = subprocess.Popen(
        [sys.executable, str(TRAINING / "train.py"), *folders, *SMALL, "--epochs", "1000000", "--patience", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("epoch=3/"):
                process.send_signal(signal.SIGTERM)
                break
        rest, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Stopped as told: the best model so far" in rest
    report = report_of(tmp_path / "m")
    assert report["ended"] == "sigterm" and len(report["curves"]) >= 3 and report["test_accuracy"] is not None
    assert (tmp_path / "m" / "model.pth").is_file()


def test_a_model_that_looks_at_mirror_images_too_is_served_so(small_folder: Path, tmp_path: Path) -> None:
    import inference

    run = ["--data-dir", str(small_folder), "--model-dir", str(tmp_path / "m"), *SMALL, "--epochs", "1", "--views", "1"]
    assert train.main([*run, "--flip-test", "true"]) == 0
    about = json.loads((tmp_path / "m" / "classes.json").read_text(encoding="utf-8"))
    assert about["flip_test"] is True and inference.model_fn(str(tmp_path / "m")).classifier.flips
    assert train.main(run) == 0
    about = json.loads((tmp_path / "m" / "classes.json").read_text(encoding="utf-8"))
    assert "flip_test" not in about and not inference.model_fn(str(tmp_path / "m")).classifier.flips
