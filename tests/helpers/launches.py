"""A launcher whose child only pretends, and what it is given."""

from __future__ import annotations

from dataclasses import replace

from workers.training.request import launch_request
from workers.types import Backend, TrainingSpec

FAKE = "tests.unit.workers.launcher_fake_child"

SECRET = "wJalrXUtnFEMIexamplekey"


def backend(label="ok"):
    return Backend("sandbox", label, "us-east-1", None, "http://127.0.0.1:1", "AKIAEXAMPLE", SECRET)


def job(name):
    return replace(launch_request(TrainingSpec("a", "s3://b/d", "b"), "us-east-1", "arn:role"), job_name=name)
