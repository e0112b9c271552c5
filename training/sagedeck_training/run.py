"""One run from the folder of pictures to the model folder."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from .data.dataset import DataError, Dataset, Sample, check_unreadable, content_hash, read_dataset
from .fitting.checkpoint import Keeper
from .fitting.finetune import rates, sample
from .fitting.fit import Batch, FeatureBatches, Fitted, fit
from .fitting.resident import picture_batches
from .fitting.weight_decay import choose, told
from .machine import device, memory
from .machine.distributed import Group
from .machine.stopping import Stop, Stopped
from .network.feature_store import FeatureStoreError, Origin, Store, read_store, write_store
from .network.features import FeatureSet, Progress, compute_features
from .network.model import Classifier, Head, build, for_inference, load_backbone_weights, state_hash
from .results.artifacts import write_model
from .results.report import MOST_MISTAKES, confusion_matrix, make_report, mistakes, write_report
from .settings import Settings

# Features that are the mean of a picture and its mirror image are those of another backbone.
MIRRORED = ", mirrored"
NO_VALIDATION = "There are no validation pictures: the training pictures validate."


class Run:
    """Holds what the steps of one run share."""

    def __init__(self, settings: Settings, group: Group, stop: Stop) -> None:
        self.settings, self.group, self.stop = settings, group, stop
        self.durations: dict[str, float] = {}
        self.skipped: list[tuple[str, str]] = []
        self.mistakes: list[tuple[str, int, int]] = []
        self.features_from = "none" if settings.unfreeze else "computed"
        # How the weight decay was chosen, if it was.
        self.decay: dict[str, Any] | None = None

    def say(self, text: str) -> None:
        """Print one line of the job's log; only the first process does."""
        if self.group.is_first:
            print(text, flush=True)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to ``durations``."""
        began = time.perf_counter()
        yield
        self.durations[name] = self.durations.get(name, 0.0) + time.perf_counter() - began

    def execute(self) -> None:
        """Do it. Raises the errors that ``train.py`` translates."""
        settings = self.settings
        with self.timed("total"):
            torch.set_num_threads(settings.threads)
            torch.manual_seed(settings.seed)
            self._tell_device()
            store = self._read_store() if settings.features_dir and not settings.prepare_features else None
            with self.timed("read"):
                dataset = self._read_data() if settings.data_dir else _dataset_of(store)
            classifier = build(settings.backbone, len(dataset.folders))
            load_backbone_weights(classifier, settings.backbone, settings.weights)
            classifier.flips = settings.flip_test
            classifier.to(self.group.place).eval()
            if settings.unfreeze:
                fitted, confusion = self._finetune(classifier, dataset)
            else:
                with self.timed("features"):
                    sets = self._features(classifier, dataset, store)
                if settings.prepare_features:
                    return
                fitted, confusion = self._train_head(classifier, dataset, sets, store)
        self._write(classifier, dataset, fitted, confusion)

    def _tell_device(self) -> None:
        place = self.group.place
        if place.type == "cpu":
            return
        self.say(f"device: {device.describe(place)}")
        if idle := device.unused(place):
            self.say(f"{idle} more GPU(s) are here and idle: torchrun starts one process for each.")

    def _read_data(self) -> Dataset:
        assert self.settings.data_dir is not None
        dataset = read_dataset(self.settings.data_dir, self.settings.seed)
        listing = "\n".join(f"{split} {sample.path}" for split in dataset.splits for sample in dataset.splits[split])
        if len(set(self.group.gather_json(hashlib.sha256(listing.encode()).hexdigest()))) > 1:
            raise DataError("The hosts see different pictures: every host needs all data (FullyReplicated).")
        counts = ", ".join(f"{len(samples)} {split}" for split, samples in dataset.splits.items())
        self.say(f"data: {len(dataset.folders)} classes; pictures: {counts}")
        for note in dataset.notes:
            self.say(note)
        return dataset

    def _read_store(self) -> Store | None:
        assert self.settings.features_dir is not None
        if self.settings.unfreeze:
            self.say("The prepared features are of the frozen backbone: not used with --unfreeze.")
            return None
        try:
            return read_store(self.settings.features_dir)
        except FeatureStoreError as error:
            if self.settings.data_dir is None:
                raise
            self.say(f"{error} They are computed now.")
            return None

    def _origin(self, classifier: Classifier, dataset: Dataset) -> Origin:
        settings = self.settings
        paths = [sample.path for samples in dataset.splits.values() for sample in samples]
        data = content_hash(dataset.root, paths) if settings.data_dir else ""
        weights = state_hash(classifier.backbone)
        backbone = settings.backbone + (MIRRORED if settings.flip_test else "")
        return Origin(data, backbone, weights, settings.image_size, settings.views, settings.seed)

    def _features(self, classifier: Classifier, dataset: Dataset, store: Store | None) -> dict[str, FeatureSet]:
        if store is not None:
            wanted = self._origin(classifier, dataset)
            differences = store.origin.differences(wanted, ignore_data=self.settings.data_dir is None)
            # Labels are positions in this list, and which names are classes may have been decided by another version.
            differences += ["classes"] if store.folders != dataset.folders else []
            if not differences:
                self.say(f"features: prepared ones are used, content hash {store.origin.content_hash[:12]}")
                self.features_from = "prepared"
                self.skipped.extend(store.skipped)
                return store.sets
            told = f"The prepared features were made with other settings or data: {', '.join(differences)}."
            if self.settings.data_dir is None:
                raise FeatureStoreError(told)
            self.say(f"{told} They are computed again.")
        sets = self._compute(classifier, dataset)
        if self.settings.prepare_features and self.group.is_first:
            target = self.settings.features_dir or self.settings.model_dir
            assert target is not None
            origin = self._origin(classifier, dataset)
            write_store(target, origin, dataset.folders, self.skipped, sets)
            self.say(f"features: prepared, content hash {origin.content_hash[:12]}")
        return sets

    def _compute(self, classifier: Classifier, dataset: Dataset) -> dict[str, FeatureSet]:
        network = for_inference(copy.deepcopy(classifier))
        progress = Progress(sum(len(samples) for samples in dataset.splits.values()), self.say)
        views = {"train": self.settings.views}
        sets: dict[str, FeatureSet] = {}
        bad: list[tuple[str, str]] = []
        for split, samples in dataset.splits.items():
            sets[split], found = compute_features(
                network, dataset.root, samples, views=views.get(split, 1), size=self.settings.image_size,
                seed=self.settings.seed, workers=self.settings.num_workers, group=self.group, stop=self.stop,
                progress=progress,
            )  # fmt: skip
            bad.extend(found)
        for path, reason in bad:
            self.say(f"skipped {path}: {reason}")
        check_unreadable(dataset, bad, sets["train"].labels.tolist())
        self.skipped.extend([*dataset.skipped, *bad])
        return sets

    def _keeper(self, classifier: Classifier, dataset: Dataset, store: Store | None) -> Keeper:
        """The checkpoint, and what one must have been made of to be gone on from."""
        settings = self.settings
        if settings.checkpoint_dir is None:
            return Keeper(None, {}, self.group, self.say)
        given = settings.public()
        # More epochs are a reason to go on; how long one waits for a better epoch changes nothing that is there.
        for name in ("epochs", "patience", "prepare_features", "weights"):
            del given[name]
        data = store.origin.content_hash if store is not None and settings.data_dir is None else _listing(dataset)
        identity = {**given, "weights": state_hash(classifier.backbone), "classes": dataset.folders, "data": data}
        return Keeper(settings.checkpoint_dir, identity, self.group, self.say)

    def _train_head(
        self, classifier: Classifier, dataset: Dataset, sets: dict[str, FeatureSet], store: Store | None
    ) -> tuple[Fitted, torch.Tensor]:
        head, group = classifier.head, self.group
        is_validated = len(sets["valid"]) > 0
        if not is_validated:
            sets["valid"] = sets["train"]
            self.say(NO_VALIDATION)
        # A step takes less time than it takes several threads to meet.
        torch.set_num_threads(1)
        memory.keep()
        keeper = self._keeper(classifier, dataset, store)
        with self.timed("training"):
            head.standardise_by(sets["train"].features.flatten(0, 1).float())
            saved = keeper.read()
            batches = self._batches(sets, group)
            if self.settings.weight_decay == "auto":
                self._choose_decay(head, sets, saved, is_validated, batches)
            settings = self.settings
            groups = [(list(head.parameters()), settings.learning_rate)]
            fitted = fit(
                head, groups, batches, settings, group, self.stop, self.say, saved=saved,
                keep=None if settings.checkpoint_dir is None else lambda state: self._keep(keeper, state),
            )  # fmt: skip
        head.load_state_dict(_best(fitted))
        tests = sets["test"]
        share = list(group.share(len(tests)))
        paths = tuple(tests.paths[index] for index in share)
        batch = Batch(tests.features[share, 0].float(), tests.labels[share], len(share), paths)
        return fitted, self._test(head, [batch] if share else [], len(dataset.folders))

    def _batches(self, sets: dict[str, FeatureSet], group: Group) -> FeatureBatches:
        return FeatureBatches(sets["train"], sets["valid"], self.settings.batch_size, self.settings.seed, group)

    def _choose_decay(
        self,
        head: Head,
        sets: dict[str, FeatureSet],
        saved: Mapping[str, Any] | None,
        is_validated: bool,
        batches: FeatureBatches,
    ) -> None:
        """Settle the weight decay: as the checkpoint says, else by validation, in the first process for all."""
        settings, group = self.settings, self.group
        found: dict[str, Any] = {"weight_decay": settings.decay, "tried": []}
        if saved is not None:
            found = saved["weight_decay"]
        elif is_validated:
            with self.timed("choosing weight decay"):
                if group.is_first:
                    alone = batches if group.world == 1 else self._batches(sets, Group(place=group.place))
                    found = choose(head, alone, settings, self.stop).public()
                found = group.gather_json(found)[0]
            if found["tried"]:
                self.say(told(found))
        self.decay = found
        self.settings = replace(settings, weight_decay=found["weight_decay"])

    def _keep(self, keeper: Keeper, state: dict[str, Any]) -> None:
        keeper.write({**state, "weight_decay": self.decay})

    def _finetune(self, classifier: Classifier, dataset: Dataset) -> tuple[Fitted, torch.Tensor]:
        settings, group = self.settings, self.group
        self.skipped.extend(dataset.skipped)
        if not dataset.splits["valid"]:
            self.say(NO_VALIDATION)
        if settings.defaulted:
            values = ", ".join(f"{name.replace('_', '-')} {getattr(settings, name)}" for name in settings.defaulted)
            self.say(f"fine-tuning: {values} (its own defaults; give them to have others)")
        groups = rates(classifier, settings)
        batches = picture_batches(dataset, settings, group, self.stop, self.say)
        keeper = self._keeper(classifier, dataset, None)
        with self.timed("training"):
            saved = keeper.read()
            if saved is None:
                batches.leave_out(self._standardise(classifier, dataset))
            classifier.to(memory_format=torch.channels_last)
            fitted = fit(
                classifier, groups, batches, settings, group, self.stop, self.say, saved=saved,
                keep=None if settings.checkpoint_dir is None else keeper.write,
            )  # fmt: skip
        classifier.load_state_dict(_best(fitted))
        # After SIGTERM there may be no time for another pass over the pictures.
        confusion = self._test(classifier, [] if self.stop.requested else batches.test(), len(dataset.folders))
        batches.settle()
        for path, reason in batches.skipped:
            self.say(f"skipped {path}: {reason}")
        self.skipped.extend(batches.skipped)
        return fitted, confusion

    def _standardise(self, classifier: Classifier, dataset: Dataset) -> list[tuple[str, str]]:
        """Have the head take mean and deviation from some training pictures; those that could not be read.

        All of them would cost a pass over the pictures: on a CPU a fifth of an epoch. The head learns what a sample
        gets wrong within its first steps.
        """
        with self.timed("features"):
            samples = sample(dataset.splits["train"], self.settings.seed)
            found, bad = compute_features(
                for_inference(copy.deepcopy(classifier)), dataset.root, samples, views=1,
                size=self.settings.image_size, seed=self.settings.seed, workers=self.settings.num_workers,
                group=self.group, stop=self.stop, progress=Progress(len(samples), self.say),
            )  # fmt: skip
            if len(found):
                classifier.head.standardise_by(found.features[:, 0].float())
        return bad

    def _test(self, module: torch.nn.Module, batches: Iterator[Batch] | list[Batch], classes: int) -> torch.Tensor:
        answers, labels = [torch.zeros(0, dtype=torch.int64)], [torch.zeros(0, dtype=torch.int64)]
        paths: list[str] = []
        with self.timed("test"), torch.inference_mode():
            for batch in batches:
                if not len(batch.labels):
                    continue
                answers.append(device.to_host(device.answer(module, batch.inputs).argmax(1)))
                labels.append(device.to_host(batch.labels))
                paths.extend(batch.paths)
        given, truth = torch.cat(answers), torch.cat(labels)
        wrong = mistakes(paths, truth.tolist(), given.tolist())
        parts = self.group.gather_json(wrong)
        self.mistakes = sorted((path, was, said) for part in parts for path, was, said in part)[:MOST_MISTAKES]
        return confusion_matrix(given, truth, classes, self.group)

    def _write(self, classifier: Classifier, dataset: Dataset, fitted: Fitted, confusion: torch.Tensor) -> None:
        if not self.group.is_first:
            return
        settings = self.settings
        folder = settings.model_dir
        assert folder is not None
        write_model(folder, classifier, dataset.names, dataset.folders, settings.backbone, settings.image_size)
        report = make_report(
            dataset.names, fitted.curves, confusion, self.skipped, settings.public(), self.durations,
            best_epoch=fitted.best_epoch, ended=fitted.ended, hosts=self.group.world, features=self.features_from,
            mistakes=[list(mistake) for mistake in self.mistakes], weight_decay=self.decay,
            defaulted=list(settings.defaulted), device=device.describe(self.group.place),
        )  # fmt: skip
        write_report(report, folder, settings.output_data_dir)
        if report["test_accuracy"] is not None:
            self.say(f"test_acc={report['test_accuracy']:.4f}")
        if fitted.ended == "sigterm":
            self.say(f"Stopped as told: the best model so far, of epoch {fitted.best_epoch}, is saved.")


def _best(fitted: Fitted) -> dict[str, torch.Tensor]:
    if fitted.best_state is None:
        raise Stopped
    return fitted.best_state


def _listing(dataset: Dataset) -> str:
    """SHA-256 over names and sizes of all pictures: their content would have to be read for this alone."""
    digest = hashlib.sha256()
    for split, samples in dataset.splits.items():
        for entry in samples:
            digest.update(f"{split}\0{entry.path}\0{(dataset.root / entry.path).stat().st_size}\n".encode())
    return digest.hexdigest()


def _samples(found: FeatureSet) -> list[Sample]:
    return [Sample(path, label) for path, label in zip(found.paths, found.labels.tolist(), strict=True)]


def _dataset_of(store: Store | None) -> Dataset:
    """The data set that prepared features were made from, without its pictures."""
    assert store is not None
    return Dataset(Path(), store.folders, {split: _samples(found) for split, found in store.sets.items()})
