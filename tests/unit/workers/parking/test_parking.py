"""Parking and coming back: the same afterwards, whatever is interrupted, refused, changed or deleted in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.helpers.parking_account import CONFIG, ENDPOINT, Died, ParkingAccount
from tests.unit.workers.fake_aws import Refused
from workers.errors.tree import AccessDenied, Conflict, InvalidInput, NotFound, Unreachable
from workers.parking.memory import Unreadable

DENIED = Refused("AccessDeniedException", "User: u is not authorized to perform: x", 400)


async def park(account: ParkingAccount) -> None:
    parking = account.parking()
    await parking.park(await parking.plan("dogs"))


async def come_back(account: ParkingAccount) -> None:
    parking, parked = account.parking(), await account.parked()
    await parking.resume(parked)
    for _ in range(3):
        if await parking.finish(parked):
            return
    raise AssertionError("it was never ready")


def ran(work: Any) -> Any:
    return asyncio.run(work)


def test_it_comes_back_as_it_was() -> None:
    account = ParkingAccount()
    before = account.told()
    ran(park(account))
    assert account.endpoint is None and not account.targets and list(account.alarms) == ["somebodys"]
    assert ran(account.parked()).state == "parked"
    ran(come_back(account))
    # Weights and counts, which no configuration has, and what somebody's alarm starts, are back as well.
    assert account.told() == before


def test_no_secret_is_remembered() -> None:
    account = ParkingAccount()
    ran(park(account))
    memory = ran(account.parked()).memory
    assert "secret-in-the-model" not in str(memory)


@pytest.mark.parametrize("changes", range(4))
@pytest.mark.parametrize("then", ["back", "park on"])
def test_dead_while_parking_it_is_shown_and_goes_on(changes: int, then: str) -> None:
    account = ParkingAccount()
    before = account.told()
    account.dies_before = changes
    with pytest.raises(Died):
        ran(park(account))
    account.dies_before = None
    if changes:
        assert ran(account.parked()).state == "interrupted"
    if changes == 0 or then == "park on":
        ran(park(account))
        assert ran(account.parked()).state == "parked"
    ran(come_back(account))
    assert account.told() == before


def test_dead_while_coming_back_it_is_shown_and_goes_on() -> None:
    states = []
    for changes in range(50):
        account = ParkingAccount()
        before = account.told()
        ran(park(account))
        account.dies_before = changes
        try:
            ran(come_back(account))
            break
        except Died:
            account.dies_before = None
        if account.told() != before:
            # After the last change but the tag of the attempt nothing is remembered any more, and all is back.
            remembered = any(key.startswith("sagedeck:parked") for key in account.tags[CONFIG])
            if remembered:
                states.append(ran(account.parked()).state)
                ran(come_back(account))
                assert account.told() == before
    assert set(states) == {"parked", "resuming"} and len(states) > 8


@pytest.mark.parametrize("operation", ["deregister_scalable_target", "delete_alarms", "delete_endpoint"])
def test_refused_while_parking_all_is_as_it_was(operation: str) -> None:
    account = ParkingAccount()
    before = account.told()
    account.refused[operation] = DENIED
    with pytest.raises(AccessDenied):
        ran(park(account))
    after = account.told()
    # The policies are new ones: whose alarm starts them is put right when it is parked and comes back.
    for told in (before, after):
        told["alarms"] = sorted(told["alarms"])
    assert after == before


@pytest.mark.parametrize(
    "operation", ["add_tags", "deregister_scalable_target", "delete_alarms", "delete_endpoint", "delete_tags"]
)
def test_an_answer_lost_while_parking_loses_nothing(operation: str) -> None:
    account = ParkingAccount()
    before = account.told()
    account.lost.add(operation)
    if operation == "delete_tags":
        # Of an earlier attempt, which remembered more than there is now.
        account.tags[CONFIG]["sagedeck:parked:dogs:9"] = "x"
    ran(park(account))
    assert operation not in account.lost
    assert account.endpoint is None and ran(account.parked()).state == "parked"
    ran(come_back(account))
    assert account.told() == before


@pytest.mark.parametrize(
    "operation",
    ["create_endpoint", "update_endpoint_weights_and_capacities", "register_scalable_target", "put_scaling_policy",
     "put_scheduled_action", "put_metric_alarm", "add_tags", "delete_tags"],
)  # fmt: skip
def test_an_answer_lost_while_coming_back_loses_nothing(operation: str) -> None:
    account = ParkingAccount()
    before = account.told()
    ran(park(account))
    account.lost.add(operation)
    ran(come_back(account))
    assert operation not in account.lost and account.told() == before


def test_a_deletion_that_may_still_come_keeps_the_memory() -> None:
    account = ParkingAccount()
    account.refused["delete_endpoint"] = Refused("InternalFailure", "later", 500)
    with pytest.raises(Exception, match=r"deletion of dogs \(it could not be asked") as told:
        ran(park(account))
    assert any(left.kind == "memory" for left in told.value.left) and not told.value.cleanup
    assert ran(account.parked()).state == "interrupted"


def test_what_was_written_is_read_back_before_anything_goes() -> None:
    account = ParkingAccount()
    written = account.on_add_tags

    def cut(ResourceArn: str, Tags: Any) -> dict[str, Any]:
        return written(ResourceArn, [{**tag, "Value": tag["Value"][:50]} for tag in Tags])

    account.on_add_tags = cut  # type: ignore[method-assign]
    with pytest.raises(Unreachable, match="did not come back the same"):
        ran(park(account))
    assert account.endpoint is not None and account.targets and account.tags[CONFIG] == {"team": "kennel"}


def test_what_is_not_as_shown_is_not_parked() -> None:
    account = ParkingAccount()

    async def changed() -> None:
        parking = account.parking()
        plan = await parking.plan("dogs")
        account.targets[0]["MaxCapacity"] = 9
        await parking.park(plan)

    with pytest.raises(Conflict, match="have changed"):
        ran(changed())
    assert account.endpoint is not None and account.tags[CONFIG] == {"team": "kennel"}


def test_the_plan_says_what_stops_and_what_is_missing() -> None:
    account = ParkingAccount()
    plan = ran(account.parking().plan("dogs"))
    assert ("function", "predict", "calls this endpoint") in plan.stops_working
    assert plan.refused == ("sagemaker:CreateEndpoint",)
    assert plan.saves_per_hour == pytest.approx(0.115 + 2 * 0.23, abs=0.01)
    account.refused["simulate_principal_policy"] = DENIED
    assert ran(account.parking().plan("dogs")).refused is None


def test_what_could_not_come_back_is_not_parked() -> None:
    account = ParkingAccount()
    account.models.remove("model-2")
    with pytest.raises(NotFound, match="model model-2 was deleted"):
        ran(park(account))
    del account.variants[1]["ModelName"]
    with pytest.raises(InvalidInput, match="inference components"):
        ran(park(account))
    account = ParkingAccount()
    account.tags[CONFIG] = {f"tag{number}": "x" for number in range(49)}
    with pytest.raises(InvalidInput, match="49 of at most 50"):
        ran(park(account))
    assert account.endpoint is not None and account.order == []


def test_a_memory_of_a_newer_program_and_a_damaged_one_are_left_alone() -> None:
    for value, words in (("2/1/abc", "newer SageDeck"), ("1/1/abc", "not whole"), ("", "not whole")):
        account = ParkingAccount()
        ran(park(account))
        account.tags[CONFIG]["sagedeck:parked:dogs:0"] = value
        parked = ran(account.parked())
        assert parked.state == "parked" and parked.memory is None and words in parked.problem
        calls = len(account.order)
        with pytest.raises(Unreadable, match=words):
            ran(account.parking().resume(parked))
        assert len(account.order) == calls


def test_another_endpoint_of_its_name_is_left_alone() -> None:
    account = ParkingAccount()
    ran(park(account))
    parked = ran(account.parked())
    account.on_create_endpoint("dogs", "dogs-config", [])
    assert ran(account.parked()).state == "changed"
    for way in (account.parking().resume, account.parking().finish):
        with pytest.raises(Conflict, match="Another endpoint"):
            ran(way(parked))
    plan = ran(account.parking().forget_plan(ran(account.parked())))
    assert [kind for kind, _, _ in plan.also_deleted] == ["memory"]
    ran(account.parking().forget(parked, plan))
    assert account.tags[CONFIG] == {"team": "kennel"} and ENDPOINT in account.tags


def test_what_was_deleted_meanwhile_is_told() -> None:
    account = ParkingAccount()
    ran(park(account))
    parked = ran(account.parked())
    account.models.clear()
    with pytest.raises(NotFound, match="model model was deleted"):
        ran(account.parking().resume(parked))
    del account.tags[CONFIG]
    with pytest.raises(NotFound, match="configuration dogs-config was deleted"):
        ran(account.parking().resume(parked))


def test_two_endpoints_of_one_configuration_are_remembered_apart() -> None:
    account = ParkingAccount()
    ran(park(account))
    tags = account.tags[CONFIG]
    tags |= {key.replace(":dogs:", ":cats:"): value for key, value in tags.items() if ":dogs:" in key}
    names = [endpoint.name for endpoint in ran(account.parking().list(()))]
    assert names == ["cats", "dogs"]
    dogs = next(endpoint for endpoint in ran(account.parking().list(())) if endpoint.name == "dogs")
    plan = ran(account.parking().forget_plan(dogs))
    assert ("endpoint configuration", "dogs-config", "the parked endpoint cats comes back from it") in plan.kept
    ran(account.parking().forget(dogs, plan))
    assert [endpoint.name for endpoint in ran(account.parking().list(()))] == ["cats"]
