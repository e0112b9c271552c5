"""The command that makes the account safer: its question, its line, and what it tells when only some could be done."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from console.tabs import CHANGES
from console.tabs.overview.events.rows import trail_name
from console.tabs.overview.security.commands import Secure
from console.tabs.overview.security.rows import called, called_together, grouped, verb
from console.ways_back import command_of
from tests.helpers.inventory import resource
from tests.helpers.safety import report, unsafe_account
from workers.errors.tree import Conflict
from workers.security.functions import Reserve
from workers.security.groups import CloseRule, OpenRule
from workers.security.logs import SetRetention
from workers.security.types import Change

CLOSE = CloseRule("sg-1", "wide", OpenRule("tcp", 22, 22, "0.0.0.0/0"))
FORGET = SetRetention("/for/ever", 90)


def services(*refused: Change) -> Any:
    """An account that refuses these changes."""

    async def apply(change: Change) -> None:
        if change in refused:
            raise Conflict("It has changed meanwhile", "Nothing was changed.")

    return SimpleNamespace(security=SimpleNamespace(apply=apply))


def test_one_change_says_what_it_does_before_and_after() -> None:
    command = Secure([CLOSE])
    question = command.confirmation()
    assert question is not None
    assert (question.title, question.confirm_label) == ("Close tcp port 22 from 0.0.0.0/0 to sg-1?", "Close")
    assert question.text == CLOSE.sentence and not question.danger
    assert command.cli() == CLOSE.cli
    assert command.events() == [("securitygroup", "sg-1")]
    assert command.done_text(asyncio.run(command.run(services()))) == "Done"
    with pytest.raises(Conflict, match="changed meanwhile"):
        asyncio.run(command.run(services(CLOSE)))


def test_what_was_reserved_can_be_given_back_and_nothing_is_made_unsafe_again() -> None:
    reserve = [Reserve("ask", 10), Reserve("say", 20)]
    single, both = (Secure([CLOSE, *reserve[:number]]).undo(3) for number in (1, 2))
    assert single is not None and both is not None
    back = command_of(single, CHANGES)
    assert (back.title, back.cli()) == (
        "Put back: Reserve 10 for ask", "aws lambda delete-function-concurrency --function-name ask",
    )  # fmt: skip
    assert len(command_of(both, CHANGES).cli().splitlines()) == 2
    assert Secure([CLOSE]).undo(1) is None


def test_several_are_listed_and_one_that_deletes_makes_the_question_a_dangerous_one() -> None:
    command = Secure([CLOSE, FORGET])
    question = command.confirmation()
    assert question is not None and question.danger
    assert [entry.name for entry in question.listed] == [CLOSE.title, FORGET.title]
    assert CLOSE.sentence in question.text and FORGET.sentence in question.text
    assert command.cli() == f"{CLOSE.cli}\n{FORGET.cli}"
    assert command.done_text(asyncio.run(command.run(services()))) == "2 changes made"


def test_what_could_not_be_done_is_told_and_the_rest_is_done() -> None:
    with pytest.raises(Conflict) as told:
        asyncio.run(Secure([CLOSE, FORGET]).run(services(CLOSE)))
    assert told.value.title == "1 of 2 stayed as they were"
    assert "1 done" in told.value.message
    assert [left.name for left in told.value.left] == ["sg-1"]


def test_what_was_shown_already_is_not_asked_again() -> None:
    assert Secure([CLOSE], agreed=True).confirmation() is None


def test_resources_are_called_as_people_know_them() -> None:
    found = report(unsafe_account()).findings
    names = {finding.check: called(finding) for finding in found}
    assert names["ec2_instance_imdsv2_enabled"] == "dog-scratch"
    assert names["iam_user_mfa_enabled_console_access"] == "user/operator"
    groups = grouped(report(unsafe_account()))
    assert called_together(groups[-1]) == "3 log groups"
    assert [verb(group[0]) for group in groups] == ["Require v2…", "Close…", "How to", "Narrow…", "Set retention…"]


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (resource("instance", "dog-trainer", id="i-0a3f91c2"), "i-0a3f91c2"),
        (resource("endpoint", "dogs"), "dogs"),
        (resource("role", "dogs", id="arn:aws:iam::1:role/dogs"), "dogs"),
    ],
)
def test_the_event_history_knows_ec2s_ids_and_other_names(made: Any, name: str) -> None:
    assert trail_name(made) == name
