"""The “Sign in” button of an error: the AWS CLI signs in in the browser, then the account is connected again."""

from __future__ import annotations

import asyncio

from PySide6.QtGui import QGuiApplication

from console.connection import Connection
from console.context import AppContext
from workers.errors.tree import SageDeckError


class SignIns:
    """Signs AWS profiles in, one at a time."""

    def __init__(self, ctx: AppContext, connection: Connection) -> None:
        self._ctx, self._connection = ctx, connection

    def begin(self, profile: str) -> None:
        """Sign ``profile`` in; progress is in the activity panel. A second one takes the place of the first."""
        self._ctx.tasks.start(self._sign_in(profile), label="Signing in", key="sign in", scope="window")

    async def _sign_in(self, profile: str) -> None:
        from workers.account import signing_in

        ctx = self._ctx
        item = ctx.activity.begin(f"Sign in to {profile}", "key", cancellable=lambda: ctx.tasks.cancel("sign in"))
        item.progress(None, "looking for the AWS CLI")
        try:
            way = await asyncio.to_thread(signing_in.plan, profile)
            item.cli = way.command
            await signing_in.sign_in(way, lambda line: item.progress(None, line))
        except asyncio.CancelledError:
            item.cancelled()
            raise
        except SageDeckError as error:
            item.fail(error, retry=lambda: self.begin(profile))
            command = error.details
            ctx.notify.error(error, action=("Copy the command", lambda: _copy(command)))
            return
        item.done("signed in")
        choice = self._connection.choice
        if choice.backend is not None and choice.backend.profile_name == profile:
            self._connection.retry()


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
