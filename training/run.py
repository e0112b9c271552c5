"""One run from the folder of pictures to the model folder."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from artifacts import write_model
from data import DataError, Dataset, check_unreadable, read_dataset
from distributed import Group
from features import FeatureSet, Progress, compute_features
from fit import FeatureBatches, Fitted, fit
from model import Classifier, build, for_inference, load_backbone_weights
from report import confusion_matrix, make_report, write_report
from settings import Settings
from stopping import Stop, Stopped


class Run:
    """Holds what the steps of one run share."""

    def __init__(self, settings: Settings, group: Group, stop: Stop) -> None:
        self.settings, self.group, self.stop = settings, group, stop
        self.durations: dict[str, float] = {}
        self.skipped: list[tuple[str, str]] = []

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
        with self.timed("total"):
            torch.set_num_threads(self.settings.threads)
            torch.manual_seed(self.settings.seed)
            with self.timed("read"):
                dataset = self._read()
            classifier = build(self.settings.backbone, len(dataset.folders))
            load_backbone_weights(classifier, self.settings.backbone, self.settings.weights)
            classifier.to("cuda" if torch.cuda.is_available() else "cpu").eval()
            with self.timed("features"):
                sets = self._features(classifier, dataset)
            with self.timed("training"):
                fitted = self._fit_head(classifier, sets)
            if fitted.best_state is None:
                raise Stopped
            classifier.head.load_state_dict(fitted.best_state)
            with self.timed("test"):
                confusion = self._test_head(classifier, sets["test"], len(dataset.folders))
        self._write(classifier, dataset, fitted, confusion)

    def _read(self) -> Dataset:
        assert self.settings.data_dir is not None
        dataset = read_dataset(self.settings.data_dir, self.settings.seed)
        listing = "\n".join(f"{split} {sample.path}" for split in dataset.splits for sample in dataset.splits[split])
        if len(set(self.group.gather_json(hashlib.sha256(listing.encode()).hexdigest()))) > 1:
            raise DataError("The hosts see different pictures: every host needs all data (FullyReplicated).")
        self.skipped.extend(dataset.skipped)
        counts = ", ".join(f"{len(samples)} {split}" for split, samples in dataset.splits.items())
        self.say(f"data: {len(dataset.folders)} classes; pictures: {counts}")
        for note in dataset.notes:
            self.say(note)
        return dataset

    def _features(self, classifier: Classifier, dataset: Dataset) -> dict[str, FeatureSet]:
        network = for_inference(copy.deepcopy(classifier))
        progress = Progress(sum(len(samples) for samples in dataset.splits.values()), self.say)
        sets: dict[str, FeatureSet] = {}
        bad: list[tuple[str, str]] = []
        for split, samples in dataset.splits.items():
            sets[split], found = compute_features(
                network, dataset.root, samples, views=self.settings.views if split == "train" else 1,
                size=self.settings.image_size, seed=self.settings.seed, workers=self.settings.num_workers,
                group=self.group, stop=self.stop, progress=progress,
            )  # fmt: skip
            bad.extend(found)
        for path, reason in bad:
            self.say(f"skipped {path}: {reason}")
        check_unreadable(dataset, bad, sets["train"].labels.tolist())
        self.skipped.extend(bad)
        return sets

    def _fit_head(self, classifier: Classifier, sets: dict[str, FeatureSet]) -> Fitted:
        head = classifier.head
        batches = FeatureBatches(sets["train"], sets["valid"], self.settings.batch_size, self.settings.seed, self.group)
        head.standardise_by(sets["train"].features.flatten(0, 1).float())
        return fit(head, [{"params": list(head.parameters())}], batches, self.settings, self.group, self.stop, self.say)

    def _test_head(self, classifier: Classifier, tests: FeatureSet, classes: int) -> torch.Tensor:
        share = list(self.group.share(len(tests)))
        with torch.inference_mode():
            answers = classifier.head(tests.features[share, 0].float()).argmax(1)
        return confusion_matrix(answers, tests.labels[share], classes, self.group)

    def _write(self, classifier: Classifier, dataset: Dataset, fitted: Fitted, confusion: torch.Tensor) -> None:
        if not self.group.is_first:
            return
        assert self.settings.model_dir is not None
        settings = self.settings
        write_model(
            settings.model_dir, classifier, dataset.names, dataset.folders, settings.backbone, settings.image_size
        )
        report = make_report(
            dataset.names, fitted.curves, confusion, self.skipped, settings.public(), self.durations,
            best_epoch=fitted.best_epoch, ended=fitted.ended, hosts=self.group.world,
        )  # fmt: skip
        write_report(report, settings.model_dir, settings.output_data_dir)
        if report["test_accuracy"] is not None:
            self.say(f"test_acc={report['test_accuracy']:.4f}")
        if fitted.ended == "sigterm":
            self.say(f"Stopped as told: the best model so far, of epoch {fitted.best_epoch}, is saved.")
