"""Commands through ``AppContext.run``: confirmation, read-only, activity, events, errors."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtWidgets import QApplication

from console.commands import Command, Confirmation
from tests.helpers.window import connect, until
from workers.errors.tree import Conflict, Left, Unreachable


class Delete(Command):
    title = "Delete bucket dogs"
    icon = "bucket"

    def __init__(self, error=None, question=True):
        self.runs, self.error, self.question = 0, error, question

    def confirmation(self):
        return Confirmation("Delete dogs?", type_name="dogs") if self.question else None

    async def run(self, services):
        self.runs += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return {"deleted": 3}

    def done_text(self, result):
        return f"{result['deleted']} objects"

    def cli(self):
        return "aws s3 rb s3://dogs --force"

    def events(self):
        return [("bucket", "dogs")]


@pytest.fixture
def application(make_application):
    async def make():
        made = make_application()
        made.show(connect=False)
        return made, await connect(made)

    return make


async def test_a_confirmed_command_runs_is_recorded_and_announced(application):
    app, _ = await application()
    changed = []
    app.ctx.resourceChanged.connect(lambda kind, name: changed.append((kind, name)))
    command = Delete()
    task = app.ctx.start(command)
    await until(lambda: QApplication.activeModalWidget() is not None)
    dialog = QApplication.activeModalWidget()
    assert not dialog.confirm_button.isEnabled()
    dialog.field.setText("dogs")
    dialog.confirm_button.click()
    outcome = await task
    assert outcome and outcome.value == {"deleted": 3} and changed == [("bucket", "dogs")]
    [item] = app.activity.history
    assert (item.title, item.state, item.text, item.cli) == (command.title, "done", "3 objects", command.cli())


async def test_other_tasks_go_on_while_the_question_is_open(application):
    app, _ = await application()
    task = app.ctx.start(Delete())
    await until(lambda: QApplication.activeModalWidget() is not None)
    ticks = []

    async def tick():
        for number in range(3):
            await asyncio.sleep(0)
            ticks.append(number)

    await app.ctx.tasks.start(tick(), label="Tick")
    assert ticks == [0, 1, 2]
    QApplication.activeModalWidget().reject()
    assert (await task).status == "declined" and app.activity.history == []


async def test_read_only_mode_refuses_and_offers_to_turn_it_off(application):
    app, _ = await application()
    app.ctx.set_read_only(True)
    command = Delete(question=False)
    assert (await app.ctx.run(command)).status == "refused" and command.runs == 0
    _, turn_off = app.notify.notices[-1].action
    turn_off()
    assert not app.ctx.read_only and await app.ctx.run(command)


async def test_without_an_account_nothing_is_run(application):
    app, _ = await application()
    app.ctx.leave()
    command = Delete(question=False)
    assert (await app.ctx.run(command)).status == "refused" and command.runs == 0


async def test_an_account_lost_while_asking_stops_the_command(application):
    app, _ = await application()
    command = Delete()

    async def lose(confirmation, cli):
        app.ctx.services = None
        return True

    app.ctx.ask = lose
    assert (await app.ctx.run(command)).status == "refused" and command.runs == 0


async def test_a_failure_is_told_and_its_retry_runs_it_again(application):
    app, _ = await application()
    changed = []
    app.ctx.resourceChanged.connect(lambda *event: changed.append(event))
    command = Delete(Conflict("Not empty", "The bucket holds objects.", code="BucketNotEmpty"), question=False)
    outcome = await app.ctx.run(command)
    assert outcome.status == "failed" and changed == []
    [item] = app.activity.history
    assert item.state == "failed" and "BucketNotEmpty" in item.text
    assert app.notify.notices[-1].title == "Not empty"
    command.error = None
    item.retry()
    await until(lambda: len(app.activity.history) == 2)
    assert app.activity.history[0].state == "done" and changed == [("bucket", "dogs")]


async def test_what_a_failure_left_is_told_kept_and_read_again(application):
    app, _ = await application()
    changed = []
    app.ctx.resourceChanged.connect(lambda kind, name: changed.append((kind, name)))
    error = Unreachable("No answer from AWS", "Could not deploy dogs.", "Check the network.")
    error.leaving([Left("endpoint", "dogs", "goes on billing", "aws sagemaker delete-endpoint --endpoint-name dogs")])
    outcome = await app.ctx.start(Delete(error=error, question=False))
    assert not outcome and outcome.error is error
    [item] = app.activity.history
    told = app.ctx.notify.notices[-1].text
    assert "endpoint dogs (goes on billing)" in item.text and "endpoint dogs (goes on billing)" in told
    assert "aws sagemaker delete-endpoint --endpoint-name dogs" in item.text and "Activity has the lines" in told
    assert changed == [("bucket", "dogs")]


async def test_a_retry_never_runs_in_another_account(application):
    app, _ = await application()
    command = Delete(Conflict("Not empty", "The bucket holds objects."), question=False)
    await app.ctx.run(command)
    [item] = app.activity.history
    app.ctx.leave()
    await connect(app)
    command.error = None
    item.retry()
    await until(lambda: app.notify.notices[-1].title == "Another account is in force")
    assert command.runs == 1


async def test_an_answer_never_counts_for_another_account(application):
    app, _ = await application()
    command = Delete()

    async def change_account(confirmation, cli):
        app.ctx.leave()
        await connect(app)
        return True

    app.ctx.ask = change_account
    assert (await app.ctx.run(command)).status == "refused" and command.runs == 0


async def test_changing_the_account_cancels_a_running_command(application):
    app, _ = await application()

    class Slow(Delete):
        async def run(self, services):
            await asyncio.sleep(60)

    app.ctx.start(Slow(question=False))
    await until(lambda: app.activity.running)
    app.ctx.leave()
    await until(lambda: app.activity.history)
    assert app.activity.history[0].state == "cancelled"
