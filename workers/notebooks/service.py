"""Notebook instances of one account: make, start, open, stop, delete. All errors are ``SageDeckError``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from workers.access.role_wait import when_role_is_known
from workers.aws.creating import Attempt, Part, as_one, surely_gone
from workers.aws.session import AwsSession
from workers.aws.tags import creator_tag
from workers.errors.tree import Conflict, InvalidInput, NotFound, SageDeckError

_SERVICE = "sagemaker"
# SageMaker API reference, CreateNotebookInstance.
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
SMALLEST_VOLUME, LARGEST_VOLUME = 5, 16_384
# The smallest type, which is in AWS's free tier and in the sandbox's own terms the same as any other.
DEFAULT_TYPE = "ml.t2.medium"
_RESTING = ("Stopped", "Failed")


class NotebookRoles(Protocol):
    """Makes the role that a notebook acts with."""

    async def ensure_notebook_role(self, bucket: str) -> str:
        """Its ARN."""
        ...


@dataclass(frozen=True)
class NotebookSpec:
    """A notebook instance to be made. ``bucket``: what its role may read and write; ``volume_gib``: what is kept."""

    name: str
    bucket: str
    type: str = DEFAULT_TYPE
    volume_gib: int = SMALLEST_VOLUME
    root: bool = False


@dataclass(frozen=True)
class Notebook:
    """A notebook instance as AWS describes it; ``reason`` says why it failed."""

    name: str
    status: str
    type: str
    volume_gib: int
    reason: str = ""


def name_problem(name: str) -> str | None:
    """What is wrong with the name of a notebook instance, in a sentence; ``None`` when it is good."""
    if _NAME.fullmatch(name):
        return None
    return "1 to 63 letters, digits and hyphens, beginning and ending with a letter or digit."


def spec_problem(spec: NotebookSpec) -> str | None:
    """What is wrong with a form, in a sentence; ``None`` when it is good."""
    if not SMALLEST_VOLUME <= spec.volume_gib <= LARGEST_VOLUME:
        return f"The volume has {SMALLEST_VOLUME} to {LARGEST_VOLUME:,} GiB."
    return name_problem(spec.name) or (None if spec.bucket else "Choose the bucket that it may use.")


class Notebooks:
    """The notebook instances of one account."""

    def __init__(self, session: AwsSession, roles: NotebookRoles) -> None:
        self._session, self._roles = session, roles

    async def create(self, spec: NotebookSpec) -> str:
        """Make one and its role; returns its name. It is ``Pending`` then, and bills from when it is ``InService``.

        When the answer is lost, what was made is found, or taken back. Raises ``InvalidInput`` for a bad form.
        """
        problem = spec_problem(spec)
        if problem:
            raise InvalidInput("The notebook cannot be made like this", problem)
        role = await self._roles.ensure_notebook_role(spec.bucket)
        doing = f"make the notebook {spec.name}"
        request: dict[str, Any] = {
            "NotebookInstanceName": spec.name,
            "InstanceType": spec.type,
            "RoleArn": role,
            "VolumeSizeInGB": spec.volume_gib,
            "RootAccess": "Enabled" if spec.root else "Disabled",
            "InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": "2"},
        }

        async def steps(attempt: Attempt) -> str:
            async def create() -> str:
                tags = [creator_tag(), attempt.tag]
                await self._session.call(_SERVICE, "create_notebook_instance", doing, **request, Tags=tags)
                return spec.name

            async def mine() -> str | None:
                try:
                    found = await self._describe(spec.name, doing)
                except NotFound:
                    return None
                arn = found["NotebookInstanceArn"]
                tags = await self._session.call(_SERVICE, "list_tags", doing, ResourceArn=arn)
                return spec.name if attempt.is_mine(tags.get("Tags", [])) else None

            part = Part(
                "notebook",
                spec.name,
                # It cannot be deleted while it starts, so a roll-back leaves it, and says so.
                None,
                f"aws sagemaker stop-notebook-instance --notebook-instance-name {spec.name}",
                "starts, then bills",
            )
            return await attempt.make(part, lambda: when_role_is_known(create), mine)

        return await as_one(steps, doing)

    async def get(self, name: str) -> Notebook:
        """One notebook instance. Raises ``NotFound``."""
        found = await self._describe(name, f"read the notebook {name}")
        return Notebook(
            name,
            found["NotebookInstanceStatus"],
            found.get("InstanceType", ""),
            int(found.get("VolumeSizeInGB", SMALLEST_VOLUME)),
            found.get("FailureReason", ""),
        )

    async def _describe(self, name: str, doing: str) -> dict[str, Any]:
        return await self._session.call(_SERVICE, "describe_notebook_instance", doing, NotebookInstanceName=name)

    async def start(self, name: str) -> None:
        """Start it again with its volume; it bills from when it is ``InService``."""
        await self._session.call(
            _SERVICE, "start_notebook_instance", f"start the notebook {name}", NotebookInstanceName=name
        )

    async def stop(self, name: str) -> None:
        """Stop it; its volume stays and bills, and all that runs in it ends."""
        await self._session.call(
            _SERVICE, "stop_notebook_instance", f"stop the notebook {name}", NotebookInstanceName=name
        )

    async def delete(self, name: str) -> bool:
        """Delete it and its volume; false when it was gone before. Raises ``Conflict`` while it is not stopped."""
        doing = f"delete the notebook {name}"
        try:
            found = await self.get(name)
        except NotFound:
            return False
        if found.status not in (*_RESTING, "Deleting"):
            raise Conflict(
                "The notebook runs",
                f"{name} is {found.status}: AWS deletes only what is stopped.",
                "Stop it first, then delete it.",
            )

        async def there() -> bool:
            try:
                return (await self.get(name)).status != "Deleting"
            except NotFound:
                return False

        async def delete() -> None:
            await self._session.call(_SERVICE, "delete_notebook_instance", doing, NotebookInstanceName=name)

        return await surely_gone(delete, there)

    async def url(self, name: str) -> str:
        """A URL that opens it in a browser, good for five minutes; whoever has it acts with the notebook's role."""
        answer = await self._session.call(
            _SERVICE,
            "create_presigned_notebook_instance_url",
            f"open the notebook {name}",
            NotebookInstanceName=name,
        )
        address = str(answer["AuthorizedUrl"])
        if not address.startswith(("https://", "http://127.0.0.1:")):
            raise SageDeckError("The notebook cannot be opened", "AWS answered with something that is no web address.")
        return address
