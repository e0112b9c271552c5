"""One run from the folder of pictures to the model folder."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import device
import torch
from artifacts import write_model
from data import DataError, Dataset, Sample, check_unreadable, content_hash, read_dataset
from distributed import Group
from feature_store import FeatureStoreError, Origin, Store, read_store, write_store
from features import FeatureSet, Progress, compute_features
from finetune import BACKBONE_RATE, PictureBatches, unfrozen_parameters
from fit import Batch, FeatureBatches, Fitted, fit
from model import Classifier, build, for_inference, load_backbone_weights, state_hash
from report import MOST_MISTAKES, confusion_matrix, make_report, mistakes, write_report
from settings import Settings
from stopping import Stop, Stopped


class Run:
    """Holds what the steps of one run share."""

    def __init__(self, settings: Settings, group: Group, stop: Stop) -> None:
        self.settings, self.group, self.stop = settings, group, stop
        self.durations: dict[str, float] = {}
        self.skipped: list[tuple[str, str]] = []
        self.mistakes: list[tuple[str, int, int]] = []
        self.features_from = "computed"

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
            classifier.to(self.group.place).eval()
            with self.timed("features"):
                sets = self._features(classifier, dataset, store)
            if settings.prepare_features:
                return
            if not len(sets["valid"]):
                sets["valid"] = sets["train"]
                self.say("There are no validation pictures: the training pictures validate.")
            train = self._finetune if settings.unfreeze else self._train_head
            fitted, confusion = train(classifier, dataset, sets)
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
        return Origin(data, settings.backbone, weights, settings.image_size, settings.views, settings.seed)

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
        # Fine-tuning augments anew in every epoch: it needs the features only to standardise and to find bad files.
        views = {"train": 1 if self.settings.unfreeze else self.settings.views}
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

    def _train_head(
        self, classifier: Classifier, dataset: Dataset, sets: dict[str, FeatureSet]
    ) -> tuple[Fitted, torch.Tensor]:
        head, settings = classifier.head, self.settings
        # A step takes less time than it takes several threads to meet.
        torch.set_num_threads(1)
        with self.timed("training"):
            head.standardise_by(sets["train"].features.flatten(0, 1).float())
            batches = FeatureBatches(sets["train"], sets["valid"], settings.batch_size, settings.seed, self.group)
            groups = [(list(head.parameters()), settings.learning_rate)]
            fitted = fit(head, groups, batches, settings, self.group, self.stop, self.say)
        head.load_state_dict(_best(fitted))
        tests = sets["test"]
        share = list(self.group.share(len(tests)))
        batch = Batch(tests.features[share, 0].float(), tests.labels[share], len(share))
        return fitted, self._test(head, [batch] if share else [], len(dataset.folders), tests.paths)

    def _finetune(
        self, classifier: Classifier, dataset: Dataset, sets: dict[str, FeatureSet]
    ) -> tuple[Fitted, torch.Tensor]:
        head, settings = classifier.head, self.settings
        with self.timed("training"):
            head.standardise_by(sets["train"].features[:, 0].float())
            classifier.to(memory_format=torch.channels_last)
            tuned = unfrozen_parameters(classifier, settings.unfreeze)
            rate = settings.learning_rate
            groups = [(list(head.parameters()), rate), (tuned, rate * BACKBONE_RATE)]
            pictures = {split: _samples(found) for split, found in sets.items()}
            batches = PictureBatches(dataset.root, pictures["train"], pictures["valid"], settings, self.group)
            fitted = fit(classifier, groups, batches, settings, self.group, self.stop, self.say)
        classifier.load_state_dict(_best(fitted))
        # After SIGTERM there may be no time for another pass over the pictures.
        tests = [] if self.stop.requested else batches.plain(pictures["test"])
        return fitted, self._test(classifier, tests, len(dataset.folders), sets["test"].paths)

    def _test(
        self, module: torch.nn.Module, batches: Iterator[Batch] | list[Batch], classes: int, paths: Sequence[str]
    ) -> torch.Tensor:
        answers, labels = [torch.zeros(0, dtype=torch.int64)], [torch.zeros(0, dtype=torch.int64)]
        with self.timed("test"), torch.inference_mode():
            for batch in batches:
                answers.append(device.to_host(device.answer(module, batch.inputs).argmax(1)))
                labels.append(device.to_host(batch.labels))
        given, truth = torch.cat(answers), torch.cat(labels)
        mine = [paths[index] for index in self.group.share(len(paths))]
        wrong = mistakes(mine, truth.tolist(), given.tolist())
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
            mistakes=[list(mistake) for mistake in self.mistakes], device=device.describe(self.group.place),
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


def _samples(found: FeatureSet) -> list[Sample]:
    return [Sample(path, label) for path, label in zip(found.paths, found.labels.tolist(), strict=True)]


def _dataset_of(store: Store | None) -> Dataset:
    """The data set that prepared features were made from, without its pictures."""
    assert store is not None
    return Dataset(Path(), store.folders, {split: _samples(found) for split, found in store.sets.items()})
