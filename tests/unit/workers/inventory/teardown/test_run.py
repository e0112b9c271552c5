"""Carrying it out: in order, with lost answers, throttling and what AWS does not allow yet, and again after a stop."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workers.inventory.teardown.rows import plan_of, row
from workers.errors.tree import (
    AccessDenied,
    Conflict,
    Expired,
    InvalidInput,
    NotFound,
    SageDeckError,
    Throttled,
    Unreachable,
)
from workers.inventory.kinds import ALL_KINDS
from workers.inventory.teardown import run as running
from workers.inventory.teardown.plan import NEEDS
from workers.inventory.teardown.run import TearDown

LOST, SLOWER = Unreachable("No answer", "Could not."), Throttled("Too fast", "Could not.")
IN_USE = Conflict("In use", "Could not.", code="DependencyViolation")


class FakeHands:
    """An account: ``troubles`` are what the next attempts raise; ``slow``: how often one looks until it is gone."""

    def __init__(self, *rows, **troubles):
        self.left = {each.key: each for each in rows}
        self.troubles = {key: deque(errors) for key, errors in troubles.items()}
        self.slow = 2
        self.looks: dict[object, int] = {}
        self.order: list[str] = []
        self.done_despite_error = False

    async def begin(self, each):
        await asyncio.sleep(0)
        kinds = {kind for kind, _ in self.left}
        needed = NEEDS.get(each.kind, frozenset()) & kinds
        assert not needed, f"{each.kind} while {needed} are there"
        if each.key not in self.left:
            raise NotFound("Gone", "Gone.")
        waiting = self.troubles.get(each.kind)
        if waiting:
            error = waiting.popleft()
            if self.done_despite_error:
                self._gone(each)
            raise error
        if each.kind in running.SLOW:
            self.looks[each.key] = self.slow
        else:
            self._gone(each)

    async def over(self, each):
        self.looks[each.key] = self.looks.get(each.key, 0) - 1
        if self.looks[each.key] <= 0:
            self._gone(each)
        return each.key not in self.left

    async def there(self, each):
        return each.key in self.left

    def _gone(self, each):
        if self.left.pop(each.key, None):
            self.order.append(each.kind)


def carry_out(hands, *rows):
    async def body():
        plan = plan_of(*rows, everything=True)
        return [progress async for progress in TearDown(hands, plan.steps, poll=0.001).run()]

    return asyncio.run(body())


def ends(hands, *rows):
    last = carry_out(hands, *rows)[-1]
    assert last.ended
    return {step.resource.kind: (step.state, step.note) for step in last.steps}


ALL = [row(kind) for kind in ALL_KINDS]


def test_everything_goes_in_order():
    hands = FakeHands(*ALL)
    progress = carry_out(hands, *ALL)
    assert hands.left == {}
    assert progress[-1].words == f"All {len(ALL)} are gone."
    assert progress[-1].done == len(ALL)
    counts = [state.done for state in progress]
    assert counts == sorted(counts) and len(counts) > 3


@pytest.mark.parametrize("error", [LOST, SLOWER, IN_USE])
@pytest.mark.parametrize("kind", ["endpoint", "bucket", "role", "security-group"])
def test_trouble_that_passes(error, kind):
    hands = FakeHands(*ALL, **{kind: [error] * 3})
    assert {state for state, _ in ends(hands, *ALL).values()} == {"deleted"}
    assert hands.left == {}


def test_a_lost_answer_to_what_was_done_is_a_success():
    hands = FakeHands(row("role"), role=[LOST])
    hands.done_despite_error = True
    assert ends(hands, row("role")) == {"role": ("deleted", "")}


def test_what_was_gone_before_is_told():
    assert ends(FakeHands(), row("model")) == {"model": ("gone", "")}


@pytest.mark.parametrize("error", [AccessDenied("No", "You may not."), SageDeckError("No", "Because.")])
def test_one_that_cannot_go_keeps_only_those_that_need_it_gone(error):
    hands = FakeHands(*ALL, function=[error] * 9)
    found = ends(hands, *ALL)
    assert found["function"] == ("failed", error.message)
    stays = {kind for kind, (state, _) in found.items() if state == "failed"}
    assert stays == {"function", "log-group", "bucket", "role", "security-group"}
    assert "the function x is still there" in found["role"][1]
    assert {kind for kind, _ in hands.left} == stays


def test_expired_keys_end_it():
    found = ends(FakeHands(*ALL, **{kind: [Expired("Expired", "Sign in.")] for kind in ALL_KINDS}), *ALL)
    assert {state for state, _ in found.values()} == {"failed"}


def test_an_endpoint_that_is_being_created_is_queued():
    being_made = row("endpoint", state="Creating")
    refuses = InvalidInput("Not now", "Cannot delete an endpoint that is being created.")
    hands = FakeHands(being_made, row("role"), endpoint=[refuses] * 4)
    progress = carry_out(hands, being_made, row("role"))
    queued = [step for state in progress for step in state.steps if step.state == "queued"]
    assert queued and "as soon as AWS lets it" in queued[0].note
    assert hands.left == {} and hands.order == ["endpoint", "role"]


def test_patience_has_an_end(monkeypatch):
    monkeypatch.setattr(running, "PATIENCE_SECONDS", 0.05)
    being_made = row("endpoint", state="Creating")
    refuses = InvalidInput("Not now", "Cannot delete an endpoint that is being created.")
    hands = FakeHands(being_made, row("role"), endpoint=[refuses] * 10**6)
    found = ends(hands, being_made, row("role"))
    assert "begin again later" in found["endpoint"][1]
    assert found["role"][0] == "failed"


def test_a_conflict_that_does_not_pass_is_told_after_a_while(monkeypatch):
    monkeypatch.setattr(running, "CONFLICT_SECONDS", 0.02)
    hands = FakeHands(row("security-group"), **{"security-group": [IN_USE] * 10**6})
    assert ends(hands, row("security-group")) == {"security-group": ("failed", "Could not.")}


def test_a_deletion_that_takes_long_is_asked_for_once():
    class Slow(FakeHands):
        begun = 0

        async def begin(self, each):
            self.begun += 1
            # Longer than the tear-down waits for it before it looks round again.
            await asyncio.sleep(0.01)
            await super().begin(each)

    hands = Slow(row("bucket"), row("role"))
    assert {state for state, _ in ends(hands, row("bucket"), row("role")).values()} == {"deleted"}
    assert hands.begun == 2


def test_what_remains_is_counted_and_what_is_tried_again_says_why():
    hands = FakeHands(row("model"), row("function"), model=[SLOWER, IN_USE], function=[SageDeckError("No", "Because.")])
    progress = carry_out(hands, row("model"), row("function"))
    assert progress[-1].words == "1 of 2 are gone; 1 remain."
    notes = [step.note for state in progress for step in state.steps if step.state == "queued"]
    assert list(dict.fromkeys(notes)) == ["AWS asks to slow down; tried again", "still in use; tried again"]


@pytest.mark.parametrize("error", [AccessDenied("No", "You may not look."), Expired("Expired", "Sign in.")])
def test_what_may_not_be_looked_at_any_more_is_told_and_not_waited_for(error):
    class Blind(FakeHands):
        async def over(self, each):
            raise error

    assert ends(Blind(row("instance")), row("instance")) == {"instance": ("failed", error.message)}


def test_a_look_that_fails_once_is_taken_again():
    class Shaky(FakeHands):
        looked = 0

        async def over(self, each):
            self.looked += 1
            if self.looked == 1:
                raise LOST
            return await super().over(each)

    assert ends(Shaky(row("instance")), row("instance")) == {"instance": ("deleted", "")}


@pytest.mark.parametrize(("lost", "state"), [(running.TRIES - 1, "deleted"), (running.TRIES, "failed")])
def test_without_a_sure_answer_it_is_tried_so_often(lost, state):
    hands = FakeHands(row("role"), role=[LOST] * lost)
    assert ends(hands, row("role"))["role"][0] == state


def test_a_fault_of_the_program_is_not_taken_for_a_deletion():
    class Broken(FakeHands):
        async def begin(self, each):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        carry_out(Broken(row("role")), row("role"))


def test_nothing_to_do():
    assert carry_out(FakeHands())[-1].words == "There was nothing to do."


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(ALL_KINDS), min_size=1, max_size=12, unique=True), st.integers(0, 30))
def test_stopped_anywhere_it_goes_on(kinds, stop_after):
    rows = [row(kind) for kind in kinds]
    hands = FakeHands(*rows)

    async def body():
        steps = plan_of(*rows, everything=True).steps
        async with aclosing(TearDown(hands, steps, poll=0.0005).run()) as progress:
            count = 0
            async for _ in progress:
                count += 1
                if count > stop_after:
                    break
        # A new plan, from what is left.
        again = plan_of(*hands.left.values(), everything=True).steps
        return [state async for state in TearDown(hands, again, poll=0.0005).run()][-1]

    last = asyncio.run(body())
    assert last.ended and not last.failed and hands.left == {}


trouble = st.sampled_from([LOST, SLOWER, IN_USE])


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.sampled_from(ALL_KINDS), st.lists(trouble, max_size=4), max_size=8))
def test_whatever_passes_all_is_gone_in_the_end(troubles):
    hands = FakeHands(*ALL, **troubles)
    found = ends(hands, *ALL)
    assert {state for state, _ in found.values()} <= {"deleted", "gone"} and hands.left == {}
