"""A function in front of an endpoint, by the workers: refused, granted just that, answered, deleted."""

from __future__ import annotations

import asyncio
import base64
import io
import json

import pytest
from PIL import Image

from tests.helpers.functions import CLASSES, INFERENCE
from tests.helpers.sagemaker_jobs import BUCKET, Account
from workers.errors.tree import Conflict, InvalidInput, NotFound
from workers.functions.code import package
from workers.functions.making import role_of
from workers.functions.settings import SettingsChange
from workers.functions.types import FunctionSettings, FunctionSpec
from workers.services import Services

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def account(account: Account) -> Account:
    for name in ("dogs", "cats"):
        account.endpoint(name, {"code/inference.py": INFERENCE})
    assert [account.settled(name) for name in ("dogs", "cats")] == ["InService", "InService"]
    return account


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "brown").save(buffer, "JPEG")
    return buffer.getvalue()


def event(**more: object) -> str:
    return json.dumps({"image": base64.b64encode(picture()).decode()} | more)


def test_refused_then_granted_then_answered(runner: asyncio.Runner, services: Services, account: Account) -> None:
    async def story() -> None:
        functions, grants = services.functions, services.grants
        assert await functions.create(FunctionSpec("ask-dogs", "dogs", allow_endpoint=False))
        with pytest.raises(Conflict):
            await functions.create(FunctionSpec("ask-dogs", "dogs"))

        refused = await functions.test("ask-dogs", event())
        assert (refused.status, refused.ok, refused.cold) == (502, False, True)
        denial = refused.denial
        assert denial is not None
        assert (denial.role, denial.action) == (role_of("ask-dogs"), "sagemaker:InvokeEndpoint")
        assert denial.resource.endswith(":endpoint/dogs")
        assert "because no identity-based policy allows" in refused.payload

        grant = await grants.propose(denial)
        assert grant is not None
        added = [line.text for line in grant.diff if line.mark == "+"]
        assert len(added) == 2 and "endpoint/dogs" in added[1]
        await grants.apply(grant)

        answered = await functions.test("ask-dogs", event())
        assert (answered.status, answered.ok, answered.cold) == (200, True, False)
        body = json.loads(json.loads(answered.payload)["body"])
        assert (body["labels"], len(body["logits"])) == (CLASSES, len(CLASSES))
        assert "START RequestId" in answered.log and answered.billed_ms and answered.memory_mb

        shown = await functions.describe("ask-dogs")
        assert (shown.endpoint_name, shown.invocations, shown.broad) == ("dogs", 2, ())

    runner.run(story())


def test_a_function_reaches_its_own_endpoint_and_prefix_only(
    runner: asyncio.Runner, services: Services, account: Account
) -> None:
    account.s3.put_object(Bucket=BUCKET, Key="pictures/a.jpg", Body=picture())
    account.s3.put_object(Bucket=BUCKET, Key="private/a.jpg", Body=picture())

    async def story() -> None:
        functions = services.functions
        await functions.create(FunctionSpec("ask-cats", "cats", s3_bucket=BUCKET, s3_prefix="pictures/"))
        assert (await functions.test("ask-cats", event())).status == 200
        assert (await functions.test("ask-cats", json.dumps({"bucket": BUCKET, "key": "pictures/a.jpg"}))).status == 200
        assert (await functions.test("ask-cats", json.dumps({"bucket": BUCKET, "key": "private/a.jpg"}))).status == 403
        # Even when its environment names another endpoint, its role does not reach it.
        variables = {"ENDPOINT_NAME": "dogs", "ALLOWED_S3": f"{BUCKET}/"}
        await services.session.call(
            "lambda", "update_function_configuration", FunctionName="ask-cats", Environment={"Variables": variables}
        )
        other = await functions.test("ask-cats", event())
        assert other.status == 502 and other.denial is not None
        assert other.denial.resource.endswith(":endpoint/dogs")
        stolen = await functions.test("ask-cats", json.dumps({"bucket": BUCKET, "key": "private/a.jpg"}))
        assert stolen.denial is not None
        assert (stolen.denial.action, stolen.denial.resource) == (
            "s3:GetObject",
            f"arn:aws:s3:::{BUCKET}/private/a.jpg",
        )

    runner.run(story())


def test_versions_aliases_and_code(runner: asyncio.Runner, services: Services) -> None:
    async def story() -> None:
        functions = services.functions
        await functions.create(FunctionSpec("versioned", "dogs", memory_mb=512, timeout_s=20))
        assert await functions.publish("versioned", "live", "first") == "1"
        versions = await functions.versions("versioned")
        assert [(version.version, version.aliases) for version in versions] == [("$LATEST", ()), ("1", ("live",))]
        assert (await functions.test("versioned", event(), "live")).status == 200
        assert await functions.update_code("versioned") is False
        await functions.point_alias("versioned", "live", "$LATEST")
        assert (await functions.versions("versioned"))[0].aliases == ("live",)
        with pytest.raises(InvalidInput):
            await functions.test("versioned", "{not json")
        assert package() == package()

    runner.run(story())


def test_a_role_with_too_much_is_named(runner: asyncio.Runner, services: Services, account: Account) -> None:
    async def story() -> None:
        await services.functions.create(FunctionSpec("broad", "dogs"))
        account.iam.attach_role_policy(
            RoleName=role_of("broad"), PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
        )
        found = (await services.functions.describe("broad")).broad
        assert [grant.policy for grant in found] == ["AmazonSageMakerFullAccess"]

    runner.run(story())


def test_deleting_takes_role_and_log_along(runner: asyncio.Runner, services: Services, account: Account) -> None:
    async def story() -> None:
        functions = services.functions
        await functions.create(FunctionSpec("short-lived", "dogs"))
        await functions.test("short-lived", event())
        plan = await functions.deletion_plan("short-lived")
        assert {kind for kind, *_ in plan.also_deleted} == {"role", "log"}
        assert [kind for kind, *_ in plan.kept] == ["endpoint"]
        await functions.delete(plan)
        with pytest.raises(NotFound):
            await functions.describe("short-lived")
        with pytest.raises(NotFound):
            await services.session.call("iam", "get_role", RoleName=role_of("short-lived"))
        groups = account.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/short-lived")["logGroups"]
        assert groups == []
        assert account.endpoint_status("dogs") == "InService"
        await functions.delete(plan)

    runner.run(story())


def test_a_role_that_another_function_uses_is_kept(runner: asyncio.Runner, services: Services) -> None:
    async def story() -> None:
        functions = services.functions
        await functions.create(FunctionSpec("owner", "dogs"))
        await functions.create(FunctionSpec("guest", "cats"))
        role = (await functions.describe("owner")).role_arn
        await services.session.call("lambda", "update_function_configuration", FunctionName="guest", Role=role)
        plan = await functions.deletion_plan("owner")
        assert ("role", role_of("owner"), "the function guest uses it") in plan.kept
        await functions.delete(plan)
        assert (await functions.test("guest", event())).denial is not None, "it runs with the role, which knows dogs"
        # What the guest asks is allowed beside what is there only for as long as somebody needs it.
        context = await functions.changes.context("guest")
        settings = FunctionSettings("cats", 256, 30)
        adapted = context.role_change(settings)
        assert adapted is not None and (adapted.gains, adapted.loses) == (("cats",), ("dogs",))
        await functions.changes.apply(SettingsChange(context, settings, adapted))
        assert (await functions.test("guest", event())).status == 200

    runner.run(story())


def test_text_and_tricks_in_s3_are_refused(runner: asyncio.Runner, services: Services, account: Account) -> None:
    account.s3.put_object(Bucket=BUCKET, Key="inbox/text.jpg", Body=b"only text, though its name says .jpg")
    account.s3.put_object(Bucket=BUCKET, Key="inbox/cut.jpg", Body=picture()[:-40])
    account.s3.put_object(Bucket=BUCKET, Key="outside.jpg", Body=picture())

    async def story() -> None:
        functions = services.functions
        await functions.create(FunctionSpec("from-s3", "dogs", s3_bucket=BUCKET, s3_prefix="inbox/"))
        for key, status in (
            ("inbox/text.jpg", 415), ("inbox/cut.jpg", 400), ("inbox/nothing.jpg", 404), ("outside.jpg", 403),
            ("inbox/../outside.jpg", 400), ("/inbox/text.jpg", 400),
        ):  # fmt: skip
            found = await functions.test("from-s3", json.dumps({"bucket": BUCKET, "key": key}))
            assert (found.status, found.denial) == (status, None), key

    runner.run(story())


def test_what_was_made_is_removed_when_the_function_cannot_be(
    runner: asyncio.Runner, services: Services, account: Account
) -> None:
    async def story() -> None:
        with pytest.raises(InvalidInput):
            await services.functions.create(FunctionSpec("too-big", "dogs", memory_mb=1))
        with pytest.raises(NotFound):
            await services.session.call("iam", "get_role", RoleName=role_of("too-big"))
        with pytest.raises(NotFound):
            await services.functions.create(FunctionSpec("no-endpoint", "nowhere"))

    runner.run(story())
