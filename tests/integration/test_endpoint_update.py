"""Updating an endpoint in a real sandbox: it answers all the time, and stays as it is when the new model fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.helpers.sagemaker_jobs import Account
from tests.helpers.sandbox import SandboxProcess
from workers.endpoints.deployment import Deployment
from workers.endpoints.update import EndpointUpdate, UpdateSpec
from workers.errors.tree import InvalidInput
from workers.services import Services
from workers.types import Backend, DeploySpec, Endpoint

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SERVE = """
def model_fn(model_dir): {load}
def input_fn(body, content_type): return body
def predict_fn(data, model): return model
def output_fn(prediction, accept): return prediction
"""
TRAIN = """
import os, pathlib
code = pathlib.Path(os.environ["SM_MODEL_DIR"], "code")
code.mkdir(parents=True)
(code / "inference.py").write_text({serve!r})
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("update") / "state") as sandbox:
        made = Account(sandbox)
        loads = {"first": 'return "first"', "second": 'return "second"', "broken": "raise OSError('no weights')"}
        for name, load in loads.items():
            made.start(name, TRAIN.format(serve=SERVE.format(load=load)))
        assert {made.finished(name)["TrainingJobStatus"] for name in loads} == {"Completed"}
        yield made


def test_an_endpoint_goes_over_to_another_model_and_size_without_a_gap(account: Account) -> None:
    ready = account.sandbox.ready
    keys = (ready["access_key_id"], ready["secret_access_key"])
    backend = Backend("sandbox", "Sandbox", ready["region"], None, ready["endpoint_url"], *keys)

    async def settled(services: Services) -> Endpoint:
        while (found := await services.endpoints.describe("dogs")).status in ("Creating", "Updating"):
            # Every answer on the way is one: of the old model or of the new one.
            if found.status == "Updating":
                assert await asyncio.to_thread(account.invoke, "dogs") in (b"first", b"second")
            # A description each turn would leave the sandbox no time for the update.
            await asyncio.sleep(0.05)
        return found

    async def updated(services: Services, **spec: object) -> tuple[EndpointUpdate, Endpoint]:
        given = {"instance_type": "ml.m5.large", "instance_count": 1} | spec
        update = await services.endpoints.update(UpdateSpec("dogs", **given))
        found = await settled(services)
        await services.endpoints.tidy(update)
        return update, found

    async def story() -> None:
        services = Services(backend)
        endpoints = services.endpoints
        try:
            await endpoints.deploy(DeploySpec("dogs", "first"))
            before = await settled(services)
            assert (before.status, before.job_name) == ("InService", "first")
            update, found = await updated(services, instance_count=2, job_name="second", instance_type="ml.m5.xlarge")
            assert (found.job_name, found.instance_count, found.instance_type) == ("second", 2, "ml.m5.xlarge")
            assert found.config_name == update.config_name != before.config_name
            assert account.invoke("dogs") == b"second"
            configs = account.sagemaker.list_endpoint_configs()["EndpointConfigs"]
            models = account.sagemaker.list_models()["Models"]
            assert [config["EndpointConfigName"] for config in configs] == [update.config_name], (
                "the old one is tidied up"
            )
            assert [model["ModelName"] for model in models] == list(update.models)

            # Half of the requests first; the alarm that would bring them back is made for it, and stays quiet.
            guarded = Deployment("CANARY", 50, 1, new_alarm=True)
            update, found = await updated(
                services, job_name="second", instance_type="ml.m5.xlarge", instance_count=2, deployment=guarded
            )
            assert found.config_name == update.config_name and found.instance_count == 2
            described = account.sagemaker.describe_endpoint(EndpointName="dogs")["LastDeploymentConfig"]
            routing = described["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
            assert (routing["Type"], routing["CanarySize"]["Value"]) == ("CANARY", 50)
            assert await endpoints.alarms(found) == ("sagedeck-dogs-errors",)

            failed, kept = await updated(services, job_name="broken", instance_type="ml.m5.xlarge", instance_count=2)
            assert kept.status == "InService" and "no weights" in kept.failure_reason
            assert kept.config_name == update.config_name != failed.config_name
            assert account.invoke("dogs") == b"second"
            configs = account.sagemaker.list_endpoint_configs()["EndpointConfigs"]
            assert [config["EndpointConfigName"] for config in configs] == [update.config_name], (
                "what failed is tidied up"
            )
            with pytest.raises(InvalidInput):
                await endpoints.update(UpdateSpec("dogs", "ml.m5.xlarge", 0))
        finally:
            services.close()

    asyncio.run(story())
