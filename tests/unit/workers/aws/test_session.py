"""The session: bounded, translated, closed for good."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest
from botocore.loaders import JSONFileLoader
from moto import mock_aws

from tests.helpers.waiting import wait_for
from workers.aws.pool import PoolClosed, WorkerPool
from workers.aws.session import AwsSession, boto_session, client_config, spoken
from workers.errors.tree import NotFound, Unreachable
from workers.types import Backend

AWS = Backend("aws", "test", "eu-west-1", access_key_id="AKIA", secret_access_key="secret")
LOCAL = Backend(
    "sandbox", "s", "us-east-1", endpoint_url="http://127.0.0.1:9", access_key_id="A", secret_access_key="B"
)


def run(body):
    return asyncio.run(body())


def test_calls_identity_and_pages():
    async def body():
        session = AwsSession(AWS)
        identity = await session.identity()
        assert identity.account == "123456789012"
        for number in range(3):
            await session.call("iam", "create_user", UserName=f"u{number}")
        names = [user["UserName"] async for user in session.paginate("iam", "list_users", "Users", MaxItems=1)]
        assert names == ["u0", "u1", "u2"]
        assert session.client("s3") is session.client("s3")
        session.close()

    with mock_aws():
        run(body)


def test_errors_come_out_translated():
    async def body():
        session = AwsSession(AWS)
        with pytest.raises(NotFound) as told:
            await session.call("s3", "head_bucket", "look for the bucket", Bucket="nothing-here")
        assert told.value.title == "Could not look for the bucket"
        with pytest.raises(NotFound):
            async for _ in session.paginate("s3", "list_objects_v2", "Contents", Bucket="nothing-here"):
                pass
        session.close()

    with mock_aws():
        run(body)


def test_a_closed_session_refuses_at_once():
    async def body():
        session = AwsSession(AWS)
        session.close()
        session.close()
        with pytest.raises(Unreachable):
            await session.call("s3", "list_buckets")

    run(body)


def test_an_endpoint_url_means_path_addressing_and_no_proxy():
    local, aws = client_config(LOCAL, "s3"), client_config(AWS, "s3")
    assert local.s3 == {"addressing_style": "path"} and local.proxies == {}
    assert aws.s3 is None
    for config in (local, aws):
        assert config.connect_timeout <= 10 and config.read_timeout <= 60
        assert config.retries["mode"] == "standard"
        assert "sagedeck" in config.user_agent_extra
    assert client_config(AWS, "sagemaker-runtime").read_timeout > 60


def test_keys_of_the_backend_need_nothing_of_the_aws_files(tmp_path, monkeypatch):
    broken = tmp_path / "config"
    broken.write_text("no section\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    monkeypatch.setenv("AWS_PROFILE", "gone")
    client = boto_session(LOCAL).client("sts", endpoint_url=LOCAL.endpoint_url)
    assert client.meta.endpoint_url == LOCAL.endpoint_url


def test_sessions_read_the_models_of_a_service_once(monkeypatch):
    boto_session(LOCAL).client("sqs")
    read = []
    load = JSONFileLoader._load_file
    monkeypatch.setattr(JSONFileLoader, "_load_file", lambda self, *given: (read.append(given), load(self, *given))[1])
    client = boto_session(LOCAL).client("sqs")
    assert read == [] and client.meta.service_model.operation_model("SendMessage").name == "SendMessage"


def test_importing_the_workers_does_not_import_boto3():
    code = (
        "import sys, workers.aws.session, workers.errors.tree, workers.storage.buckets, "
        "workers.upload.uploader, workers.access.roles, "
        "workers.account.profiles, workers.account.sandbox\n"
        "sys.exit(any(name.split('.')[0] in ('boto3', 'botocore', 'awscrt', 's3transfer') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_operations_are_spoken():
    assert spoken("list_objects_v2") == "list objects"


def test_the_pool_is_bounded_and_reuses_threads():
    async def body():
        pool = WorkerPool(3, "test")
        together, busy, most = threading.Barrier(3, timeout=60), [], []

        def work():
            busy.append(1)
            most.append(len(busy))
            together.wait()
            busy.pop()
            return threading.current_thread().name

        tasks = [asyncio.ensure_future(pool.run(work)) for _ in range(9)]
        names = set(await asyncio.gather(*tasks))
        assert max(most) <= 3 and len(names) <= 3
        pool.close()

    run(body)


def test_cancelling_drops_calls_that_wait_and_closing_ends_the_threads():
    async def body():
        pool = WorkerPool(1, "drop")
        gate, ran = threading.Event(), []
        first = asyncio.ensure_future(pool.run(gate.wait, 60))
        waiting = asyncio.ensure_future(pool.run(ran.append, 1))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()
        await first
        await pool.run(lambda: None)
        assert ran == []
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 / 0)
        assert [item async for item in pool.stream(lambda: iter("abc"))] == ["a", "b", "c"]
        pool.close()
        with pytest.raises(PoolClosed):
            await pool.run(lambda: None)

    run(body)
    wait_for(lambda: not any(thread.name.startswith("drop") for thread in threading.enumerate()), what="the pool's end")
