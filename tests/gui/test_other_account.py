"""Nothing of the account that was left is shown under another one's name, whatever arrives late, on every tab."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtWidgets import QAbstractButton, QDialog, QFileDialog, QLabel, QWidget

from console.connection import Choice
from console.not_connected import NotConnected
from console.tabs import TABS
from console.widgets.base import below
from console.widgets.forms.buttons import Button
from tests.helpers.accounts import NamedAccount, said
from tests.helpers.window import FakeServices, until
from workers.errors.tree import AccessDenied, Expired, Fix, LocalProblem, Unreachable
from workers.types import Backend

OLD, NEW = "oldacct", "newacct"
WORDS = {"old": OLD, "new": NEW, "empty": ""}
TAB_IDS = [spec.id for spec in TABS]
NEEDING = [spec.id for spec in TABS if not spec.works_alone]
EXPIRED = Expired("The sign-in has expired", "Could not sign in.", fix=Fix("Sign in", "sign_in", {"profile": "bad"}))


def choice(name: str) -> Choice:
    backend = Backend("aws", name, "us-east-1", profile_name=name)
    return Choice(f"aws:{name}", name, "aws", "us-east-1", backend)


class Desk:
    """A window on the accounts ``old``, ``new``, ``empty``, and ``bad``, which cannot sign in."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.window, self.connection = application.window, application.connection
        self.error: Exception = EXPIRED
        self.made: dict[str, Any] = {}

    def make(self, backend: Backend) -> Any:
        name = backend.label
        if name == "bad" or (name == "old" and self.connection.error_for_old is not None):
            error = self.error if name == "bad" else self.connection.error_for_old
            return FakeServices(backend, error=error)
        account = NamedAccount(WORDS[name], backend)
        number = {"old": "111111111111", "new": "222222222222", "empty": "333333333333"}[name]
        account.who = type(account.who)(number, f"arn:aws:iam::{number}:user/{name}-operator")
        self.made[name] = account
        return account

    async def choose(self, name: str, state: str = "ready") -> Any:
        self.connection.choose(choice(name))
        await until(lambda: self.connection.state == state)
        return self.made.get(name)

    def left(self, word: str = OLD) -> list[tuple[str, str]]:
        return [(where, text) for where, text in said(self.window) if word in text or "1111-1111" in text]

    def picture(self) -> NotConnected | None:
        shown = [page for page in self.window.findChildren(NotConnected) if page.isVisible()]
        assert len(shown) <= 1
        return shown[0] if shown else None

    def buttons(self) -> list[Button]:
        """Those of the picture, once its layout shows them."""
        picture = self.picture()
        return [button for button in picture.findChildren(Button) if button.isVisible()] if picture is not None else []


@pytest.fixture
def desk(make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    async def opened(tab_id: str, size: tuple[int, int] = (1440, 900)) -> Desk:
        application = make_application(TABS)
        made = Desk(application)
        application.connection.error_for_old = None
        monkeypatch.setattr("console.connection._make_services", made.make)
        application.window.resize(*size)
        application.show(connect=False)
        for spec in TABS:
            application.window.show_tab(spec.id)
            application.window.pages.tab(spec.id)
        application.window.show_tab(tab_id)
        return made

    return opened


async def settle() -> None:
    """Time for an answer that should be dropped to be shown all the same: there is nothing to wait for."""
    for _ in range(60):
        # Not 0: what is shown with the next timer would not be seen.
        await asyncio.sleep(0.002)


async def all_read(made: Desk, tab_id: str) -> None:
    """Every tab has read its rows before, and its dialogs and panels may be open; then this one is shown."""
    for spec in TABS:
        made.window.show_tab(spec.id)
        await until(lambda: any(OLD in text for _, text in said(made.window.pages.current_tab)))
    made.window.show_tab(tab_id)
    await settle()


async def test_an_account_that_cannot_sign_in_shows_nothing_of_the_one_before(desk: Any) -> None:
    # One window for all tabs: to build it takes longer than they do.
    made = await desk(TAB_IDS[0])
    signed_in: list[str] = []
    made.application.sign_ins.begin = signed_in.append
    for tab_id in TAB_IDS:
        await made.choose("old")
        await all_read(made, tab_id)
        await made.choose("bad", "failed")
        assert made.left() == [], tab_id
        picture = made.picture()
        assert picture is not None and picture.picture.title.text() == "Not connected to bad", tab_id
        assert "The sign-in has expired" in picture.picture.accessibleName()
        await until(lambda: any(button.text() == "Sign in" for button in made.buttons()))
        next(button for button in made.buttons() if button.text() == "Sign in").click()
        assert signed_in.pop() == "bad" and not signed_in, tab_id
        assert not made.window.header.cost.isVisible() and not made.application.activity.running
        assert [button.text() for button in acting(made.window.pages)] == [], tab_id
        for spec in TABS:
            made.window.show_tab(spec.id)
            assert made.left() == [] and made.picture() is not None, (tab_id, spec.id)


def acting(root: QWidget) -> list[QAbstractButton]:
    """Buttons of the account that can be pressed."""
    names = {"Launch", "New endpoint…", "New function…", "Upload", "Delete…", "Stop…", "Deploy…", "Run again…"}
    found = root.findChildren(QAbstractButton)
    return [button for button in found if button.isVisible() and button.isEnabled() and button.text() in names]


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700)], ids=["wide", "narrow"])
async def test_another_account_shows_its_own_alone(desk: Any, size: tuple[int, int]) -> None:
    made = await desk(TAB_IDS[0], size)
    for tab_id in TAB_IDS:
        await made.choose("old")
        await all_read(made, tab_id)
        await made.choose("empty")
        tab = made.window.pages.current_tab
        tab.show_side()
        await settle()
        assert made.left() == [], tab_id
        assert made.picture() is None and tab.isVisible()
        await made.choose("new")
        await until(lambda tab=tab: any(NEW in text for _, text in said(tab)))
        assert made.left() == [], tab_id


LATE = {
    "rows after the switch": (None, False),
    "an error after the switch": (AccessDenied("Not allowed", f"{OLD}-job may not be read."), False),
    "rows with the switch": (None, True),
    "an error with the switch": (Unreachable("No answer", f"{OLD}-bucket did not answer."), True),
}


async def test_a_late_answer_of_the_account_before_is_dropped(desk: Any) -> None:
    made = await desk(TAB_IDS[0])
    for tab_id, (late, (fault, together)) in itertools.product(TAB_IDS, LATE.items()):
        # The account in force is none, or the empty one.
        made.window.show_tab(tab_id)
        old = await made.choose("old")
        await until(lambda: any(OLD in text for _, text in said(made.window.pages.current_tab)))
        await settle()
        old.gate.clear()
        made.window.pages.refresh()
        await until(lambda old=old: old.waiting)
        old.fault = fault
        if together:
            # The answer is there, and nobody has looked at it yet.
            old.gate.set()
        made.connection.choose(choice("empty"))
        assert made.left() == [], (tab_id, late)
        await until(lambda: made.connection.state == "ready")
        old.gate.set()
        await settle()
        assert made.left() == [], (tab_id, late)
        notices = [notice.title for notice in made.application.notify.notices if notice.title.startswith("No")]
        assert notices == [], (tab_id, late)


async def test_rows_of_an_account_that_dropped_stay_with_their_age_and_without_actions(desk: Any) -> None:
    made = await desk(NEEDING[0])
    for tab_id in NEEDING:
        await made.choose("old")
        made.window.show_tab(tab_id)
        tab = made.window.pages.current_tab
        await until(lambda tab=tab: any(OLD in text for _, text in said(tab)))
        await until(lambda: made.application.ctx.refreshed_at is not None)
        made.connection.error_for_old = Unreachable("No answer from AWS", "Could not sign in.")
        made.connection.retry()
        await until(lambda: made.connection.state == "failed")
        assert tab.isVisible() and any(OLD in text for _, text in said(tab)), tab_id
        assert tab.head.age.isVisible() and tab.head.age.text().startswith("as of "), tab_id
        assert not [button for button in tab.findChildren(QAbstractButton) if button.isEnabled()], tab_id
        assert made.window.strip.isVisible() and made.window.strip.retry.isEnabled()
        made.connection.error_for_old = None
        made.connection.retry()
        await until(lambda: made.connection.state == "ready")
        await until(lambda tab=tab: tab.isEnabled() and not tab.head.age.isVisible())
        made.connection.error_for_old = Unreachable("No answer from AWS", "Could not sign in.")
        made.connection.retry()
        await until(lambda: made.connection.state == "failed")
        await made.choose("bad", "failed")
        assert made.left() == [] and made.picture() is not None, tab_id
        made.connection.error_for_old = None


CURES: list[tuple[Exception, list[str]]] = [
    (EXPIRED, ["Sign in", "Choose an account…"]),
    (Unreachable("No answer", "Nothing.", fix=Fix("Try again", "retry")), ["Connect again", "Choose an account…"]),
    (
        LocalProblem("It keeps ending", "Often.", fix=Fix("Restart the sandbox", "restart_sandbox")),
        ["Restart the sandbox", "Choose an account…"],
    ),
    (
        Expired("The profile is gone", "It is.", fix=Fix("Choose an account", "choose_backend")),
        ["Choose an account", "Connect again"],
    ),
]


async def test_the_cure_is_a_button(desk: Any) -> None:
    made = await desk("endpoints")
    for error, cures in CURES:
        await made.choose("empty")
        made.error = error
        await made.choose("bad", "failed")
        await until(lambda cures=cures: [button.text() for button in made.buttons()] == cures, what=f"{cures}")


async def test_a_question_about_the_account_before_is_answered_with_cancel(desk: Any) -> None:
    made = await desk("data")
    await made.choose("old")
    made.window.show_settings()
    own = next(dialog for dialog in made.window.findChildren(QDialog) if dialog.isVisible())
    question = QFileDialog(made.window.pages.current_tab, "Download into")
    chosen: list[str] = []
    question.fileSelected.connect(chosen.append)
    question.open()
    await made.choose("new")
    assert own.isVisible() and not question.isVisible() and chosen == []
    own.reject()


async def test_why_it_is_not_connected_is_said_once(desk: Any) -> None:
    made = await desk("data")
    made.error = Expired("Nobody is signed in yet", "There is no sign-in of bad.", "Sign in to the profile bad.")
    await made.choose("bad", "failed")
    await settle()
    texts = [shown.text() for shown in below(made.window, QLabel) if shown.isVisible()]
    for words in ("There is no sign-in of bad.", "Sign in to the profile bad."):
        assert sum(text.count(words) for text in texts) == 1, texts
