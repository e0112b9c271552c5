"""Turns a scan and the opened pictures into a report in plain words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from workers.datasets.nouns import class_noun
from workers.datasets.pictures import Opened
from workers.datasets.scan import FLAT, Found, Scan, readable_names
from workers.files.folder_rules import SHARES
from workers.types import ClassCount, DatasetReport, Finding

# Some broken files are usual in a collected set; more than one in twenty means a wrong folder or a bad copy.
MOST_UNREADABLE = 0.05
PATHS_AT_MOST = 500
NAMED_AT_MOST = 3


def early_report(scan: Scan) -> DatasetReport:
    """What is known before any picture was opened: classes, counts and sizes by the files' names; no findings."""
    return _report(scan, scan.files, {}, ())


def full_report(scan: Scan, opened: Mapping[str, Opened]) -> DatasetReport:
    """The finished report; ``opened`` holds one result for each of the scan's files, by path."""
    good = [file for file in scan.files if not opened[file.path].reason]
    bad = [file for file in scan.files if opened[file.path].reason]
    findings = [
        *_structure(scan, good),
        *_opening(scan, opened, good, bad),
        *_twins(good, opened, class_noun(scan.classes)),
        *_left_out(scan),
    ]
    order = {"error": 0, "ok": 1, "warning": 2, "info": 3}
    findings.sort(key=lambda finding: order[finding.severity])
    return _report(scan, good, opened, findings)


def _report(
    scan: Scan, files: Sequence[Found], opened: Mapping[str, Opened], findings: Sequence[Finding]
) -> DatasetReport:
    folders = scan.classes
    counts: dict[str, Counter[str]] = {folder: Counter() for folder in folders}
    samples: dict[str, str] = {}
    for file in files:
        counts[file.folder][file.split] += 1
        samples.setdefault(file.folder, file.path)
    splits = scan.splits or ((FLAT,) if folders else ())
    classes = tuple(
        ClassCount(
            name,
            folder,
            {split: counts[folder][split] for split in splits},
            scan.root / samples[folder] if folder in samples else None,
        )
        for folder, name in zip(folders, readable_names(folders), strict=True)
    )
    results = [opened[file.path] for file in files if file.path in opened]
    sides = [result.shortest_side for result in results]
    formats = dict(Counter(result.format for result in results).most_common())
    size = sum(file.size for file in files)
    shortest, noun = min(sides, default=None), class_noun(folders)
    return DatasetReport(
        root=scan.root,
        splits=scan.splits,
        classes=classes,
        pictures=len(files),
        bytes=size,
        shortest_side=shortest,
        formats=formats,
        findings=tuple(findings),
        noun=noun,
    )


def _structure(scan: Scan, good: Sequence[Found]) -> Iterable[Finding]:
    for split, folders in scan.places.items():
        if len(folders) > 1:
            title, detail = f"{len(folders)} folders for {split}", f"{_and(folders)}; leave one of them"
            yield Finding("error", "two_folders", title, detail, tuple(folders))
    if not scan.classes:
        yield _no_classes(scan)
        return
    noun = class_noun(scan.classes)
    first = scan.splits[0] if scan.splits else FLAT
    if scan.splits and "train" not in scan.splits:
        yield Finding("error", "no_train", "No train folder", "there is nothing to train with")
    elif not scan.folders[first]:
        yield Finding("error", "no_classes", "No class folders in train", "there is nothing to train with")
    filled: dict[str, set[str]] = defaultdict(set)
    for file in good:
        filled[file.split].add(file.folder)
    names = dict(zip(scan.classes, readable_names(scan.classes), strict=True))
    empty = [folder for folder in scan.folders[first] if folder not in filled[first]]
    if empty:
        where = f" in {first}" if scan.splits else ""
        title = f"{_count(len(empty), noun)} without a picture{where}"
        yield Finding("error", "empty_classes", title, _named([names[folder] for folder in empty]), tuple(empty))
    if len(scan.folders[first]) == 1:
        if wrapped := _wrapped(scan):
            yield wrapped
            return
        yield _one_class(names[scan.folders[first][0]], noun)
    yield from _splits(scan, filled, names, noun)


def _one_class(only: str, noun: str) -> Finding:
    return Finding("error", "one_class", f"Only one {noun}", f"{only}; the training needs at least two")


def _wrapped(scan: Scan) -> Finding | None:
    """The folder around the classes was chosen: an archive's top folder, and often one inside it."""
    if scan.splits:
        return None
    parts = [file.path.split("/") for file in scan.files]
    depth = 1
    while parts and all(len(part) > depth + 1 for part in parts):
        inside = sorted({part[depth] for part in parts})
        if len(inside) > 1:
            use = "/".join(parts[0][:depth])
            detail = f"{_count(len(inside), class_noun(inside))}: {_named(readable_names(inside))}"
            return Finding("error", "wrapped", f"The classes are in {use}", detail, use=use)
        depth += 1
    return None


def _no_classes(scan: Scan) -> Finding:
    if scan.denied:
        return Finding("error", "denied", "The folder may not be read", "no picture was found", tuple(scan.denied))
    if scan.loose:
        detail = f"{_count(len(scan.loose), 'picture')} side by side; put those of each class into a folder of its own"
        return Finding("error", "no_classes", "No class folders", detail, tuple(scan.loose[:PATHS_AT_MOST]))
    if scan.strangers or scan.entries or scan.links:
        detail = "there is no picture in it; choose a folder with one folder for each class"
        return Finding("error", "no_pictures", "No pictures", detail)
    return Finding("error", "empty", "The folder is empty", "choose a folder with one folder for each class")


def _splits(scan: Scan, filled: Mapping[str, set[str]], names: Mapping[str, str], noun: str) -> Iterable[Finding]:
    if not scan.splits:
        detail = (
            f"{_plural(noun)} lie side by side; split them into train, valid and test to keep the same test pictures"
        )
        yield Finding("warning", "no_split", "Not split yet", detail)
        return
    if "valid" not in scan.splits:
        some = f"{SHARES['valid'] * 100:.0f} %"
        yield Finding("warning", "no_valid", "No valid folder", f"{some} of the training pictures would validate")
    if "test" not in scan.splits:
        yield Finding("warning", "no_test", "No test folder", "the model would get no test accuracy")
    train = set(scan.folders.get("train", ()))
    same = True
    for split in scan.splits:
        if split == "train" or not train:
            continue
        unknown = sorted(filled[split] - train)
        missing = sorted(train - filled[split])
        if unknown:
            same = False
            title = f"{_count(len(unknown), noun)} of {split} {_be(len(unknown))} not in train"
            paths = tuple(f"{scan.places[split][0]}/{folder}" for folder in unknown)
            yield Finding("error", "unknown_classes", title, _named([names[folder] for folder in unknown]), paths)
        if missing:
            same = False
            title = f"{_count(len(missing), noun)} {_be(len(missing))} missing in {split}"
            detail = f"not scored there: {_named([names[folder] for folder in missing])}"
            yield Finding("warning", "missing_classes", title, detail, tuple(missing))
    if same and len(scan.splits) > 1 and len(train) > 1:
        yield Finding("ok", "same_classes", f"Same {_count(len(train), noun)}", f"in {_and(scan.splits)}")


def _opening(
    scan: Scan, opened: Mapping[str, Opened], good: Sequence[Found], bad: Sequence[Found]
) -> Iterable[Finding]:
    if good and not bad:
        formats = Counter(opened[file.path].format for file in good).most_common()
        kinds = ", ".join(f"{count:,} {name}" for name, count in formats)
        shortest = min(opened[file.path].shortest_side for file in good)
        yield Finding("ok", "all_open", "Every picture opens", f"{kinds}, shortest side {shortest} px")
    huge = [file for file in bad if opened[file.path].megapixels]
    broken = [file for file in bad if not opened[file.path].megapixels]
    too_many = len(bad) > MOST_UNREADABLE * len(scan.files)
    if huge:
        most = max(opened[file.path].megapixels for file in huge)
        title = f"{_count(len(huge), 'picture')} {'claims' if len(huge) == 1 else 'claim up to'} {most:,.0f} megapixels"
        detail = f"refused, not decoded; {_skips(len(huge))}"
        yield _about(huge, opened, Finding("warning", "too_large", title, detail))
    if bad and too_many:
        title = f"{len(bad):,} of {_count(len(scan.files), 'picture')} {_do(len(bad))} not open"
        yield _about(bad, opened, Finding("error", "too_many_unreadable", title, "more than 5 %: the training refuses"))
    elif broken:
        title = f"{_count(len(broken), 'picture')} {_do(len(broken))} not open"
        yield _about(broken, opened, Finding("warning", "unreadable", title, _skips(len(broken))))


def _about(files: Sequence[Found], opened: Mapping[str, Opened], finding: Finding) -> Finding:
    shown = files[:PATHS_AT_MOST]
    paths, notes = tuple(file.path for file in shown), tuple(opened[file.path].reason for file in shown)
    return Finding(finding.severity, finding.code, finding.title, finding.detail, paths, notes)


def _twins(good: Sequence[Found], opened: Mapping[str, Opened], noun: str) -> Iterable[Finding]:
    """The same bytes in two splits (the scores would flatter) or under two classes (the model is taught both)."""
    groups: dict[str, list[Found]] = defaultdict(list)
    for file in good:
        groups[opened[file.path].digest].append(file)
    several = [group for group in groups.values() if len(group) > 1]
    for first, second in (("train", "test"), ("train", "valid"), ("valid", "test")):
        pairs = [
            (copy.path, f"the same as {next(file.path for file in group if file.split == first)}")
            for group in several
            if any(file.split == first for file in group)
            for copy in group
            if copy.split == second
        ]
        if pairs:
            title = f"{_count(len(pairs), 'picture')} {_be(len(pairs))} in both {first} and {second}"
            detail = "scores would flatter the model" if second == "test" else "early stopping would see them twice"
            yield _pairs("duplicates", title, detail, pairs)
    both = [
        (copy.path, f"the same as {group[0].path}")
        for group in several
        for copy in group[1:]
        if copy.folder != group[0].folder
    ]
    if both:
        title = f"{_count(len(both), 'picture')} {_be(len(both))} in two {_plural(noun)}"
        yield _pairs("two_classes", title, "the model would be taught both answers", both)


def _pairs(code: str, title: str, detail: str, pairs: Sequence[tuple[str, str]]) -> Finding:
    shown = pairs[:PATHS_AT_MOST]
    return Finding("warning", code, title, detail, tuple(path for path, _ in shown), tuple(note for _, note in shown))


def _left_out(scan: Scan) -> Iterable[Finding]:
    if scan.root != scan.chosen:
        inside = scan.root.relative_to(scan.chosen).as_posix()
        yield Finding("info", "deeper", f"The splits are in {inside}", "that folder is used")
    if not scan.classes:
        return
    strangers = sorted(scan.strangers)
    if strangers:
        count = len(strangers)
        title = f"{_count(count, 'file')} {'is not a picture' if count == 1 else 'are not pictures'}"
        yield _plain("warning", "not_pictures", title, _skips(count), strangers)
    if scan.loose:
        count = len(scan.loose)
        title = (
            f"{_count(count, 'picture')} {'lies' if count == 1 else 'lie'} in no folder of a {class_noun(scan.classes)}"
        )
        yield _plain("warning", "loose", title, _skips(count), scan.loose)
    if scan.others:
        title = f"{_count(len(scan.others), 'folder')} beside {_and(scan.splits)}"
        yield _plain(
            "warning", "other_folders", title, f"{_named(scan.others)}: {_skips(len(scan.others))}", scan.others
        )
    if scan.denied:
        title = f"{_count(len(scan.denied), 'folder')} may not be read"
        yield _plain("warning", "denied", title, "their pictures are missing here", scan.denied)
    if scan.links:
        title = f"{_count(len(scan.links), 'link')} cannot be followed"
        shown = scan.links[:PATHS_AT_MOST]
        paths, notes = tuple(path for path, _ in shown), tuple(note for _, note in shown)
        they = "it is" if len(scan.links) == 1 else "they are"
        yield Finding("info", "links", title, f"{they} left out of the upload and the training", paths, notes)


def _plain(severity: Literal["warning", "info"], code: str, title: str, detail: str, paths: Sequence[str]) -> Finding:
    return Finding(severity, code, title, detail, tuple(paths[:PATHS_AT_MOST]))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    return noun + ("es" if noun.endswith("s") else "s")


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _do(number: int) -> str:
    return "does" if number == 1 else "do"


def _skips(number: int) -> str:
    return f"the training will skip {'it' if number == 1 else 'them'}"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED_AT_MOST])
    return shown if len(names) <= NAMED_AT_MOST else f"{shown} and {len(names) - NAMED_AT_MOST:,} more"


def _and(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]
