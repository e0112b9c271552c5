from __future__ import annotations

import base64
from types import ModuleType

import pytest

from tests.helpers.pictures import encoded, png_claiming


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (encoded("JPEG"), "image/jpeg"),
        (encoded("JPEG", progressive=True), "image/jpeg"),
        (encoded("JPEG", comment=b"a note"), "image/jpeg"),
        (encoded("PNG"), "image/png"),
        (encoded("PNG", optimize=True), "image/png"),
    ],
)
def test_real_pictures_pass_with_their_size(validation: ModuleType, data: bytes, content_type: str) -> None:
    picture = validation.check_picture(data, validation.Limits())
    assert (picture.content_type, picture.width, picture.height) == (content_type, 40, 30)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"only text, though the key said .jpg", 415),
        (encoded("GIF"), 415),
        (encoded("JPEG")[:-200], 400),
        (encoded("JPEG")[:20], 400),
        (encoded("PNG")[:-20], 400),
        (encoded("PNG").replace(b"IDAT", b"IDAX"), 400),
        (png_claiming(30_000, 20_000), 413),
        (png_claiming(0, 10), 400),
        (b"\xff\xd8\xff" + b"\xff" * 1000, 400),
        (b"\xff\xd8\xff\xe0\x00\x00" + b"\0" * 50, 400),
    ],
)
def test_bad_pictures_are_refused(validation: ModuleType, data: bytes, status: int) -> None:
    with pytest.raises(validation.BadRequest) as refused:
        validation.check_picture(data, validation.Limits())
    assert refused.value.status == status
    assert str(refused.value).endswith(".")


def test_every_cut_of_a_picture_is_refused(validation: ModuleType) -> None:
    for data in (encoded("JPEG", (24, 16)), encoded("PNG", (24, 16))):
        for length in range(len(data)):
            with pytest.raises(validation.BadRequest):
                validation.check_picture(data[:length], validation.Limits())


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (None, 400),
        ([], 400),
        ("text", 400),
        ({}, 400),
        ({"url": "http://127.0.0.1/picture.jpg"}, 400),
        ({"image": 7}, 400),
        ({"image": ""}, 400),
        ({"image": "data:image/png;base64,AAAA"}, 400),
        ({"image": "AAA"}, 400),
        ({"image": "A" * 8_000_000}, 413),
        ({"image": "AAAA", "bucket": "b", "key": "k"}, 400),
        ({"bucket": "pictures"}, 400),
        ({"bucket": "pictures", "key": ["a"]}, 400),
        ({"image": "AAAA", "top_k": 0}, 400),
        ({"image": "AAAA", "top_k": True}, 400),
        ({"image": "AAAA", "top_k": "5"}, 400),
    ],
)
def test_bad_events_are_refused(validation: ModuleType, event: object, status: int) -> None:
    with pytest.raises(validation.BadRequest) as refused:
        validation.parse_event(event, validation.Limits())
    assert refused.value.status == status


def test_a_good_event_is_decoded(validation: ModuleType) -> None:
    request = validation.parse_event({"image": base64.b64encode(b"abc").decode(), "top_k": 3}, validation.Limits())
    assert (request.image, request.top_k) == (b"abc", 3)


@pytest.mark.parametrize("key", ["in/a.jpg", "in/ü ber/🐕.png"])
def test_allowed_keys_pass(validation: ModuleType, key: str) -> None:
    validation.check_location("pictures", key, "other/, pictures/in/")


@pytest.mark.parametrize(
    ("bucket", "key", "status"),
    [
        ("pictures", "out/a.jpg", 403),
        ("pictures-2", "in/a.jpg", 403),
        ("pictures", "in/../out/a.jpg", 400),
        ("pictures", "/in/a.jpg", 400),
        ("pictures", "in//a.jpg", 400),
        ("pictures", "in\\a.jpg", 400),
        ("pictures", "in/\0a.jpg", 400),
        ("pictures", "in/\ud800.jpg", 400),
        ("pictures", "in/" + "a" * 2000, 400),
        ("../pictures", "in/a.jpg", 400),
        ("arn:aws:s3:::pictures", "in/a.jpg", 400),
    ],
)
def test_other_places_are_refused(validation: ModuleType, bucket: str, key: str, status: int) -> None:
    with pytest.raises(validation.BadRequest) as refused:
        validation.check_location(bucket, key, "pictures/in/")
    assert refused.value.status == status


def test_an_empty_allow_list_allows_nothing(validation: ModuleType) -> None:
    with pytest.raises(validation.BadRequest) as refused:
        validation.check_location("pictures", "a.jpg", "")
    assert refused.value.status == 403
