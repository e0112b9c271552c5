"""What was set is put back from the activity panel, later too, while it is still so; else it is told why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.commands import Confirmation
from console.journal import Journal, Writer
from console.tabs.scaling.commands import ApplyPolicy, RemoveScaling, SetProvisioned, SetReserved
from console.tabs.scaling.plan_commands import ApplyPlan
from console.tabs.scaling.schedule_commands import DeleteSchedule, PutSchedule, SetCapacities
from console.tabs.training.tags.commands import EditTags
from console.widgets.forms.buttons import Button
from console.window.activity_rows import FinishedRow
from tests.helpers.agreed import started
from tests.helpers.window import AWS, SANDBOX, FakeServices, connect, saying, until
from workers.errors.tree import AccessDenied
from workers.scaling.types import (
    METRIC,
    Capacity,
    Policy,
    Provisioned,
    Schedule,
    Suspended,
    Target,
    Variant,
    VariantScaling,
    VariantSettings,
    kept_warm,
)

OTHER_SANDBOX = replace(SANDBOX, access_key_id="AKIAOTHER")
ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/dogs-1"


def variant() -> Variant:
    return Variant("dogs", "a", "InService", "ml.m5.large", 1, 1, 1.0)


def policy(least: int, most: int, target: float, of: Variant | None = None) -> ApplyPolicy:
    return ApplyPolicy(of or variant(), VariantSettings(least, most, target), Suspended(), "p", resumes=False)


NIGHTS = Schedule(
    "nights", "cron(0 22 * * ? *)", "UTC", 1, 2, "r", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
)


SCHEDULED = replace(variant(), name="s")
BERLIN = Schedule("mornings", "cron(0 7 * * ? *)", "Europe/Berlin", 3, None)


def put(name: str, least: int) -> PutSchedule:
    action = replace(NIGHTS, minimum=least) if name == "nights" else Schedule(name, "rate(1 hour)", "UTC", least, 9)
    return PutSchedule(SCHEDULED.scalable, action, ("scaling", "dogs"))


def deleted(action: Schedule) -> DeleteSchedule:
    return DeleteSchedule(SCHEDULED.scalable, action, ("scaling", "dogs"))


def warm(least: int) -> PutSchedule:
    action = Schedule("weekdays", "rate(1 hour)", "UTC", least, 9)
    return PutSchedule(kept_warm("ask", "live"), action, ("function", "ask"), Target(1, 1))


def plan(most: int, reserved: int) -> ApplyPlan:
    settings = VariantSettings(1, most, 100.0)
    return ApplyPlan(VariantScaling(variant(), None), settings, Suspended(), 0.2, SetReserved("ask", reserved))


def counts(*wanted: Capacity) -> SetCapacities:
    return SetCapacities([variant(), replace(variant(), name="b")], wanted, {"a": 0.2, "b": 0.2})


CHANGES = {
    "reserved": (lambda: SetReserved("ask", 5), lambda: SetReserved("ask", 9)),
    "tags": (
        lambda: EditTags("job", "dogs-1", ARN, {"team": "vision"}, ["old"]),
        lambda: EditTags("job", "dogs-1", ARN, {"team": "other"}, []),
    ),
    "scaling": (lambda: policy(1, 4, 100.0), lambda: policy(1, 8, 100.0)),
    "new schedule": (lambda: put("mornings", 3), lambda: put("mornings", 5)),
    "changed schedule": (lambda: put("nights", 2), lambda: put("nights", 7)),
    "deleted schedule": (lambda: deleted(NIGHTS), lambda: put("nights", 7)),
    "deleted since": (lambda: put("nights", 2), lambda: deleted(replace(NIGHTS, minimum=2))),
    "warm schedule": (lambda: warm(2), lambda: warm(4)),
    "last warm schedule": (
        lambda: DeleteSchedule(kept_warm("said", "live"), NIGHTS, ("function", "said"), tidy=True),
        lambda: PutSchedule(kept_warm("said", "live"), NIGHTS, ("function", "said"), Target(9, 9)),
    ),
    "removed scaling": (lambda: RemoveScaling(SCALED), lambda: policy(1, 8, 100.0, SCALED_VARIANT)),
    "warm": (
        lambda: SetProvisioned("said", 3, "live", 1.0, 512),
        lambda: SetProvisioned("said", 5, "live", 1.0, 512),
    ),
    "plan": (lambda: plan(4, 7), lambda: SetReserved("ask", 9)),
    "plan, other policy": (lambda: plan(4, 7), lambda: policy(1, 8, 100.0)),
    "instances": (
        lambda: counts(Capacity("a", 3), Capacity("b", None, 0.25)),
        lambda: counts(Capacity("b", None, 0.5)),
    ),
}


SCALED_VARIANT = Variant("cats", "a", "InService", "ml.m5.large", 1, 1)
SCALED = VariantScaling(
    SCALED_VARIANT,
    Target(2, 6, Suspended(scale_in=True)),
    (
        Policy("mine", "TargetTrackingScaling", 33.5, METRIC, 61, 302, True),
        Policy("other", "TargetTrackingScaling", 70.0, "SageMakerVariantConcurrentRequestsPerModelHighResolution"),
    ),
)


def state(services: FakeServices) -> Any:
    scaling = services.scaling
    found = scaling.found.get(variant().id)
    actions = {name: {(at.name, at.minimum, at.start, at.end) for at in kept} for name, kept in scaling.actions.items()}
    return (
        dict(scaling.reserved), dict(services.tag_rows.get(ARN, {})), found and found.target,
        {name: kept for name, kept in actions.items() if kept}, dict(scaling.targets), tuple(scaling.variant_rows),
        replace(scaling.found[SCALED_VARIANT.id], schedules=()),
        {name: warm.requested for name, kept in scaling.warm.items() for warm in kept},
    )  # fmt: skip


def arrange(services: FakeServices) -> None:
    """What is there before each change."""
    services.tag_rows[ARN] = {"old": "1", "keep": "2"}
    services.scaling.variant_rows = [variant(), replace(variant(), name="b")]
    services.scaling.actions = {SCHEDULED.resource: (NIGHTS,), kept_warm("said", "live").resource: (NIGHTS,)}
    services.scaling.found = {SCALED_VARIANT.id: SCALED}
    services.scaling.actions[SCALED_VARIANT.resource] = (BERLIN,)
    services.scaling.warm["said"] = (Provisioned("live", 2, 2, 2, "READY"),)
    services.scaling.targets = {kept_warm("said", "live").resource: Target(1, 6)}


@pytest.mark.parametrize("kind", CHANGES)
async def test_what_was_set_is_put_back_from_the_panel(make_application, kind):
    application, services = await started(make_application)
    arrange(services)
    before = state(services)
    change, _ = CHANGES[kind]
    application.ctx.grace_seconds = 0.0
    assert await application.ctx.start(change())
    assert state(services) != before
    application.window.toggle_activity()
    row = await until(lambda: next(iter(application.window.panel.findChildren(FinishedRow)), None))
    saying(Button, row, "Put back").click()
    await until(lambda: application.activity.history[0].title.startswith("Put back"))
    assert application.activity.history[0].state == "done"
    after = state(services)
    assert after == before


@pytest.mark.parametrize("kind", CHANGES)
async def test_what_was_changed_since_is_not_put_back(make_application, kind):
    application, services = await started(make_application)
    arrange(services)
    application.ctx.grace_seconds = 0.0
    change, other = CHANGES[kind]
    await application.ctx.start(change())
    back = application.activity.history[0].put_back
    await application.ctx.start(other())
    now = state(services)
    back()
    await until(lambda: application.activity.history[0].title.startswith("Put back"))
    assert application.activity.history[0].state == "failed" and " since, so what was before" in told_of(application)
    assert state(services) == now


@pytest.mark.parametrize("kind", CHANGES)
async def test_what_was_set_is_put_back_after_a_restart(make_application, kind):
    application, services = await started(make_application, 0.0)
    arrange(services)
    before = state(services)
    await application.ctx.start(CHANGES[kind][0]())
    restarted(application)
    await until(lambda: application.activity.history)
    [old] = application.activity.history
    old.put_back()
    await until(lambda: len(application.activity.history) == 2)
    assert application.activity.history[0].state == "done" and state(services) == before
    # What was put back can be put back, as it was set.
    assert application.activity.history[0].put_back is not None


def kept_at(application: Any) -> Path:
    return application.settings.path.parent / "activity.jsonl"  # type: ignore[no-any-return]


def restarted(application: Any) -> None:
    """What another run of the program reads from the disk is all that is known."""
    application.ctx.ledger.flush()
    records = Journal(kept_at(application), Writer()).load()
    application.activity.history.clear()
    application.activity.restore([record | {"at": "2024-05-01T12:00:00+00:00"} for record in records])


@pytest.mark.parametrize("kind", CHANGES)
async def test_after_a_restart_what_was_changed_since_is_not_put_back_either(make_application, kind):
    application, services = await started(make_application, 0.0)
    arrange(services)
    change, other = CHANGES[kind]
    await application.ctx.start(change())
    await application.ctx.start(other())
    restarted(application)
    now = state(services)
    application.activity.history[1].put_back()
    await until(lambda: application.activity.history[0].title.startswith("Put back"))
    assert application.activity.history[0].state == "failed" and " since, so what was before" in told_of(application)
    assert state(services) == now


async def test_what_is_put_back_later_is_put_back_in_its_own_account_only(make_application):
    application, services = await started(make_application, 0.0)
    arrange(services)
    await application.ctx.start(SetReserved("ask", 5))
    restarted(application)
    [old] = application.activity.history
    application.ctx.leave()
    old.put_back()
    assert "not put back: no account" in application.notify.notices[-1].text
    for place, words in ((AWS, "in a sandbox, account 123456789012"), (OTHER_SANDBOX, "put back there only")):
        other = await connect(application, place)
        other.scaling.reserved = {"ask": 5}
        old.put_back()
        assert words in application.notify.notices[-1].text and other.scaling.reserved == {"ask": 5}
    application.ctx.set_read_only(True)
    services = await connect(application)
    services.scaling.reserved = {"ask": 5}
    old.put_back()
    await until(lambda: "Read-only" in application.notify.notices[-1].title)
    assert services.scaling.reserved == {"ask": 5}


async def test_what_looks_like_a_secret_is_put_back_in_this_run_only(make_application):
    application, services = await started(make_application, 0.0)
    services.tag_rows[ARN] = {"db_password": "hunter2"}
    await application.ctx.start(EditTags("job", "dogs-1", ARN, {"db_password": "other"}, []))
    assert application.activity.history[0].put_back is not None
    restarted(application)
    [old] = application.activity.history
    assert old.put_back is None and "can be put back no more" in old.text
    assert "hunter2" not in kept_at(application).read_text()


@pytest.mark.parametrize(
    "record",
    [
        {}, {"version": 2}, {"version": 1, "change": "Evil", "made": {}},
        {"version": 1, "change": "SetReserved", "made": {"name": "ask"}, "before": 3},
        {"version": 1, "change": "SetReserved", "made": {"name": "ask", "count": "9"}, "before": 3},
        {"version": 1, "change": "SetReserved", "made": {"name": "ask", "count": 9, "more": 1}, "before": 3},
        {"version": 1, "change": "SetReserved", "made": {"name": "ask", "count": 9}, "before": 9},
        {"version": 1, "change": "RestoreScaling", "made": [], "before": None}, {"version": 1, "parts": [3]},
    ],
)  # fmt: skip
async def test_what_another_version_wrote_is_told_and_nothing_is_sent(make_application, record):
    application, services = await started(make_application, 0.0)
    await application.ctx.start(SetReserved("ask", 5))
    item = application.activity.history[0]
    item.back = record
    application.activity.put_back_later(item)
    assert "nothing that this version can read" in application.notify.notices[-1].text
    assert services.scaling.did == [("reserve", "ask", 5)]


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda scaling, thing: scaling.gone.add(thing), "It is gone"),
        (lambda scaling, thing: scaling.remade.update({thing: "made on Tuesday"}), "and is made on Tuesday now"),
    ],
)
async def test_what_is_gone_or_another_one_now_is_not_scaled_again(make_application, spoil, words):
    application, services = await started(make_application, 0.0)
    arrange(services)
    await application.ctx.start(RemoveScaling(SCALED))
    restarted(application)
    spoil(services.scaling, SCALED_VARIANT.resource)
    application.activity.history[0].put_back()
    await until(lambda: len(application.activity.history) == 2)
    assert application.activity.history[0].state == "failed" and words in told_of(application)
    assert services.scaling.did == [("remove", SCALED_VARIANT.id)]


async def test_what_others_added_since_is_not_taken_along(make_application):
    application, services = await started(make_application, 0.0)
    arrange(services)
    await application.ctx.start(policy(1, 4, 100.0))
    await application.ctx.start(PutSchedule(variant().scalable, BERLIN, ("scaling", "dogs")))
    application.activity.history[1].put_back()
    await until(lambda: application.activity.history[0].title.startswith("Put back"))
    assert application.activity.history[0].state == "failed"
    assert services.scaling.actions[variant().resource] and services.scaling.found[variant().id].target is not None


async def test_scaling_is_put_back_with_the_question_of_what_and_at_what_price(make_application):
    application, services = await started(make_application, 0.0)
    arrange(services)
    await application.ctx.start(RemoveScaling(SCALED))
    asked: list[tuple[Confirmation, str]] = []

    async def decline(confirmation: Confirmation, cli: str) -> bool:
        asked.append((confirmation, cli))
        return False

    application.ctx.ask = decline
    restarted(application)
    application.activity.history[0].put_back()
    await until(lambda: asked)
    [(question, cli)] = asked
    assert (question.title, question.danger) == ("Scale cats / a as before?", False)
    assert "$0.23 to $0.69 an hour" in question.text
    assert [line.name for line in question.listed] == [
        "Limits: 2 to 6", "Policy mine", "Policy other", "Schedule mornings",
    ]  # fmt: skip
    assert "never scales in" in question.listed[1].note and "Europe/Berlin" in question.listed[3].note
    assert "--timezone Europe/Berlin" in cli and '"DisableScaleIn": true' in cli and "ScalingInSuspended" in cli
    assert services.scaling.did == [("remove", SCALED_VARIANT.id)]


async def test_what_is_gone_is_not_put_back(make_application):
    application, services = await started(make_application)
    arrange(services)
    await application.ctx.start(counts(Capacity("a", 3)))
    back = application.activity.history[0].put_back
    services.scaling.variant_rows = []
    back()
    await until(lambda: application.activity.history[0].title.startswith("Put back"))
    assert application.activity.history[0].state == "failed" and "no such variant any more" in told_of(application)


async def test_putting_back_asks_with_what_it_then_costs(make_application):
    application, services = await started(make_application)
    arrange(services)
    asked: list[Confirmation] = []

    async def agree(confirmation: Confirmation, cli: str) -> bool:
        asked.append(confirmation)
        return True

    application.ctx.ask = agree
    await application.ctx.start(counts(Capacity("a", 3)))
    application.activity.history[0].put_back()
    await until(lambda: len(asked) == 2)
    assert "bill $0.80 an hour" in asked[0].text and "3 instances, now 1" in asked[0].listed[0].note
    assert "bill $0.40 an hour" in asked[1].text and "1 instance, now 3" in asked[1].listed[0].note


def told_of(application: Any) -> str:
    """What the panel says of the last one."""
    return str(application.activity.history[0].text)


async def test_who_may_not_read_changes_all_the_same_without_a_way_back(make_application):
    application, services = await started(make_application)

    async def denied(name: str) -> int:
        raise AccessDenied("No", "no")

    services.scaling.concurrency.reserved = denied
    assert await application.ctx.start(SetReserved("ask", 5))
    assert application.activity.history[0].put_back is None and services.scaling.reserved == {"ask": 5}
    assert told_of(application) == "What was there before could not be read: it cannot be put back"
