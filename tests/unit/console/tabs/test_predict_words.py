"""The Predict and Endpoints tabs' arithmetic: which pictures, what is sent, scores, names, rows."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QColor, QImage, QImageWriter

from console.models.cards import Answer, Card
from console.models.states import State
from console.tabs.endpoints.names import suggest_endpoint_name
from console.tabs.endpoints.rows import COLUMNS, Row
from console.tabs.predict import pictures
from console.tabs.predict.score import BINS, agreement, bins, certainty, disagrees, ended, is_wrong, score
from console.widgets.pictures import reading as picture_reading
from workers.aws.names import name_problem
from workers.errors.tree import InvalidInput
from workers.types import Endpoint, EndpointMetrics

NOW = datetime.now(UTC)
RIGHT = Answer(("dog", "cat"), (0.8, 0.2), 20.0)
OTHER = Answer(("cat", "dog"), (0.6, 0.4), 40.0)
FAILED = Answer(error="boom")


def card(*answers: Answer | None, truth: str = "dog") -> Card:
    return Card("1", "x", "x.png", truth, answers)


def encoded(kind: bytes, size: tuple[int, int] = (30, 20), color: str = "red") -> bytes:
    image = QImage(*size, QImage.Format.Format_RGB888)
    image.fill(QColor(color))
    out = QBuffer()
    out.open(QIODevice.OpenModeFlag.WriteOnly)
    assert QImageWriter(out, kind).write(image)
    return bytes(out.data().data())


def test_pictures_of_a_drop_are_sorted_and_others_counted(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/1.png", "a/😀 x.webp", "a/notes.txt", "a/.hidden.png", "b/deep/er/3.tiff"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = pictures.find([tmp_path / "b", tmp_path / "a", tmp_path / "gone.gif"])
    assert [path.name for path in found.paths] == ["1.png", "2.JPG", "3.tiff", "😀 x.webp", "gone.gif"]
    assert (found.others, found.over) == (1, 0)


def test_links_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"x")
    try:
        os.symlink(tmp_path, tmp_path / "round")
    except OSError:
        pytest.skip("no symbolic links here")
    assert [path.name for path in pictures.find([tmp_path]).paths] == ["1.png"]


def test_too_many_are_counted_and_not_dropped_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PICTURES", 2)
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    found = pictures.find([tmp_path])
    assert (len(found.paths), found.over) == (2, 3)


@pytest.mark.parametrize(
    ("folder", "classes", "truth"),
    [
        ("004.Akita", ("004.Akita", "Pug"), "004.Akita"),
        ("akita", ("Akita",), "Akita"),
        ("Great_dane", ("031.Great_dane",), "031.Great_dane"),
        ("holiday", ("Akita",), ""),
        ("test", ("test",), ""),
    ],
)
def test_the_folder_is_the_truth_if_the_model_knows_it(folder: str, classes: tuple[str, ...], truth: str) -> None:
    picture = pictures.from_path(Path("/somewhere") / folder / "1.png")
    picture.learn_truth(classes)
    assert picture.truth == truth


@pytest.mark.parametrize(("kind", "as_it_is"), [(b"png", True), (b"jpeg", True), (b"bmp", False), (b"webp", False)])
def test_jpeg_and_png_are_sent_as_they_are(kind: bytes, as_it_is: bool) -> None:
    if kind not in [bytes(known.data()) for known in QImageWriter.supportedImageFormats()]:
        pytest.skip("this Qt does not write the format")
    data = encoded(kind)
    sent = pictures.read(pictures.from_data(data, "pasted"))
    assert (sent == data) is as_it_is
    assert sent.startswith((b"\xff\xd8\xff", b"\x89PNG"))


def test_large_files_are_made_smaller_and_keep_their_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 100)
    path = tmp_path / "large.png"
    path.write_bytes(encoded(b"png", (2000, 1000)))
    for picture in (pictures.from_path(path), pictures.from_data(path.read_bytes(), "pasted")):
        made = QImage.fromData(pictures.read(picture))
        assert (made.width(), made.height()) == (1024, 512)


def test_what_is_no_picture_or_claims_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    with pytest.raises(InvalidInput, match=r"no\.jpg cannot be read"):
        pictures.read(pictures.from_path(tmp_path / "no.jpg"))
    monkeypatch.setattr(picture_reading, "MAX_PIXELS", 100)
    with pytest.raises(InvalidInput, match="claims 30 × 20 pixels"):
        pictures.read(pictures.from_data(encoded(b"bmp"), "big.bmp"))
    with pytest.raises(FileNotFoundError):
        pictures.read(pictures.from_path(tmp_path / "gone.png"))


def test_a_median_is_taken_apart_only_where_every_answer_says() -> None:
    said = Answer(("dog",), (1.0,), 100.0, function_ms=60.0)
    assert score([card(said), card(said)], 0).parts == (("network", 40.0), ("function", 60.0))
    assert score([card(said), card(Answer(("dog",), (1.0,), 100.0))], 0).parts == ()


def test_scores_count_only_what_can_be_judged() -> None:
    cards = [card(RIGHT), card(OTHER), card(FAILED), card(None), card(RIGHT, truth="")]
    result = score(cards, 0)
    assert (result.asked, result.answered, result.failed) == (5, 3, 1)
    assert (result.judged, result.right) == (2, 1)
    assert (result.median_ms, result.slow_ms, result.latencies) == (20.0, 40.0, (20.0, 20.0, 40.0))
    nothing = score(cards, 1)
    assert (nothing.asked, nothing.median_ms, nothing.slow_ms) == (0, None, None)


def test_two_endpoints_agree_or_not() -> None:
    cards = [card(RIGHT, RIGHT), card(RIGHT, OTHER), card(RIGHT, None), card(RIGHT, FAILED)]
    assert agreement(cards) == (1, 2)
    assert [disagrees(card) for card in cards] == [False, True, False, False]
    assert [is_wrong(card) for card in cards] == [False, True, False, True]


def test_without_a_truth_nothing_is_wrong_but_failures() -> None:
    assert not is_wrong(card(OTHER, truth="")) and is_wrong(card(FAILED, truth=""))


def test_what_has_no_answer_sorts_behind_the_unsure() -> None:
    assert sorted([card(None), card(RIGHT), card(OTHER)], key=certainty) == [card(OTHER), card(RIGHT), card(None)]


def test_every_latency_falls_into_a_bin() -> None:
    counts = bins([0.0, 5.0, 10.0, 99.0, -3.0], 0.0, 10.0)
    assert len(counts) == BINS and sum(counts) == 5 and counts[0] == 2 and counts[-1] == 2
    assert sum(bins([5.0, 5.0], 5.0, 5.0)) == 2


@pytest.mark.parametrize(
    ("job", "taken", "name"),
    [
        ("dogs-20260131-142501", (), "dogs"),
        ("dogs-20260131-142501", ("dogs", "dogs-2"), "dogs-3"),
        ("dogs-2", (), "dogs-2"),
        ("-20260131", (), "classifier"),
        ("x" * 63, ("x" * 63,), "x" * 61 + "-2"),
    ],
)
def test_suggested_endpoint_names_are_free_and_allowed(job: str, taken: tuple[str, ...], name: str) -> None:
    suggested = suggest_endpoint_name(job, taken)
    assert suggested == name
    assert name_problem(suggested) is None


def row(status: str = "InService", created_days: int = 5, last: datetime | None = None, **facts: object) -> Row:
    found = Endpoint("dogs", status, NOW - timedelta(days=created_days), **facts)  # type: ignore[arg-type]
    return Row(found, 0.115, EndpointMetrics((), (), 0.0, last))


def test_idle_is_what_bills_and_nobody_called_for_a_day() -> None:
    assert row().idle and row(last=NOW - timedelta(hours=30)).idle
    assert not row(last=NOW - timedelta(hours=2)).idle
    assert not row(created_days=0).idle
    assert not row("Failed").idle
    assert not Row(row().endpoint).idle, "unknown figures are no reason to call it idle"
    assert row().state == State("Idle", "warn", "idle") and row("Failed").state == "Failed"


def test_sizes_come_with_the_details() -> None:
    assert row().size is None
    assert row(instance_type="ml.m5.large", instance_count=2).size == "2 × ml.m5.large"
    assert row("Creating", instance_type="ml.m5.large", desired_count=3).size == "3 × ml.m5.large"


def test_rates_are_short() -> None:
    rate = next(column for column in COLUMNS if column.key == "rate")
    assert rate.format is not None
    assert [rate.format(value, None) for value in (0, 0.25, 12.4)] == ["0", "0.2", "12"]


def test_requests_have_a_value_for_every_half_hour_of_the_day() -> None:
    requests = next(column for column in COLUMNS if column.key == "requests")
    now = datetime.now(UTC)
    calls = tuple(
        (now - timedelta(minutes=age), number) for age, number in ((10, 4.0), (0, 6.0), (45, 3.0), (1500, 9.0))
    )
    metrics = EndpointMetrics((), (), 0.0, now, day_invocations=calls)
    values = requests.value(Row(row().endpoint, None, metrics))
    assert len(values) == 48 and values[-2:] == [3, 10] and sum(values) == 13
    assert requests.value(row()) is None


def timed(ms: float, run: int = 1, *, error: str = "") -> Answer:
    return Answer(error=error) if error else Answer(("dog",), (0.9,), ms, run=run)


def test_times_are_compared_over_the_same_pictures_of_one_run_only() -> None:
    cards = [
        card(timed(10), timed(20)),
        card(timed(500), timed(0, error="boom")),
        card(timed(0, error="boom"), timed(900)),
        card(timed(700), None),
        card(timed(800, 1), timed(5, 2)),
        card(timed(12, 3), timed(22, 3)),
    ]
    first, second = score(cards, 0), score(cards, 1)
    assert (first.latencies, second.latencies) == ((10, 12), (20, 22))
    assert (first.answered, second.answered) == (5, 4)
    alone = [card(timed(10)), card(timed(30, 2)), card(timed(0, error="boom"))]
    assert score(alone, 0).latencies == (10, 30)


@pytest.mark.parametrize(
    ("cards", "endpoints", "words"),
    [
        ([card(RIGHT), card(OTHER)], 1, "all answered"),
        ([card(RIGHT), card(FAILED)], 1, "1 answered, 1 failed"),
        ([card(RIGHT, RIGHT)], 2, "all answered"),
        ([card(RIGHT, FAILED), card(RIGHT, RIGHT)], 2, "A: all answered; B: 1 answered, 1 failed"),
        ([card(RIGHT, FAILED), card(FAILED, RIGHT)], 2, "1 answered, 1 failed"),
    ],
)
def test_a_failure_on_one_side_is_not_called_all_answered(cards: list[Card], endpoints: int, words: str) -> None:
    assert ended(cards, endpoints) == words
