"""The operations of notebook instances, and the life of each from Pending to Deleting."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox.context import SandboxContext
from sandbox.core.diagnostics import tell_exception
from sandbox.logs.pump import LogPump
from sandbox.sagemaker.checks import role_exists
from sandbox.sagemaker.notebooks import machine
from sandbox.sagemaker.notebooks.access import DEFAULT_SESSION_SECONDS
from sandbox.sagemaker.notebooks.lifecycle import LifecycleConfigs
from sandbox.sagemaker.notebooks.machine import CannotStart, Machine, Plan
from sandbox.sagemaker.records import Records, Tags
from sandbox.sagemaker.training.request import invalid
from sandbox.service import Operation
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        CreateNotebookInstanceInputTypeDef,
        CreatePresignedNotebookInstanceUrlInputTypeDef,
        DeleteNotebookInstanceInputTypeDef,
        ListNotebookInstancesInputTypeDef,
        StartNotebookInstanceInputTypeDef,
        StopNotebookInstanceInputTypeDef,
        UpdateNotebookInstanceInputTypeDef,
    )

_NAME: Final = "NotebookInstanceName"
_ARN, _STATUS = "NotebookInstanceArn", "NotebookInstanceStatus"
_CONFIG = "NotebookInstanceLifecycleConfigName"
_SHOWN = (_NAME, _ARN, _STATUS, "Url", "InstanceType", "CreationTime", "LastModifiedTime", _CONFIG)
_RESTING = ("Failed", "Stopped")
# What was under way when the sandbox ended has ended with it.
_ENDED = ("Pending", "InService", "Stopping", "Updating")
_DEFAULTS = {
    "VolumeSizeInGB": 5,
    "DirectInternetAccess": "Enabled",
    "RootAccess": "Enabled",
    "PlatformIdentifier": "notebook-al2023-v1",
}
_KEPT = ("InstanceType", "SubnetId", "RoleArn", *_DEFAULTS)
_NOT_HERE = {
    "DefaultCodeRepository": "clones no code repositories",
    "AdditionalCodeRepositories": "clones no code repositories",
    "AcceleratorTypes": "has no Elastic Inference",
    "KmsKeyId": "has no keys of KMS",
}


class Notebooks:
    """The notebook instances of the account."""

    def __init__(self, ctx: SandboxContext, logs: LogPump) -> None:
        self._ctx, self._logs = ctx, logs
        self._records = Records(ctx.state.db, "notebook-instance")
        self._tags = Tags(ctx.state.db)
        self._configs = LifecycleConfigs(ctx.state.db)
        self._lock = threading.RLock()
        self._machines: dict[str, Machine] = {}
        self._closing = False
        self.operations: dict[str, Operation] = {
            "CreateNotebookInstance": self._create,
            "DescribeNotebookInstance": lambda given, _: self._get(given[_NAME]),
            "ListNotebookInstances": self._list,
            "StartNotebookInstance": self._start,
            "StopNotebookInstance": self._stop,
            "UpdateNotebookInstance": self._update,
            "DeleteNotebookInstance": self._delete,
            "CreatePresignedNotebookInstanceUrl": self._presign,
            **self._configs.operations,
        }

    def recover(self) -> None:
        """What ran when a former sandbox ended is stopped; what it was deleting is gone."""
        for record in self._records.all():
            if record[_STATUS] in _ENDED:
                self._save(record, "Stopped")
            elif record[_STATUS] == "Deleting":
                self._remove(record[_NAME])

    def busy(self) -> bool:
        """True while an instance runs: whoever works in it would lose what is not saved."""
        return bool(self._records.all(("Pending", "InService", "Stopping", "Deleting")))

    def close(self) -> None:
        """End all of them; no process is left."""
        with self._lock:
            self._closing = True
            machines = list(self._machines.values())
        for notebook in machines:
            notebook.stop()

    def _folder(self, name: str) -> Path:
        return self._ctx.state.path / "notebooks" / name

    def _get(self, name: str) -> dict[str, Any]:
        record = self._records.get(name)
        if record is None:
            raise invalid("RecordNotFound")
        return record

    def _create(self, given: CreateNotebookInstanceInputTypeDef, caller: Caller) -> dict[str, Any]:
        for member, words in _NOT_HERE.items():
            if given.get(member):
                raise invalid(f"The sandbox {words} ({member}).")
        name, now = given[_NAME], time.time()
        if given.get("DirectInternetAccess") == "Disabled" and not given.get("SubnetId"):
            raise invalid("DirectInternetAccess can be Disabled only for an instance in a subnet: give a SubnetId.")
        self._check(given)
        record = {_NAME: name, _ARN: self._records.arn(name), **_DEFAULTS}
        record |= {member: value for member, value in given.items() if member in _KEPT}
        if given.get("SecurityGroupIds"):
            record["SecurityGroups"] = given["SecurityGroupIds"]
        if given.get("LifecycleConfigName"):
            record[_CONFIG] = given["LifecycleConfigName"]
        version = given.get("InstanceMetadataServiceConfiguration") or {"MinimumInstanceMetadataServiceVersion": "2"}
        record |= {"InstanceMetadataServiceConfiguration": version, "CreationTime": now, "LastModifiedTime": now}
        with self._ctx.state.db.transaction():
            if not self._records.add(name, record | {_STATUS: "Pending"}, status="Pending", created=now):
                raise invalid(f"Cannot create already existing notebook instance {self._records.arn(name)}")
            self._tags.add(self._records.arn(name), given.get("Tags", []))
        self._begin(record, first=True)
        return {_ARN: record[_ARN]}

    def _check(self, given: Mapping[str, Any]) -> None:
        role = given.get("RoleArn")
        if role and not role_exists(self._ctx, role):
            text = f"Could not assume role {role}. Please ensure that the role exists and allows principal "
            raise invalid(f"{text}'sagemaker.amazonaws.com' to assume the role.")
        if given.get("LifecycleConfigName"):
            self._configs.get(given["LifecycleConfigName"])

    def _list(self, given: ListNotebookInstancesInputTypeDef, caller: Caller) -> dict[str, Any]:
        if given.get("DefaultCodeRepositoryContains") or given.get("AdditionalCodeRepositoryEquals"):
            return {"NotebookInstances": []}
        wanted = given.get("NotebookInstanceLifecycleConfigNameContains", "")
        asked = {**given, "MaxResults": 100, "NextToken": None} if wanted else given
        rows, token = self._records.page(asked, _summary)
        if wanted:
            rows = [row for row in rows if wanted.lower() in row.get(_CONFIG, "").lower()]
            token = None
        return {"NotebookInstances": rows} | ({"NextToken": token} if token else {})

    def _start(self, given: StartNotebookInstanceInputTypeDef, caller: Caller) -> None:
        with self._lock:
            record = self._in(given[_NAME], _RESTING, "Pending")
            record.pop("FailureReason", None)
            record = self._save(record, "Pending")
        self._begin(record, first=False)

    def _begin(self, record: dict[str, Any], first: bool) -> None:
        name, config = record[_NAME], record.get(_CONFIG, "")
        scripts = self._configs.scripts(config, first) if config else []
        plan = Plan(name, record["RoleArn"], scripts, self._configs.arn(config) if config else "")
        with self._lock:
            if self._closing:
                return
            notebook = self._machines[name] = Machine(self._ctx, self._logs, plan, self._folder(name))
        threading.Thread(target=self._live, args=(name, notebook), name=f"notebook {name}", daemon=True).start()

    def _live(self, name: str, notebook: Machine) -> None:
        """One instance from its start to its end, whoever ends it."""
        try:
            notebook.start()
            self._became(name, notebook, "InService", Url=f"127.0.0.1:{notebook.access.port}")
            status = notebook.wait()
            self._became(name, notebook, "Failed", FailureReason=f"JupyterLab ended by itself (status {status}).")
        except CannotStart as error:
            self._became(name, notebook, "Failed", FailureReason=str(error))
        except Exception as error:
            tell_exception(error)
            self._became(name, notebook, "Failed", FailureReason=f"The sandbox failed: {error}")
        finally:
            notebook.stop()

    def _became(self, name: str, notebook: Machine, status: str, **more: str) -> None:
        with self._lock:
            record = self._records.get(name)
            mine = self._machines.get(name) is notebook and not self._closing
            if record is None or not mine or record[_STATUS] not in ("Pending", "InService"):
                return
            record.pop("Url", None)
            self._save(record | more, status)

    def _stop(self, given: StopNotebookInstanceInputTypeDef, caller: Caller) -> None:
        with self._lock:
            record = self._save(self._in(given[_NAME], ("InService",), "Stopping"), "Stopping")
        threading.Thread(target=self._end, args=(record[_NAME],), name=f"stop {record[_NAME]}", daemon=True).start()

    def _end(self, name: str) -> None:
        notebook = self._machines.get(name)
        if notebook is not None:
            notebook.stop()
        with self._lock:
            self._machines.pop(name, None)
            record = self._records.get(name)
            if record is not None and record[_STATUS] == "Stopping":
                record.pop("Url", None)
                self._save(record, "Stopped")

    def _update(self, given: UpdateNotebookInstanceInputTypeDef, caller: Caller) -> dict[str, Any]:
        for member, words in _NOT_HERE.items():
            if given.get(member):
                raise invalid(f"The sandbox {words} ({member}).")
        self._check(given)
        with self._lock:
            record = self._in(given[_NAME], _RESTING, "Updating")
            if given.get("VolumeSizeInGB", record["VolumeSizeInGB"]) < record["VolumeSizeInGB"]:
                raise invalid(f"VolumeSizeInGB must be at least {record['VolumeSizeInGB']}: a volume cannot shrink.")
            kept = ("InstanceType", "RoleArn", "VolumeSizeInGB", "RootAccess", "PlatformIdentifier")
            record |= {
                member: value
                for member, value in given.items()
                if member in (*kept, "InstanceMetadataServiceConfiguration")
            }
            if given.get("DisassociateLifecycleConfig"):
                record.pop(_CONFIG, None)
            elif given.get("LifecycleConfigName"):
                record[_CONFIG] = given["LifecycleConfigName"]
            self._save(record, "Stopped")
        return {}

    def _delete(self, given: DeleteNotebookInstanceInputTypeDef, caller: Caller) -> None:
        with self._lock:
            record = self._save(self._in(given[_NAME], _RESTING, "Deleting"), "Deleting")
            self._machines.pop(record[_NAME], None)
        self._remove(record[_NAME])

    def _remove(self, name: str) -> None:
        machine.remove(self._folder(name))
        self._records.delete(name)

    def _presign(self, given: CreatePresignedNotebookInstanceUrlInputTypeDef, caller: Caller) -> dict[str, Any]:
        record = self._get(given[_NAME])
        notebook = self._machines.get(given[_NAME])
        if record[_STATUS] != "InService" or notebook is None:
            raise invalid(f"The status of the notebook instance is {record[_STATUS]}; it must be InService.")
        return {
            "AuthorizedUrl": notebook.access.url(
                given.get("SessionExpirationDurationInSeconds", DEFAULT_SESSION_SECONDS)
            )
        }

    def _in(self, name: str, statuses: tuple[str, ...], following: str) -> dict[str, Any]:
        record = self._get(name)
        if record[_STATUS] not in statuses:
            raise invalid(
                f"Status ({record[_STATUS]}) not in ([{', '.join(statuses)}]). "
                f"Unable to transition to ({following}) for Notebook Instance ({record[_ARN]})"
            )
        return record

    def _save(self, record: dict[str, Any], status: str) -> dict[str, Any]:
        now = time.time()
        saved = record | {_STATUS: status, "LastModifiedTime": now}
        self._records.save(record[_NAME], saved, status=status, modified=now)
        return saved


def _summary(record: dict[str, Any]) -> dict[str, Any]:
    return {member: record[member] for member in _SHOWN if member in record}
