"""The access keys that a sandbox knows: the operator's, and those of role and user sessions.

Keys are random for each state folder and live in its database (the folder is readable by its owner alone).
"""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from sandbox.core.account import ACCOUNT_ID, OPERATOR_ARN, assumed_role_arn
from sandbox.core.state import Database, StateDir
from sandbox.wire.messages import Caller, SessionFacts

# STS API Reference, GetSessionToken: 12 hours unless asked for.
DEFAULT_SESSION_SECONDS = 12 * 3600
# Expired keys are known for a day more, so that their user is told "expired" and not "unknown".
_KEPT_SECONDS = 86_400
# How the ids of temporary keys begin.
_SESSION_KEYS = "ASIA"
FACTS_SCHEMA = """CREATE TABLE IF NOT EXISTS session_facts (access_key_id TEXT PRIMARY KEY, facts TEXT NOT NULL)"""
SCHEMA = """CREATE TABLE IF NOT EXISTS credentials (
    access_key_id TEXT PRIMARY KEY, secret TEXT NOT NULL, token TEXT NOT NULL, arn TEXT NOT NULL,
    role_arn TEXT, user_id TEXT NOT NULL, expires REAL)"""


@dataclass(frozen=True)
class SessionCredentials:
    """Temporary keys, as ``AssumeRole`` hands them out. ``expires`` is in epoch seconds."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: float = 0.0
    assumed_role_id: str = ""
    arn: str = ""

    def environ(self) -> dict[str, str]:
        """The variables that every AWS SDK reads."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


@dataclass(frozen=True)
class KnownKey:
    """One key pair and whom it stands for. ``token`` is empty for long-lived keys."""

    secret: str = field(repr=False)
    token: str = field(repr=False)
    caller: Caller
    expires: float | None = None


def unique_id(prefix: str, length: int = 17) -> str:
    """An id in AWS's form: ``prefix`` and random base32 characters (AKIA…, ASIA…, AROA…)."""
    return prefix + base64.b32encode(secrets.token_bytes(length)).decode()[:length]


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(30)).decode()


class Credentials:
    """All keys of one sandbox."""

    def __init__(self, state: StateDir) -> None:
        self._db = state.db
        self._lock = threading.Lock()
        self._known: dict[str, KnownKey] = {}
        self._resolvers: list[Callable[[str], KnownKey | None]] = []
        self._db.execute(SCHEMA)
        self._db.execute(FACTS_SCHEMA)
        with self._db.transaction():
            self._db.execute("DELETE FROM credentials WHERE expires < ?", (time.time() - _KEPT_SECONDS,))
            self._db.execute(
                "DELETE FROM session_facts WHERE access_key_id NOT IN (SELECT access_key_id FROM credentials)"
            )
        facts = {row["access_key_id"]: row["facts"] for row in self._db.query("SELECT * FROM session_facts")}
        for row in self._db.query("SELECT * FROM credentials"):
            self._known[row["access_key_id"]] = _known_key(row, facts.get(row["access_key_id"]))
        self.operator_key_id = state.setting("operator_key") or self._make_operator(state)

    def _make_operator(self, state: StateDir) -> str:
        caller = Caller(OPERATOR_ARN, ACCOUNT_ID, unique_id("AKIA", 16), None, unique_id("AIDA"))
        known = KnownKey(_secret(), "", caller)
        with self._db.transaction():
            _keep(self._db, known)
            state.set_setting("operator_key", caller.access_key_id)
        self._known[caller.access_key_id] = known
        return caller.access_key_id

    @property
    def operator(self) -> KnownKey:
        """The operator's own key pair."""
        return self._known[self.operator_key_id]

    def add_resolver(self, resolver: Callable[[str], KnownKey | None]) -> None:
        """Ask ``resolver`` for key ids that are not known here (access keys of IAM users)."""
        self._resolvers.append(resolver)

    def find(self, access_key_id: str) -> KnownKey | None:
        """The key pair of this id, expired or not, or None."""
        known = self._known.get(access_key_id) or self._opened(access_key_id)
        if known is not None:
            return known
        for resolver in self._resolvers:
            known = resolver(access_key_id)
            if known is not None:
                return known
        return None

    def _opened(self, access_key_id: str) -> KnownKey | None:
        """A session that ``keep_session`` has kept while this sandbox runs."""
        if not access_key_id.startswith(_SESSION_KEYS):
            return None
        row = self._db.one("SELECT * FROM credentials WHERE access_key_id=?", (access_key_id,))
        if row is None:
            return None
        facts = self._db.one("SELECT facts FROM session_facts WHERE access_key_id=?", (access_key_id,))
        known = _known_key(row, facts["facts"] if facts else None)
        with self._lock:
            self._known[access_key_id] = known
        return known

    def issue_session(
        self,
        role_arn: str,
        session_name: str,
        seconds: float = DEFAULT_SESSION_SECONDS,
        role_id: str = "",
        *,
        policies: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
        kept: bool = True,
    ) -> SessionCredentials:
        """Keys of a new session of ``role_arn``: what a job's or an endpoint's process gets.

        ``policies`` are session policies (JSON texts), which only narrow; ``tags`` are session tags. ``kept`` False:
        for a process of this sandbox, which ends with it; nobody can use the keys after a restart.
        """
        user_id = f"{role_id or unique_id('AROA')}:{session_name}"
        facts = SessionFacts(time.time(), tuple(policies), dict(tags or {}))
        return self._issue(assumed_role_arn(role_arn, session_name), role_arn, user_id, seconds, facts, kept)

    def issue_user_session(self, caller: Caller, seconds: float) -> SessionCredentials:
        """Temporary keys for the same identity (``GetSessionToken``)."""
        return self._issue(caller.arn, caller.role_arn, caller.user_id, seconds, SessionFacts(time.time()))

    def _issue(
        self, arn: str, role_arn: str | None, user_id: str, seconds: float, facts: SessionFacts, kept: bool = True
    ) -> SessionCredentials:
        known = _new_session(arn, role_arn, user_id, seconds, facts)
        if kept:
            _keep(self._db, known)
        with self._lock:
            self._known[known.caller.access_key_id] = known
        return _handed_out(known)

    def revoke(self, access_key_id: str) -> None:
        """Forget a session; requests signed with it are rejected from now on."""
        with self._lock:
            self._known.pop(access_key_id, None)
        with self._db.transaction():
            self._db.execute("DELETE FROM credentials WHERE access_key_id=?", (access_key_id,))
            self._db.execute("DELETE FROM session_facts WHERE access_key_id=?", (access_key_id,))


def keep_session(db: Database, role_arn: str, session_name: str, seconds: float, role_id: str) -> SessionCredentials:
    """Keys of a new session of a role, in the database of a sandbox that runs in another process."""
    arn, user_id = assumed_role_arn(role_arn, session_name), f"{role_id}:{session_name}"
    known = _new_session(arn, role_arn, user_id, seconds, SessionFacts(time.time()))
    _keep(db, known)
    return _handed_out(known)


def _new_session(arn: str, role_arn: str | None, user_id: str, seconds: float, facts: SessionFacts) -> KnownKey:
    caller = Caller(arn, ACCOUNT_ID, unique_id(_SESSION_KEYS, 16), role_arn, user_id, facts)
    return KnownKey(_secret(), secrets.token_urlsafe(96), caller, time.time() + seconds)


def _handed_out(known: KnownKey) -> SessionCredentials:
    caller = known.caller
    return SessionCredentials(
        caller.access_key_id, known.secret, known.token, known.expires or 0.0, caller.user_id, caller.arn
    )


def _keep(db: Database, known: KnownKey) -> None:
    caller = known.caller
    row = (
        caller.access_key_id,
        known.secret,
        known.token,
        caller.arn,
        caller.role_arn,
        caller.user_id,
        known.expires,
    )
    with db.transaction():
        db.execute("INSERT INTO credentials VALUES (?,?,?,?,?,?,?)", row)
        if caller.session is not None:
            facts = json.dumps(asdict(caller.session))
            db.execute("INSERT INTO session_facts VALUES (?,?)", (caller.access_key_id, facts))


def _known_key(row: sqlite3.Row, facts: str | None) -> KnownKey:
    session = _session(facts) if row["expires"] is not None else None
    caller = Caller(row["arn"], ACCOUNT_ID, row["access_key_id"], row["role_arn"], row["user_id"], session)
    return KnownKey(row["secret"], row["token"], caller, row["expires"])


def _session(text: str | None) -> SessionFacts:
    given = json.loads(text) if text else {}
    return SessionFacts(given.get("issued", 0.0), tuple(given.get("policies", ())), given.get("tags", {}))
