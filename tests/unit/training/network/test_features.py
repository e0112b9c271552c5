"""Features: computed once, stored, and read back only when they are the right ones."""

from __future__ import annotations

import json
import shutil
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sagedeck_training.data.dataset import Sample, read_dataset
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.ordered import ordered_map
from sagedeck_training.machine.stopping import Stop, Stopped
from sagedeck_training.network.feature_store import FeatureStoreError, Origin, read_store, write_store
from sagedeck_training.network.features import FeatureSet, Progress, compute_features
from sagedeck_training.network.model import Classifier, build, for_inference, load_backbone_weights

ORIGIN = Origin(data="d", backbone="efficientnet_lite0", weights="w", image_size=64, views=2, seed=0)


@pytest.fixture(scope="module")
def network() -> Classifier:
    classifier = build("efficientnet_lite0", 3)
    load_backbone_weights(classifier, "efficientnet_lite0", "default")
    return for_inference(classifier)


def compute(network: Classifier, root: Path, samples: list[Sample], group: Group | None = None, **options: object):
    settings = {"views": 2, "size": 64, "seed": 0, "workers": 2, "stop": Stop(), **options}
    progress = Progress(len(samples), lambda text: None)
    return compute_features(network, root, samples, group=group or Group(), progress=progress, **settings)


def test_features_have_a_row_for_every_picture_and_view(network: Classifier, small_folder: Path) -> None:
    samples = read_dataset(small_folder, 0).splits["train"][::5]
    found, bad = compute(network, small_folder, samples)
    assert found.features.shape == (len(samples), 2, network.head.linear.in_features) and not bad
    assert found.features.dtype == torch.float16
    assert found.paths == [sample.path for sample in samples]
    again, _ = compute(network, small_folder, samples, workers=1)
    assert torch.allclose(found.features.float(), again.features.float(), atol=2e-3)
    assert not torch.equal(found.features[:, 0], found.features[:, 1])


def test_unreadable_pictures_are_left_out_and_named(network: Classifier, small_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(small_folder, root)
    samples = read_dataset(root, 0).splits["train"][:7]
    (root / samples[2].path).write_bytes(b"no picture")
    (root / samples[6].path).write_bytes(b"")
    found, bad = compute(network, root, samples)
    assert len(found) == 5 and samples[2].path not in found.paths
    assert [path for path, _ in bad] == [samples[2].path, samples[6].path]
    assert "empty" in bad[1][1]


def test_the_number_of_torch_threads_is_restored(network: Classifier, small_folder: Path) -> None:
    before = torch.get_num_threads()
    compute(network, small_folder, read_dataset(small_folder, 0).splits["test"][:2])
    assert torch.get_num_threads() == before


def test_the_pass_ends_when_told_to(network: Classifier, small_folder: Path) -> None:
    stop = Stop()
    stop.requested = True
    with pytest.raises(Stopped):
        compute(network, small_folder, read_dataset(small_folder, 0).splits["test"], stop=stop)


def test_ordered_map_keeps_order_and_stays_bounded() -> None:
    begun, lock = [], threading.Lock()

    def work(number: int) -> int:
        with lock:
            begun.append(number)
        return number * 2

    results = ordered_map(work, range(100), 3)
    assert [next(results) for _ in range(10)] == [number * 2 for number in range(10)]
    assert len(begun) <= 10 + 2 * 3
    assert list(results) == [number * 2 for number in range(10, 100)]


def test_ordered_map_hands_on_errors() -> None:
    def work(number: int) -> int:
        return 1 // (number - 5)

    with pytest.raises(ZeroDivisionError):
        list(ordered_map(work, range(10), 2))


@pytest.fixture
def sets() -> dict[str, FeatureSet]:
    def some(count: int, views: int) -> FeatureSet:
        return FeatureSet(torch.randn(count, views, 4).half(), torch.arange(count) % 2, [f"{n}" for n in range(count)])

    return {"train": some(2050, 2), "valid": some(3, 1), "test": some(0, 1)}


def test_a_store_gives_back_what_was_written(tmp_path: Path, sets: dict[str, FeatureSet]) -> None:
    write_store(tmp_path, ORIGIN, ["a", "b"], [("x.jpg", "it is damaged")], sets)
    store = read_store(tmp_path)
    assert store.origin == ORIGIN and store.folders == ["a", "b"] and store.skipped == [("x.jpg", "it is damaged")]
    for split, written in sets.items():
        read = store.sets[split]
        assert torch.equal(read.features, written.features) or len(written) == 0
        assert torch.equal(read.labels, written.labels) and read.paths == written.paths
    assert sorted(path.name for path in tmp_path.glob("train*")) == ["train-00000.npy", "train-00001.npy"]


def test_a_store_is_read_from_the_archive_that_sagemaker_makes(tmp_path: Path, sets: dict[str, FeatureSet]) -> None:
    write_store(tmp_path / "model", ORIGIN, ["a", "b"], [], sets)
    (tmp_path / "channel").mkdir()
    with tarfile.open(tmp_path / "channel" / "model.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "model", arcname=".")
    store = read_store(tmp_path / "channel")
    assert torch.equal(store.sets["train"].features, sets["train"].features)


def test_the_hash_follows_every_part_of_the_origin() -> None:
    others = [
        replace(ORIGIN, **{name: "x" if isinstance(value, str) else value + 1}) for name, value in vars(ORIGIN).items()
    ]
    hashes = {origin.content_hash for origin in [ORIGIN, *others]}
    assert len(hashes) == 1 + len(vars(ORIGIN))
    assert ORIGIN.differences(replace(ORIGIN, data="x", views=9), ignore_data=True) == ["views"]
    assert ORIGIN.differences(replace(ORIGIN, data="x"), ignore_data=False) == ["data"]


def test_damage_is_noticed(tmp_path: Path, sets: dict[str, FeatureSet]) -> None:
    with pytest.raises(FeatureStoreError, match=r"manifest\.json"):
        read_store(tmp_path)
    write_store(tmp_path, ORIGIN, ["a", "b"], [], sets)
    shard = tmp_path / "valid-00000.npy"
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    with pytest.raises(FeatureStoreError, match=r"valid-00000\.npy"):
        read_store(tmp_path)
    shard.unlink()
    with pytest.raises(FeatureStoreError, match="damaged"):
        read_store(tmp_path)


def test_features_of_an_older_version_are_refused(tmp_path: Path, sets: dict[str, FeatureSet]) -> None:
    write_store(tmp_path, ORIGIN, ["a", "b"], [], sets)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    # Before random parts were cut in whole pixels.
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "format": 1}))
    with pytest.raises(FeatureStoreError, match=r"format 1, not 2\. Prepare them again"):
        read_store(tmp_path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "train-00000.npy/../x"])
def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path: Path, sets: dict[str, FeatureSet], name: str) -> None:
    write_store(tmp_path, ORIGIN, ["a", "b"], [], sets)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["splits"]["train"]["shards"][0]["file"] = name
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FeatureStoreError, match="strange file"):
        read_store(tmp_path)
