"""What is sent."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from workers.errors.tree import SageDeckError
from workers.load.payloads import MOST_PICTURES, mean_bytes, payloads

JPEG = b"\xff\xd8\xff" + b"picture"


def test_without_a_picture_one_is_drawn_and_always_the_same() -> None:
    [first], [second] = payloads("", "endpoint"), payloads("", "endpoint")
    assert first == second and first.content_type == "image/jpeg" and len(first.body) > 5000
    assert first.digest == hashlib.sha256(first.body).hexdigest()
    assert mean_bytes("", "function") > mean_bytes("", "endpoint") > 0


def test_a_function_gets_the_picture_as_its_event(tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(JPEG)
    [found] = payloads(str(picture), "function")
    assert found.content_type == "application/json"
    assert base64.b64decode(json.loads(found.body)["image"]) == JPEG


def test_a_folder_gives_some_of_its_pictures_evenly(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "huge.jpg").write_bytes(JPEG + bytes(7 * 1024**2))
    (tmp_path / "empty.jpg").touch()
    for at in range(3 * MOST_PICTURES):
        folder = tmp_path / f"class{at % 3}"
        folder.mkdir(exist_ok=True)
        (folder / f"{at:04}.jpg").write_bytes(JPEG + str(at).encode())
    found = payloads(str(tmp_path), "endpoint")
    assert MOST_PICTURES - 2 <= len(found) <= MOST_PICTURES
    assert len({payload.digest for payload in found}) == len(found)
    assert {payload.body[:3] for payload in found} == {JPEG[:3]}
    assert mean_bytes(str(tmp_path), "endpoint") == pytest.approx(len(JPEG) + 3, abs=1)


@pytest.mark.parametrize("look", [payloads, mean_bytes])
def test_what_has_no_picture_or_is_not_there_is_said(tmp_path: Path, look: object) -> None:
    assert callable(look)
    with pytest.raises(SageDeckError, match="No picture to send"):
        look(str(tmp_path), "endpoint")
    with pytest.raises(SageDeckError, match="read the pictures of gone"):
        look(str(tmp_path / "gone"), "endpoint")
