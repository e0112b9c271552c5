"""Functions that anybody can call, that hold secrets, that may take all concurrency, or whose runtime has ended."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from workers.access.policies import PolicyDocument
from workers.aws.session import AwsSession
from workers.security.buckets import open_to_everybody
from workers.security.check import Area, Check, Problem
from workers.security.reading import each_there, known
from workers.security.secrets import Hint, in_variables
from workers.security.types import Change, Resource, Unread, meanwhile

# When AWS ended, or ends, the support of a runtime (Lambda's developer guide, "Lambda runtimes", November 2026).
RUNTIME_ENDS = {
    **dict.fromkeys(("nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10"), date(2020, 3, 6)),
    **dict.fromkeys(("dotnetcore1.0", "dotnetcore2.0"), date(2019, 7, 30)),
    "python2.7": date(2021, 7, 15),
    "nodejs10.x": date(2021, 7, 30),
    "ruby2.5": date(2021, 7, 30),
    "dotnetcore2.1": date(2022, 1, 5),
    "python3.6": date(2022, 7, 18),
    "nodejs12.x": date(2023, 3, 31),
    "dotnetcore3.1": date(2023, 4, 3),
    "nodejs14.x": date(2023, 12, 4),
    "python3.7": date(2023, 12, 4),
    "ruby2.7": date(2023, 12, 7),
    "java8": date(2024, 1, 8),
    "go1.x": date(2024, 1, 8),
    "provided": date(2024, 1, 8),
    "nodejs16.x": date(2024, 6, 12),
    "python3.8": date(2024, 10, 14),
    "dotnet6": date(2024, 12, 20),
    "nodejs18.x": date(2025, 9, 1),
    "python3.9": date(2025, 12, 15),
    "ruby3.2": date(2026, 3, 31),
    "nodejs20.x": date(2026, 4, 30),
    "nodejs22.x": date(2027, 4, 30),
}
# What a click reserves: AWS keeps as many for all others in the smallest accounts.
RESERVE = 10


@dataclass(frozen=True)
class FunctionFact:
    """A function. ``hints`` are variables that seem to hold a secret; ``urls`` tell who may call each address."""

    name: str
    arn: str
    runtime: str
    hints: tuple[Hint, ...]
    reserved: int | Unread | None
    policy: PolicyDocument | Unread | None
    urls: tuple[str, ...] | Unread

    @property
    def resource(self) -> Resource:
        """The function."""
        return Resource("AwsLambdaFunction", self.name, self.arn)


async def read_functions(session: AwsSession) -> Sequence[FunctionFact]:
    """All functions of the region. Raises ``SageDeckError``."""
    found = session.paginate("lambda", "list_functions", "Functions", doing="list the functions")
    return await each_there([item async for item in found], lambda item: _read(session, item))


async def _read(session: AwsSession, item: Mapping[str, Any]) -> FunctionFact:
    name = item["FunctionName"]
    doing = f"read the function {name}"

    async def asked(operation: str) -> dict[str, Any]:
        return await session.call("lambda", operation, doing, FunctionName=name)

    variables = item.get("Environment", {}).get("Variables", {})
    hints, reserved, policy, urls = await asyncio.gather(
        session.run(doing, in_variables, variables) if variables else _nothing(),
        known(asked("get_function_concurrency"), missing={}),
        known(asked("get_policy"), missing={}, codes=frozenset({"ResourceNotFoundException"})),
        known(asked("list_function_url_configs"), missing={}),
    )
    return FunctionFact(
        name,
        item["FunctionArn"],
        item.get("Runtime", ""),
        hints,
        reserved if isinstance(reserved, Unread) else reserved.get("ReservedConcurrentExecutions"),
        policy if isinstance(policy, Unread) else json.loads(policy["Policy"]) if "Policy" in policy else None,
        urls if isinstance(urls, Unread) else tuple(url["AuthType"] for url in urls.get("FunctionUrlConfigs", ())),
    )


async def _nothing() -> tuple[Hint, ...]:
    return ()


def judge_secrets(fact: FunctionFact, now: datetime) -> Iterator[Problem]:
    """Which variables seem to hold a secret, and by what; never the value."""
    if fact.hints:
        named = ", ".join(f"{hint.place} ({hint.kind})" for hint in fact.hints)
        yield Problem(f"Seems to hold a secret: {named}.", cli=_without(fact))


def _without(fact: FunctionFact) -> str:
    names = ",".join(hint.place for hint in fact.hints)
    return (
        f"# put the values of {names} into AWS Secrets Manager, then leave them out here:\n"
        f"aws lambda update-function-configuration --function-name {fact.name} --environment Variables={{...}}"
    )


def judge_policy(fact: FunctionFact, now: datetime) -> Iterator[Problem]:
    """Its policy lets everybody call it."""
    if not isinstance(fact.policy, Unread) and open_to_everybody(fact.policy):
        yield Problem(
            "Its policy lets everybody call it.",
            cli=f"aws lambda get-policy --function-name {fact.name}\n"
            f"aws lambda remove-permission --function-name {fact.name} --statement-id STATEMENT",
        )


def judge_url(fact: FunctionFact, now: datetime) -> Iterator[Problem]:
    """It has an address that asks nobody to sign."""
    if not isinstance(fact.urls, Unread) and "NONE" in fact.urls:
        yield Problem(
            "Its address answers who does not sign in.",
            cli=f"aws lambda update-function-url-config --function-name {fact.name} --auth-type AWS_IAM",
        )


def judge_runtime(fact: FunctionFact, now: datetime) -> Iterator[Problem]:
    """Its runtime gets no security updates any more."""
    ended = RUNTIME_ENDS.get(fact.runtime)
    if ended is not None and ended <= now.date():
        yield Problem(
            f"{fact.runtime} has had no security updates since {ended.isoformat()}.",
            cli=f"aws lambda update-function-configuration --function-name {fact.name} --runtime python3.13",
        )


def judge_reserved(fact: FunctionFact, now: datetime) -> Iterator[Problem]:
    """Nothing holds it back."""
    if fact.reserved is None:
        yield Problem(
            "A flood of calls to it takes the concurrency of all functions, and bills.", Reserve(fact.name, RESERVE)
        )


FUNCTIONS = Area(
    "functions",
    "awslambda",
    read_functions,
    (
        Check(
            "awslambda_function_no_secrets_in_variables",
            "Secret in a function's variables",
            "critical",
            "Whoever may list functions reads the variables, and so do logs and exports.",
            "Keep it in AWS Secrets Manager and let the function read it. Change the secret: it was readable.",
            judge_secrets,
        ),
        Check(
            "awslambda_function_not_publicly_accessible",
            "Function open to everybody",
            "critical",
            "Anybody with an AWS account runs it, at your cost and with its role.",
            "Take the statement with the principal * from its policy.",
            judge_policy,
            ("policy",),
        ),
        Check(
            "awslambda_function_url_public",
            "Function address open to everybody",
            "high",
            "Anybody who learns the address runs it, at your cost and with its role.",
            "Ask callers to sign (AWS_IAM), or put something in front that limits them.",
            judge_url,
            ("urls",),
        ),
        Check(
            "awslambda_function_using_supported_runtimes",
            "Runtime without support",
            "medium",
            "Holes that are found in it stay open.",
            "Choose a runtime that AWS supports, and test the function with it.",
            judge_runtime,
        ),
        Check(
            "sagedeck_function_without_reserved_concurrency",
            "Function without reserved concurrency",
            "low",
            "It can be made to run a thousand times at once: others are throttled, and the endpoint behind it, too.",
            f"Reserve what it needs: {RESERVE} calls at a time are many for a classifier.",
            judge_reserved,
            ("reserved",),
        ),
    ),
)


@dataclass(frozen=True)
class Reserve(Change):
    """Let a function run at most so many times at once."""

    label: ClassVar[str] = "Reserve"

    function: str
    count: int

    @property
    def title(self) -> str:
        """The command's name."""
        return f"Reserve {self.count} for {self.function}"

    @property
    def sentence(self) -> str:
        """What may stop working."""
        return (
            f"At most {self.count} calls run at a time; more are throttled. "
            f"All other functions have {self.count} fewer."
        )

    @property
    def cli(self) -> str:
        """The same by the AWS CLI."""
        return (
            f"aws lambda put-function-concurrency --function-name {shlex.quote(self.function)} "
            f"--reserved-concurrent-executions {self.count}"
        )

    @property
    def subject(self) -> tuple[str, str]:
        """The function."""
        return "function", self.function

    async def carry_out(self, session: AwsSession) -> None:
        """Raises ``Conflict`` when something is reserved by now."""
        doing = f"reserve {self.count} for {self.function}"
        found = await session.call("lambda", "get_function_concurrency", doing, FunctionName=self.function)
        if found.get("ReservedConcurrentExecutions") is not None:
            raise meanwhile(f"What is reserved for {self.function}")
        await session.call(
            "lambda",
            "put_function_concurrency",
            doing,
            FunctionName=self.function,
            ReservedConcurrentExecutions=self.count,
        )
