from __future__ import annotations

import asyncio

import pytest

from console.commands import Affected, Command, Confirmation, Outcome, Reversible, confirm_deletion
from workers.errors.tree import AccessDenied, Conflict
from workers.services import Services
from workers.types import DeletionPlan


class Noop(Command):
    title = "Do nothing"

    async def run(self, services):
        return None


def test_a_deletion_says_what_goes_stays_breaks_and_saves():
    plan = DeletionPlan(
        "dogs",
        also_deleted=(("config", "dogs-cfg", ""),),
        kept=(("model", "dogs-model", "dogs-2 uses it"),),
        stops_working=(("function", "predict", "12 calls a minute"),),
        saves_per_hour=0.46,
    )
    question = confirm_deletion(plan, "Delete dogs?")
    assert question.also_deleted == (Affected("settings", "Config dogs-cfg", ""),)
    assert question.kept == (Affected("training", "Model dogs-model", "dogs-2 uses it"),)
    assert question.stops_working == (Affected("lambda", "Function predict", "12 calls a minute"),)
    assert question.saves == "$0.460 an hour, $336 a month"
    assert question.type_name == "dogs" and question.danger


def test_a_plan_that_saves_nothing_says_nothing_of_it():
    assert confirm_deletion(DeletionPlan("a", (), (), (), None), "Delete a?").saves == ""


def test_only_a_change_that_was_made_is_true():
    assert Outcome("done") and not Outcome("declined") and not Outcome("failed") and not Outcome("refused")


def test_a_plain_command_asks_nothing_and_announces_nothing():
    command = Noop()
    assert command.confirmation() is None and command.cli() == "" and command.events() == []


class SetCount(Reversible):
    """Sets one number of an account that is a dictionary."""

    icon = "scaling"

    def __init__(self, account: dict[str, int], wanted: int) -> None:
        self.account, self._wanted, self.readable = account, wanted, True
        self.title = f"Count {wanted}"

    @property
    def wanted(self) -> int:
        return self._wanted

    async def value(self, services: Services) -> int:
        if not self.readable:
            raise AccessDenied("No", "You may not look.")
        return self.account["count"]

    async def change(self, services: Services) -> str:
        self.account["count"] = self._wanted
        return "changed"

    def reverse(self) -> Command | None:
        return SetCount(self.account, self.before) if self.before >= 0 else None

    def confirmation(self) -> Confirmation:
        return Confirmation(f"Set {self._wanted}?")

    def done_text(self, result: str) -> str:
        return f"{result} to {self._wanted}"

    def cli(self) -> str:
        return f"aws count --to {self._wanted}"

    def events(self) -> list[tuple[str, str]]:
        return [("count", str(self._wanted))]


NOBODY: Services = None  # type: ignore[assignment]


def test_a_change_is_put_back_as_what_it_was_with_the_words_of_that_change():
    account = {"count": 2}
    command = SetCount(account, 5)
    assert asyncio.run(command.run(NOBODY)) == "changed" and account == {"count": 5}
    back = command.undo("changed")
    assert back is not None and (back.title, back.icon) == ("Put back: Count 5", "scaling")
    assert (back.confirmation(), back.cli()) == (Confirmation("Set 2?"), "aws count --to 2")
    assert (back.events(), back.done_text("changed")) == ([("count", "2")], "changed to 2")
    asyncio.run(back.run(NOBODY))
    assert account == {"count": 2}


def test_what_was_changed_since_is_not_put_back():
    account = {"count": 2}
    command = SetCount(account, 5)
    asyncio.run(command.run(NOBODY))
    account["count"] = 7
    back = command.undo(None)
    with pytest.raises(Conflict, match="Count 5: it was changed again since, so what was before is not set"):
        asyncio.run(back.run(NOBODY))
    assert account == {"count": 7}


@pytest.mark.parametrize("before", [5, -1])
def test_nothing_to_put_back(before):
    command = SetCount({"count": before}, 5)
    asyncio.run(command.run(NOBODY))
    assert command.undo(None) is None


def test_what_was_there_before_an_earlier_try_is_not_taken_for_what_is_there_now():
    account = {"count": 2}
    command = SetCount(account, 5)
    assert command.undo(None) is None, "not run yet"
    asyncio.run(command.run(NOBODY))
    account["count"], command.readable = 9, False
    asyncio.run(command.run(NOBODY))
    assert account == {"count": 5} and command.undo(None) is None
