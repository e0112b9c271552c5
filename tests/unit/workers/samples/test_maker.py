"""Sample pictures: the same seed gives the same bytes, sets are whole or not there, nothing of the user's is lost."""

from __future__ import annotations

import asyncio
import hashlib
import io
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from workers.errors.tree import InvalidInput, LocalProblem
from workers.samples.breeds import AMBER, BLUE
from workers.samples.canvas import Canvas, Frame
from workers.samples.catalogue import FEW_FIRST, catalogue, chosen, folder_name
from workers.samples.child import split_sizes
from workers.samples.coats import COATS
from workers.samples.dog import Pose, draw_dog
from workers.samples.individual import individual
from workers.samples.maker import SampleProgress, breed_names, make_samples
from workers.samples.props import CHANCES, Prop
from workers.samples.scene import picture_bytes

pytestmark = pytest.mark.timeout(180)


def make(dest: Path, classes: int = 3, per_class: int = 5, seed: int = 7) -> None:
    asyncio.run(make_samples(dest, classes, per_class, seed))


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.jpg")
    }


def test_there_are_133_breeds_with_the_usual_folder_names() -> None:
    assert len(breed_names()) == 133
    assert folder_name(catalogue()["Akita"]) == "004.Akita"
    assert folder_name(catalogue()["Beagle"]) == "016.Beagle"
    assert folder_name(catalogue()["Cavalier king charles spaniel"]) == "046.Cavalier_king_charles_spaniel"


def test_every_breed_differs_from_every_other() -> None:
    looks = [{name: value for name, value in vars(breed).items() if name != "name"} for breed in catalogue().values()]
    for index, look in enumerate(looks):
        for other in looks[:index]:
            assert sum(look[name] != other[name] for name in look) >= 3


def test_dogs_of_a_breed_differ_in_coat_build_and_markings() -> None:
    husky = catalogue()["Siberian husky"]
    dogs = [individual(husky, Random(seed)) for seed in range(60)]
    assert len({dog.ears for dog in dogs}) == 60
    assert {dog.eye for dog in dogs} == {BLUE, AMBER}
    assert {dog.brows for dog in dogs} == {None, husky.brows}
    assert any(sum(dog.coat) < 300 for dog in dogs) and any(sum(dog.coat) > 480 for dog in dogs)


def test_other_coats_are_of_breeds_that_are_there_and_can_be_worn() -> None:
    for name, coats in COATS.items():
        for coat in coats:
            assert replace(catalogue()[name], **coat) != catalogue()[name]


def test_breeds_share_coats_so_that_colour_does_not_tell_them_apart() -> None:
    """The mean colour of the head of a husky lies within those of malamutes, and the other way round."""
    coats = {
        name: [sum(individual(catalogue()[name], Random(seed)).coat) for seed in range(60)]
        for name in ("Siberian husky", "Alaskan malamute")
    }
    husky, malamute = coats["Siberian husky"], coats["Alaskan malamute"]
    assert min(malamute) < sum(husky) / 60 < max(malamute)
    assert min(husky) < sum(malamute) / 60 < max(husky)


@pytest.mark.parametrize("prop", [prop for prop, _ in CHANCES])
def test_a_prop_changes_the_picture(prop: Prop) -> None:
    def drawn(prop: Prop) -> bytes:
        canvas = Canvas(120, 120, 1)
        pose = replace(Pose.draw(Random(5)), x=0, y=0, scale=1.0, prop=prop)
        draw_dog(canvas, Frame((1.2, 0, 0, 1.2), (0, 0)), catalogue()["Beagle"], pose)
        return canvas.image.tobytes()

    assert drawn(prop) != drawn("")


def test_few_classes_are_well_known_ones_and_more_classes_keep_them() -> None:
    assert {breed.name for breed in chosen(10)} == set(FEW_FIRST)
    assert {breed.name for breed in chosen(10)} < {breed.name for breed in chosen(60)}
    assert [breed.name for breed in chosen(3)] == ["Akita", "Basset hound", "Dalmatian"]
    assert len(chosen(133)) == 133


@pytest.mark.parametrize("name", ["Akita", "Komondor", "Xoloitzcuintli"])
def test_a_picture_is_a_jpeg_of_a_usual_size(name: str) -> None:
    data = picture_bytes(catalogue()[name], "seed")
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.format == "JPEG"
        assert 224 <= min(image.size) <= max(image.size) <= 320
    assert 8_000 < len(data) < 60_000


def test_every_breed_can_be_drawn_and_is_no_plain_area() -> None:
    for breed in catalogue().values():
        with Image.open(io.BytesIO(picture_bytes(breed, "1", (224, 224)))) as image:
            assert np.asarray(image.convert("L")).std() > 8, breed.name


def test_seed_and_breed_decide_the_bytes() -> None:
    akita, beagle = catalogue()["Akita"], catalogue()["Beagle"]
    assert picture_bytes(akita, "1/Akita/1") == picture_bytes(akita, "1/Akita/1")
    assert picture_bytes(akita, "1/Akita/1") != picture_bytes(akita, "1/Akita/2")
    assert picture_bytes(akita, "1") != picture_bytes(beagle, "1")


@pytest.mark.parametrize(
    ("per_class", "expected"),
    [
        (3, {"train": 1, "valid": 1, "test": 1}),
        (40, {"train": 32, "valid": 4, "test": 4}),
        (100, {"train": 80, "valid": 10, "test": 10}),
    ],
)
def test_split_sizes(per_class: int, expected: dict[str, int]) -> None:
    assert split_sizes(per_class) == expected


def test_a_set_has_its_splits_and_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    seen: list[SampleProgress] = []
    result = asyncio.run(make_samples(tmp_path / "dogs", 2, 12, 5, seen.append))
    folders = {path.relative_to(tmp_path / "dogs").as_posix() for path in (tmp_path / "dogs").glob("*/*")}
    assert folders == {
        f"{split}/{name}" for split in ("train", "valid", "test") for name in ("004.Akita", "015.Basset_hound")
    }
    assert result.pictures == 24 == len(list((tmp_path / "dogs").rglob("*.jpg")))
    assert seen[-1].done == seen[-1].total == 24

    make(tmp_path / "again", 2, 12, 5)
    make(tmp_path / "other", 2, 12, 6)
    assert fingerprints(tmp_path / "again") == fingerprints(tmp_path / "dogs")
    assert not set(fingerprints(tmp_path / "other").values()) & set(fingerprints(tmp_path / "dogs").values())


def test_a_set_of_ours_is_replaced(tmp_path: Path) -> None:
    make(tmp_path / "dogs", classes=3)
    make(tmp_path / "dogs", classes=2)
    assert len(list((tmp_path / "dogs" / "train").iterdir())) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["dogs"]


def test_a_folder_with_other_files_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(LocalProblem, match="not empty"):
        make(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]

    make(tmp_path / "dogs")
    (tmp_path / "dogs" / "train" / "note.txt").write_text("keep")
    with pytest.raises(LocalProblem, match=r"note\.txt"):
        make(tmp_path / "dogs")
    assert (tmp_path / "dogs" / "train" / "note.txt").read_text() == "keep"


def test_a_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dogs").write_text("a file")
    with pytest.raises(LocalProblem, match="not a folder"):
        make(tmp_path / "dogs")


@pytest.mark.parametrize(("classes", "per_class"), [(1, 10), (134, 10), (10, 2), (10, 100_000)])
def test_impossible_numbers_are_refused(tmp_path: Path, classes: int, per_class: int) -> None:
    with pytest.raises(InvalidInput):
        make(tmp_path / "dogs", classes, per_class)
    assert not (tmp_path / "dogs").exists()


def test_cancelling_leaves_nothing_behind(tmp_path: Path) -> None:
    async def body() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(make_samples(tmp_path / "dogs", 10, 500, 1, lambda progress: begun.set()))
        await asyncio.wait_for(begun.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(body())
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalProblem, match="Could not"):
        make(tmp_path / "file" / "dogs")
