"""Lambda's concurrency: the account's pool, what functions reserve of it, what is provisioned.

Source: Lambda Developer Guide, "Understanding Lambda function scaling"; the refusals are the words that AWS answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from sandbox.core.settings import account_concurrency
from sandbox.functions.members import FunctionMembers
from sandbox.functions.provisioned import Provisioned
from sandbox.functions.store import LATEST, FunctionStore, split_name
from sandbox.service import Operation
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

# AWS keeps this many concurrent calls for functions without a reservation; small accounts keep all they have.
_UNRESERVED_MINIMUM = 100
_PAGE = 50
_OF_PROVISIONED = "provisioned:"

# The members of an answer.
Answer = dict[str, object]


class Kept(TypedDict):
    """What is kept of one provisioned concurrency: how much was asked for, and when (ISO 8601)."""

    wanted: int
    modified: str


class Concurrency:
    """The operations, and what the calls of a function may use. ``quota``: of the account."""

    def __init__(self, store: FunctionStore, provisioned: Provisioned) -> None:
        self._store, self._provisioned = store, provisioned
        self.quota = account_concurrency()
        self._minimum = min(_UNRESERVED_MINIMUM, self.quota)
        self.operations: dict[str, Operation] = {
            "PutFunctionConcurrency": self._put,
            "GetFunctionConcurrency": lambda given, _: self.of(self._name(given)),
            "DeleteFunctionConcurrency": self._delete,
            "GetAccountSettings": self._account,
            "PutProvisionedConcurrencyConfig": self._put_provisioned,
            "GetProvisionedConcurrencyConfig": self._get_provisioned,
            "ListProvisionedConcurrencyConfigs": self._list_provisioned,
            "DeleteProvisionedConcurrencyConfig": self._delete_provisioned,
        }

    def recover(self) -> None:
        """Have the environments stand again that a former sandbox had."""
        for name in self._store.names():
            for qualifier, kept in self._records(name).items():
                self._provisioned.put(name, qualifier, self._store.get(name, qualifier), kept["wanted"])

    def of(self, name: str) -> Answer:
        """The members of GetFunctionConcurrency."""
        reserved = self.reserved(name)
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def reserved(self, name: str) -> int | None:
        """The function's reserved concurrency, or None."""
        value = self._store.setting(name, "reserved")
        return None if value is None else int(value)

    def unreserved(self) -> int:
        """How many calls at once the functions without a reservation share."""
        return self.quota - sum(self._claimed(name) for name in self._store.names())

    def alias_changed(self, name: str, alias: str) -> None:
        """An alias names another version: its environments are made anew from that one."""
        kept = self._records(name).get(alias)
        if kept is not None:
            self._provisioned.put(name, alias, self._store.get(name, alias), kept["wanted"])

    def check_alias(self, name: str, alias: str, changes: Mapping[Any, Any]) -> None:
        """Refuse what an alias with provisioned concurrency cannot be."""
        if alias not in self._records(name):
            return
        if (changes.get("RoutingConfig") or {}).get("AdditionalVersionWeights"):
            raise _invalid("Alias with weights can not be used with Provisioned Concurrency")
        if changes.get("FunctionVersion") == LATEST:
            raise _unpublished()

    def forget(self, name: str, qualifier: str | None) -> None:
        """A version, an alias or the whole function is gone."""
        self._provisioned.drop(name, qualifier)
        if qualifier is not None and self._store.exists(name):
            self._store.put_setting(name, f"{_OF_PROVISIONED}{qualifier}", None)

    def _name(self, given: FunctionMembers) -> str:
        name = split_name(given["FunctionName"])[0]
        self._store.get(name)
        return name

    def _records(self, name: str) -> dict[str, Kept]:
        return {key: json.loads(text) for key, text in self._store.settings(name, _OF_PROVISIONED).items()}

    def _provisioned_of(self, name: str, but: str = "") -> int:
        return sum(kept["wanted"] for qualifier, kept in self._records(name).items() if qualifier != but)

    def _claimed(self, name: str) -> int:
        """How much of the account's concurrency is kept for this function alone."""
        reserved = self.reserved(name)
        return self._provisioned_of(name) if reserved is None else reserved

    def _put(self, given: FunctionMembers, caller: Caller) -> Answer:
        name, wanted = self._name(given), given["ReservedConcurrentExecutions"]
        if wanted < self._provisioned_of(name):
            raise _invalid(
                "Specified ReservedConcurrentExecutions for function is lower than its provisioned concurrency of "
                f"[{self._provisioned_of(name)}]."
            )
        self._check_pool(name, wanted, "ReservedConcurrentExecutions")
        self._store.put_setting(name, "reserved", str(wanted))
        return self.of(name)

    def _check_pool(self, name: str, wanted: int, what: str) -> None:
        others = sum(self._claimed(other) for other in self._store.names() if other != name)
        if wanted and others + wanted > self.quota - self._minimum:
            raise _invalid(
                f"Specified {what} for function decreases account's UnreservedConcurrentExecution below its minimum "
                f"value of [{self._minimum}]."
            )

    def _delete(self, given: FunctionMembers, caller: Caller) -> None:
        self._store.put_setting(self._name(given), "reserved", None)

    def _account(self, given: FunctionMembers, caller: Caller) -> Answer:
        configs = [self._store.get(name) for name in self._store.names()]
        limits = {"ConcurrentExecutions": self.quota, "UnreservedConcurrentExecutions": self.unreserved()}
        usage = {"FunctionCount": len(configs), "TotalCodeSize": sum(config["CodeSize"] for config in configs)}
        return {"AccountLimit": limits, "AccountUsage": usage}

    def _put_provisioned(self, given: FunctionMembers, caller: Caller) -> Answer:
        name, qualifier, wanted = *self._target(given), given["ProvisionedConcurrentExecutions"]
        config = self._store.get(name, qualifier)
        if config["Version"] == LATEST:
            raise _unpublished()
        alias = None if qualifier.isdigit() else self._store.alias(name, qualifier)
        if alias and (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights"):
            raise _invalid("Alias with weights can not be used with Provisioned Concurrency")
        for other in self._records(name):
            if other != qualifier and self._store.get(name, other)["Version"] == config["Version"]:
                text = f"Provisioned Concurrency Configs are already there for version {config['Version']}, on {other}."
                raise AwsError("ResourceConflictException", text, 409, Type="User")
        total = self._provisioned_of(name, but=qualifier) + wanted
        reserved = self.reserved(name)
        if reserved is not None and total > reserved:
            raise _invalid(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for "
                "function"
            )
        if reserved is None:
            self._check_pool(name, total, "ConcurrentExecutions")
        record: Kept = {"wanted": wanted, "modified": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+0000}"}
        self._store.put_setting(name, f"{_OF_PROVISIONED}{qualifier}", json.dumps(record))
        self._provisioned.put(name, qualifier, config, wanted)
        return self._state(name, qualifier, record)

    def _get_provisioned(self, given: FunctionMembers, caller: Caller) -> Answer:
        name, qualifier = self._target(given)
        self._store.get(name, qualifier)
        record = self._records(name).get(qualifier)
        if record is None:
            raise AwsError(
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function",
                404,
                Type="User",
            )
        return self._state(name, qualifier, record)

    def _list_provisioned(self, given: FunctionMembers, caller: Caller) -> Answer:
        name, after = self._name(given), given.get("Marker", "")
        found = [(qualifier, record) for qualifier, record in sorted(self._records(name).items()) if qualifier > after]
        page = found[: given.get("MaxItems", _PAGE)]
        shown = [
            self._state(name, qualifier, record) | {"FunctionArn": self._store.function_arn(name, qualifier)}
            for qualifier, record in page
        ]
        more = {"NextMarker": page[-1][0]} if len(page) < len(found) else {}
        return {"ProvisionedConcurrencyConfigs": shown, **more}

    def _delete_provisioned(self, given: FunctionMembers, caller: Caller) -> None:
        name, qualifier = self._target(given)
        self._store.get(name, qualifier)
        self.forget(name, qualifier)

    def _target(self, given: FunctionMembers) -> tuple[str, str]:
        name, qualifier = split_name(given["FunctionName"], given["Qualifier"])
        self._store.get(name)
        return name, qualifier

    def _state(self, name: str, qualifier: str, record: Kept) -> Answer:
        return self._provisioned.state(name, qualifier) | {"LastModified": record["modified"]}


def _unpublished() -> AwsError:
    return _invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidParameterValueException", text, 400, Type="User")
