"""Pictures from their files to views on an accelerator: decoded once each, sent once, cut there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from . import crops
from .decoder import Decoded
from .decoding import Decoders
from .pictures import BadPicture, Crop

# Pictures that are sent together: it bounds the memory that they take here.
SENT_AT_ONCE = 128


@dataclass(frozen=True)
class Cut:
    """A part's pictures as bytes on the device, (readable pictures x views, side, side, 3).

    ``good`` are the positions of the readable ones in the part, ``sides`` their widths and heights as they were
    decoded, ``bad`` the positions of the others and why.
    """

    pictures: Tensor
    good: list[int]
    sides: list[tuple[int, int]]
    bad: list[tuple[int, str]]


class PictureStream:
    """Reads the pictures below ``root`` for networks that see ``size`` x ``size`` on ``place``."""

    def __init__(self, root: Path, size: int, workers: int, place: torch.device) -> None:
        self._root, self._place = root, place
        self._decoders = Decoders(size, workers, place)

    def cuts(
        self, parts: Sequence[Sequence[str]], choose: Callable[[str, int, int], list[Crop]], side: int
    ) -> Iterator[Cut]:
        """Each part's pictures, ``side`` x ``side``; ``choose`` gives what to show of a path with width and height."""
        ahead = min(2 * max(map(len, parts), default=0), 2 * SENT_AT_ONCE)
        found = self._decoders.decoded((self._root / path for part in parts for path in part), ahead)
        for part in parts:
            good: list[int] = []
            bad: list[tuple[int, str]] = []
            sides: list[tuple[int, int]] = []
            shown: list[Tensor] = []
            for start in range(0, len(part), SENT_AT_ONCE):
                batch: list[Decoded] = []
                wanted: list[list[Crop]] = []
                for at, path in enumerate(part[start : start + SENT_AT_ONCE], start):
                    picture = next(found)
                    if isinstance(picture, BadPicture):
                        bad.append((at, str(picture)))
                        continue
                    good.append(at)
                    sides.append((picture.width, picture.height))
                    batch.append(picture)
                    wanted.append(_fitted(choose(path, picture.width, picture.height), picture))
                if batch:
                    there, filled = crops.sent(batch, self._place)
                    shown.append(crops.cut(there, filled, wanted, side))
            empty = torch.zeros(0, side, side, 3, dtype=torch.uint8, device=self._place)
            yield Cut(torch.cat(shown) if shown else empty, good, sides, bad)

    def close(self) -> None:
        """End what decodes; a later call of ``cuts`` starts it anew."""
        self._decoders.close()


def _fitted(wanted: Sequence[Crop], picture: Decoded) -> list[Crop]:
    """The parts in the pixels of a picture that was made smaller."""
    height, width, _ = picture.pixels.shape
    return [crop.scaled(width / picture.width, height / picture.height) for crop in wanted]
