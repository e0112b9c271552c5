"""What an inference container finds: /opt/ml with the model's files and code, and its environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.containers.archive import unpack
from sandbox.containers.opt_ml import HostFolder
from sandbox.containers.python import JobPython
from sandbox.s3.uri import SCHEME, S3Uri
from sandbox.sagemaker.inputs import ObjectStore, channel_files

DEFAULT_PROGRAM = "inference.py"
DEFAULT_SUBMIT_DIRECTORY = "/opt/ml/model/code"


def container_of(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one container of a model."""
    return model.get("PrimaryContainer") or model["Containers"][0]


def model_place(container: Mapping[str, Any]) -> tuple[S3Uri, bool] | None:
    """Where the model's data is, and whether it is an archive; None when the model has no data."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source:
        return S3Uri.located(source["S3Uri"], "ModelDataSource"), source["CompressionType"] == "Gzip"
    if container.get("ModelDataUrl"):
        return S3Uri.located(container["ModelDataUrl"], "ModelDataUrl"), True
    return None


def prepare_model(folder: HostFolder, model: Mapping[str, Any], s3: ObjectStore) -> None:
    """Lay out /opt/ml of an inference container: the model's files and the code."""
    folder.create()
    container = container_of(model)
    place = model_place(container)
    if place and place[1]:
        unpack(s3.open_path(place[0].bucket, place[0].key), folder.model)
    elif place:
        keys = [info.key for info in s3.list(place[0].bucket, place[0].key)]
        for key, name in channel_files(place[0].key, keys).items():
            target = folder.model / name
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(place[0].bucket, key, target)
    submitted = container.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if submitted.startswith(SCHEME):
        source = S3Uri.parse(submitted, "SAGEMAKER_SUBMIT_DIRECTORY")
        unpack(s3.open_path(source.bucket, source.key), folder.code)
    folder.rewrite_scripts(_code_folder(folder, submitted))


def container_environment(folder: HostFolder, model: Mapping[str, Any], cache: Path, threads: int) -> dict[str, str]:
    """Variables of an inference container."""
    given = container_of(model).get("Environment", {})
    code = _code_folder(folder, given.get("SAGEMAKER_SUBMIT_DIRECTORY", ""))
    env = JobPython(folder.base / "python").environment(cache, first=code)
    env |= {
        "SM_MODEL_DIR": str(folder.model),
        "HOME": str(folder.home),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
    }
    env |= {name: folder.local(value) for name, value in given.items()}
    program = given.get("SAGEMAKER_PROGRAM") or (DEFAULT_PROGRAM if (code / DEFAULT_PROGRAM).is_file() else "")
    return env | {"SAGEMAKER_PROGRAM": program, "SAGEMAKER_SUBMIT_DIRECTORY": str(code)}


def _code_folder(folder: HostFolder, submitted: str) -> Path:
    if submitted.startswith(SCHEME):
        return folder.code
    return folder.path(submitted.removeprefix("file://") or DEFAULT_SUBMIT_DIRECTORY)
