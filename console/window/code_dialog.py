"""The code of a second device (MFA), asked for in the window while a profile is connected to."""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.widgets.forms.fields import LineEdit
from console.widgets.forms.form import Form
from console.widgets.frames.dialog import FormDialog

# Somebody has to find his phone; the waiting thread must end one day.
ASK_SECONDS = 300.0
TASK = "second device"
_CODE = re.compile(r"\d{6}")


class CodeDialog(FormDialog):
    """Asks for the six digits that the device ``serial`` shows for the profile ``name``."""

    def __init__(self, name: str, serial: str, parent: QWidget | None = None) -> None:
        form = Form()
        form.add("code", "Code", LineEdit(placeholder="123456"), check=code_problem)
        device = serial.rsplit(":mfa/", 1)[-1]
        text = f"Enter the code that the device {device} shows."
        super().__init__(f"Sign in to {name}", form, ok="Sign in", icon="key", text=text, parent=parent)
        form.row("code").field.setFocus()

    @property
    def code(self) -> str:
        """The digits, without the blank that some devices show in their middle."""
        return bare(str(self.form.value("code")))


class CodeQuestions:
    """Asks in the window for a thread of a worker that waits for the code."""

    def __init__(self, ctx: AppContext, parent: QWidget) -> None:
        self._ctx, self._parent = ctx, parent
        self._loop = asyncio.get_running_loop()

    def asker(self, name: str) -> Callable[[str], str | None]:
        """What a thread calls with a device's number while it connects to ``name``; None: no code was entered."""

        def ask(serial: str) -> str | None:
            answer: concurrent.futures.Future[str | None] = concurrent.futures.Future()
            try:
                self._loop.call_soon_threadsafe(self._begin, name, serial, answer)
                return answer.result(ASK_SECONDS)
            except TimeoutError:
                self._loop.call_soon_threadsafe(self.end)
                return None
            except RuntimeError:
                # The window is closed.
                return None

        return ask

    def end(self) -> None:
        """Ask no more: nobody waits for the code."""
        self._ctx.tasks.cancel(TASK)

    def _begin(self, name: str, serial: str, answer: concurrent.futures.Future[str | None]) -> None:
        task = self._ctx.tasks.start(self._ask(name, serial), label="Asking for a code", key=TASK, scope="window")
        task.add_done_callback(lambda done: answer.set_result(None if done.cancelled() else done.result()))

    async def _ask(self, name: str, serial: str) -> str | None:
        dialog = CodeDialog(name, serial, self._parent)
        return dialog.code if await dialog.ask() else None


def bare(text: str) -> str:
    """``text`` without blanks."""
    return "".join(text.split())


def code_problem(text: str) -> str | None:
    """Why ``text`` is no code; None when it is one."""
    return None if _CODE.fullmatch(bare(text)) else "Six digits, as the device shows them."
