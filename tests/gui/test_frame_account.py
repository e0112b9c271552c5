"""What the frame does about sign-ins that expired, and about long work while another program is in front."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from console.activity.model import ActivityModel
from console.connection import Choice
from console.window import tray
from tests.helpers.window import AWS, FakeServices, RecordingTab, until
from workers.errors.tree import Expired, Fix, LocalProblem
from workers.types import Backend

EXPIRED = Expired("The sign-in has expired", "Could not sign in.", fix=Fix("Sign in", "sign_in", {"profile": "work"}))
WORK = Choice("aws:work", "work", "aws", AWS.region, AWS)


async def shown(make_application):
    application = make_application([RecordingTab.spec])
    painted = asyncio.Event()
    application.window.painted.connect(painted.set)
    application.show(connect=False)
    await painted.wait()
    return application


@pytest.fixture
def expired(monkeypatch):
    """An account that answers only after the list got an entry."""
    signed_in = []
    monkeypatch.setattr(
        "console.connection._make_services",
        lambda backend: FakeServices(backend, error=None if signed_in else EXPIRED),
    )
    return signed_in


async def test_the_strip_offers_to_sign_in_and_then_connects(make_application, monkeypatch, expired):
    asked = []

    async def sign_in(way, on_line):
        asked.append(way.profile)
        on_line("open https://example.com and enter ABCD")
        expired.append(True)

    monkeypatch.setattr("workers.account.signing_in.sign_in", sign_in)
    application = await shown(make_application)
    application.connection.choose(WORK)
    strip = application.window.strip
    await until(lambda: strip.fix.isVisible())
    assert (strip.title.text(), strip.fix.text()) == ("The sign-in has expired", "Sign in")
    assert strip.retry.isVisible()
    strip.fix.click()
    await until(lambda: application.connection.state == "ready")
    assert asked == ["work"]
    item = application.activity.history[0]
    assert (item.title, item.state) == ("Sign in to work", "done")
    assert "work" in item.cli
    assert not strip.isVisible()


async def test_the_command_can_be_copied_where_it_must_be_typed(make_application, monkeypatch, expired):
    async def sign_in(way, on_line):
        raise LocalProblem("Sign in to work in a terminal", "No AWS CLI.", "Type it.", details="aws sso login")

    monkeypatch.setattr("workers.account.signing_in.sign_in", sign_in)
    application = await shown(make_application)
    application.sign_ins.begin("work")
    await until(lambda: application.notify.notices)
    notice = application.notify.notices[-1]
    assert notice.title == "Sign in to work in a terminal"
    assert notice.action is not None and notice.action[0] == "Copy the command"
    notice.action[1]()
    assert QGuiApplication.clipboard().text() == "aws sso login"
    assert application.activity.history[0].state == "failed"


async def test_an_error_without_its_own_way_out_offers_to_try_again(make_application, monkeypatch):
    error = Expired("Not known", "AWS does not know it.", fix=Fix("Try again", "retry"))
    monkeypatch.setattr("console.connection._make_services", lambda backend: FakeServices(backend, error=error))
    application = await shown(make_application)
    application.connection.choose(WORK)
    await until(lambda: application.connection.state == "failed")
    assert application.window.strip.retry.isVisible() and not application.window.strip.fix.isVisible()


async def test_a_region_that_nobody_set_is_told(make_application, monkeypatch):
    monkeypatch.setattr("console.connection._make_services", FakeServices)
    application = await shown(make_application)
    backend = Backend("aws", "bare", "us-east-1", profile_name="bare", region_assumed=True)
    application.connection.choose(Choice("aws:bare", "bare", "aws", "us-east-1", backend))
    await until(lambda: application.notify.notices)
    notice = application.notify.notices[-1]
    assert notice.title == "No region is set for bare"
    assert "us-east-1 is used" in notice.text and "--profile bare" in notice.text


class FakeTray(QObject):
    messageClicked, activated = Signal(), Signal(object)
    MessageIcon = tray.QSystemTrayIcon.MessageIcon
    there = True
    said: list[str] = []

    def __init__(self, icon, parent):
        super().__init__(parent)
        self.visible = False

    @classmethod
    def isSystemTrayAvailable(cls):
        return cls.there

    def setToolTip(self, text):
        self.tip = text

    def show(self):
        self.visible = True

    def hide(self):
        self.visible = False

    def showMessage(self, title, text, kind, milliseconds):
        self.said.append(title)


@pytest.fixture
def activity(qapp, monkeypatch):
    monkeypatch.setattr(tray, "QSystemTrayIcon", FakeTray)
    monkeypatch.setattr(FakeTray, "there", True)
    FakeTray.said = []
    model, window = ActivityModel(), QWidget()
    messages = tray.TrayMessages(model, window)
    yield model
    messages.hide()
    window.deleteLater()


def finish(model, title, seconds, how="done"):
    item = model.begin(title, "training")
    item.started = datetime.now(UTC) - timedelta(seconds=seconds)
    getattr(item, how)("the words")


def test_only_long_work_is_told_in_the_tray(activity):
    finish(activity, "short", 5)
    finish(activity, "long", 90)
    finish(activity, "broken", 90, "fail")
    finish(activity, "stopped", 90, "cancelled")
    assert FakeTray.said == ["Done: long", "Failed: broken"]


def test_nothing_is_told_without_a_tray_or_with_the_window_in_front(activity, monkeypatch):
    monkeypatch.setattr(FakeTray, "there", False)
    finish(activity, "long", 90)
    monkeypatch.setattr(FakeTray, "there", True)
    monkeypatch.setattr(QWidget, "isActiveWindow", lambda self: True)
    finish(activity, "long", 90)
    assert FakeTray.said == []
