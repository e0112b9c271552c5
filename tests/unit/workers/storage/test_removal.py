"""A removal in pieces: what is refused, gone, changed or not tried is told key by key; what depends on it is named."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from workers.errors.tree import AccessDenied, ServiceFault
from workers.storage.dependents import Dependents, find_dependents, models_among
from workers.storage.removal import BATCH, Doomed, Removals


class FakeSession:
    """Answers DeleteObjects: ``errors`` by key, a failure of the whole call for the batch number ``broken``."""

    def __init__(self, errors=None, broken=None):
        self.errors, self.broken, self.batches = errors or {}, broken, []

    async def call(self, service, operation, doing, **parameters):
        assert operation == "delete_objects"
        objects = parameters["Delete"]["Objects"]
        self.batches.append(objects)
        if len(self.batches) - 1 == self.broken:
            raise ServiceFault("no", "AWS could not do it.")
        errors = [
            {"Key": item["Key"], "Code": code, "Message": "because"}
            for item in objects
            if (code := self.errors.get(item["Key"]))
        ]
        return {
            "Errors": errors,
            "Deleted": [{"Key": item["Key"]} for item in objects if item["Key"] not in self.errors],
        }


def doomed(number):
    return [Doomed(f"k{at}", 10, f"e{at}") for at in range(number)]


def remove(session, items, **options):
    return asyncio.run(Removals(session).remove("b", items, **options))


def test_each_object_goes_only_as_it_was_listed():
    session = FakeSession()
    remove(session, [Doomed("a", 1, "etag"), Doomed("b", 1, "", "v7"), Doomed("c", 1)])
    assert session.batches == [[{"Key": "a", "ETag": '"etag"'}, {"Key": "b", "VersionId": "v7"}, {"Key": "c"}]]


def test_what_stays_is_named_and_the_count_is_what_is_gone():
    session = FakeSession({"k1": "PreconditionFailed", "k2": "AccessDenied", "k3": "NoSuchKey"})
    result = remove(session, doomed(6))
    assert (result.deleted, result.changed, result.refused) == (4, ("k1",), (("k2", "because"),))


def test_a_failure_half_way_is_told_with_what_is_gone():
    result = remove(FakeSession(broken=1), doomed(BATCH + 5))
    assert result.deleted == BATCH
    assert [key for key, _ in result.refused] == [f"k{BATCH + at}" for at in range(5)]
    with pytest.raises(ServiceFault):
        remove(FakeSession(broken=0), doomed(3))


def test_it_stops_when_told_and_says_how_many_are_left():
    result = remove(FakeSession(), doomed(3 * BATCH), on_done=lambda done, total: done < 2 * BATCH)
    assert (result.deleted, result.left) == (2 * BATCH, BATCH)


MODEL = "sagedeck/jobs/dogs-1/output/model.tar.gz"


@pytest.mark.parametrize(
    ("key", "jobs"),
    [
        (MODEL, ("dogs-1",)),
        ("dogs-1/output/model.tar.gz", ("dogs-1",)),
        ("output/model.tar.gz", ()),
        ("sagedeck/jobs/dogs-1/output/output.tar.gz", ()),
        ("a/b/output/model.tar.gz/x", ()),
    ],
)
def test_models_are_known_by_where_sagemaker_puts_them(key, jobs):
    assert models_among([key]) == jobs


class FakeEndpoints:
    def __init__(self, error=None):
        self.error, self.asked = error, 0

    async def list(self):
        self.asked += 1
        if self.error:
            raise self.error
        return (
            SimpleNamespace(name="dogs", model_uri=f"s3://b/{MODEL}"),
            SimpleNamespace(name="elsewhere", model_uri=f"s3://bb/{MODEL}"),
            SimpleNamespace(name="other", model_uri="s3://b/other/output/model.tar.gz"),
        )


class FakeTraining:
    async def list(self, *, status=None):
        return SimpleNamespace(jobs=("reading", "elsewhere"))

    async def complete(self, jobs):
        uris = {"reading": "s3://b/sets/dogs", "elsewhere": "s3://b/sets/dogs-2"}
        return tuple(SimpleNamespace(name=name, data_uri=uris[name]) for name in jobs)


def find(items, endpoints):
    return asyncio.run(find_dependents("b", items, endpoints, FakeTraining()))


def test_endpoints_and_running_jobs_that_need_it_are_named():
    items = [Doomed(MODEL, 5), Doomed("sets/dogs/train/a.jpg", 5)]
    assert find(items, FakeEndpoints()) == Dependents(("dogs-1",), ("dogs",), ("reading",))


def test_what_may_not_be_looked_at_is_said_and_not_asked_without_need():
    assert find([Doomed(MODEL, 5)], FakeEndpoints(AccessDenied("no", "no"))).unchecked == ("endpoints",)
    endpoints = FakeEndpoints()
    assert find([Doomed("a.jpg", 5)], endpoints) == Dependents() and endpoints.asked == 0
