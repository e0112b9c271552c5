"""Listings against a plain walk over all keys: every prefix, delimiter and page size gives the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.core.state import StateDir
from sandbox.s3.inside import S3
from sandbox.s3.listing import Page, list_page, list_versions

KEYS = sorted(
    {
        *("a", "a/", "a/1", "a/2/x", "a/2/y", "a/3", "a//", "ab/1", "b/1/1", "b/1/2", "b/2/1", "c", "c!", "é/1", "z/"),
        *(f"many/{folder:02d}/{number}" for folder in range(12) for number in range(9)),
    }
)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    state = StateDir(Path(tmp_path_factory.mktemp("listing")) / "state")
    made = S3(state)
    made.store.create_bucket("bucket")
    made.store.create_bucket("versions")
    made.store.set_setting("versions", "versioning", "Enabled")
    for bucket, key in itertools.product(("bucket", "versions"), KEYS):
        made.put_bytes(bucket, key, b"1")
    for key in KEYS[::3]:
        made.put_bytes("versions", key, b"2")
    for key in KEYS[::4]:
        made.store.delete("versions", key)
    yield made
    state.close()


def expected(prefix: str, delimiter: str) -> list[str]:
    found: list[str] = []
    for key in KEYS:
        if key.startswith(prefix):
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            name = key if end < 0 else key[: end + 1] + "*"
            if name not in found:
                found.append(name)
    return found


def entries(page: Page) -> list[str]:
    return sorted([item.key for item in page.objects] + [f"{prefix}*" for prefix in page.prefixes])


PREFIXES = st.sampled_from(["", "a", "a/", "a/2", "b/", "many/", "many/0", "many/03/", "none", "é"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(prefix=PREFIXES, delimiter=st.sampled_from(["", "/", "1"]), size=st.integers(1, 200))
def test_pages_put_together_are_the_whole_listing(s3: S3, prefix: str, delimiter: str, size: int) -> None:
    found: list[str] = []
    after = ""
    while True:
        page = list_page(s3.store, "bucket", prefix, delimiter, after, size)
        assert len(page.objects) + len(page.prefixes) <= size
        found += entries(page)
        if not page.truncated:
            break
        after = page.last
    assert sorted(found) == sorted(expected(prefix, delimiter))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(prefix=PREFIXES, delimiter=st.sampled_from(["", "/", "1"]), size=st.integers(1, 200))
def test_pages_of_versions_put_together_are_all_versions(s3: S3, prefix: str, delimiter: str, size: int) -> None:
    found: list[tuple[str, str]] = []
    prefixes: list[str] = []
    key, version = "", ""
    while True:
        page = list_versions(s3.store, "versions", prefix, delimiter, key, version, size)
        found += [(item.key, item.version) for item in page.objects]
        prefixes += page.prefixes
        if not page.truncated:
            break
        key, version = page.last, page.last_version
    assert len(set(found)) == len(found) and len(set(prefixes)) == len(prefixes)
    names = expected(prefix, delimiter)
    assert sorted({key for key, _version in found}) == sorted(name for name in names if not name.endswith("*"))
    assert sorted(f"{prefix}*" for prefix in prefixes) == sorted(name for name in names if name.endswith("*"))
    versions = {key: 1 + (key in KEYS[::3]) + (key in KEYS[::4]) for key in KEYS}
    assert len(found) == sum(versions[name] for name in names if not name.endswith("*"))


def test_folders_are_jumped_over(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    query = s3.store.db.query

    def counting(*arguments: object) -> list[object]:
        rows = query(*arguments)  # type: ignore[arg-type]
        read.append(len(rows))
        return list(rows)

    monkeypatch.setattr(s3.store.db, "query", counting)
    assert len(list_page(s3.store, "bucket", "many/", "/", "", 1000).prefixes) == 12
    assert sum(read) < 40, "rows inside of the folders were read"
