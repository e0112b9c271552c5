"""Functions, versions, aliases and concurrency settings: the records, and how a qualifier finds one."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from sandbox.core.account import ACCOUNT_ID, REGION, arn
from sandbox.core.state import Database
from sandbox.wire.errors import AwsError

LATEST = "$LATEST"
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS functions (
        name TEXT, version TEXT, config TEXT NOT NULL, PRIMARY KEY (name, version))""",
    """CREATE TABLE IF NOT EXISTS function_aliases (
        name TEXT, alias TEXT, record TEXT NOT NULL, PRIMARY KEY (name, alias))""",
    """CREATE TABLE IF NOT EXISTS function_settings (
        name TEXT, setting TEXT, value TEXT NOT NULL, PRIMARY KEY (name, setting))""",
)
_NAME = re.compile(
    r"(?:(?:arn:aws:lambda:(?P<region>[a-z0-9-]+):)?(?P<account>\d{12}):function:)?"
    r"(?P<name>[A-Za-z0-9_-]{1,64})(?::(?P<qualifier>.+))?"
)
_ALIAS = re.compile(r"(?![0-9]+$)[A-Za-z0-9_-]{1,128}")

Config = dict[str, Any]


class FunctionStore:
    """All function records of the account; every change is on disk when the method returns."""

    def __init__(self, db: Database, region: str) -> None:
        self._db, self._region = db, region
        for statement in SCHEMA:
            db.execute(statement)

    def names(self) -> list[str]:
        """Names of all functions, sorted."""
        return [
            row["name"] for row in self._db.query("SELECT name FROM functions WHERE version=? ORDER BY name", (LATEST,))
        ]

    def function_arn(self, name: str, qualifier: str = "") -> str:
        """The ARN of a function, or of one of its versions or aliases."""
        return arn("lambda", f"function:{name}" + (f":{qualifier}" if qualifier else ""), self._region)

    def exists(self, name: str) -> bool:
        """True when there is such a function."""
        return bool(self._db.query("SELECT 1 FROM functions WHERE name=? AND version=?", (name, LATEST)))

    def get(self, name: str, qualifier: str = "") -> Config:
        """The configuration of ``$LATEST``, a version or the version that an alias names.

        Raises ``AwsError`` ResourceNotFoundException.
        """
        version = qualifier or LATEST
        if version != LATEST and not version.isdigit():
            if not self._has_alias(name, version):
                raise self._not_found(self.function_arn(name, version))
            version = self.alias(name, version)["FunctionVersion"]
        row = self._db.one("SELECT config FROM functions WHERE name=? AND version=?", (name, version))
        if row is None:
            raise self._not_found(self.function_arn(name, qualifier))
        config: Config = json.loads(row["config"])
        return config

    def routed(self, name: str, qualifier: str) -> str:
        """The qualifier itself, or the version that this call gets by the weights of the alias it names."""
        if qualifier in ("", LATEST) or qualifier.isdigit():
            return qualifier
        alias = self.alias(name, qualifier)
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        point = secrets.SystemRandom().random()
        for version, weight in weights.items():
            point -= float(weight)
            if point < 0:
                return str(version)
        return str(alias["FunctionVersion"])

    def save(self, config: Config) -> Config:
        """Write a version's configuration with a new revision and modification time."""
        config = dict(config, RevisionId=str(uuid.uuid4()), LastModified=_now())
        self._write(config)
        return config

    def publish(self, name: str, description: str | None, sha256: str | None, revision: str | None) -> Config:
        """Make a numbered version of ``$LATEST``; the last one again when nothing has changed since."""
        latest = self.get(name)
        self.check_revision(latest, revision)
        if sha256 and sha256 != latest["CodeSha256"]:
            raise AwsError(
                "InvalidParameterValueException", f"CodeSHA256 ({sha256}) is different from current CodeSHA256."
            )
        numbers = [int(config["Version"]) for config in self.versions(name) if config["Version"] != LATEST]
        ignored = ("Version", "FunctionArn", "RevisionId", "LastModified", "Description")
        if numbers:
            last = self.get(name, str(max(numbers)))
            if {k: v for k, v in last.items() if k not in ignored} == {
                k: v for k, v in latest.items() if k not in ignored
            }:
                return last
        counter = int(self.setting(name, "version-counter") or "0") + 1
        number = str(counter)
        config = dict(latest, Version=number, FunctionArn=self.function_arn(name, number))
        if description is not None:
            config["Description"] = description
        with self._db.transaction():
            self.put_setting(name, "version-counter", number)
            return self.save(config)

    def versions(self, name: str) -> list[Config]:
        """``$LATEST`` first, then the numbered versions in order."""
        rows = self._db.query("SELECT config FROM functions WHERE name=?", (name,))
        if not rows:
            raise self._not_found(self.function_arn(name))
        found: list[Config] = [json.loads(row["config"]) for row in rows]
        return sorted(found, key=lambda config: -1 if config["Version"] == LATEST else int(config["Version"]))

    def delete(self, name: str, qualifier: str = "") -> None:
        """Delete one version, or the function with everything that belongs to it."""
        if qualifier and qualifier != LATEST:
            self.get(name, qualifier)
            used = [
                alias["Name"]
                for alias in self.aliases(name)
                if alias["FunctionVersion"] == qualifier
                or qualifier in ((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})
            ]
            if used:
                raise AwsError("ResourceConflictException", f"Version {qualifier} is used by the alias {used[0]}.", 409)
            self._db.execute("DELETE FROM functions WHERE name=? AND version=?", (name, qualifier))
            return
        self.get(name)
        with self._db.transaction():
            for table in ("functions", "function_aliases", "function_settings"):
                self._db.execute(f"DELETE FROM {table} WHERE name=?", (name,))

    def alias(self, name: str, alias: str) -> dict[str, Any]:
        """One alias's record. Raises ``AwsError`` ResourceNotFoundException."""
        row = self._db.one("SELECT record FROM function_aliases WHERE name=? AND alias=?", (name, alias))
        if row is None:
            text = f"Cannot find alias arn: {self.function_arn(name, alias)}"
            raise AwsError("ResourceNotFoundException", text, 404, Type="User")
        record: dict[str, Any] = json.loads(row["record"])
        return record

    def _has_alias(self, name: str, alias: str) -> bool:
        return bool(self._db.query("SELECT 1 FROM function_aliases WHERE name=? AND alias=?", (name, alias)))

    def aliases(self, name: str) -> list[dict[str, Any]]:
        """All aliases of a function, by name."""
        rows = self._db.query("SELECT record FROM function_aliases WHERE name=? ORDER BY alias", (name,))
        return [json.loads(row["record"]) for row in rows]

    def put_alias(self, name: str, record: dict[str, Any]) -> dict[str, object]:
        """Write an alias; its version must exist and its name must not look like a version."""
        if not _ALIAS.fullmatch(record["Name"]):
            raise AwsError("ValidationException", f"{record['Name']!r} is no alias name.")
        self.get(name, record["FunctionVersion"])
        for version, weight in ((record.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}).items():
            if LATEST in (version, record["FunctionVersion"]) or version == record["FunctionVersion"]:
                raise AwsError("InvalidParameterValueException", f"Invalid additional version {version}.", Type="User")
            if not 0.0 <= float(weight) <= 1.0:
                raise AwsError("InvalidParameterValueException", "A version's weight must be 0.0 to 1.0.", Type="User")
            self.get(name, version)
        record = dict(record, AliasArn=self.function_arn(name, record["Name"]), RevisionId=str(uuid.uuid4()))
        self._db.execute(
            "INSERT OR REPLACE INTO function_aliases VALUES (?,?,?)", (name, record["Name"], json.dumps(record))
        )
        return record

    def delete_alias(self, name: str, alias: str) -> None:
        """Delete an alias; one that does not exist is no error, as on AWS."""
        self._db.execute("DELETE FROM function_aliases WHERE name=? AND alias=?", (name, alias))

    def setting(self, name: str, setting: str) -> str | None:
        """A small value that belongs to a function, or None."""
        row = self._db.one("SELECT value FROM function_settings WHERE name=? AND setting=?", (name, setting))
        return row["value"] if row else None

    def settings(self, name: str, prefix: str) -> dict[str, str]:
        """All of a function's values whose name starts with ``prefix``, without it."""
        rows = self._db.query("SELECT setting, value FROM function_settings WHERE name=?", (name,))
        return {r["setting"][len(prefix) :]: r["value"] for r in rows if r["setting"].startswith(prefix)}

    def put_setting(self, name: str, setting: str, value: str | None) -> None:
        """Keep a value; None removes it."""
        if value is None:
            self._db.execute("DELETE FROM function_settings WHERE name=? AND setting=?", (name, setting))
        else:
            self._db.execute("INSERT OR REPLACE INTO function_settings VALUES (?,?,?)", (name, setting, value))

    def check_revision(self, config: Config, revision: str | None) -> None:
        """Refuse a change that was meant for an older revision."""
        if revision and revision != config["RevisionId"]:
            text = (
                "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API again."
            )
            raise AwsError("PreconditionFailedException", text, 412)

    def code_hashes(self) -> set[str]:
        """The hashes of all code that a function or version still uses."""
        return {json.loads(row["config"])["CodeSha256"] for row in self._db.query("SELECT config FROM functions")}

    def _write(self, config: Config) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO functions VALUES (?,?,?)",
            (config["FunctionName"], config["Version"], json.dumps(config)),
        )

    def _not_found(self, missing: str) -> AwsError:
        return AwsError("ResourceNotFoundException", f"Function not found: {missing}", 404, Type="User")


def split_name(text: str, qualifier: str = "") -> tuple[str, str]:
    """Name and qualifier from a name, a partial ARN or an ARN.

    Raises ``AwsError`` ValidationException; ResourceNotFoundException for another account's or region's function.
    """
    found = _NAME.fullmatch(text)
    if found is None:
        raise AwsError("ValidationException", f"{text!r} is no function name: letters, digits, - and _, at most 64.")
    if found["account"] not in (None, ACCOUNT_ID) or found["region"] not in (None, REGION):
        raise AwsError("ResourceNotFoundException", f"Function not found: {text}", 404, Type="User")
    return found["name"], qualifier or found["qualifier"] or ""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
