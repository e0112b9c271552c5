"""Making and deleting a function when answers get lost: nothing is left behind that is not told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from console.tabs.endpoints.functions.commands import CreateFunction
from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.aws import creating
from workers.errors.tree import Conflict, QuotaExceeded, ServiceFault, Unreachable
from workers.functions.making import role_of
from workers.functions.service import Functions
from workers.functions.types import FunctionSpec
from workers.types import DeletionPlan, Identity

GONE = Refused("ResourceNotFoundException", "not found", 404)
NO_ROLE = Refused("NoSuchEntity", "not found", 404)
SPEC = FunctionSpec("ask", "dogs")


def lost(*_: object, **__: object) -> Any:
    raise Unreachable("No answer", "It did not come.")


class Account(FakeSession):
    """Functions, roles and log groups in memory; what is in ``lost`` is carried out, but its answer is not seen."""

    def __init__(self, *lost_answers: str) -> None:
        super().__init__()
        self.lost = list(lost_answers)
        self.endpoints = {"dogs": "InService"}
        self.functions: dict[str, dict[str, Any]] = {}
        self.roles: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, int] = {}

    async def identity(self) -> Identity:
        return Identity("123456789012", "arn:aws:iam::123456789012:user/me")

    async def call(self, service: str, operation: str, /, doing: str = "", **parameters: Any) -> Any:
        def answer(**_: Any) -> Any:
            result = getattr(self, f"on_{operation}")(**parameters)
            if operation in self.lost:
                self.lost.remove(operation)
                lost()
            return result

        self.handlers[operation] = answer
        # As over a network: somebody may cancel while it is under way.
        await asyncio.sleep(0)
        return await super().call(service, operation, doing=doing, **parameters)

    def on_describe_endpoint(self, EndpointName: str) -> Any:
        if EndpointName not in self.endpoints:
            raise Refused("ValidationException", f'Could not find endpoint "{EndpointName}".')
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{EndpointName}"
        return {"EndpointArn": arn, "EndpointStatus": self.endpoints[EndpointName]}

    def on_create_role(self, RoleName: str, Tags: Any, **_: Any) -> Any:
        if RoleName in self.roles:
            raise Refused("EntityAlreadyExists", "exists", 409)
        self.roles[RoleName] = {"Arn": f"arn:{RoleName}", "Tags": Tags, "RoleName": RoleName}
        return {"Role": self.roles[RoleName]}

    def on_get_role(self, RoleName: str) -> Any:
        if RoleName not in self.roles:
            raise NO_ROLE
        return {"Role": self.roles[RoleName]}

    def on_put_role_policy(self, **_: Any) -> Any:
        return {}

    def on_delete_role_policy(self, **_: Any) -> Any:
        return {}

    def on_delete_role(self, RoleName: str) -> Any:
        if self.roles.pop(RoleName, None) is None:
            raise NO_ROLE
        return {}

    def on_list_role_policies(self, RoleName: str) -> Any:
        return {"PolicyNames": []}

    def on_list_attached_role_policies(self, RoleName: str) -> Any:
        return {"AttachedPolicies": []}

    def on_describe_log_groups(self, logGroupNamePrefix: str) -> Any:
        return {"logGroups": [{"logGroupName": name} for name in self.groups if name.startswith(logGroupNamePrefix)]}

    def on_create_log_group(self, logGroupName: str) -> Any:
        if logGroupName in self.groups:
            raise Refused("ResourceAlreadyExistsException", "exists")
        self.groups[logGroupName] = 0
        return {}

    def on_put_retention_policy(self, logGroupName: str, retentionInDays: int) -> Any:
        self.groups[logGroupName] = retentionInDays
        return {}

    def on_delete_log_group(self, logGroupName: str) -> Any:
        if self.groups.pop(logGroupName, None) is None:
            raise GONE
        return {}

    def on_list_tags_log_group(self, logGroupName: str) -> Any:
        if logGroupName not in self.groups:
            raise GONE
        return {"tags": {}}

    def on_create_function(self, FunctionName: str, Tags: Any, **_: Any) -> Any:
        if FunctionName in self.functions:
            raise Refused("ResourceConflictException", "exists", 409)
        self.functions[FunctionName] = {"FunctionArn": f"arn:{FunctionName}", "Tags": Tags}
        return self.functions[FunctionName]

    def on_get_function(self, FunctionName: str) -> Any:
        if FunctionName not in self.functions:
            raise GONE
        found = self.functions[FunctionName]
        return {"Configuration": {"FunctionArn": found["FunctionArn"]}, "Tags": found["Tags"]}

    def on_get_function_configuration(self, FunctionName: str) -> Any:
        if FunctionName not in self.functions:
            raise GONE
        return {
            "FunctionName": FunctionName,
            "FunctionArn": f"arn:{FunctionName}",
            "Role": f"arn:aws:iam::1:role/{role_of('ask')}",
            "Environment": {"Variables": {"ENDPOINT_NAME": "dogs"}},
            "CodeSha256": "x",
        }

    def on_delete_function(self, FunctionName: str) -> Any:
        if self.functions.pop(FunctionName, None) is None:
            raise GONE
        return {}

    @property
    def has(self) -> list[str]:
        """All there is."""
        return [*self.functions, *self.roles, *self.groups]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creating, "LOOK_AGAIN_SECONDS", (0.0,))


ALL = ["ask", "ask-role", "/aws/lambda/ask"]


@pytest.mark.parametrize("operation", ["create_role", "create_log_group", "create_function"])
def test_what_a_lost_answer_made_is_taken_over(operation: str) -> None:
    account = Account(operation)
    assert asyncio.run(Functions(account).create(SPEC)) == "arn:ask"
    assert account.has == ALL and account.groups["/aws/lambda/ask"] == 30


def test_a_function_that_cannot_be_made_leaves_neither_role_nor_log_group() -> None:
    account = Account()

    def full(**_: Any) -> Any:
        raise Refused("ResourceLimitExceeded", "no more")

    account.on_create_function = full  # type: ignore[method-assign]
    with pytest.raises(QuotaExceeded) as told:
        asyncio.run(Functions(account).create(SPEC))
    assert account.has == [] and told.value.left == ()


STEPS = ["describe_endpoint", "create_role", "put_role_policy", "describe_log_groups", "create_log_group",
         "put_retention_policy", "create_function"]  # fmt: skip


@pytest.mark.parametrize("operation", STEPS)
def test_whichever_step_fails_nothing_is_left(operation: str) -> None:
    account = Account()

    def broken(**_: Any) -> Any:
        raise Refused("InternalFailure", "oh", 500)

    setattr(account, f"on_{operation}", broken)
    with pytest.raises(ServiceFault) as told:
        asyncio.run(Functions(account).create(SPEC))
    assert account.has == [] and told.value.left == ()


@pytest.mark.parametrize("operation", STEPS)
@pytest.mark.parametrize("again", [False, True])
def test_a_cancelled_creation_is_taken_back_to_its_end(operation: str, again: bool) -> None:
    """Cancelled during any step, and once more during the roll-back: nothing is left."""

    async def body() -> list[str]:
        account = Account()
        doing, undoing = getattr(account, f"on_{operation}"), account.on_delete_role_policy
        task: asyncio.Task[str] | None = None

        def cancelled(**parameters: Any) -> Any:
            result = doing(**parameters)
            assert task is not None
            task.cancel()
            return result

        def cancelled_again(**parameters: Any) -> Any:
            assert task is not None
            if again:
                task.cancel()
            return undoing(**parameters)

        setattr(account, f"on_{operation}", cancelled)
        account.on_delete_role_policy = cancelled_again  # type: ignore[method-assign]
        task = asyncio.create_task(Functions(account).create(SPEC))
        with pytest.raises(asyncio.CancelledError):
            await task
        return account.has

    assert asyncio.run(body()) == []


@pytest.mark.parametrize(
    ("key", "ours"), [("sagedeck:created-by", True), ("created-by", True), ("sagedeck:endpoint", False)]
)
def test_the_role_is_deleted_along_by_the_tag_of_now_and_of_before(key: str, ours: bool) -> None:
    account = Account()
    asyncio.run(Functions(account).create(SPEC))
    assert {"Key": "sagedeck:created-by", "Value": "sagedeck"} in account.roles["ask-role"]["Tags"]
    assert account.functions["ask"]["Tags"]["sagedeck:created-by"] == "sagedeck"
    account.roles["ask-role"]["Tags"] = [{"Key": key, "Value": "sagedeck"}]
    functions = Functions(account)

    async def plan() -> DeletionPlan:
        found = account.on_get_function_configuration("ask")
        functions.describe = lambda name: _described(found)  # type: ignore[method-assign]
        functions.list_all = _no_others  # type: ignore[method-assign]
        return await functions.deletion_plan("ask")

    made = asyncio.run(plan())
    assert [name for kind, name, _ in made.also_deleted if kind == "role"] == (["ask-role"] if ours else [])


@pytest.mark.parametrize("length", [1, 59, 60, 64])
def test_the_line_for_the_cli_names_the_role_that_is_made(length: int) -> None:
    spec = FunctionSpec("f" * length, "dogs")
    account = Account()
    asyncio.run(Functions(account).create(spec))
    (role,) = account.roles
    assert len(role) <= 64 and CreateFunction(spec).cli().count(f"--role-name {role} ") == 2


def test_a_log_group_of_an_earlier_function_is_kept() -> None:
    account = Account()
    account.groups["/aws/lambda/ask"] = 400
    account.on_create_function = lost  # type: ignore[method-assign]
    with pytest.raises(Unreachable):
        asyncio.run(Functions(account).create(SPEC))
    assert account.groups == {"/aws/lambda/ask": 400} and account.roles == {}


def test_a_log_group_that_may_not_be_looked_for_is_told_when_its_answer_is_lost() -> None:
    account = Account("create_log_group")

    def denied(**_: Any) -> Any:
        raise Refused("AccessDeniedException", "no", 400)

    account.on_describe_log_groups = denied  # type: ignore[method-assign]
    with pytest.raises(Unreachable) as told:
        asyncio.run(Functions(account).create(SPEC))
    assert [left.kind for left in told.value.left] == ["log group"] and account.has == ["/aws/lambda/ask"]
    account = Account()
    account.on_describe_log_groups = lost  # type: ignore[method-assign]
    with pytest.raises(Unreachable):
        asyncio.run(Functions(account).create(SPEC))
    assert account.has == []


def test_somebody_elses_role_of_this_name_is_left_alone() -> None:
    account = Account()
    account.roles["ask-role"] = {"Arn": "arn:other", "Tags": [], "RoleName": "ask-role"}
    with pytest.raises(Conflict):
        asyncio.run(Functions(account).create(SPEC))
    assert account.has == ["ask-role"]


def test_what_cannot_be_taken_back_is_told_with_how_to_delete_it() -> None:
    account = Account()
    account.on_create_function = lost  # type: ignore[method-assign]
    account.on_delete_role = lost  # type: ignore[method-assign]
    with pytest.raises(Unreachable) as told:
        asyncio.run(Functions(account).create(SPEC))
    assert [(left.kind, left.name) for left in told.value.left] == [("role", "ask-role")]
    assert "role ask-role" in told.value.message and "aws iam delete-role --role-name ask-role" in told.value.cleanup


def test_a_function_that_may_exist_keeps_its_role_and_is_told() -> None:
    account = Account("create_function")
    account.on_get_function = lost  # type: ignore[method-assign]
    with pytest.raises(Unreachable) as told:
        asyncio.run(Functions(account).create(SPEC))
    assert [left.kind for left in told.value.left] == ["function", "log group", "role"]
    assert account.has == ALL


PLAN = DeletionPlan("ask", (("role", "ask-role", ""), ("log", "/aws/lambda/ask", "")), (), (), None)


@pytest.mark.parametrize("operation", ["delete_function", "delete_role", "delete_log_group"])
def test_a_lost_answer_of_a_deletion_is_no_failure(operation: str) -> None:
    account = Account()
    asyncio.run(Functions(account).create(SPEC))
    account.lost = [operation]
    asyncio.run(Functions(account).delete(PLAN))
    assert account.has == []


def test_a_deletion_goes_on_to_its_end_and_tells_what_is_left() -> None:
    account = Account()
    asyncio.run(Functions(account).create(SPEC))

    def broken(**_: Any) -> Any:
        raise Refused("InternalFailure", "oh", 500)

    account.on_delete_role = broken  # type: ignore[method-assign]
    with pytest.raises(ServiceFault) as told:
        asyncio.run(Functions(account).delete(PLAN))
    assert [(left.kind, left.name) for left in told.value.left] == [("role", "ask-role")]
    assert account.has == ["ask-role"]


def test_cancelling_a_deletion_does_not_stop_it_half_way() -> None:
    async def body() -> list[str]:
        account = Account()
        functions, begun = Functions(account), asyncio.Event()
        await functions.create(SPEC)
        deleting = account.on_delete_function

        def noticed(FunctionName: str) -> Any:
            begun.set()
            return deleting(FunctionName)

        account.on_delete_function = noticed  # type: ignore[method-assign]
        task = asyncio.ensure_future(functions.delete(PLAN))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return account.has

    assert asyncio.run(body()) == []


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        ("InService", [("endpoint", "dogs", "goes on billing")]),
        ("Failed", [("endpoint", "dogs", "failed, and does not bill")]),
        ("Deleting", []),
        ("", []),
    ],
)
def test_the_endpoint_that_is_kept_is_read_not_remembered(status: str, kept: list[tuple[str, str, str]]) -> None:
    account = Account()
    asyncio.run(Functions(account).create(SPEC))
    account.endpoints = {"dogs": status} if status else {}
    functions = Functions(account)

    async def plan() -> DeletionPlan:
        found = await functions._session.call("lambda", "get_function_configuration", FunctionName="ask")
        functions.describe = lambda name: _described(found)  # type: ignore[method-assign]
        functions.list_all = _no_others  # type: ignore[method-assign]
        return await functions.deletion_plan("ask")

    assert list(asyncio.run(plan()).kept) == kept


async def _described(found: dict[str, Any]) -> Any:
    from workers.functions.types import function_of

    return function_of(found)


async def _no_others() -> Any:
    for nothing in ():
        yield nothing
