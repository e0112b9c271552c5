"""Changing a function's settings, and its role with them: the role may call the endpoint that is asked, no other.

The new permission is given before the settings change and the old one taken away after it, so that no call in
between is refused.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from workers.access.grants import DiffLine, Grants, diff_lines
from workers.access.policies import VERSION, PolicyDocument, Statement, as_list, as_text, statements, with_statements
from workers.aws.creating import ROLL_BACK_SECONDS, surely, to_the_end
from workers.aws.session import AwsSession
from workers.errors.tree import AccessDenied, NotFound, SageDeckError, ServiceFault
from workers.functions.role import INVOKE, POLICY_NAME, policy_values, without_sid
from workers.functions.types import ENDPOINT_VARIABLE, Function, FunctionSettings, function_of

S3_VARIABLE = "ALLOWED_S3"
# What SageDeck's own handler reads; other variables may be secret and are not written into command lines.
PLAIN_VARIABLES = (ENDPOINT_VARIABLE, S3_VARIABLE, "MAX_IMAGE_BYTES", "MAX_PIXELS")
ENDPOINT_SID, S3_SID = "AskTheEndpoint", "ReadThePictures"
_SETTLED_POLLS = (0.2, 0.5, 1.0, *[2.0] * 30)


@dataclass(frozen=True)
class RoleChange:
    """A role's inline policies adapted to other settings. ``gains`` and ``loses`` are names of endpoints."""

    role: str
    before: Mapping[str, PolicyDocument]
    after: Mapping[str, PolicyDocument]
    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of the policies that become others."""
        return tuple(name for name in self.after if self.after[name] != self.before.get(name))

    @property
    def diff(self) -> tuple[DiffLine, ...]:
        """The first changed policy, with what is new marked."""
        for name in self.changed:
            return diff_lines(self.before.get(name), self.after[name])
        return ()

    @property
    def cli(self) -> list[str]:
        """The same as AWS CLI lines."""
        return [_policy_line(self.role, name, self.after[name]) for name in self.changed]


@dataclass(frozen=True)
class SettingsContext:
    """A function as it is now, with what its role's inline policies say (``None``: they may not be read).

    ``own``: SageDeck made the role. ``others`` are ARNs of the endpoints that other functions ask with this role.
    """

    function: Function
    revision: str
    inline: Mapping[str, PolicyDocument] | None
    own: bool
    others: tuple[str, ...] = ()

    def role_change(self, settings: FunctionSettings) -> RoleChange | None:
        """The role adapted to ``settings``; None when its policies are not known."""
        if self.inline is None:
            return None
        values = policy_values(self.function.name, self.function.arn, settings.endpoint_name)
        arn = values["endpoint_arn"] if settings.endpoint_name else ""
        after = _with_endpoint(self.inline, arn, self.others)
        places = settings.variables.get(S3_VARIABLE, "")
        if places != self.function.variables.get(S3_VARIABLE, ""):
            after = _with_places(after, places, values["partition"])
        before_arns, after_arns = _invoked(self.inline), _invoked(after)
        return RoleChange(
            self.function.role,
            self.inline,
            after,
            tuple(_name(arn) for arn in after_arns if arn not in before_arns),
            tuple(_name(arn) for arn in before_arns if arn not in after_arns),
        )


@dataclass(frozen=True)
class SettingsChange:
    """What will be done: the settings, and the role with them unless ``role`` is None."""

    context: SettingsContext
    settings: FunctionSettings
    role: RoleChange | None = field(default=None)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.context.function.name

    @property
    def cli(self) -> str:
        """The same as AWS CLI lines. Values of variables that may be secret are left out."""
        variables = ",".join(
            f"{name}={value}" if name in PLAIN_VARIABLES else f"{name}=VALUE"
            for name, value in environment(self.settings).items()
        )
        lines = [
            f"aws lambda update-function-configuration --function-name {self.name} "
            f"--memory-size {self.settings.memory_mb} --timeout {self.settings.timeout_s} "
            f"--description {shlex.quote(self.settings.description)} "
            f"--environment {shlex.quote(f'Variables={{{variables}}}')}"
        ]
        return "\n".join(lines + (self.role.cli if self.role is not None else []))


def environment(settings: FunctionSettings) -> dict[str, str]:
    """The whole environment of a function with these settings."""
    first = {ENDPOINT_VARIABLE: settings.endpoint_name} if settings.endpoint_name else {}
    return first | {name: value for name, value in settings.variables.items() if name != ENDPOINT_VARIABLE}


class FunctionChanges:
    """Reads what a change would touch, and carries it out."""

    def __init__(self, session: AwsSession, grants: Grants) -> None:
        self._session, self._grants = session, grants

    async def context(self, name: str) -> SettingsContext:
        """What a change of this function would touch. Raises ``SageDeckError`` when the function cannot be read."""
        found = await self._session.call(
            "lambda", "get_function_configuration", f"read the settings of {name}", FunctionName=name
        )
        function = function_of(found)
        inline: Mapping[str, PolicyDocument] | None
        try:
            inline = await self._grants.inline_policies(function.role)
        except (AccessDenied, NotFound):
            inline = None
        others = [
            policy_values(function.name, function.arn, asked)["endpoint_arn"]
            async for other in self._session.paginate("lambda", "list_functions", "Functions")
            if other["FunctionName"] != function.name
            and other.get("Role") == function.role_arn
            and (asked := other.get("Environment", {}).get("Variables", {}).get(ENDPOINT_VARIABLE))
        ]
        return SettingsContext(
            function,
            str(found.get("RevisionId", "")),
            inline,
            await self._grants.own_role(function.role),
            tuple(others),
        )

    async def apply(self, change: SettingsChange) -> None:
        """Change the settings, and the role with them. A role changed in vain is put back. Raises ``SageDeckError``."""
        role = change.role
        names = role.changed if role is not None else ()
        if role is not None:
            for name in names:
                await self._write(role.role, name, _both(role.before.get(name), role.after[name]))
        try:
            await self._configure(change)
        except BaseException:
            if role is not None:
                await to_the_end(self._put_back(role))
            raise
        if role is not None:
            for name in names:
                await self._write(role.role, name, role.after[name])

    async def settled(self, name: str) -> None:
        """Wait until Lambda has put a change of code or settings into force. Raises ``SageDeckError``."""
        for pause in _SETTLED_POLLS:
            found = await self._session.call("lambda", "get_function_configuration", FunctionName=name)
            status = found.get("LastUpdateStatus", "Successful")
            if status == "Failed":
                reason = found.get("LastUpdateStatusReason", "Lambda gave no reason.")
                raise ServiceFault(f"{name} was not changed", reason, "It goes on as it was before.")
            if status == "Successful":
                return
            await asyncio.sleep(pause)

    async def _configure(self, change: SettingsChange) -> None:
        settings, name = change.settings, change.name
        wanted = {
            "MemorySize": settings.memory_mb,
            "Timeout": settings.timeout_s,
            "Description": settings.description,
            "Environment": {"Variables": environment(settings)},
        }
        # Refused when somebody else changed the function since the form was opened.
        unchanged = {"RevisionId": change.context.revision} if change.context.revision else {}

        async def configure() -> dict[str, object]:
            return await self._session.call(
                "lambda",
                "update_function_configuration",
                f"change the settings of {name}",
                FunctionName=name,
                **wanted,
                **unchanged,
            )

        async def as_wanted() -> dict[str, object] | None:
            found = await self._session.call("lambda", "get_function_configuration", FunctionName=name)
            found = {"Description": "", "Environment": {"Variables": {}}, **found}
            return found if all(found.get(key) == value for key, value in wanted.items()) else None

        await surely(configure, as_wanted)
        await self.settled(name)

    async def _put_back(self, role: RoleChange) -> None:
        try:
            async with asyncio.timeout(ROLL_BACK_SECONDS):
                for name in role.changed:
                    await self._write(role.role, name, role.before.get(name, {"Statement": []}))
        except (SageDeckError, TimeoutError):
            # The first error is the one to report; what is left is a permission too much, which is shown.
            return

    async def _write(self, role: str, name: str, document: PolicyDocument) -> None:
        if document["Statement"]:
            await self._session.call(
                "iam",
                "put_role_policy",
                f"adapt the role {role}",
                RoleName=role,
                PolicyName=name,
                PolicyDocument=as_text(document),
            )
            return
        try:
            await self._session.call(
                "iam", "delete_role_policy", f"adapt the role {role}", RoleName=role, PolicyName=name
            )
        except NotFound:
            return


def _with_endpoint(inline: Mapping[str, PolicyDocument], arn: str, others: Iterable[str]) -> dict[str, PolicyDocument]:
    """The policies with InvokeEndpoint on ``arn`` (and on what ``others`` need) alone; wildcards are left to narrow."""
    kept = {arn, *others}
    after: dict[str, PolicyDocument] = {}
    found = not arn
    for name, document in inline.items():
        made: list[Statement] = []
        for statement in statements(document):
            actions, resources = as_list(statement.get("Action", [])), as_list(statement.get("Resource", []))
            if statement.get("Effect") != "Allow" or INVOKE not in actions:
                made.append(statement)
                continue
            remaining = [resource for resource in resources if resource in kept]
            found = found or arn in remaining
            if remaining == resources:
                made.append(statement)
            elif remaining:
                made.append({**statement, "Resource": _one_or_all(remaining)})
            if not remaining and len(actions) > 1:
                made.append({**statement, "Action": _one_or_all([action for action in actions if action != INVOKE])})
        after[name] = with_statements(document, made)
    if found:
        return after
    return _added(after, {"Sid": ENDPOINT_SID, "Effect": "Allow", "Action": INVOKE, "Resource": arn})


def _with_places(inline: Mapping[str, PolicyDocument], places: str, partition: str) -> dict[str, PolicyDocument]:
    """The policies with GetObject on the ``bucket/prefix`` entries of ``places``, instead of what they said of it."""
    after: dict[str, PolicyDocument] = {
        name: with_statements(
            document, [statement for statement in statements(document) if statement.get("Sid") != S3_SID]
        )
        for name, document in inline.items()
    }
    arns = [f"arn:{partition}:s3:::{place}*" for place in (part.strip() for part in places.split(",")) if "/" in place]
    if not arns:
        return after
    return _added(after, {"Sid": S3_SID, "Effect": "Allow", "Action": "s3:GetObject", "Resource": _one_or_all(arns)})


def _added(inline: dict[str, PolicyDocument], statement: Statement) -> dict[str, PolicyDocument]:
    document = inline.get(POLICY_NAME, {"Version": VERSION, "Statement": []})
    found = statements(document)
    if any(known.get("Sid") == statement["Sid"] for known in found):
        statement = without_sid(statement)
    return inline | {POLICY_NAME: with_statements(document, [*found, statement])}


def _both(before: PolicyDocument | None, after: PolicyDocument) -> PolicyDocument:
    """What is allowed before or after; statement identifiers must stay unique in a policy."""
    new = statements(after)
    gone = [statement for statement in statements(before) if statement not in new] if before else []
    return with_statements(after, [*new, *(without_sid(statement) for statement in gone)])


def _invoked(inline: Mapping[str, PolicyDocument]) -> list[str]:
    return [
        resource
        for document in inline.values()
        for statement in statements(document)
        if statement.get("Effect") == "Allow" and INVOKE in as_list(statement.get("Action", []))
        for resource in as_list(statement.get("Resource", []))
    ]


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _name(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _policy_line(role: str, name: str, document: PolicyDocument) -> str:
    if not document["Statement"]:
        return f"aws iam delete-role-policy --role-name {role} --policy-name {name}"
    return (
        f"aws iam put-role-policy --role-name {role} --policy-name {name} "
        f"--policy-document {shlex.quote(as_text(document))}"
    )
