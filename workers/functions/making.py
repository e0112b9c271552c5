"""Making a function in front of an endpoint: its role, its log group and itself, in one flow that can be undone."""

from __future__ import annotations

import asyncio
from typing import Any

from workers.access.policies import as_text, partition, policy
from workers.aws.creating import ATTEMPT_TAG, Attempt, Part
from workers.aws.names import fitting_role_name
from workers.aws.session import AwsSession
from workers.aws.tags import CREATED_BY, CREATOR, creator_tag
from workers.errors.tree import AccessDenied, Conflict, InvalidInput, NotFound
from workers.functions.code import HANDLER, package
from workers.functions.role import POLICY_NAME, function_policy
from workers.functions.settings import S3_VARIABLE
from workers.functions.types import ENDPOINT_VARIABLE, FunctionSpec, description_of

RUNTIME = "python3.12"
# Without a limit Lambda's log groups keep everything, and cost, for ever.
LOG_DAYS = 30
TAG_ENDPOINT = "sagedeck:endpoint"
# A role made just now cannot be assumed everywhere at once; AWS says to try again for some seconds.
ROLE_RETRY_SECONDS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)


def role_of(function: str) -> str:
    """The name of the role that SageDeck makes for a function: ``FUNCTION-role``, within IAM's limit."""
    return fitting_role_name("", function, "-role")


def log_group_of(function: str) -> str:
    """Where Lambda writes a function's log."""
    return f"/aws/lambda/{function}"


async def make_function(session: AwsSession, spec: FunctionSpec, attempt: Attempt) -> str:
    """Make role, log group and function as parts of ``attempt``; returns the function's ARN.

    Raises ``SageDeckError``.
    """
    role_arn = await _make_role(session, spec, attempt)
    await _make_log_group(session, spec.name, attempt)
    return await _make_function(session, spec, role_arn, attempt)


async def _make_role(session: AwsSession, spec: FunctionSpec, attempt: Attempt) -> str:
    name = role_of(spec.name)
    identity = await session.identity()
    endpoint = await session.call(
        "sagemaker", "describe_endpoint", f"find the endpoint {spec.endpoint_name}", EndpointName=spec.endpoint_name
    )
    values = {
        "account": identity.account,
        "partition": partition(identity.arn),
        "region": session.region,
        "function": spec.name,
        "endpoint_arn": str(endpoint["EndpointArn"]),
    }

    async def create() -> str:
        made = await session.call(
            "iam",
            "create_role",
            f"make the role {name}",
            RoleName=name,
            AssumeRolePolicyDocument=as_text(policy("trust_lambda")),
            Description=f"Made by SageDeck for the function {spec.name}",
            Tags=[creator_tag(), attempt.tag],
        )
        return str(made["Role"]["Arn"])

    async def mine() -> str | None:
        try:
            found = (await session.call("iam", "get_role", f"look for the role {name}", RoleName=name))["Role"]
        except NotFound:
            return None
        return str(found["Arn"]) if attempt.is_mine(found.get("Tags", ())) else None

    async def unmake() -> None:
        # Its policy may be there although the answer was lost.
        try:
            await session.call(
                "iam", "delete_role_policy", "remove its permissions", RoleName=name, PolicyName=POLICY_NAME
            )
        except NotFound:
            pass
        await session.call("iam", "delete_role", f"delete the role {name}", RoleName=name)

    delete = (
        f"aws iam delete-role-policy --role-name {name} --policy-name {POLICY_NAME}; "
        f"aws iam delete-role --role-name {name}"
    )
    arn = await attempt.make(Part("role", name, unmake, delete, "costs nothing"), create, mine)
    await session.call(
        "iam",
        "put_role_policy",
        f"give the role {name} its permissions",
        RoleName=name,
        PolicyName=POLICY_NAME,
        PolicyDocument=as_text(function_policy(spec, values)),
    )
    return arn


async def _make_log_group(session: AwsSession, function: str, attempt: Attempt) -> None:
    group = log_group_of(function)

    async def found() -> dict[str, Any] | None:
        groups = session.paginate("logs", "describe_log_groups", "logGroups", "look for it", logGroupNamePrefix=group)
        return next(
            (dict(log_group) for log_group in [item async for item in groups] if log_group["logGroupName"] == group),
            None,
        )

    try:
        if await found() is not None:
            # Of an earlier function of this name: its lines and its settings are kept.
            return
        absent = True
    except AccessDenied:
        # What creating it says will do.
        absent = False

    async def create() -> dict[str, Any]:
        return await session.call("logs", "create_log_group", "make its log group", logGroupName=group)

    async def mine() -> dict[str, Any] | None:
        there = await found()
        if there is not None and not absent:
            raise Conflict("Not known whose it is", f"The log group {group} may have been there before.")
        return there

    part = Part(
        "log group",
        group,
        lambda: session.call("logs", "delete_log_group", "delete its log group", logGroupName=group),
        f"aws logs delete-log-group --log-group-name {group}",
        "empty",
    )
    try:
        await attempt.make(part, create, mine)
    except Conflict:
        return
    await session.call("logs", "put_retention_policy", logGroupName=group, retentionInDays=LOG_DAYS)


async def _make_function(session: AwsSession, spec: FunctionSpec, role_arn: str, attempt: Attempt) -> str:
    name = spec.name
    variables = {ENDPOINT_VARIABLE: spec.endpoint_name}
    if spec.s3_bucket:
        variables[S3_VARIABLE] = f"{spec.s3_bucket}/{spec.s3_prefix}"

    async def create() -> str:
        for pause in (*ROLE_RETRY_SECONDS, None):
            try:
                answer = await session.call(
                    "lambda",
                    "create_function",
                    f"make the function {name}",
                    FunctionName=name,
                    Runtime=RUNTIME,
                    Role=role_arn,
                    Handler=HANDLER,
                    Code={"ZipFile": package()},
                    Timeout=spec.timeout_s,
                    MemorySize=spec.memory_mb,
                    Environment={"Variables": variables},
                    Description=description_of(spec.endpoint_name),
                    Tags={CREATED_BY: CREATOR, TAG_ENDPOINT: spec.endpoint_name, ATTEMPT_TAG: attempt.token},
                )
                return str(answer["FunctionArn"])
            except InvalidInput as error:
                if pause is None or "cannot be assumed" not in error.details:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    async def mine() -> str | None:
        try:
            found = await session.call("lambda", "get_function", f"look for the function {name}", FunctionName=name)
        except NotFound:
            return None
        ours = found.get("Tags", {}).get(ATTEMPT_TAG) == attempt.token
        return str(found["Configuration"]["FunctionArn"]) if ours else None

    part = Part(
        "function",
        name,
        lambda: session.call("lambda", "delete_function", f"delete the function {name}", FunctionName=name),
        f"aws lambda delete-function --function-name {name}",
        "its name is taken",
        needs=True,
    )
    return await attempt.make(part, create, mine)
