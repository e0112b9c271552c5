"""Training on pictures with an accelerator: decoded once into its memory and augmented there, or streamed.

In its memory a picture is a square with room for crops. What is shown of it has then been resized twice, which softens
it: on ordinary pictures a byte differs from the CPU's by 2 to 3 of 255 on average. Streamed pictures are cut from what
was decoded, as on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..data import crops
from ..data.dataset import Dataset, Sample, check_unreadable
from ..data.pictures import DECODE_MARGIN, Crop, centre_of, random_of
from ..data.stream import Cut, PictureStream
from ..machine import device
from ..machine.distributed import Group
from ..machine.stopping import Stop
from ..settings import Settings
from .finetune import PictureBatches
from .fit import Batch, shuffled

# Pictures at once where no gradients are kept.
EVALUATION_BATCH = 256
# Pictures of all processes that are brought into memory together.
LOADED_AT_ONCE = 512


def picture_batches(
    dataset: Dataset, settings: Settings, group: Group, stop: Stop, say: Callable[[str], None]
) -> PictureBatches:
    """What suits the group's device: the CPU decodes anew in every epoch, an accelerator once if there is room."""
    if group.place.type == device.CPU.type:
        return PictureBatches(dataset, settings, group)
    return DevicePictures(dataset, settings, group, stop, say)


class DevicePictures(PictureBatches):
    """Batches on an accelerator: the CPU's order, and its crops for the same seed.

    Pictures are brought into memory when the first batch is asked for; that raises ``Stopped`` when the job is told to
    end.
    """

    def __init__(
        self, dataset: Dataset, settings: Settings, group: Group, stop: Stop, say: Callable[[str], None]
    ) -> None:
        super().__init__(dataset, settings, group)
        self._stop, self._say, self._place = stop, say, group.place
        self._stream = PictureStream(dataset.root, settings.image_size, settings.num_workers, self._place)
        self._side = math.ceil(settings.image_size * DECODE_MARGIN)
        self._is_decided = False
        self._stored: Tensor | None = None
        # Where in memory the picture of a path is, and its width and height as it was decoded.
        self._rows: dict[str, int] = {}
        self._sides: list[tuple[int, int]] = []
        self._labels = torch.zeros(0, dtype=torch.int64)
        self._shown: list[Batch] | None = None

    def train(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Shuffled, augmented batches; the last one may be smaller, nothing readable is dropped."""
        self._decide()
        order = shuffled(len(self._train), self._settings.batch_size, self._settings.seed, epoch)
        whole = [[self._train[index] for index in rows.tolist()] for rows in order][skip:]
        yield from self._from_files(whole, epoch) if self._stored is None else self._from_memory(whole, epoch)

    def valid(self) -> Iterator[Batch]:
        """This process's share of the validation pictures, unaugmented."""
        if self._stored is None:
            yield from self.plain(self._valid)
            return
        if self._shown is None:
            self._shown = list(self.plain(self._valid))
        yield from self._shown

    def plain(self, samples: Sequence[Sample]) -> Iterator[Batch]:
        """This process's share of ``samples``, centre crops."""
        mine = self._readable([samples[index] for index in self._group.share(len(samples))])
        parts = [mine[start : start + EVALUATION_BATCH] for start in range(0, len(mine), EVALUATION_BATCH)]
        for cut, good in self._cuts(parts, lambda _, width, height: [centre_of(width, height)]):
            yield self._batch_of(cut, good, len(good))

    def _decide(self) -> None:
        """Bring the pictures into memory if there is room, once."""
        if self._is_decided:
            return
        self._is_decided = True
        shown = -(-len(self._valid) // self._group.world) * self._settings.image_size**2
        needed = 3 * (len(self._train) * self._side**2 + shown)
        # All processes alike, or one would wait for another's pictures.
        fits = all(self._group.gather_json(needed <= device.room(self._place)))
        if fits:
            self._load()
        what = "are in the device's memory" if fits else "are more than fits into the device's memory, and streamed"
        self._say(f"pictures: {len(self._train)} to train on {what} ({needed / 1e9:.1f} GB)")

    def _load(self) -> None:
        """All training pictures into memory; each process decodes its share."""
        samples, group = self._train, self._group
        stored = torch.zeros(len(samples), self._side, self._side, 3, dtype=torch.uint8, device=self._place)
        blocks = [samples[start : start + LOADED_AT_ONCE] for start in range(0, len(samples), LOADED_AT_ONCE)]
        parts = [[block[index] for index in group.share(len(block))] for block in blocks]
        tally, start = group.tally(self._place), 0
        cuts = self._cuts(parts, lambda _, width, height: [_all_of(width, height)], self._side)
        for block, part, (cut, good) in zip(blocks, parts, cuts, strict=True):
            self._stop.check()
            at = {sample.path: number for number, sample in enumerate(good)}
            mine = torch.zeros(len(part), self._side, self._side, 3, dtype=torch.uint8, device=self._place)
            sides = torch.ones(len(part), 2, dtype=torch.int64)
            for number, sample in enumerate(part):
                if sample.path in at:
                    mine[number] = cut.pictures[at[sample.path]]
                    sides[number] = torch.tensor(cut.sides[at[sample.path]])
            rows = group.gather_rows(mine.to(tally), len(block))
            stored[start : start + len(block)] = rows.to(self._place)
            self._sides.extend((width, height) for width, height in group.gather_rows(sides, len(block)).tolist())
            start += len(block)
        self.leave_out((path, reason) for told in group.gather_json(self.skipped) for path, reason in told)
        check_unreadable(self._dataset, self.skipped, range(len(self._dataset.folders)))
        self._rows = {sample.path: row for row, sample in enumerate(samples)}
        self._labels = torch.tensor([sample.label for sample in samples], dtype=torch.int64).to(self._place)
        self._stored = stored

    def _from_memory(self, whole: Sequence[Sequence[Sample]], epoch: int) -> Iterator[Batch]:
        assert self._stored is not None
        size, group = self._settings.image_size, self._group
        for samples in whole:
            part = self._readable(samples[group.rank :: group.world])
            rows = [self._rows[sample.path] for sample in part]
            wanted = []
            for row, sample in zip(rows, part, strict=True):
                width, height = self._sides[row]
                crop = self._augmented(sample.path, width, height, epoch)
                wanted.append([crop.scaled(self._side / width, self._side / height)])
            there = device.send(torch.tensor(rows, dtype=torch.int64), self._place)
            squares = self._stored[there]
            filled = [(self._side, self._side)] * len(part)
            inputs = crops.cut(squares, filled, wanted, size) if part else squares[:, :size, :size]
            yield Batch(inputs, self._labels[there], len(self._readable(samples)))

    def _from_files(self, whole: Sequence[Sequence[Sample]], epoch: int) -> Iterator[Batch]:
        group = self._group
        shares = [samples[group.rank :: group.world] for samples in whole]

        def choose(path: str, width: int, height: int) -> list[Crop]:
            return [self._augmented(path, width, height, epoch)]

        cuts = self._cuts([self._readable(share) for share in shares], choose)
        for samples, share, (cut, good) in zip(whole, shares, cuts, strict=True):
            # How many the other processes could not read is not known here: their share counts in full.
            yield self._batch_of(cut, good, len(samples) - len(share) + len(good))

    def _cuts(
        self, parts: Sequence[Sequence[Sample]], choose: Callable[[str, int, int], list[Crop]], side: int = 0
    ) -> Iterator[tuple[Cut, list[Sample]]]:
        """Each part's pictures and which of its samples they are; those that cannot be read are left out."""
        paths = [[sample.path for sample in part] for part in parts]
        try:
            for part, cut in zip(
                parts, self._stream.cuts(paths, choose, side or self._settings.image_size), strict=True
            ):
                for at, reason in cut.bad:
                    self._found_bad(part[at], reason)
                if cut.bad:
                    check_unreadable(self._dataset, self.skipped, range(len(self._dataset.folders)))
                yield cut, [part[at] for at in cut.good]
        finally:
            self._stream.close()

    def _batch_of(self, cut: Cut, good: Sequence[Sample], total: int) -> Batch:
        labels = torch.tensor([sample.label for sample in good], dtype=torch.int64)
        return Batch(cut.pictures, device.send(labels, self._place), total, tuple(sample.path for sample in good))

    def _readable(self, samples: Sequence[Sample]) -> list[Sample]:
        return [sample for sample in samples if sample.path not in self._bad]

    def _augmented(self, path: str, width: int, height: int, epoch: int) -> Crop:
        return random_of(width, height, f"{self._settings.seed}/{path}/{epoch}")


def _all_of(width: int, height: int) -> Crop:
    return Crop((0.0, 0.0, float(width), float(height)))
