"""Which part of a picture a model sees, and at which size: apart from the decoding, which needs Pillow and NumPy."""

from __future__ import annotations

from collections.abc import Mapping

from workers.types import JobReport

# As the training's pictures.py has it: 224 of 256 pixels.
CROP_SHARE = 0.875
DEFAULT_SIZE = 224
_SIZES = range(32, 1025)


def input_size(report: JobReport) -> int | None:
    """The side of the network's input in pixels, as the model's own report says; ``None`` if it does not."""
    settings = report.extra.get("settings")
    size = settings.get("image_size") if isinstance(settings, Mapping) else None
    return size if isinstance(size, int) and not isinstance(size, bool) and size in _SIZES else None


def cut_part(width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of ``seen_part`` in whole pixels, as it is cut out of a picture of this size."""
    side = max(1, round(seen_part(width, height)[2]))
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def seen_part(width: float, height: float) -> tuple[float, float, float]:
    """Left, top and side of the square that a model sees of an upright picture, in the units given."""
    side = CROP_SHARE * min(width, height)
    return (width - side) / 2, (height - side) / 2, side
