"""The code of a second device is asked for in the window, without stopping it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from console.connection import Choice
from console.window import code_dialog
from console.window.code_dialog import CodeDialog, code_problem
from tests.helpers.window import AWS, FakeServices, shown, until
from workers.errors.tree import Expired, Fix

WORK = Choice("aws:work", "work", "aws", AWS.region, AWS)
SERIAL = "arn:aws:iam::123456789012:mfa/phone"


class AskingServices(FakeServices):
    """Connects with a code alone, asked for by a thread as boto3 does."""

    def __init__(self, backend):
        super().__init__(backend)
        self.given = []
        self.session = SimpleNamespace(identity=self.asked, ask_code=None)

    def ask(self):
        self.given.append(self.session.ask_code(SERIAL))
        return self.given[-1]

    async def asked(self):
        code = await asyncio.to_thread(self.ask)
        if code is None:
            raise Expired("A code is needed", "None was entered.", fix=Fix("Connect again", "reconnect"))
        return await self.identity()


@pytest.fixture
def made(monkeypatch):
    services = []

    def make(backend):
        services.append(AskingServices(backend))
        return services[-1]

    monkeypatch.setattr("console.connection._make_services", make)
    return services


def dialogs(application):
    return [dialog for dialog in application.window.findChildren(CodeDialog) if dialog.isVisible()]


async def test_the_code_connects_and_the_window_goes_on_meanwhile(make_application, made):
    application = await shown(make_application)
    application.connection.choose(WORK)
    await until(lambda: dialogs(application))
    dialog = dialogs(application)[0]
    assert dialog.heading.text() == "Sign in to work" and "phone" in dialog.sentence.text()
    assert not dialog.ok_button.isEnabled()
    dialog.form.set_values({"code": "123 456"})
    dialog.update_ok()
    dialog.ok_button.click()
    await until(lambda: application.connection.state == "ready")
    assert made[0].given == ["123456"]


async def test_cancel_is_told_with_a_button_that_asks_again(make_application, made):
    application = await shown(make_application)
    application.connection.choose(WORK)
    await until(lambda: dialogs(application))
    dialogs(application)[0].cancel_button.click()
    await until(lambda: application.connection.state == "failed")
    strip = application.window.strip
    assert strip.fix.isVisible() and strip.fix.text() == "Connect again"
    strip.fix.click()
    await until(lambda: len(made) == 2 and dialogs(application))
    # Who gives up waiting is asked no more, and the thread is let go.
    application.connection.cancel()
    await until(lambda: not dialogs(application) and made[1].given == [None])


async def test_nobody_there_is_no_code(make_application, made, monkeypatch):
    monkeypatch.setattr(code_dialog, "ASK_SECONDS", 0.05)
    application = await shown(make_application)
    application.connection.choose(WORK)
    await until(lambda: application.connection.state == "failed")
    assert made[0].given == [None]
    await until(lambda: not dialogs(application))


@pytest.mark.parametrize(
    ("text", "good"), [("123456", True), (" 123 456 ", True), ("12345", False), ("1234567", False), ("12345a", False)]
)
def test_a_code_has_six_digits(text, good):
    assert (code_problem(text) is None) is good
