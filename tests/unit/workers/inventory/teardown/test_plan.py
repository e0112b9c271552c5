"""What a tear-down deletes, in which order, and what stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.inventory import denied
from tests.unit.workers.inventory.teardown.rows import plan_of, row
from workers.inventory.kinds import ALL_KINDS
from workers.inventory.teardown.plan import NEEDS, STAGE, STAGES


def going(plan):
    return [(step.resource.kind, step.resource.name) for step in plan.steps]


def why(plan):
    return {stay.resource.name: stay.why for stay in plan.stays}


def test_every_kind_has_its_place_and_what_it_needs_is_before_it():
    assert {kind for kinds in STAGES for kind in kinds} == set(ALL_KINDS)
    for kind, needs in NEEDS.items():
        assert all(STAGE[need] < STAGE[kind] for need in needs), kind


def test_everything_goes_in_order():
    plan = plan_of(*(row(kind) for kind in reversed(ALL_KINDS)))
    assert len(plan.steps) == len(ALL_KINDS) and plan.stays == ()
    assert [step.stage for step in plan.steps] == sorted(step.stage for step in plan.steps)
    assert plan.steps[-1].resource.kind == "security-group"
    assert all(step.cli.startswith("aws ") and "{" not in step.cli for step in plan.steps)
    assert len(plan.cli.splitlines()) == len(ALL_KINDS)


@pytest.mark.parametrize(
    "resource, words",
    [
        (row("endpoint", ours=False), "not made by SageDeck"),
        (row("endpoint", ours=None), "nobody can tell who made it"),
        (row("security-group", facts={"default": "True"}), "belongs to its network"),
        (row("training-job", state="Completed", dollars_per_hour=0.0), "it has ended"),
        (row("training-job", facts={"billed_with": "tune"}), "ends with its tuning job tune"),
        (row("bucket", "photos", ours=None), "not made by SageDeck"),
        (row("bucket", "sagedeck-1", facts={"region": "eu-west-1"}), "another region"),
        (row("log-group", "/aws/sagemaker/TrainingJobs", ours=None), "not made by SageDeck"),
        (row("alarm", "mine", ours=None), "not made by SageDeck"),
        (row("alarm", "mine", ours=None, facts={"dimensions": "dogs,A"}), "not made by SageDeck"),
        (row("alarm", "TargetTracking-x", ours=None, facts={"dimensions": "cats,A"}), "not made by SageDeck"),
        (row("log-group", "/aws/lambda/dogs", ours=None), "not made by SageDeck"),
        (row("scalable-target", "t", ours=None, facts={"space": "lambda", "resource": "function:dogs:live"}),
         "not made by SageDeck"),
        (row("instance-profile", "p", ours=None, parts=(("role", "id-role-other"),)), "not made by SageDeck"),
    ],
)  # fmt: skip
def test_what_stays_says_why(resource, words):
    # An endpoint of this name is SageDeck's; what is a stranger's does not become its own by that.
    dogs = row("endpoint", "dogs")
    plan = plan_of(resource, dogs)
    assert [step.resource for step in plan.steps] == [dogs] and words in why(plan)[resource.name]


def test_buckets_stay_unless_chosen():
    plan = plan_of(row("bucket", "sagedeck-1"), everything=True, buckets=False)
    assert "unless you choose" in why(plan)["sagedeck-1"]


def test_what_was_kept_by_hand_stays():
    kept = row("model")
    assert why(plan_of(kept, everything=True, keep=[kept.key])) == {"x": "you keep it"}


def test_everything_means_what_others_made_too():
    plan = plan_of(row("endpoint", ours=False), row("bucket", "photos", ours=None), everything=True)
    assert len(plan.steps) == 2


def test_what_belongs_to_something_of_ours_goes_with_it():
    parts = [
        row("scalable-target", "t", ours=None,
            facts={"space": "sagemaker", "resource": "endpoint/dogs/variant/A", "dimension": "d"}),
        row("scalable-target", "f", ours=None,
            facts={"space": "lambda", "resource": "function:predict:live", "dimension": "d"}),
        row("alarm", "TargetTracking-endpoint/dogs/variant/A-AlarmHigh-1", ours=None, facts={"dimensions": "dogs,A"}),
        row("log-group", "/aws/lambda/predict", ours=None),
        row("log-group", "/aws/sagemaker/Endpoints/dogs", ours=None),
        row("instance-profile", "p", ours=None, parts=(("role", "id-role-r"),)),
    ]  # fmt: skip
    owners = [row("endpoint", "dogs"), row("function", "predict"), row("role", "r")]
    assert len(plan_of(*parts, *owners).steps) == 9
    strangers = [replace(owner, ours=False) for owner in owners]
    assert plan_of(*parts, *strangers).steps == ()


def test_a_role_stays_with_whoever_stays_and_works_with_it():
    role, function = row("role", "r"), row("function", "other", ours=False)
    plan = plan_of(role, function, roles_of=lambda each: (role.id,) if each is function else ())
    assert plan.steps == ()
    assert why(plan)["r"] == "the function other works with it and stays"


def test_every_role_stays_while_that_of_something_which_stays_is_not_known():
    mine, role, model = row("model", "mine"), row("role", "r"), row("model", "other", ours=False)
    plan = plan_of(role, mine, model, roles_of=lambda each: None if each.kind == "model" else ())
    assert going(plan) == [("model", "mine")]
    assert why(plan)["r"] == "the model other stays, its role could not be read, and it may be this one"
    # What goes needs its role no more.
    assert len(plan_of(role, mine, roles_of=lambda each: None if each.kind == "model" else ()).steps) == 2


def test_a_role_stays_while_its_users_cannot_be_read():
    plan = plan_of(row("role", "r"), row("model", "m"), unread=[denied("function")])
    assert going(plan) == [("model", "m")]
    assert "functions could not be read" in why(plan)["r"]
    assert [read.kind for read in plan.unread] == ["function"]


def test_what_is_terminated_is_neither_here_nor_there():
    plan = plan_of(row("instance", state="terminated"))
    assert (plan.steps, plan.stays) == ((), ())


def test_an_endpoint_that_is_being_created_is_told():
    (step,) = plan_of(row("endpoint", state="Creating")).steps
    assert "as soon as AWS lets it" in step.note


@pytest.mark.parametrize(
    "resource, does, note",
    [
        (row("training-job"), "Stop", ""),
        (row("transform-job"), "Stop", ""),
        (row("instance"), "Terminate", ""),
        (row("address"), "Release", ""),
        (row("parked-endpoint"), "Forget", ""),
        (row("model"), "Delete", ""),
        (row("bucket", "sagedeck-1"), "Delete", "with everything that is in it then, all versions"),
        (row("notebook", state="InService"), "Delete", "it is stopped first; its volume goes with it"),
        (row("notebook", state="Stopped"), "Delete", ""),
        (row("endpoint", state="InService"), "Delete", ""),
        (row("endpoint", state="Updating"), "Delete", "it is Updating: it is deleted as soon as AWS lets it"),
    ],
)
def test_each_step_says_what_is_done_and_what_besides(resource, does, note):
    (step,) = plan_of(resource, everything=True).steps
    assert (step.does, step.note) == (does, note)


def test_what_it_saves():
    with_bucket = plan_of(row("endpoint", dollars_per_hour=0.5), row("bucket", dollars_per_hour=9.0), everything=True)
    assert with_bucket.saves_per_hour == 0.5, "what a bucket costs is not known to the cent"
    assert plan_of(row("endpoint", dollars_per_hour=0.5), row("model", dollars_per_hour=None)).saves_per_hour == 0.5
    assert plan_of(row("endpoint", dollars_per_hour=None)).saves_per_hour is None


rows = st.lists(
    st.builds(
        lambda kind, name, ours, state: row(kind, name, ours, state=state),
        st.sampled_from(ALL_KINDS),
        st.sampled_from("abc"),
        st.sampled_from([True, False, None]),
        st.sampled_from(["InProgress", "Completed", "InService", "Creating", "running", ""]),
    ),
    max_size=25,
    unique_by=lambda each: each.key,
)


@given(rows, st.booleans(), st.booleans())
def test_everything_either_goes_or_stays(found, everything, buckets):
    plan = plan_of(*found, everything=everything, buckets=buckets)
    keys = [step.resource.key for step in plan.steps] + [stay.resource.key for stay in plan.stays]
    assert sorted(keys) == sorted(each.key for each in found)
    assert all(stay.why for stay in plan.stays)
    stages = [step.stage for step in plan.steps]
    assert stages == sorted(stages)
    if not everything:
        assert not any(step.resource.ours is False for step in plan.steps)
    if not buckets:
        assert not any(step.resource.kind == "bucket" for step in plan.steps)
