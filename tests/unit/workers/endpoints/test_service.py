"""Deploying with roll-back, describing, and the deletion of all that belongs to an endpoint and of nothing else."""

from __future__ import annotations

import asyncio

import pytest

from tests.helpers.endpoint_account import MODEL_URI, SPEC, Account, alarm, deployed, endpoints_of, plan_of, target
from tests.unit.workers.fake_aws import Refused
from workers.endpoints.update import UpdateSpec
from workers.errors.tree import AccessDenied, InvalidInput, NotFound, QuotaExceeded
from workers.types import DeletionPlan, DeploySpec


def test_deploy_makes_model_configuration_and_endpoint_of_the_job():
    account = Account()
    assert asyncio.run(endpoints_of(account).deploy(SPEC)) == "dogs"
    model = account.made("create_model")[0]
    container = model["PrimaryContainer"]
    assert container["ModelDataUrl"] == MODEL_URI
    assert "/pytorch-inference:" in container["Image"]
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    assert model["ExecutionRoleArn"].endswith("SageDeckEndpoint-data")
    variant = account.made("create_endpoint_config")[0]["ProductionVariants"][0]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.large", 2)
    assert {"Key": "sagedeck:job", "Value": "dogs-1"} in account.made("create_endpoint")[0]["Tags"]
    assert account.order == ["create_model", "create_endpoint_config", "create_endpoint"]


@pytest.mark.parametrize(
    ("refused", "undone"),
    [
        ("create_model", []),
        ("create_endpoint_config", ["delete_model"]),
        ("create_endpoint", ["delete_endpoint_config", "delete_model"]),
    ],
)
def test_a_failed_step_takes_back_what_was_made(refused, undone):
    account = Account(**{refused: Refused("ResourceLimitExceeded", "The account-level service limit is 0.")})
    with pytest.raises(QuotaExceeded):
        asyncio.run(endpoints_of(account).deploy(SPEC))
    assert [name for name in account.order if name.startswith("delete")] == undone
    assert (account.models, account.configs, account.endpoints) == ({}, {}, {})


@pytest.mark.parametrize("operation", ["create_model", "create_endpoint_config", "create_endpoint"])
def test_cancelling_a_deployment_takes_back_also_what_was_under_way(operation):
    account = Account()

    async def body():
        started = asyncio.Event()
        original = getattr(account, f"on_{operation}")

        def noticed(**parameters):
            started.set()
            return original(**parameters)

        setattr(account, f"on_{operation}", noticed)
        task = asyncio.create_task(endpoints_of(account).deploy(SPEC))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return account.models, account.configs, account.endpoints

    assert asyncio.run(body()) == ({}, {}, {})


def test_a_failure_of_the_roll_back_does_not_hide_the_cause():
    account = Account(
        create_endpoint=Refused("ResourceLimitExceeded", "limit"), delete_model=Refused("AccessDenied", "no")
    )
    with pytest.raises(QuotaExceeded):
        asyncio.run(endpoints_of(account).deploy(SPEC))


@pytest.mark.parametrize("status", ["InProgress", "Failed"])
def test_only_a_job_with_a_model_is_deployed(status):
    account = Account()
    account.jobs["dogs-1"] = (status, "")
    with pytest.raises(InvalidInput, match=status):
        asyncio.run(endpoints_of(account).deploy(SPEC))
    assert account.order == []


def test_a_job_that_does_not_exist_and_a_bad_name_are_refused():
    with pytest.raises(NotFound):
        asyncio.run(endpoints_of(Account()).deploy(DeploySpec("dogs", "nothing")))
    with pytest.raises(InvalidInput, match="a space"):
        asyncio.run(endpoints_of(Account()).deploy(DeploySpec("my dogs", "dogs-1")))


def test_an_endpoint_is_described_with_instances_model_and_job():
    endpoint = asyncio.run(endpoints_of(deployed(Account())).describe("dogs"))
    assert (endpoint.instance_type, endpoint.instance_count, endpoint.desired_count) == ("ml.m5.large", 1, 2)
    assert (endpoint.job_name, endpoint.model_uri) == ("dogs-1", MODEL_URI)


def test_the_job_is_found_without_a_tag_and_missing_parts_do_no_harm():
    account = deployed(Account())
    account.tags["arn:dogs"] = []
    assert asyncio.run(endpoints_of(account).describe("dogs")).job_name == "dogs-1"
    account.models.clear()
    account.configs.clear()
    endpoint = asyncio.run(endpoints_of(account).describe("dogs"))
    assert (endpoint.status, endpoint.instance_type, endpoint.job_name) == ("InService", "", "")


def test_the_list_asks_for_configurations_once():
    account = deployed(deployed(Account(), "cats"))
    endpoints = endpoints_of(account)

    async def body():
        await endpoints.list()
        return await endpoints.list()

    assert {endpoint.instance_type for endpoint in asyncio.run(body())} == {"ml.m5.large"}
    assert len(account.made("describe_endpoint_config")) == 2
    assert len(account.made("describe_endpoint")) == 4


def kinds(parts):
    return sorted(kind for kind, *_ in parts)


def test_a_plan_names_all_that_goes_and_what_it_saves():
    account = deployed(Account())
    account.targets = [target(), target("cats")]
    account.alarms = [alarm("TargetTracking-endpoint/dogs/x"), alarm("pager"), alarm("sagedeck-cats", "cats")]
    account.functions = [
        {"FunctionName": "predict-dogs", "Environment": {"Variables": {"ENDPOINT_NAME": "dogs"}}},
        {"FunctionName": "predict-cats", "Environment": {"Variables": {"ENDPOINT_NAME": "cats"}}},
        {"FunctionName": "other"},
    ]
    plan = plan_of(account)
    assert kinds(plan.also_deleted) == ["alarm", "endpoint configuration", "model", "scalable target"]
    assert [(kind, name) for kind, name, _ in plan.stops_working] == [("alarm", "pager"), ("function", "predict-dogs")]
    assert kinds(plan.kept) == ["model file"]
    assert plan.saves_per_hour == pytest.approx(2 * 0.115)


def test_what_others_use_is_kept():
    account = deployed(Account())
    config = account.endpoints["dogs"]
    account.endpoints["twin"] = config
    account.tags["arn:twin"] = []
    plan = plan_of(account)
    assert plan.also_deleted == ()
    assert kinds(plan.kept) == ["endpoint configuration", "model", "model file"]

    account = deployed(Account())
    account.configs["second"] = account.configs[account.endpoints["dogs"]]
    plan = plan_of(account)
    assert kinds(plan.also_deleted) == ["endpoint configuration"]
    assert ("model", account.configs["second"][0]["ModelName"]) in [part[:2] for part in plan.kept]


def updated(account, **spec):
    asyncio.run(endpoints_of(account).update(UpdateSpec("dogs", "ml.m5.large", 1, **spec)))
    return account


def test_what_an_update_left_goes_with_the_endpoint():
    """The window was closed before the update was through: nothing else tidies up after it."""
    account = updated(updated(deployed(deployed(Account(), "cats"))), job_name="dogs-1")
    first, second, third = [name for name in account.configs if name.startswith("dogs-")]
    plan = plan_of(account)
    assert {name for kind, name, _ in plan.also_deleted if kind == "endpoint configuration"} == {first, second, third}
    assert {name for kind, name, _ in plan.also_deleted if kind == "model"} == {first, third}
    assert ("endpoint configuration", first, "an update of this endpoint left it") in plan.also_deleted
    asyncio.run(endpoints_of(account).delete(plan))
    assert all(name.startswith("cats-") for name in [*account.configs, *account.models])
    assert len(account.configs) == len(account.models) == 1


@pytest.mark.parametrize("reason", ["in use", "foreign", "going over", "another name", "model in use"])
def test_what_only_looks_like_left_is_kept(reason):
    account = updated(deployed(Account()), job_name="dogs-1")
    old, new = account.configs
    account.configs["other"], account.tags["endpoint-config/other"] = [], []
    if reason == "in use":
        account.endpoints["twin"] = old
    elif reason == "foreign":
        account.tags[f"endpoint-config/{old}"] = [{"Key": "made-by", "Value": "hand"}]
    elif reason == "going over":
        account.endpoints["twin"] = "other"
        row = account.row
        coming = {"PendingDeploymentSummary": {"EndpointConfigName": old}}
        account.row = lambda name: row(name) | (coming if name == "twin" else {})
    elif reason == "another name":
        account.configs[f"dogs-2-{old}"] = account.configs.pop(old)
    else:
        account.configs["other"] = account.configs[old]
    plan = plan_of(account)
    gone = {(kind, name) for kind, name, _ in plan.also_deleted}
    wanted = {("endpoint configuration", new), ("model", new)}
    assert gone == wanted | ({("endpoint configuration", old)} if reason == "model in use" else set())


def test_what_may_not_be_read_is_said_and_does_not_stop_the_plan():
    denied = Refused("AccessDeniedException", "no")
    account = deployed(Account(list_functions=denied, describe_scalable_targets=denied))
    plan = plan_of(account)
    assert kinds(plan.stops_working) == ["not checked", "not checked"]
    assert kinds(plan.also_deleted) == ["endpoint configuration", "model"]


def test_deletion_goes_in_the_order_that_works_and_leaves_nothing():
    account = deployed(deployed(Account(), "cats"))
    account.targets = [target(), target("cats")]
    account.alarms = [alarm("sagedeck-idle-dogs")]
    result = asyncio.run(endpoints_of(account).delete(plan_of(account)))
    assert account.order[-5:] == [
        "deregister_scalable_target",
        "delete_alarms",
        "delete_endpoint",
        "delete_endpoint_config",
        "delete_model",
    ]
    assert len(result.deleted) == 5
    assert list(account.endpoints) == ["cats"]
    assert (len(account.models), len(account.configs), account.targets) == (1, 1, [target("cats")])


def test_what_is_gone_already_does_not_matter():
    account = deployed(Account())
    plan = plan_of(account)
    account.models.clear()
    account.endpoints.clear()
    result = asyncio.run(endpoints_of(account).delete(plan))
    assert kinds(result.gone) == ["endpoint", "model"]
    assert account.configs == {}


def test_a_scalable_target_that_stays_stops_the_deletion():
    account = deployed(Account(deregister_scalable_target=Refused("AccessDeniedException", "no")))
    account.targets = [target()]
    with pytest.raises(AccessDenied):
        asyncio.run(endpoints_of(account).delete(plan_of(account)))
    assert list(account.endpoints) == ["dogs"]


def test_a_leftover_is_reported():
    account = deployed(Account(delete_model=Refused("AccessDeniedException", "no")))
    result = asyncio.run(endpoints_of(account).delete(plan_of(account)))
    assert [(kind, name) for kind, name, _ in result.failed] == [("model", next(iter(account.models)))]
    assert account.endpoints == {}


def test_names_are_checked():
    endpoints = endpoints_of(deployed(Account()))
    assert "exists already" in asyncio.run(endpoints.check_name("dogs"))
    assert asyncio.run(endpoints.check_name("cats")) is None
    assert "_" in asyncio.run(endpoints.check_name("a_b"))


def test_a_plan_for_an_endpoint_that_is_gone_is_not_found():
    with pytest.raises(NotFound):
        plan_of(Account(), "nothing")
    assert asyncio.run(endpoints_of(Account()).delete(DeletionPlan("nothing", (), (), (), None))).gone
