"""Who may open a JupyterLab of a notebook instance: whoever has a URL that the sandbox signed in the last minutes.

Loaded by the configuration that the sandbox writes for JupyterLab. The sandbox signs; after that a cookie lets the
browser in, as on AWS, where the URL is good for five minutes and the session for up to twelve hours.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

from jupyter_server.auth.identity import IdentityProvider
from traitlets import Unicode

SECONDS_OF_A_DAY = 86_400.0


def signed(secret: str, expires: int, session: int) -> str:
    """A token that opens until ``expires`` (epoch seconds), for a session of so many seconds."""
    text = f"{expires}.{session}"
    return f"{text}.{hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"


def session_of(secret: str, token: str, now: float) -> int:
    """The seconds of the session that a token opens; 0 for one that is not signed, or whose time is over."""
    parts = token.split(".")
    if len(parts) != 3 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return 0
    expires, session = int(parts[0]), int(parts[1])
    good = hmac.compare_digest(signed(secret, expires, session).encode(), token.encode())
    return session if good and now < expires else 0


class PresignedAccess(IdentityProvider):
    """Lets in by ``authToken``, then by cookie."""

    secret = Unicode("", help="What the sandbox signs with.").tag(config=True)

    async def get_user_token(self, handler: Any) -> Any:
        """The user of a presigned URL; None for any other request."""
        session = session_of(self.secret, handler.get_argument("authToken", ""), time.time())
        if not session:
            return None
        self.cookie_options = {"expires_days": session / SECONDS_OF_A_DAY}
        return self.get_user_cookie(handler) or self.generate_anonymous_user(handler)
