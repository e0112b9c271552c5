"""What a launch form says about a quota."""

from __future__ import annotations

from dataclasses import replace

from console.tabs.training.commands_quota import RaiseQuota
from console.tabs.training.form.quota_words import instances_at_a_time, quota_words, unknown_words
from workers.aws.quotas import Quota
from workers.errors.tree import AccessDenied, Throttled
from workers.tuning.types import TuningSpec
from workers.types import TrainingSpec

SINGLE = TrainingSpec("dogs-1", "s3://data/dogs", "data")
TUNING = TuningSpec("tune-dogs", "s3://data/dogs", "data", instance_count=2)


def quota(limit: int, used: int = 0) -> Quota:
    return Quota("ml.m5.2xlarge for training job usage", "L-1", limit, used)


def test_a_tuning_job_needs_instances_for_the_jobs_at_a_time() -> None:
    assert instances_at_a_time(TUNING) == 6
    assert instances_at_a_time(replace(TUNING, max_jobs=2)) == 4
    assert instances_at_a_time(replace(SINGLE, instance_count=4)) == 4


def test_what_fits_is_said_with_what_is_in_use() -> None:
    words = quota_words(TUNING, quota(8, 2))
    assert (words.tone, words.line, words.advice) == ("ok", "Quota: 8 of 8 instances with this", "")


def test_what_does_not_fit_now_says_how_many_are_in_use_and_what_to_do() -> None:
    words = quota_words(TUNING, quota(8, 3))
    assert (words.tone, words.line) == ("warn", "Quota: 9 of 8")
    assert words.advice.startswith("3 in use now") and "fewer jobs at a time" in words.advice


def test_what_can_never_fit_is_an_error() -> None:
    words = quota_words(replace(SINGLE, instance_count=4, spot=True), quota(2))
    assert words.tone == "err" and words.line == "Quota: 4 of 2"
    assert "fewer hosts" in words.advice and "switch spot off" in words.advice
    assert "fewer" not in quota_words(SINGLE, quota(0)).advice, "one host cannot be fewer"


def test_an_unknown_quota_is_no_alarm_and_names_the_permission() -> None:
    denied = AccessDenied("Not allowed", "m")
    denied.action = "servicequotas:ListServiceQuotas"
    words = unknown_words(denied)
    assert words.tone == "info" and "servicequotas:ListServiceQuotas" in words.advice
    assert unknown_words(Throttled("Slow down", "Too many requests.")).advice == "Too many requests."
    assert unknown_words(None).tone == "info"


def test_more_is_asked_for_only_after_a_question() -> None:
    command = RaiseQuota(quota(8, 3), 9)
    confirmation = command.confirmation()
    assert "9 instances" in confirmation.title and not confirmation.danger
    assert "--desired-value 9" in command.cli() and "case opened" in command.done_text("CASE_OPENED")
