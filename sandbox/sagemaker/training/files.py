"""What a training job reads from S3 before it runs, and what it leaves in S3 afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.containers.archive import ArchiveError, pack, unpack, walk
from sandbox.containers.opt_ml import SUBMIT_DIRECTORY, HostFolder, decode_hyperparameters
from sandbox.core.os_words import plain_words
from sandbox.s3.uri import SCHEME, S3Uri
from sandbox.sagemaker.inputs import Inputs, JobInputError, ObjectStore

DRIVERS_CHANNEL = "sm_drivers"
CODE_CHANNEL = "code"
# Pictures and archives hold no paths; only these channels hold programs.
_PROGRAM_CHANNELS = (DRIVERS_CHANNEL, CODE_CHANNEL)
_INSTALLER = "scripts/install_requirements.py"


class JobFiles:
    """Copies one job's inputs and outputs. ``cancelled`` is asked between two files."""

    def __init__(self, store: ObjectStore, request: Mapping[str, Any], cancelled: Callable[[], bool]) -> None:
        self._store = store
        self._request = request
        self._inputs = Inputs(store, cancelled)

    def download(self, folders: Sequence[HostFolder], master_port: int, installer: Path) -> None:
        """Fill the channels of all hosts, and the source folder in script mode."""
        for channel in self._request.get("InputDataConfig", []):
            self._download_channel(channel, folders)
        for folder in folders:
            # Two hosts on one machine: their names do not resolve and the SDK's port is fixed.
            rendezvous = {
                'SM_MASTER_ADDR = "algo-1"': 'SM_MASTER_ADDR = "127.0.0.1"',
                "SM_MASTER_PORT = 7777": f"SM_MASTER_PORT = {master_port}",
            }
            for name in _PROGRAM_CHANNELS:
                folder.rewrite_scripts(folder.channel(name), rendezvous if name == DRIVERS_CHANNEL else None)
            own = folder.channel(DRIVERS_CHANNEL) / _INSTALLER
            if own.is_file():
                shutil.copyfile(installer, own)
            self._unpack_source(folder)

    def upload_output(self, job_name: str, folders: Sequence[HostFolder], scratch: Path) -> None:
        """Store output/data of all hosts as output.tar.gz, or file by file when CompressionType is NONE."""
        self._upload(job_name, "output", [folder.output_data for folder in folders], scratch)

    def upload_model(self, job_name: str, folders: Sequence[HostFolder], scratch: Path) -> str:
        """Store the model folders of all hosts; returns S3ModelArtifacts."""
        return self._upload(job_name, "model", [folder.model for folder in folders], scratch)

    def _upload(self, job_name: str, what: str, sources: Sequence[Path], scratch: Path) -> str:
        output = self._request["OutputDataConfig"]
        place = S3Uri.parse(output["S3OutputPath"]).below(job_name, "output")
        if output.get("CompressionType") == "NONE":
            target = place.below(what)
            for source in reversed(sources):
                for name, path in walk(source):
                    self._store.put_file(target.bucket, target.below(name).key, path)
            return f"{target}/"
        target = place.below(f"{what}.tar.gz")
        archive = scratch / f"{what}.tar.gz"
        if pack(sources, archive):
            self._store.put_file(target.bucket, target.key, archive)
            archive.unlink()
        return str(target)

    def _download_channel(self, channel: Mapping[str, Any], folders: Sequence[HostFolder]) -> None:
        name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
        for folder in folders:
            folder.channel(name).mkdir(parents=True, exist_ok=True)
        gzipped = channel.get("CompressionType") == "Gzip"
        self._inputs.fetch(source, [folder.channel(name) for folder in folders], f"channel {name}", gzipped=gzipped)

    def _unpack_source(self, folder: HostFolder) -> None:
        decoded = decode_hyperparameters(self._request.get("HyperParameters", {}))
        submitted = decoded.get(SUBMIT_DIRECTORY)
        if not isinstance(submitted, str):
            return
        if submitted.startswith(SCHEME):
            place = S3Uri.parse(submitted, SUBMIT_DIRECTORY)
            archive = folder.tmp / "source.tar.gz"
            self._inputs.copy(place.bucket, place.key, [archive])
        else:
            archive = _below(folder, submitted)
        if archive.is_dir():
            shutil.copytree(archive, folder.code, dirs_exist_ok=True)
        else:
            try:
                unpack(archive, folder.code)
            except (ArchiveError, OSError) as error:
                raise JobInputError(f"The source {submitted} cannot be unpacked: {plain_words(error)}") from error
        folder.rewrite_scripts(folder.code)


def _below(folder: HostFolder, container_path: str) -> Path:
    try:
        return folder.path(container_path)
    except ValueError as error:
        raise JobInputError(str(error)) from error
