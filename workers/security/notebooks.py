"""Notebook instances whose users are root, that reach the internet past the VPC, or that start with a secret."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workers.aws.session import AwsSession
from workers.security.check import Area, Check, Problem
from workers.security.reading import each_there, known
from workers.security.secrets import Hint, in_lines
from workers.security.types import Resource, Unread

# Its scripts were deleted: there is nothing in them.
_NO_SCRIPT = frozenset({"ResourceNotFound", "ValidationException"})


@dataclass(frozen=True)
class NotebookFact:
    """A notebook instance; ``hints`` are lines of its start scripts that seem to hold a secret."""

    name: str
    arn: str
    root: bool
    internet: bool
    hints: tuple[Hint, ...] | Unread

    @property
    def resource(self) -> Resource:
        """The notebook instance."""
        return Resource("AwsSageMakerNotebookInstance", self.name, self.arn)


async def read_notebooks(session: AwsSession) -> Sequence[NotebookFact]:
    """All notebook instances. Raises ``SageDeckError``."""
    found = session.paginate(
        "sagemaker", "list_notebook_instances", "NotebookInstances", doing="list the notebook instances"
    )

    async def read(name: str) -> NotebookFact:
        told = await session.call(
            "sagemaker", "describe_notebook_instance", f"read the notebook {name}", NotebookInstanceName=name
        )
        script = told.get("NotebookInstanceLifecycleConfigName", "")
        hints = await known(_scripts(session, script), missing=(), codes=_NO_SCRIPT) if script else ()
        return NotebookFact(
            name,
            told["NotebookInstanceArn"],
            told.get("RootAccess", "Enabled") == "Enabled",
            told.get("DirectInternetAccess", "Enabled") == "Enabled",
            hints,
        )

    return await each_there([notebook["NotebookInstanceName"] async for notebook in found], read)


async def _scripts(session: AwsSession, name: str) -> tuple[Hint, ...]:
    doing = f"read the start scripts {name}"
    told = await session.call(
        "sagemaker",
        "describe_notebook_instance_lifecycle_config",
        doing,
        NotebookInstanceLifecycleConfigName=name,
    )
    return await session.run(doing, _look, told)


def _look(told: dict[str, Any]) -> tuple[Hint, ...]:
    return tuple(
        Hint(hint.kind, f"{when} {hint.place}")
        for when in ("OnCreate", "OnStart")
        for script in told.get(when, ())
        for hint in in_lines(_plain(script.get("Content", "")))
    )


def _plain(content: str) -> str:
    try:
        return base64.b64decode(content, validate=False).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return content


def judge_root(fact: NotebookFact, now: datetime) -> Iterator[Problem]:
    """Whoever opens it is root on it."""
    if fact.root:
        yield Problem(
            "Who opens it is root on it.",
            cli=f"aws sagemaker stop-notebook-instance --notebook-instance-name {fact.name}\n"
            f"aws sagemaker update-notebook-instance --notebook-instance-name {fact.name} --root-access Disabled",
        )


def judge_internet(fact: NotebookFact, now: datetime) -> Iterator[Problem]:
    """Nothing that the account decides lies between it and the internet."""
    if fact.internet:
        yield Problem("It reaches the internet directly, whatever the VPC forbids.")


def judge_hints(fact: NotebookFact, now: datetime) -> Iterator[Problem]:
    """Its start scripts seem to hold a secret; never the value."""
    hints = () if isinstance(fact.hints, Unread) else fact.hints
    if hints:
        yield Problem(f"Its start scripts seem to hold a secret: {', '.join(f'{h.place} ({h.kind})' for h in hints)}.")


NOTEBOOKS = Area(
    "notebook instances",
    "sagemaker",
    read_notebooks,
    (
        Check(
            "sagemaker_notebook_instance_no_secrets",
            "Secret in a notebook's start script",
            "high",
            "Whoever may read the script has the secret.",
            "Keep it in AWS Secrets Manager and let the script read it. Change the secret: it was readable.",
            judge_hints,
            ("hints",),
        ),
        Check(
            "sagemaker_notebook_instance_without_direct_internet_access_configured",
            "Notebook with direct internet access",
            "high",
            "What is loaded or sent from there passes nothing that you watch.",
            "Make it anew in a subnet, with direct internet access disabled; this cannot be changed afterwards.",
            judge_internet,
        ),
        Check(
            "sagemaker_notebook_instance_root_access_disabled",
            "Notebook users are root",
            "medium",
            "Who opens it reads every file on it and changes what starts with it.",
            "Stop it, then update it with root access disabled.",
            judge_root,
        ),
    ),
)
