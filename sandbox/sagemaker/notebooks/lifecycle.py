"""Lifecycle configurations: shell scripts that run when a notebook instance is made and when it starts."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sandbox.core.state import Database
from sandbox.sagemaker.records import Records, Tags
from sandbox.sagemaker.training.request import invalid
from sandbox.service import Operation
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        CreateNotebookInstanceLifecycleConfigInputTypeDef,
        DeleteNotebookInstanceLifecycleConfigInputTypeDef,
        DescribeNotebookInstanceLifecycleConfigInputTypeDef,
        ListNotebookInstanceLifecycleConfigsInputTypeDef,
        UpdateNotebookInstanceLifecycleConfigInputTypeDef,
    )

_NAME: Final = "NotebookInstanceLifecycleConfigName"
_ARN = "NotebookInstanceLifecycleConfigArn"
_WHEN = ("OnCreate", "OnStart")


class LifecycleConfigs:
    """Their five operations."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._records = Records(db, "notebook-instance-lifecycle-config")
        self._tags = Tags(db)
        self.operations: dict[str, Operation] = {
            "CreateNotebookInstanceLifecycleConfig": self._create,
            "DescribeNotebookInstanceLifecycleConfig": self._describe,
            "ListNotebookInstanceLifecycleConfigs": self._list,
            "UpdateNotebookInstanceLifecycleConfig": self._update,
            "DeleteNotebookInstanceLifecycleConfig": self._delete,
        }

    def arn(self, name: str) -> str:
        """The ARN of a configuration."""
        return self._records.arn(name)

    def get(self, name: str) -> dict[str, Any]:
        """A configuration; ValidationException when there is none."""
        record = self._records.get(name)
        if record is None:
            raise invalid(
                f"Unable to describe Notebook Instance Lifecycle Config '{self.arn(name)}'. (Details: NotFound)"
            )
        return record

    def scripts(self, name: str, first: bool) -> list[tuple[str, str]]:
        """What runs when an instance starts; with what runs when it is made, if it is its first start."""
        record = self.get(name)
        wanted = _WHEN if first else _WHEN[1:]
        return [(when, script["Content"]) for when in wanted for script in record.get(when, ())]

    def _create(self, given: CreateNotebookInstanceLifecycleConfigInputTypeDef, caller: Caller) -> dict[str, Any]:
        _check(given)
        name, now = given[_NAME], time.time()
        record = {member: value for member, value in given.items() if member in (_NAME, *_WHEN)}
        record |= {_ARN: self.arn(name), "CreationTime": now, "LastModifiedTime": now}
        with self._db.transaction():
            if not self._records.add(name, record, created=now):
                text = f"Unable to create Notebook Instance Lifecycle Config {self.arn(name)}."
                raise invalid(f"{text} (Details: It already exists.)")
            self._tags.add(self.arn(name), given.get("Tags", []))
        return {_ARN: self.arn(name)}

    def _describe(self, given: DescribeNotebookInstanceLifecycleConfigInputTypeDef, caller: Caller) -> dict[str, Any]:
        return self.get(given[_NAME])

    def _list(self, given: ListNotebookInstanceLifecycleConfigsInputTypeDef, caller: Caller) -> dict[str, Any]:
        shown = (_NAME, _ARN, "CreationTime", "LastModifiedTime")
        rows, token = self._records.page(given, lambda record: {member: record[member] for member in shown})
        return {"NotebookInstanceLifecycleConfigs": rows} | ({"NextToken": token} if token else {})

    def _update(self, given: UpdateNotebookInstanceLifecycleConfigInputTypeDef, caller: Caller) -> dict[str, Any]:
        _check(given)
        record, now = self.get(given[_NAME]), time.time()
        record |= {member: value for member, value in given.items() if member in _WHEN} | {"LastModifiedTime": now}
        self._records.save(given[_NAME], record, modified=now)
        return {}

    def _delete(self, given: DeleteNotebookInstanceLifecycleConfigInputTypeDef, caller: Caller) -> dict[str, Any]:
        self.get(given[_NAME])
        self._records.delete(given[_NAME])
        return {}


def _check(given: Mapping[str, Any]) -> None:
    for when in _WHEN:
        for script in given.get(when, ()):
            try:
                base64.b64decode(script.get("Content", ""), validate=True).decode("utf-8")
            except (binascii.Error, ValueError) as error:
                raise invalid(f"The {when} script is not valid base64 of a text.") from error
