"""EfficientNet-Lite0 as TensorFlow trained it (timm's ``tf_efficientnet_lite0``): features only.

Tan and Le, "EfficientNet", 2019; the Lite variant has no squeeze-and-excite, uses ReLU6, and keeps stem and
head at their size. The names of modules are those of the published weights' entries.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# (blocks, kernel, stride of the first block, expansion, channels)
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


class SamePadConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: with a stride, the odd pixel goes right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """(batch, channels, height, width) to (batch, outputs, ceil(height / stride), ceil(width / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride > 1:
            across, down = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in input.shape[:1:-1])
            input = F.pad(input, (across // 2, across - across // 2, down // 2, down - down // 2))
        return super().forward(input)


class EvenStrideConv(SamePadConv):
    """A fused stride-2 ``SamePadConv`` without the copy that padding on one side only costs.

    A row and a column of zeros before the kernel turn SAME's uneven padding into an even one: the same sums,
    a quarter less time for the whole network. Sides of odd length are padded evenly already.
    """

    widened: Tensor

    def __init__(self, fused: SamePadConv) -> None:
        kernel = fused.kernel_size[0]
        super().__init__(fused.in_channels, fused.out_channels, kernel, 2, fused.groups)
        self.weight, self.bias = fused.weight, fused.bias
        self.register_buffer("widened", F.pad(fused.weight.detach(), (1, 0, 1, 0)))

    def forward(self, input: Tensor) -> Tensor:
        """As ``SamePadConv``."""
        if input.shape[2] % 2 or input.shape[3] % 2:
            return super().forward(input)
        return F.conv2d(input, self.widened, self.bias, 2, self.kernel_size[0] // 2, 1, self.groups)


def _fused(conv: SamePadConv, norm: nn.Module) -> SamePadConv:
    assert isinstance(norm, nn.BatchNorm2d)
    fused: SamePadConv = fuse_conv_bn_eval(conv, norm)
    return EvenStrideConv(fused) if fused.stride[0] == 2 else fused


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
            y = F.relu6(self._bn0(self._expand_conv(y)), inplace=True)
        y = F.relu6(self._bn1(self._depthwise_conv(y)), inplace=True)
        y = self._bn2(self._project_conv(y))
        return y + x if self.adds else y

    def fuse(self) -> None:
        """Fold every BatchNorm into the convolution before it."""
        if self.expands:
            self._expand_conv, self._bn0 = _fused(self._expand_conv, self._bn0), nn.Identity()
        self._depthwise_conv, self._bn1 = _fused(self._depthwise_conv, self._bn1), nn.Identity()
        self._project_conv, self._bn2 = _fused(self._project_conv, self._bn2), nn.Identity()


class EfficientNetLite0(nn.Module):
    """(batch, 3, height, width), normalised with mean 127 and deviation 128 of 255, to (batch, 1280)."""

    features = 1280

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SamePadConv(3, 32, 3, 2)
        self._bn0: nn.Module = _norm(32)
        blocks: list[nn.Module] = []
        channels = 32
        for count, kernel, stride, expansion, outputs in BLOCKS:
            for index in range(count):
                blocks.append(InvertedResidual(channels, outputs, kernel, stride if index == 0 else 1, expansion))
                channels = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SamePadConv(channels, self.features, 1)
        self._bn1: nn.Module = _norm(self.features)

    def forward(self, x: Tensor) -> Tensor:
        """Mean of the last feature map over the picture."""
        x = F.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)), inplace=True)
        return x.mean((2, 3))

    def fuse(self) -> None:
        """Fold every BatchNorm into the convolution before it; only in eval mode, and not reversible."""
        self._conv_stem, self._bn0 = _fused(self._conv_stem, self._bn0), nn.Identity()
        for block in self._blocks:
            assert isinstance(block, InvertedResidual)
            block.fuse()
        self._conv_head, self._bn1 = _fused(self._conv_head, self._bn1), nn.Identity()

    def stages(self) -> list[list[nn.Module]]:
        """Stem, the seven groups of blocks, and the last convolution: nine stages."""
        parts: list[list[nn.Module]] = [[self._conv_stem, self._bn0]]
        start = 0
        for count, *_ in BLOCKS:
            parts.append(list(self._blocks[start : start + count]))
            start += count
        return [*parts, [self._conv_head, self._bn1]]
