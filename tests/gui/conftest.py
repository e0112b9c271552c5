"""The window's tests: offscreen, ``async def`` tests run on Qt's own event loop, and any Qt warning fails.

``make_application`` builds the whole window with files in a temporary folder; it is closed after the test.
"""

from __future__ import annotations

import asyncio
import builtins
import gc
import inspect
import os
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import delete, getCppPointer

# Before any test imports Qt.
os.environ["QT_QPA_PLATFORM"] = os.environ.get("SAGEDECK_TEST_PLATFORM", "offscreen")

TEST_SECONDS = 570
OFFSCREEN_NOISE = r"This plugin does not support"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.gui)
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            item.add_marker(pytest.mark.qt_log_ignore(OFFSCREEN_NOISE))


def watched(make_class: Callable[..., Any]) -> Callable[..., Any]:
    """Notes the classes that Qt knows and a thread makes: see console/window/importing.py for what comes of it."""

    def make(*arguments: Any, **options: Any) -> Any:
        made = make_class(*arguments, **options)
        if threading.current_thread() is not threading.main_thread() and isinstance(made, type(QObject)):
            MADE_IN_THREADS.append(f"{made.__module__}.{made.__qualname__}")
        return made

    return make


MADE_IN_THREADS: list[str] = []
builtins.__build_class__ = watched(builtins.__build_class__)


def let_go_of_the_mouse() -> None:
    """QTest's double click leaves its button pressed, and who holds one chooses himself where the keyboard goes."""
    for button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
        if QApplication.mouseButtons() & button:
            QTest.mouseRelease(QWidget(), button)


def address(widget: QWidget) -> int:
    """Where Qt has it: Python's object for it may be made anew at every look."""
    return int(getCppPointer(widget)[0])


def pytest_sessionfinish() -> None:
    """What was left out of collections ends with the process, as it does without them.

    The clipboard is Qt's and outlives Python: what a test put there and Python owns would be freed after its end.
    """
    gc.unfreeze()
    if QApplication.instance() is not None:
        QApplication.clipboard().clear()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """As in the program: Qt objects must not be collected by a thread of a worker, nor by one of a later test.

    What a test made is garbage only when pytest has let go of its fixtures, which is after their teardown. Widgets
    without a parent that it made go, too: their signals hold them, and every change of the theme would polish them.
    """
    if Path(__file__).parent not in item.path.parents:
        return (yield)
    gc.disable()
    # What is there already lives on: looking through all of it after every test took a tenth of the suite's time.
    gc.freeze()
    before = {address(widget) for widget in QApplication.topLevelWidgets()}
    try:
        return (yield)
    finally:
        let_go_of_the_mouse()
        for widget in QApplication.topLevelWidgets():
            if address(widget) not in before and widget.parent() is None:
                widget.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        gc.enable()


class EndedTimers:
    """Stands for the timers of a closed loop: nothing is called any more."""

    def add_callback(self, handle: asyncio.Handle, delay: float = 0) -> asyncio.Handle:
        return handle


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an ``async def`` test on a QEventLoop of its own, and close the windows that it made."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    from qasync import QEventLoop

    # pytest gives this hook no other way to a fixture that the test does not name.
    qapp = pyfuncitem._request.getfixturevalue("qapp")
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in names}
    made: list[Any] = pyfuncitem.funcargs.get("applications", [])

    async def body() -> None:
        try:
            async with asyncio.timeout(TEST_SECONDS):
                await pyfuncitem.obj(**arguments)
        finally:
            for application in made:
                await application.close()
                application.window.deleteLater()

    loop = QEventLoop(qapp)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(body())
    # Timers of what was cancelled run on in a closed loop. Were a thread the last to know it, they would outlive their
    # object, and end the process; qasync has no way to it.
    delete(loop._timer)
    # What a thread said as the loop was closed still arrives, in the next test.
    loop._timer = EndedTimers()
    made_in_threads, MADE_IN_THREADS[:] = list(MADE_IN_THREADS), []
    assert not made_in_threads, "classes that Qt knows are made in the GUI thread only"
    return True


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the settings, caches or AWS profiles of who runs it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "SAGEDECK_CONFIG"):
            patch.setenv(name, str(home / name.lower()))
        patch.setenv("AWS_CONFIG_FILE", str(home / "aws-config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "aws-credentials"))
        for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SAGEDECK_STATE"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def dressed(qapp: Any) -> Any:
    """The QApplication with the program's style, whoever made it; once, for it polishes every widget there is."""
    from console.app import dress

    dress(qapp)
    return qapp


@pytest.fixture(autouse=True)
def _large_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows begin in their usual size: the screen of the offscreen platform is 800 by 800 pixels."""
    from console.window import main_window

    monkeypatch.setattr(main_window, "free_space", lambda window: QSize(1920, 1080))


@pytest.fixture(autouse=True)
def _as_the_program(dressed: Any) -> Iterator[None]:
    """The program's light colours."""
    from console.look.theme import theme

    theme().set_preference("light")
    theme().apply()
    yield
    theme().set_scale(1.0)
    theme().set_preference("light")


@pytest.fixture
def applications() -> list[Any]:
    return []


@pytest.fixture
def make_application(tmp_path: Path, applications: list[Any]) -> Callable[..., Any]:
    """Builds an ``Application`` (call it inside an async test); ``specs`` are its tabs."""

    def make(specs: Any = (), **options: Any) -> Any:
        from console.app import Application, Files

        options.setdefault("state_dir", tmp_path / "sandbox")
        application = Application(Files.inside(tmp_path / "window"), specs=specs, **options)
        # Who tests the seconds for an undo sets them.
        application.ctx.grace_seconds = 0.0
        applications.append(application)
        return application

    return make
