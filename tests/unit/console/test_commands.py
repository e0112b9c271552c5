from __future__ import annotations

from console.commands import Affected, Command, Outcome, confirm_deletion
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
