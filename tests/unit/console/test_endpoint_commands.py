"""Endpoints as AWS CLI lines: they say what is really sent, and what stands for what."""

from __future__ import annotations

import asyncio
import json
import re
import shlex

import pytest

from console.tabs.endpoints.commands import DeleteEndpoint, DeployEndpoint, UpdateEndpoint
from tests.helpers.cli import read_back
from tests.helpers.endpoint_account import MODEL_URI, SPEC, Account, alarm, deployed, endpoints_of, plan_of, target
from workers.endpoints.update import UpdateSpec


def test_the_cli_lines_of_a_deployment_are_the_requests_that_are_sent() -> None:
    account = Account()
    asyncio.run(endpoints_of(account).deploy(SPEC))
    role = account.made("create_model")[0]["ExecutionRoleArn"]
    lines = DeployEndpoint(SPEC, ("us-east-1", MODEL_URI, role)).cli().splitlines()
    assert lines[0].startswith("# SageDeck adds the time")
    sent = [account.made(name)[0] for name in ("create_model", "create_endpoint_config", "create_endpoint")]
    made_name = sent[0]["ModelName"]
    for line, request in zip(lines[1:], sent, strict=True):
        # The token of the attempt is made by the attempt itself.
        tags = [tag for tag in request["Tags"] if tag["Key"] != "sagedeck:attempt"]
        same = json.loads(json.dumps(request | {"Tags": tags}).replace(made_name, "dogs"))
        assert read_back(line) == same


def test_without_an_account_the_lines_say_what_is_missing() -> None:
    text = DeployEndpoint(SPEC).cli()
    assert "# Not complete: IMAGE, ROLE and the model's place" in text
    assert text.count("IMAGE") == text.count("ROLE") == 2


def test_the_cli_lines_of_a_deletion_name_all_that_goes_in_the_order_that_aws_needs() -> None:
    account = deployed(Account())
    account.targets, account.alarms = [target()], [alarm("TargetTracking-endpoint/dogs/x")]
    plan = plan_of(account)
    words = [line.split()[2] for line in DeleteEndpoint(plan).cli().splitlines()]
    assert sorted(words[:2]) == ["delete-alarms", "deregister-scalable-target"]
    assert words[2] == "delete-endpoint" and sorted(words[3:]) == ["delete-endpoint-config", "delete-model"]


def test_the_lines_of_an_update_without_an_account_say_what_is_missing() -> None:
    text = UpdateEndpoint(UpdateSpec("dogs", "ml.m5.large", 2, "dogs-2")).cli()
    assert "# Not complete: IMAGE, ROLE and the model's place" in text
    assert text.count("IMAGE") == text.count("ROLE") == 2 and "s3://" not in text
    assert "# Not complete: PRESENT_MODEL" in UpdateEndpoint(UpdateSpec("dogs", "ml.m5.large", 2)).cli()


@pytest.mark.parametrize("job", ["dogs-2", ""], ids=["another model", "the same model"])
def test_the_lines_of_an_update_have_real_names_and_are_what_aws_takes(job: str) -> None:
    place = ("eu-central-1", "s3://bucket/dogs-2/model.tar.gz", "arn:aws:iam::123456789012:role/endpoint")
    text = UpdateEndpoint(UpdateSpec("dogs", "ml.m5.large", 2, job), "dogs-0918", place).cli()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    calls = [shlex.split(line) for line in lines]
    wanted = (["create-model"] if job else []) + ["create-endpoint-config", "update-endpoint"]
    assert [call[2] for call in calls] == wanted
    assert not re.search(r"IMAGE|ROLE|MODEL_OF|PRESENT_MODEL|NEW_MODEL|\bNAME\b", text)
    assert ("s3://bucket/dogs-2/model.tar.gz" in text and "role/endpoint" in text) == bool(job)
    assert ("dogs-0918" in text) == (not job)
