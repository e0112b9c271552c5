"""Places in S3 are read by one rule in the workers, and by the same one in the sandbox."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.s3.uri import S3Uri as SandboxUri
from sandbox.wire.errors import AwsError
from tests.helpers.s3_uris import BELOW, PLACES
from workers.aws.s3_uri import S3Uri, without_scheme

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("text", "place"), PLACES.items())
def test_both_sides_read_a_place_alike(text, place):
    for kind, error in ((S3Uri, ValueError), (SandboxUri, AwsError)):
        found = kind.find(text)
        assert (found and (found.bucket, found.key)) == place
        if place is None:
            with pytest.raises(error):
                kind.parse(text)
        else:
            assert kind.parse(text) == found
            assert kind.parse(str(found)) == found


@pytest.mark.parametrize(("place", "names", "text"), BELOW)
def test_both_sides_go_down_alike(place, names, text):
    assert str(S3Uri(*place).below(*names)) == str(SandboxUri(*place).below(*names)) == text


@pytest.mark.parametrize(
    ("text", "folder"),
    [("s3://b", ""), ("s3://b/", ""), ("s3://b/a", "a/"), ("s3://b/a/", "a/"), ("s3://b/a/b//", "a/b/")],
)
def test_a_folder_ends_with_one_slash(text, folder):
    assert S3Uri.parse(text).folder == folder


def test_what_a_person_types_may_lack_the_scheme():
    assert S3Uri.typed("b/a/") == S3Uri.typed("s3://b/a/") == S3Uri("b", "a/")
    assert S3Uri.typed("") is S3Uri.typed("my bucket/a") is None


def test_people_read_a_place_without_the_scheme():
    assert without_scheme("s3://b/a/") == "b/a" and without_scheme("") == ""


def test_nobody_takes_a_place_apart_by_hand():
    """Regexes that look for one within a sentence are another thing."""
    by_hand = re.compile(r"""removeprefix\(.s3://|startswith\(.s3://|split.*s3://|"s3://\(|f.s3://\{|scheme != .s3""")
    allowed = {
        ROOT / "workers" / "aws" / "s3_uri.py",
        ROOT / "sandbox" / "s3" / "uri.py",
        # It runs alone, on an instance.
        ROOT / "workers" / "compute" / "host.py",
    }
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for room in ("console", "workers", "sandbox")
        for file in (ROOT / room).rglob("*.py")
        if file not in allowed
        for line in file.read_text("utf-8").splitlines()
        if by_hand.search(line) and "aws s3 r" not in line
    ]
    assert found == []
