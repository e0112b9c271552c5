"""What a processing job reads from S3 before it runs, and what it leaves in S3 afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from sandbox.containers.archive import ArchiveError, pack, unpack, walk
from sandbox.containers.opt_ml import HostFolder
from sandbox.s3.uri import S3Uri
from sandbox.sagemaker.inputs import Inputs, ObjectStore
from sandbox.sagemaker.processing.request import s3_inputs, s3_outputs
from sandbox.sagemaker.training.checkpoints import Checkpoints

# What the SDKs call the inputs that hold programs (sagemaker.processing); others are those that the command names.
_PROGRAM_INPUTS = frozenset({"code", "entrypoint", "aux"})
_SOURCE_ARCHIVE = "sourcedir.tar.gz"
_MAX_MESSAGE = 1024


class ProcessingFiles:
    """Copies one job's inputs and outputs. ``cancelled`` is asked between two files."""

    def __init__(self, store: ObjectStore, request: Mapping[str, Any], cancelled: Callable[[], bool]) -> None:
        self._store, self._request = store, request
        self._inputs = Inputs(store, cancelled, "Failed to download data")

    def download(self, hosts: Sequence[HostFolder]) -> None:
        """Fill the inputs of all hosts, and make the folders of the outputs."""
        for host in hosts:
            for _name, output in s3_outputs(self._request):
                host.path(output["LocalPath"]).mkdir(parents=True, exist_ok=True)
        for name, source in s3_inputs(self._request):
            folders = [host.path(source["LocalPath"]) for host in hosts]
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            self._inputs.fetch(source, folders, f"input {name}")
            if self._holds_programs(name, source["LocalPath"]):
                for host, folder in zip(hosts, folders, strict=True):
                    host.rewrite_scripts(folder)
                    _rewrite_archive(host, folder / _SOURCE_ARCHIVE)

    def watchers(self, hosts: Sequence[HostFolder]) -> list[Checkpoints]:
        """What copies the Continuous outputs to S3 while the job runs."""
        return [
            Checkpoints(self._store, {"S3Uri": output["S3Uri"], "LocalPath": output["LocalPath"]}, hosts)
            for _name, output in s3_outputs(self._request)
            if output["S3UploadMode"] == "Continuous"
        ]

    def upload(self, hosts: Sequence[HostFolder]) -> None:
        """Store the EndOfJob outputs of all hosts."""
        for _name, output in s3_outputs(self._request):
            if output["S3UploadMode"] == "EndOfJob":
                place = S3Uri.parse(output["S3Uri"])
                # The first host comes last: where two hosts wrote the same name, its file stays.
                for host in reversed(hosts):
                    for name, path in walk(host.path(output["LocalPath"])):
                        self._store.put_file(place.bucket, place.below(name).key, path)

    def _holds_programs(self, name: str, local_path: str) -> bool:
        app = self._request["AppSpecification"]
        named = (*app["ContainerEntrypoint"], *app.get("ContainerArguments", []))
        below = PurePosixPath(local_path)
        scripts = (PurePosixPath(part) for part in named if part.endswith((".py", ".sh")))
        return name in _PROGRAM_INPUTS or any(script.is_relative_to(below) for script in scripts)


def exit_message(host: HostFolder) -> str:
    """What the job wrote for ExitMessage, of which SageMaker keeps 1 KB."""
    try:
        with (host.root / "output" / "message").open("rb") as file:
            return host.public(file.read(_MAX_MESSAGE).decode("utf-8", "replace")).strip()
    except OSError:
        return ""


def _rewrite_archive(host: HostFolder, archive: Path) -> None:
    """Replace /opt/ml in the scripts of an archive that the job itself unpacks."""
    if not archive.is_file():
        return
    scratch = host.tmp / "source"
    try:
        unpack(archive, scratch)
    except ArchiveError:
        # The job's own tar says what is wrong with it.
        return
    host.rewrite_scripts(scratch)
    pack([scratch], archive)
    shutil.rmtree(scratch)
