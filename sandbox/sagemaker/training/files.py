"""What a training job reads from S3 before it runs, and what it leaves in S3 afterwards."""

from __future__ import annotations

import errno
import gzip
import json
import shutil
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sandbox.containers.archive import ArchiveError, pack, unpack, walk
from sandbox.containers.opt_ml import SUBMIT_DIRECTORY, HostFolder, decode_hyperparameters
from sandbox.core.os_words import os_words, plain_words
from sandbox.s3.uri import SCHEME, S3Uri
from sandbox.sagemaker.training.request import channel_files
from sandbox.wire.errors import AwsError

DRIVERS_CHANNEL = "sm_drivers"
CODE_CHANNEL = "code"
# Pictures and archives hold no paths; only these channels hold programs.
_PROGRAM_CHANNELS = (DRIVERS_CHANNEL, CODE_CHANNEL)
_INSTALLER = "scripts/install_requirements.py"
# S3 takes names that a file system does not: 255 bytes are the most of one part, and a file is no folder.
_BAD_NAME = frozenset({errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL, errno.EILSEQ})


class JobInputError(Exception):
    """An input of the job cannot be used; the text becomes the FailureReason after ``ClientError:``."""


class Cancelled(Exception):
    """The job was asked to stop while its files were being copied."""


class ObjectStore(Protocol):
    """What is needed of S3, in the same process."""

    def list(self, bucket: str, prefix: str = "") -> Iterable[Any]:
        """All objects whose ``key`` starts with ``prefix``, sorted."""
        ...

    def download_file(self, bucket: str, key: str, dest: Path) -> None:
        """Copy an object to the new file ``dest``."""
        ...

    def open_path(self, bucket: str, key: str) -> Path:
        """The file that holds an object's bytes; it must not be written to."""
        ...

    def put_file(self, bucket: str, key: str, path: Path) -> object:
        """Store a copy of a file as an object."""
        ...


class JobFiles:
    """Copies one job's inputs and outputs. ``cancelled`` is asked between two files."""

    def __init__(self, store: ObjectStore, request: Mapping[str, Any], cancelled: Callable[[], bool]) -> None:
        self._store = store
        self._request = request
        self._cancelled = cancelled

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
        place = S3Uri.parse(source["S3Uri"])
        try:
            if source["S3DataType"] == "ManifestFile":
                bucket, files = self._manifest(place)
            else:
                bucket, files = place.bucket, channel_files(place.key, self._keys(place))
        except ValueError as error:
            raise JobInputError(f"Data download failed: channel {name}: {error}") from error
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        for number, key in enumerate(sorted(files)):
            hosts = [folders[number % len(folders)]] if sharded else folders
            self._copy(bucket, key, [host.channel(name) / files[key] for host in hosts], channel)

    def _copy(self, bucket: str, key: str, targets: Sequence[Path], channel: Mapping[str, Any] | None = None) -> None:
        if self._cancelled():
            raise Cancelled
        try:
            for target in targets:
                target.parent.mkdir(parents=True, exist_ok=True)
                if channel and channel.get("CompressionType") == "Gzip":
                    _gunzip(self._store.open_path(bucket, key), target, key)
                else:
                    # A copy, never a link: the script may write to its inputs.
                    self._store.download_file(bucket, key, target)
        except AwsError as error:
            raise JobInputError(f"Data download failed: {S3Uri(bucket, key)}: {error.message}") from error
        except OSError as error:
            if error.errno not in _BAD_NAME:
                raise
            text = f"Data download failed: {S3Uri(bucket, key[:300])} cannot be a file: {os_words(error)}"
            raise JobInputError(text) from error

    def _keys(self, place: S3Uri) -> list[str]:
        try:
            return [info.key for info in self._store.list(place.bucket, place.key)]
        except AwsError as error:
            raise JobInputError(f"Data download failed: {place}: {error.message}") from error

    def _manifest(self, place: S3Uri) -> tuple[str, dict[str, str]]:
        try:
            entries = json.loads(self._store.open_path(place.bucket, place.key).read_bytes())
        except (ValueError, RecursionError, AwsError) as error:
            raise ValueError(f"the manifest {place} cannot be read: {error}") from error
        if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
            raise ValueError(f"the manifest {place} must be a list that starts with a prefix")
        prefix = S3Uri.parse(str(entries[0].get("prefix", "")), f"prefix of {place}")
        keys = [prefix.key + str(entry) for entry in entries[1:]]
        return prefix.bucket, channel_files(prefix.key, keys)

    def _unpack_source(self, folder: HostFolder) -> None:
        decoded = decode_hyperparameters(self._request.get("HyperParameters", {}))
        submitted = decoded.get(SUBMIT_DIRECTORY)
        if not isinstance(submitted, str):
            return
        if submitted.startswith(SCHEME):
            place = S3Uri.parse(submitted, SUBMIT_DIRECTORY)
            archive = folder.tmp / "source.tar.gz"
            self._copy(place.bucket, place.key, [archive])
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


def _gunzip(source: Path, target: Path, key: str) -> None:
    unpacked = target.with_name(target.name.removesuffix(".gz"))
    try:
        with gzip.open(source) as packed, unpacked.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    except (OSError, EOFError, zlib.error) as error:
        raise JobInputError(f"Data download failed: {key} is not a gzip file: {plain_words(error)}") from error
