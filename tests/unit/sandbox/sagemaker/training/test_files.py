"""What a job reads before it runs and leaves behind: channels, manifests, sources, archives."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.containers.opt_ml import HostFolder
from sandbox.sagemaker.inputs import Cancelled, JobInputError
from sandbox.sagemaker.training.files import JobFiles
from sandbox.wire.errors import AwsError
from tests.helpers.sagemaker_jobs import archive, names_in


class Store:
    """S3 in a folder of its own."""

    def __init__(self, folder: Path, objects: dict[str, bytes]) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.objects = dict(objects)
        self.copies = 0

    def list(self, bucket: str, prefix: str = "") -> list[Any]:
        return [SimpleNamespace(key=key) for key in sorted(self.objects) if key.startswith(prefix)]

    def open_path(self, bucket: str, key: str) -> Path:
        if key not in self.objects:
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
        path = self.folder / str(abs(hash(key)))
        path.write_bytes(self.objects[key])
        return path

    def download_file(self, bucket: str, key: str, dest: Path) -> None:
        self.copies += 1
        with dest.open("xb") as file:
            file.write(self.open_path(bucket, key).read_bytes())

    def put_file(self, bucket: str, key: str, path: Path) -> None:
        self.objects[key] = path.read_bytes()


@pytest.fixture
def hosts(tmp_path: Path) -> list[HostFolder]:
    folders = [HostFolder(tmp_path / name) for name in ("algo-1", "algo-2")]
    for folder in folders:
        folder.create()
    return folders


def channel(name: str, uri: str, kind: str = "S3Prefix", **more: Any) -> dict[str, Any]:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}, **more}


def files(store: Store, *channels: dict[str, Any], **more: Any) -> JobFiles:
    request = {"InputDataConfig": list(channels), "OutputDataConfig": {"S3OutputPath": "s3://b/out/"}, **more}
    return JobFiles(store, request, lambda: False)


def test_every_host_gets_its_own_copy(tmp_path: Path, hosts: list[HostFolder]) -> None:
    store = Store(tmp_path / "s3", {"d/a.txt": b"a", "d/sub/b.txt": b"b"})
    files(store, channel("training", "s3://b/d")).download(hosts, 1, tmp_path)
    for host in hosts:
        assert (host.channel("training") / "sub" / "b.txt").read_bytes() == b"b"
    (hosts[0].channel("training") / "a.txt").write_text("changed")
    assert (hosts[1].channel("training") / "a.txt").read_bytes() == b"a"
    assert store.objects["d/a.txt"] == b"a"


def test_a_manifest_names_the_objects(tmp_path: Path, hosts: list[HostFolder]) -> None:
    manifest = json.dumps([{"prefix": "s3://b/d/"}, "a.txt", "sub/b.txt"]).encode()
    store = Store(tmp_path / "s3", {"m": manifest, "d/a.txt": b"a", "d/sub/b.txt": b"b", "d/c.txt": b"c"})
    files(store, channel("training", "s3://b/m", "ManifestFile")).download(hosts[:1], 1, tmp_path)
    found = sorted(path.name for path in hosts[0].channel("training").rglob("*.txt"))
    assert found == ["a.txt", "b.txt"]
    for bad in (b"[]", b"nonsense", b'["a"]'):
        store.objects["m"] = bad
        with pytest.raises(JobInputError, match="the manifest"):
            files(store, channel("other", "s3://b/m", "ManifestFile")).download(hosts[:1], 1, tmp_path)
    store.objects["m"] = json.dumps([{"prefix": "s3://b/d/"}, "gone.txt"]).encode()
    with pytest.raises(JobInputError, match="The specified key does not exist"):
        files(store, channel("third", "s3://b/m", "ManifestFile")).download(hosts[:1], 1, tmp_path)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            ["d/t/a.jpg", "d/t//a.jpg"],
            "S3 key: s3://b/d/t//a.jpg has an illegal char sub-sequence '//' in it",
        ),
        ([f"d/{'n' * 260}.jpg"], "cannot be a file: File name too long"),
        (["d/a", "d/a/b"], "'a' is both an object and a folder of other objects"),
    ],
)
def test_names_that_no_file_can_have_are_told_by_their_keys(
    tmp_path: Path, hosts: list[HostFolder], keys: list[str], words: str
) -> None:
    store = Store(tmp_path / "s3", dict.fromkeys(keys, b"x"))
    with pytest.raises(JobInputError) as told:
        files(store, channel("training", "s3://b/d")).download(hosts[:1], 1, tmp_path)
    assert str(told.value).startswith("Data download failed")
    assert words in str(told.value)
    assert str(tmp_path) not in str(told.value)


def test_gzip_channels_are_unpacked(tmp_path: Path, hosts: list[HostFolder]) -> None:
    store = Store(tmp_path / "s3", {"d/a.csv.gz": gzip.compress(b"1,2")})
    files(store, channel("training", "s3://b/d", CompressionType="Gzip")).download(hosts[:1], 1, tmp_path)
    assert (hosts[0].channel("training") / "a.csv").read_bytes() == b"1,2"
    store.objects["d/a.csv.gz"] = b"plain"
    with pytest.raises(JobInputError, match="is not a gzip file"):
        files(store, channel("again", "s3://b/d", CompressionType="Gzip")).download(hosts[:1], 1, tmp_path)


def test_a_source_in_a_channel_and_its_paths(tmp_path: Path, hosts: list[HostFolder]) -> None:
    source = archive({"train.py": "OUT = '/opt/ml/model'\n"})
    store = Store(tmp_path / "s3", {"code/sourcedir.tar.gz": source})
    parameters = {"sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"'}
    job = files(store, channel("code", "s3://b/code"), HyperParameters=parameters)
    job.download(hosts[:1], 1, tmp_path)
    assert (hosts[0].code / "train.py").read_text() == f"OUT = '{hosts[0].root}/model'\n"
    outside = {"sagemaker_submit_directory": "/etc/passwd"}
    with pytest.raises(JobInputError, match="does not lie below /opt/ml"):
        files(store, HyperParameters=outside).download(hosts[1:], 1, tmp_path)


def test_the_drivers_of_several_hosts_meet_on_this_machine(tmp_path: Path, hosts: list[HostFolder]) -> None:
    store = Store(
        tmp_path / "s3",
        {
            "dr/scripts/environment.py": b'SM_MASTER_ADDR = "algo-1"\nSM_MASTER_PORT = 7777\nD = "/opt/ml/input"\n',
            "dr/scripts/install_requirements.py": b"theirs",
        },
    )
    ours = tmp_path / "installer.py"
    ours.write_text("ours")
    files(store, channel("sm_drivers", "s3://b/dr")).download(hosts, 4711, ours)
    for host in hosts:
        scripts = host.channel("sm_drivers") / "scripts"
        expected = f'SM_MASTER_ADDR = "127.0.0.1"\nSM_MASTER_PORT = 4711\nD = "{host.root}/input"\n'
        assert (scripts / "environment.py").read_text() == expected
        assert (scripts / "install_requirements.py").read_text() == "ours"


def test_stopping_ends_the_download(tmp_path: Path, hosts: list[HostFolder]) -> None:
    store = Store(tmp_path / "s3", {f"d/{number}": b"x" for number in range(100)})
    request = {"InputDataConfig": [channel("training", "s3://b/d")]}
    with pytest.raises(Cancelled):
        JobFiles(store, request, lambda: store.copies >= 10).download(hosts[:1], 1, tmp_path)
    assert store.copies == 10


def test_outputs_of_all_hosts_are_put_together(tmp_path: Path, hosts: list[HostFolder]) -> None:
    store = Store(tmp_path / "s3", {})
    for host in hosts:
        (host.model / host.base.name).write_text("m")
        (host.output_data / "note").write_text(host.base.name)
    job = files(store)
    job.upload_output("job", hosts, tmp_path)
    assert job.upload_model("job", hosts, tmp_path) == "s3://b/out/job/output/model.tar.gz"
    assert names_in(store.objects["out/job/output/model.tar.gz"]) == {"algo-1": b"m", "algo-2": b"m"}
    assert names_in(store.objects["out/job/output/output.tar.gz"]) == {"note": b"algo-1"}
    assert not list(tmp_path.glob("*.tar.gz"))
