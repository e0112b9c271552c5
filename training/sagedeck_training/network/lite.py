"""EfficientNet-Lite0, 1 and 2 as TensorFlow trained them (timm's ``tf_efficientnet_lite0``...): features only.

Tan and Le, "EfficientNet", 2019; the Lite variant has no squeeze-and-excite, uses ReLU6, and keeps stem and
head at their size. The names of modules are those of the published weights' entries.
"""

from __future__ import annotations

import functools
import math
import platform
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Of Lite0: (blocks, kernel, stride of the first block, expansion, channels)
BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
TF_EPSILON = 1e-3


@dataclass(frozen=True)
class Member:
    """One of the family: by how much it is wider and deeper than Lite0, and the file of its published weights."""

    width: float
    depth: float
    sha256: str

    def blocks(self) -> Iterator[tuple[int, int, int, int, int]]:
        """As ``BLOCKS``; the Lite variants keep the first and the last group at their depth."""
        for number, (count, kernel, stride, expansion, channels) in enumerate(BLOCKS):
            deeper = count if number in (0, len(BLOCKS) - 1) else math.ceil(count * self.depth)
            # Whole eights, the nearest.
            wider = int(channels * self.width + 4) // 8 * 8
            yield deeper, kernel, stride, expansion, wider


# Each weights' package has one release; the licence of all three is Apache-2.0.
MEMBERS = {
    "efficientnet_lite0": Member(1.0, 1.0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "efficientnet_lite1": Member(1.0, 1.1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    "efficientnet_lite2": Member(1.1, 1.2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}


class SamePadConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: with a stride, the odd pixel goes right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """(batch, channels, height, width) to (batch, outputs, ceil(height / stride), ceil(width / stride))."""
        return super().forward(self.padded(input) if self.stride[0] > 1 else input)

    def padded(self, input: Tensor) -> Tensor:
        """``input`` with the zeros around it that SAME adds for a stride."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        across, down = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in input.shape[:1:-1])
        return F.pad(input, (across // 2, across - across // 2, down // 2, down - down // 2))


class FusedConv(SamePadConv):
    """A convolution with its BatchNorm folded in, and the ReLU6 behind it (``clamps``) in the same pass if it can be.

    Of stride 2, a row and a column of zeros before the kernel turn SAME's uneven padding into an even one, without
    the copy that padding on one side only costs: the same sums, a quarter less time for the whole network. Sides of
    odd length are padded evenly already.
    """

    widened: Tensor

    def __init__(self, conv: SamePadConv, norm: nn.Module, clamps: bool) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        fused = fuse_conv_bn_eval(conv, norm)
        kernel = fused.kernel_size[0]
        super().__init__(fused.in_channels, fused.out_channels, kernel, fused.stride[0], fused.groups)
        self.weight, self.bias = fused.weight, fused.bias
        self.clamps = clamps
        if self.stride[0] > 1:
            self.register_buffer("widened", F.pad(fused.weight.detach(), (1, 0, 1, 0)))

    def forward(self, input: Tensor) -> Tensor:
        """As ``SamePadConv``, and between 0 and 6 if it clamps."""
        if self.stride[0] > 1 and input.shape[2] % 2 == input.shape[3] % 2 == 0:
            return self._convolve(input, self.widened, self.kernel_size[0] // 2)
        if self.stride[0] > 1:
            return self._convolve(self.padded(input), self.weight, 0)
        return self._convolve(input, self.weight, self.kernel_size[0] // 2)

    def _convolve(self, input: Tensor, weight: Tensor, padding: int) -> Tensor:
        # A picture alone is small enough to be clamped in the cache: two passes take it 7 % less time.
        if len(input) > 1 and input.is_cpu and input.dtype == torch.float32 and not input.requires_grad and one_pass():
            after, limits = ("hardtanh", [0.0, 6.0]) if self.clamps else ("none", [])
            place = [padding, padding], self.stride, self.dilation, self.groups
            found: Tensor = torch.ops.mkldnn._convolution_pointwise(input, weight, self.bias, *place, after, limits, "")
            return found
        found = F.conv2d(input, weight, self.bias, self.stride, padding, self.dilation, self.groups)
        return F.relu6(found, inplace=True) if self.clamps else found


@functools.cache
def one_pass() -> bool:
    """Whether torch's oneDNN clamps what a convolution gives before it is written: a fifth less time for the network.

    Its own compiler calls this operator, which is not a part of the documented interface: tried, and not presumed.
    Measured on x86 alone: oneDNN's kernels for ARM are others.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    picture = torch.linspace(-3, 9, 2 * 4 * 4).view(1, 2, 4, 4).contiguous(memory_format=torch.channels_last)
    weight = torch.ones(2, 1, 2, 2)
    try:
        found = torch.ops.mkldnn._convolution_pointwise(
            picture, weight, None, [1, 1], [2, 2], [1, 1], 2, "hardtanh", [0.0, 6.0], ""
        )
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    wanted = F.relu6(F.conv2d(picture, weight, None, 2, 1, 1, 2))
    return bool(torch.allclose(found, wanted, atol=1e-5))


def _activated(conv: SamePadConv, norm: nn.Module, input: Tensor) -> Tensor:
    """Convolution, BatchNorm and ReLU6; what is fused does all of it by itself."""
    return conv(input) if isinstance(conv, FusedConv) else F.relu6(norm(conv(input)), inplace=True)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=TF_EPSILON, momentum=0.01)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; added to the input where the shape allows it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expands = expansion > 1
        self.adds = stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = SamePadConv(inputs, inner, 1)
            self._bn0: nn.Module = _norm(inner)
        self._depthwise_conv = SamePadConv(inner, inner, kernel, stride, groups=inner)
        self._bn1: nn.Module = _norm(inner)
        self._project_conv = SamePadConv(inner, outputs, 1)
        self._bn2: nn.Module = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, height, width) to (batch, outputs, height / stride, width / stride)."""
        y = x
        if self.expands:
            y = _activated(self._expand_conv, self._bn0, y)
        y = _activated(self._depthwise_conv, self._bn1, y)
        y = self._bn2(self._project_conv(y))
        return y + x if self.adds else y

    def fuse(self) -> None:
        """Fold every BatchNorm, and the ReLU6 behind it, into the convolution before it."""
        if self.expands:
            self._expand_conv, self._bn0 = FusedConv(self._expand_conv, self._bn0, clamps=True), nn.Identity()
        self._depthwise_conv, self._bn1 = FusedConv(self._depthwise_conv, self._bn1, clamps=True), nn.Identity()
        self._project_conv, self._bn2 = FusedConv(self._project_conv, self._bn2, clamps=False), nn.Identity()


class EfficientNetLite(nn.Module):
    """(batch, 3, height, width), normalised with mean 127 and deviation 128 of 255, to (batch, 1280)."""

    features = 1280

    def __init__(self, member: Member) -> None:
        super().__init__()
        self._groups = list(member.blocks())
        self._conv_stem = SamePadConv(3, 32, 3, 2)
        self._bn0: nn.Module = _norm(32)
        blocks: list[nn.Module] = []
        channels = 32
        for count, kernel, stride, expansion, outputs in self._groups:
            for index in range(count):
                blocks.append(InvertedResidual(channels, outputs, kernel, stride if index == 0 else 1, expansion))
                channels = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SamePadConv(channels, self.features, 1)
        self._bn1: nn.Module = _norm(self.features)

    def forward(self, x: Tensor) -> Tensor:
        """Mean of the last feature map over the picture."""
        x = _activated(self._conv_stem, self._bn0, x)
        for block in self._blocks:
            x = block(x)
        x = _activated(self._conv_head, self._bn1, x)
        return x.mean((2, 3))

    def fuse(self) -> None:
        """Fold every BatchNorm, and the ReLU6 behind it, into the convolution before it: in eval mode, and for good."""
        self._conv_stem, self._bn0 = FusedConv(self._conv_stem, self._bn0, clamps=True), nn.Identity()
        for block in self._blocks:
            assert isinstance(block, InvertedResidual)
            block.fuse()
        self._conv_head, self._bn1 = FusedConv(self._conv_head, self._bn1, clamps=True), nn.Identity()

    def stages(self) -> list[list[nn.Module]]:
        """Stem, the seven groups of blocks, and the last convolution: nine stages."""
        parts: list[list[nn.Module]] = [[self._conv_stem, self._bn0]]
        start = 0
        for count, *_ in self._groups:
            parts.append(list(self._blocks[start : start + count]))
            start += count
        return [*parts, [self._conv_head, self._bn1]]
