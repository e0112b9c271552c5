"""AWS's training toolkit runs our training folder in script mode: does the sandbox give the script the same, and get
the same of it?"""

from __future__ import annotations

import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

from tests.compat.containers import room
from tests.compat.containers.toolkits import programs
from tests.compat.environments import REPOSITORY
from tests.compat.outcome import Outcome, Wrong
from tests.helpers.pictures import make_folder
from tests.helpers.sagemaker_jobs import BUCKET, Account, archive, names_in
from tests.helpers.sandbox import SandboxProcess

SETTINGS = {"epochs": "3", "views": "2", "image-size": "96", "seed": "1", "batch_size": "16"}
SAME, OTHER = 1e-4, 2e-2
SECONDS = 900
THREADS = "1"
# Where the source lies in the room, which has no S3.
SUBMITTED = "/opt/ml/input/source.tar.gz"
# What it is given, as JSON, where the harness finds it.
SHOWS = """
import json, os, sys
shown = {name: text for name, text in os.environ.items() if name.startswith("SM_")}
shown["arguments"] = json.dumps(sys.argv[1:])
open(os.environ["SM_MODEL_DIR"] + "/environment.json", "w").write(json.dumps(shown))
"""
# What depends on the computer, on the time, or on libraries: not on what a job was asked for.
MACHINES_OWN = frozenset({"SM_MASTER_ADDR", "SM_MASTER_PORT", "SM_NUM_CPUS", "SM_DLC_TORCH_VERSION"})
Files = dict[str, bytes]


def source() -> Files:
    """Our training folder, as it is sent."""
    folder = REPOSITORY / "training"
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class Jobs:
    """The jobs that both run: their sources, their settings, and the pictures."""

    def __init__(self, pictures: Path) -> None:
        self.pictures = pictures
        self.sources: dict[str, Files] = {"judged": source(), "shown": {"train.py": SHOWS.encode()}}

    def parameters(self, name: str, submit: str) -> dict[str, str]:
        """The hyperparameters as SDK 2's estimators write them: JSON."""
        own = {name: json.dumps(text) for name, text in SETTINGS.items()}
        toolkit = {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": submit,
            "sagemaker_container_log_level": 20,
            "sagemaker_region": "us-east-1",
            "sagemaker_job_name": name,
        }
        return own | {name: json.dumps(value) for name, value in toolkit.items()}


def by_the_sandbox(jobs: Jobs, folder: Path) -> dict[str, Files]:
    """The files of the models that jobs of the sandbox leave."""
    with SandboxProcess(folder / "state", environ={"OMP_NUM_THREADS": THREADS}) as sandbox:
        account = Account(sandbox)
        for path in sorted(jobs.pictures.rglob("*.jpg")):
            key = f"pictures/{path.relative_to(jobs.pictures).as_posix()}"
            account.s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
        channel = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/pictures/"}}
        found = {}
        for name, files in jobs.sources.items():
            request = account.request(name, "", InputDataConfig=[{"ChannelName": "training", "DataSource": channel}])
            key = f"source/{name}.tar.gz"
            account.s3.put_object(Bucket=BUCKET, Key=key, Body=archive(files))
            request["HyperParameters"] = jobs.parameters(name, f"s3://{BUCKET}/{key}")
            account.sagemaker.create_training_job(**request)
            job = account.finished(name, SECONDS)
            if job["TrainingJobStatus"] != "Completed":
                raise Wrong(f"the sandbox's job: {job['FailureReason']}")
            place = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
            found[name] = names_in(account.s3.get_object(Bucket=BUCKET, Key=place)["Body"].read())
        return found


def by_the_toolkit(jobs: Jobs, torch: tuple[str, str]) -> dict[str, Files]:
    """The files of the models that the toolkit leaves, in a room like the container."""
    wanted = [line for line in (REPOSITORY / "training" / "requirements.txt").read_text().split("\n") if line]
    found = programs("training", torch, *wanted)
    models = {}
    for name, files in jobs.sources.items():
        with room.room() as place:
            lay_out(place / "ml", jobs, name, files)
            environ = {
                "SAGEMAKER_TRAINING_MODULE": "sagemaker_pytorch_container.training:main",
                "TRAINING_JOB_NAME": name,
                "AWS_REGION": "us-east-1",
                "OMP_NUM_THREADS": THREADS,
            }
            room.run(place, found / "python", [str(found / "train")], environ, SECONDS)
            model = place / "ml" / "model"
            paths = [path for path in model.rglob("*") if path.is_file()]
            models[name] = {path.relative_to(model).as_posix(): path.read_bytes() for path in paths}
    return models


def lay_out(root: Path, jobs: Jobs, name: str, files: Files) -> None:
    """What SageMaker writes below /opt/ml before it starts a training container."""
    (root / "input" / "config").mkdir(parents=True)
    for folder in ("model", "output/data", "checkpoints", "input/data"):
        (root / folder).mkdir(parents=True)
    shutil.copytree(jobs.pictures, root / "input" / "data" / "training")
    (root / Path(SUBMITTED).relative_to("/opt/ml")).write_bytes(archive(files))
    group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.xlarge", "hosts": [room.HOST]}
    resources = {
        "current_host": room.HOST,
        "current_instance_type": "ml.m5.xlarge",
        "current_group_name": "homogeneousCluster",
        "hosts": [room.HOST],
        "instance_groups": [group],
        "network_interface_name": "lo",
    }
    inputs = {
        "training": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }
    written: dict[str, Any] = {
        "hyperparameters": jobs.parameters(name, SUBMITTED),
        "resourceconfig": resources,
        "inputdataconfig": inputs,
    }
    for file, content in written.items():
        (root / "input" / "config" / f"{file}.json").write_text(json.dumps(content))


def differences(ours: Any, theirs: Any, tolerance: float, where: str = "") -> list[str]:
    """Where two structures of JSON differ; numbers may by ``tolerance``."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = [f"{where}.{name} is in one alone" for name in sorted(ours.keys() ^ theirs.keys())]
        for name in sorted(ours.keys() & theirs.keys()):
            found += differences(ours[name], theirs[name], tolerance, f"{where}.{name}")
        return found
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [text for at, (a, b) in pairs for text in differences(a, b, tolerance, f"{where}[{at}]")]
    if isinstance(ours, float) and isinstance(theirs, int | float):
        same = math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=tolerance)
    else:
        same = ours == theirs
    return [] if same else [f"{where}: {ours!r} and {theirs!r}"]


def report_of(files: Files) -> dict[str, Any]:
    """What a report says of the model: not how long anything took."""
    report: dict[str, Any] = json.loads(files["report.json"])
    report.pop("durations")
    for row in report["curves"]:
        for name in [name for name in row if "second" in name or name.endswith("/s") or "images" in name]:
            del row[name]
    return report


def weights_differ(ours: bytes, theirs: bytes, tolerance: float) -> tuple[list[str], float]:
    """Which tensors of two model files differ, and by how much at most any does."""
    import torch

    mine, other = (torch.load(io.BytesIO(data), weights_only=True) for data in (ours, theirs))
    if mine.keys() != other.keys():
        return [f"tensors: {sorted(mine.keys() ^ other.keys())}"], math.inf
    apart = {name: float((mine[name].double() - other[name].double()).abs().max()) for name in mine}
    # Of each tensor's largest number: those of a head are small.
    far = [name for name in mine if apart[name] > tolerance * float(mine[name].abs().max())]
    return far, max(apart.values())


def environment_of(files: Files) -> dict[str, Any]:
    """What a script was given, with what is JSON read, and folders as the container names them."""
    shown: dict[str, str] = json.loads(files["environment.json"])
    root = shown["SM_MODEL_DIR"].removesuffix("/model")
    found: dict[str, Any] = {}
    for name, given in shown.items():
        text = given.replace(root, "/opt/ml").replace(SUBMITTED, f"s3://{BUCKET}/source/shown.tar.gz")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return {name: value for name, value in found.items() if name not in MACHINES_OWN}


def judge(outcome: Outcome, torch: tuple[str, str], tolerance: float) -> None:
    """Run both and compare what they leave."""
    with room.room() as place:
        pictures = make_folder(place / "pictures", classes=4, per_class=20)
        jobs = Jobs(pictures)
        theirs = by_the_toolkit(jobs, torch)
        ours = by_the_sandbox(jobs, place)
    mine, other = ours["judged"], theirs["judged"]
    weights, most = weights_differ(mine["model.pth"], other["model.pth"], tolerance)
    outcome.notes.append(f"the largest difference of a weight is {most:.1e}")
    looked = {
        "the files of the model": differences(sorted(mine), sorted(other), tolerance),
        "the report": differences(report_of(mine), report_of(other), tolerance),
        "the classes": differences(json.loads(mine["classes.json"]), json.loads(other["classes.json"]), tolerance),
        "the weights": weights,
        "the code beside the model": [
            name for name in mine if name.startswith("code/") and mine[name] != other.get(name)
        ],
    }
    for what, found in looked.items():
        outcome.right += not found
        outcome.wrong += [f"{what}: {'; '.join(found[:8])}"] if found else []
    variables, theirs_too = environment_of(ours["shown"]), environment_of(theirs["shown"])
    for name in sorted(theirs_too):
        found = differences(variables.get(name), theirs_too[name], tolerance, name)
        outcome.right += not found
        outcome.wrong += found
