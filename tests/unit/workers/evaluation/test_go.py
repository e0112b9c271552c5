"""A go through a folder: what is asked, what is known already, what is kept when it stops, and what cannot be asked."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers.evaluation import AKITA, CLASSES, HUSKY, PUG, head, jpeg, labelled_folder
from workers.errors.tree import AccessDenied, InvalidInput, ModelFailed, NotFound, Throttled
from workers.evaluation import child as evaluating
from workers.evaluation import export
from workers.evaluation.child import Go
from workers.evaluation.folder import look
from workers.evaluation.measures import measure
from workers.evaluation.service import summary_of
from workers.evaluation.store import Store
from workers.evaluation.types import Ended, Request
from workers.files import private
from workers.types import Backend, Prediction

BACKEND = Backend("sandbox", "test", "us-east-1")
NAMES = {b"Akita": AKITA, b"Pug": PUG, b"Husky": HUSKY}


def says(body: bytes) -> Prediction:
    """The class that the picture's comment names."""
    top = next((name for words, name in NAMES.items() if words in body), AKITA)
    labels = (top, *(name for name in CLASSES if name != top))
    raw = json.dumps({"labels": labels, "classes": CLASSES})
    return Prediction(labels, (0.8, 0.1, 0.1), latency_ms=20.0, raw=raw, variant="AllTraffic")


class Runner:
    """Goes through a folder with a model that is a function."""

    def __init__(self, tmp_path: Path, folder: Path) -> None:
        self.folder, self.store = folder, Store(tmp_path / "kept", summary_of)
        self.asked: list[bytes] = []
        labelled = look(folder)
        self.head = head(folder=str(folder), split=labelled.split, pictures=len(labelled.pictures))
        self.file = self.store.begin(self.head)

    def go(self, answer: Callable[[bytes], Any] = says, stop_after: int = 0) -> Ended:
        labelled = look(self.folder, self.head.split)
        request = Request(BACKEND, self.head, labelled.pictures, str(self.file))

        async def ask(body: bytes) -> Prediction:
            self.asked.append(body)
            if stop_after and len(self.asked) >= stop_after:
                going.stop()
            return answer(body)

        with private.open_end(self.file) as file:
            told = SimpleNamespace(due=lambda: False, progress=lambda value: None)
            going = Go(request, self.store.read(self.head.id), file, told)  # type: ignore[arg-type]
            return asyncio.run(going.run(ask))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return labelled_folder(tmp_path / "set")


@pytest.fixture
def runner(tmp_path: Path, folder: Path) -> Runner:
    return Runner(tmp_path, folder)


def test_every_picture_is_asked_about_and_kept_with_its_class(runner: Runner) -> None:
    ended = runner.go()
    found = runner.store.read(runner.head.id)
    assert (ended.progress.done, ended.progress.right, ended.progress.judged, ended.cancelled) == (9, 9, 9, False)
    assert found.whole and found.classes == CLASSES and all(answer.top == answer.truth for answer in found.answers)
    assert runner.store.seal(runner.head.id).accuracy == 1.0
    assert runner.store.all("123456789012", "us-east-1")[0].whole
    assert runner.store.all("123456789012", "eu-west-1") == ()


def test_a_go_that_was_stopped_goes_on_with_what_lacks(runner: Runner) -> None:
    stopped = runner.go(stop_after=3)
    kept = {answer.path for answer in runner.store.read(runner.head.id).answers}
    assert stopped.cancelled and 3 <= len(kept) < 9
    asked, runner.asked = len(runner.asked), []
    ended = runner.go()
    assert asked + len(runner.asked) == 9 and ended.progress.reused == len(kept)
    assert runner.store.read(runner.head.id).whole and len(runner.store.read(runner.head.id).runs) == 2


def test_a_picture_is_known_by_its_content_wherever_it_lies_now(runner: Runner, folder: Path) -> None:
    runner.go()
    runner.asked = []
    (folder / "test" / PUG / "0.jpg").rename(folder / "test" / PUG / "moved.jpg")
    (folder / "test" / PUG / "1.jpg").write_bytes(jpeg(99, b"Husky"))
    (folder / "test" / PUG / "2.jpg").unlink()
    runner.go()
    found = {answer.path: answer.top for answer in runner.store.read(runner.head.id).answers}
    assert len(runner.asked) == 1, "only the one that is another picture now"
    assert found[f"test/{PUG}/moved.jpg"] == PUG and found[f"test/{PUG}/1.jpg"] == HUSKY
    assert f"test/{PUG}/2.jpg" not in found and f"test/{PUG}/0.jpg" not in found
    assert runner.store.read(runner.head.id).head.pictures == 8


def test_an_answer_that_was_cut_off_by_a_crash_is_asked_for_again_and_takes_no_line_along(
    runner: Runner, folder: Path
) -> None:
    runner.go()
    whole = runner.file.read_bytes().splitlines(keepends=True)
    runner.file.write_bytes(b"".join(whole[:5]) + whole[5][:20])
    cut_off = json.loads(whole[5])["a"]["p"]
    gone = next(path for line in whole[1:5] if (path := json.loads(line).get("a", {}).get("p")))
    (folder / gone).unlink()
    runner.asked = []
    runner.go()
    found = runner.store.read(runner.head.id)
    assert 0 < len(runner.asked) < 9 and found.whole and found.head.pictures == len(found.answers) == 8
    assert {answer.path for answer in found.answers} >= {cut_off} and gone not in {a.path for a in found.answers}


def test_a_summary_after_a_line_that_was_cut_off_is_found_without_reading_all(runner: Runner) -> None:
    runner.go()
    runner.file.write_bytes(runner.file.read_bytes() + b'{"a":{"p":"x')
    sealed = runner.store.seal(runner.head.id)
    assert json.loads(runner.file.read_bytes().splitlines()[-1])["summary"]["done"] == 9
    assert runner.store.all("123456789012", "us-east-1") == (sealed,)


def test_the_list_reads_summaries_and_no_answers(runner: Runner) -> None:
    runner.go()
    sealed = runner.store.seal(runner.head.id)
    lines = runner.file.read_bytes().splitlines(keepends=True)
    runner.file.write_bytes(lines[0] + b"{}\n" * 9 + lines[-1])
    assert Store(runner.store.folder, summary_of).all("123456789012", "us-east-1") == (sealed,)
    assert not runner.store.read(runner.head.id).answers


@pytest.mark.parametrize(
    "line",
    [
        {"a": 1}, {"a": {"l": 3}}, {"a": {"p": ["x"], "t": "y"}}, {"classes": 1}, {"run": {}}, {"gone": None},
        {"gone": [], "pictures": "many"}, {"cloud": "x"}, {"summary": {"from": "a later version"}, "pictures": 9},
        {"summary": {}}, {"summary": 3, "pictures": None},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_line_that_is_damaged_or_of_a_later_version_costs_nothing_else(runner: Runner, line: dict[str, Any]) -> None:
    runner.go()
    before = runner.store.read(runner.head.id)
    with private.open_end(runner.file) as file:
        file.write(json.dumps(line) + "\n")
    assert runner.store.read(runner.head.id) == before
    assert runner.store.all("123456789012", "us-east-1") == (summary_of(before),)


def test_a_file_whose_head_is_no_head_is_none_of_ours(runner: Runner) -> None:
    other = runner.store.path("20260102T030406-other")
    other.write_text('{"version":1,"head":{"id":3}}\n')
    with pytest.raises(FileNotFoundError):
        runner.store.read(other.stem)
    assert [found.id for found in runner.store.all("123456789012", "us-east-1")] == [runner.head.id]


def test_each_bad_picture_is_told_with_its_reason_and_the_good_ones_are_asked_about(
    runner: Runner, folder: Path
) -> None:
    bad = folder / "test" / AKITA
    (bad / "empty.jpg").write_bytes(b"")
    (bad / "words.png").write_bytes(b"no picture at all")
    (bad / "cut.gif").write_bytes(b"GIF89a")
    (bad / "gone.jpg").symlink_to(bad / "nowhere.jpg")
    ended = runner.go()
    failed = {answer.path.rsplit("/", 1)[1]: answer.error for answer in runner.store.read(runner.head.id).answers
              if answer.error}  # fmt: skip
    assert set(failed) == {"empty.jpg", "words.png", "cut.gif", "gone.jpg"} and all(failed.values())
    assert (ended.progress.done, ended.progress.failed, ended.progress.right) == (13, 4, 9)


def test_a_name_that_is_no_text_is_kept_and_exported(runner: Runner, folder: Path, tmp_path: Path) -> None:
    odd = os.fsencode(folder / "test" / PUG) + b"/\xff\xfe.jpg"
    try:
        with open(odd, "wb") as file:
            file.write(jpeg(50, b"Pug"))
    except OSError:
        pytest.skip("this system has no such names")
    runner.go()
    found = runner.store.read(runner.head.id)
    assert any(os.fsencode(answer.path).endswith(b"\xff\xfe.jpg") and answer.top == PUG for answer in found.answers)
    runner.asked = []
    runner.go()
    assert runner.asked == []
    figures = measure(found)
    for name, make in (
        ("a.csv", lambda: export.as_csv(found)), ("a.json", lambda: export.as_json(found, figures)),
        ("a.html", lambda: export.as_html(found, figures, {})),
    ):  # fmt: skip
        export.save(tmp_path / name, make)
    assert b"\\udcff\\udcfe.jpg" in (tmp_path / "a.csv").read_bytes()


def test_a_picture_that_the_model_refuses_is_no_end(runner: Runner) -> None:
    def answer(body: bytes) -> Prediction:
        if b"Pug" in body:
            raise ModelFailed("Could not get a prediction", "ValueError: it is damaged")
        return says(body)

    ended = runner.go(answer)
    assert (ended.progress.failed, ended.problem) == (3, "")
    runner.asked = []
    assert runner.go().progress.failed == 0 and len(runner.asked) == 3, "those that failed are asked again"


@pytest.mark.parametrize("kind", [NotFound, AccessDenied])
def test_what_every_question_would_run_into_ends_it_with_its_words(runner: Runner, kind: Any) -> None:
    def answer(body: bytes) -> Prediction:
        raise kind("No such endpoint", "It is gone.")

    ended = runner.go(answer)
    assert "It is gone." in ended.problem and not ended.cancelled
    assert runner.store.read(runner.head.id).answers == (), "no picture is blamed for it"


def test_who_asks_too_much_waits_and_asks_again(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "PAUSES", (0.001, 0.001))
    refused: list[bytes] = []

    def answer(body: bytes) -> Prediction:
        if len(refused) < 2:
            refused.append(body)
            raise Throttled("Too many requests", "Slow down.")
        return says(body)

    assert runner.go(answer).progress.failed == 0 and len(runner.asked) == 11


def test_the_split_is_chosen_and_test_is_the_usual_one(tmp_path: Path) -> None:
    for split, name in (("train", "Pug"), ("valid", "Pug"), ("test", "Pug"), ("test", "Akita")):
        place = tmp_path / split / name
        place.mkdir(parents=True)
        (place / "1.jpg").write_bytes(jpeg(1))
    (tmp_path / "test" / "loose.jpg").write_bytes(jpeg(2))
    (tmp_path / "test" / "Pug" / "notes.txt").write_text("x")
    found = look(tmp_path)
    assert (found.split, found.splits, found.loose, found.others) == ("test", ("train", "valid", "test"), 1, 1)
    assert found.pictures == (("test/Akita/1.jpg", "Akita"), ("test/Pug/1.jpg", "Pug"))
    assert len(look(tmp_path, "all").pictures) == 4 and look(tmp_path, "train").classes == ("Pug",)
    assert look(tmp_path / "test").pictures == (("Akita/1.jpg", "Akita"), ("Pug/1.jpg", "Pug"))
    with pytest.raises(InvalidInput, match="no pictures in folders of classes"):
        look(tmp_path / "test" / "Pug")
