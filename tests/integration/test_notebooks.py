"""Notebook instances, with a small program in JupyterLab's place: what it may do, when it ends, what is kept."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.backends import backend_of
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import until, wait_for
from workers.errors.tree import Conflict
from workers.notebooks.service import NotebookSpec
from workers.services import Services

# Writes who it is for the account to its folder, then serves: only what it was told on the command line is used.
JUPYTERLAB = """
import http.server, json, os, sys
import boto3
given = dict(one.removeprefix("--ServerApp.").split("=", 1) for one in sys.argv[1:])
who = boto3.client("sts").get_caller_identity()["Arn"]
with open(os.path.join(given["root_dir"], "who.json"), "w") as file:
    json.dump({"who": who, "home": os.environ["HOME"], "config": os.environ["JUPYTER_CONFIG_DIR"]}, file)
print("here is http://127.0.0.1/lab?token=sesame", flush=True)
http.server.HTTPServer((given["ip"], int(given["port"])), http.server.BaseHTTPRequestHandler).serve_forever()
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
}
WRITES_LOGS = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "modules" / "jupyterlab").mkdir(parents=True)
    (folder / "modules" / "jupyterlab" / "__init__.py").touch()
    (folder / "modules" / "jupyterlab" / "__main__.py").write_text(JUPYTERLAB)
    with SandboxProcess(folder / "state", environ={"PYTHONPATH": str(folder / "modules")}) as sandbox:
        iam = sandbox.client("iam")
        iam.create_role(RoleName="nb", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName="nb", PolicyName="logs", PolicyDocument=json.dumps(WRITES_LOGS))
        yield sandbox


@pytest.fixture
def sagemaker(sandbox: SandboxProcess) -> Any:
    return sandbox.client("sagemaker")


def make(sandbox: SandboxProcess, name: str, **more: Any) -> dict[str, Any]:
    role = sandbox.client("iam").get_role(RoleName="nb")["Role"]["Arn"]
    client = sandbox.client("sagemaker")
    client.create_notebook_instance(NotebookInstanceName=name, InstanceType="ml.t2.medium", RoleArn=role, **more)
    return settled(client, name)


def settled(client: Any, name: str) -> dict[str, Any]:
    """The instance when nothing is under way."""
    found: dict[str, Any] = {}

    def look() -> bool:
        found.update(client.describe_notebook_instance(NotebookInstanceName=name))
        return found["NotebookInstanceStatus"] not in ("Pending", "Stopping", "Updating")

    wait_for(look)
    return found


def listens(instance: dict[str, Any]) -> bool:
    host, _, port = instance["Url"].partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return True
    except OSError:
        return False


def test_an_instance_acts_as_its_role_and_its_volume_outlives_a_stop(sandbox: SandboxProcess, sagemaker: Any) -> None:
    made = make(sandbox, "one", Tags=[{"Key": "owner", "Value": "mary"}])
    assert made["NotebookInstanceStatus"] == "InService", made
    assert made["Url"].startswith("127.0.0.1:") and listens(made) and made["VolumeSizeInGB"] == 5
    volume = sandbox.state / "notebooks" / "one" / "SageMaker"
    told = json.loads((volume / "who.json").read_text())
    assert told["who"].endswith(":assumed-role/nb/SageMaker")
    # Nothing of the person at this computer: neither their home nor their Jupyter.
    assert all(str(sandbox.state) in told[name] for name in ("home", "config"))
    url = sagemaker.create_presigned_notebook_instance_url(NotebookInstanceName="one")["AuthorizedUrl"]
    assert url.startswith(f"http://{made['Url']}/lab?authToken=")
    logs = sandbox.client("logs").filter_log_events(logGroupName="/aws/sagemaker/NotebookInstances")["events"]
    assert "here is" in logs[0]["message"] and "sesame" not in logs[0]["message"]
    with pytest.raises(ClientError, match=r"Status \(InService\) not in \(\[Failed, Stopped\]\)"):
        sagemaker.delete_notebook_instance(NotebookInstanceName="one")
    sagemaker.stop_notebook_instance(NotebookInstanceName="one")
    assert settled(sagemaker, "one")["NotebookInstanceStatus"] == "Stopped"
    assert not listens(made) and (volume / "who.json").exists()
    with pytest.raises(ClientError, match="it must be InService"):
        sagemaker.create_presigned_notebook_instance_url(NotebookInstanceName="one")
    sagemaker.update_notebook_instance(NotebookInstanceName="one", VolumeSizeInGB=9, RootAccess="Disabled")
    sagemaker.start_notebook_instance(NotebookInstanceName="one")
    again = settled(sagemaker, "one")
    assert (again["NotebookInstanceStatus"], again["VolumeSizeInGB"], again["RootAccess"]) == (
        "InService",
        9,
        "Disabled",
    )
    listed = sagemaker.list_notebook_instances(StatusEquals="InService")["NotebookInstances"]
    assert [row["NotebookInstanceName"] for row in listed] == ["one"]
    sagemaker.stop_notebook_instance(NotebookInstanceName="one")
    settled(sagemaker, "one")
    sagemaker.delete_notebook_instance(NotebookInstanceName="one")
    with pytest.raises(ClientError, match="RecordNotFound"):
        sagemaker.describe_notebook_instance(NotebookInstanceName="one")
    assert not volume.exists()


def test_lifecycle_scripts_run_and_a_failing_one_fails_the_start(sandbox: SandboxProcess, sagemaker: Any) -> None:
    def script(text: str) -> list[dict[str, str]]:
        return [{"Content": base64.b64encode(text.encode()).decode()}]

    sagemaker.create_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName="both",
        OnCreate=script("echo made > made.txt"),
        OnStart=script("echo $NOTEBOOK_INSTANCE_NAME >> starts.txt; test ! -e fail"),
    )
    assert make(sandbox, "two", LifecycleConfigName="both")["NotebookInstanceStatus"] == "InService"
    volume = sandbox.state / "notebooks" / "two" / "SageMaker"
    assert (volume / "made.txt").exists()
    (volume / "made.txt").unlink()
    (volume / "fail").touch()
    sagemaker.stop_notebook_instance(NotebookInstanceName="two")
    settled(sagemaker, "two")
    sagemaker.start_notebook_instance(NotebookInstanceName="two")
    failed = settled(sagemaker, "two")
    assert failed["NotebookInstanceStatus"] == "Failed" and "OnStart" in failed["FailureReason"]
    assert (volume / "starts.txt").read_text() == "two\ntwo\n" and not (volume / "made.txt").exists()
    (volume / "fail").unlink()
    sagemaker.start_notebook_instance(NotebookInstanceName="two")
    assert "FailureReason" not in settled(sagemaker, "two")
    sandbox.kill()
    # Whatever ends the sandbox ends the notebook with it.
    wait_for(lambda: not listens(failed | {"Url": _url_of(sandbox)}))
    sandbox.start()
    client = sandbox.client("sagemaker")
    assert client.describe_notebook_instance(NotebookInstanceName="two")["NotebookInstanceStatus"] == "Stopped"
    assert (volume / "starts.txt").exists()


def test_the_worker_makes_opens_stops_and_deletes_one(sandbox: SandboxProcess) -> None:
    async def story(services: Services) -> None:
        notebooks = services.notebooks
        await notebooks.create(NotebookSpec("mine", "photos"))

        async def settled() -> bool:
            return (await notebooks.get("mine")).status not in ("Pending", "Stopping")

        await until(settled, every=0.1)
        found = await notebooks.get("mine")
        assert (found.status, found.reason, found.type) == ("InService", "", "ml.t2.medium")
        assert (await notebooks.url("mine")).startswith("http://127.0.0.1:")
        with pytest.raises(Conflict):
            await notebooks.delete("mine")
        await notebooks.stop("mine")
        await until(settled, every=0.1)
        assert await notebooks.delete("mine")
        assert not await notebooks.delete("mine")

    sandbox.client("s3").create_bucket(Bucket="photos")
    services = Services(backend_of(sandbox))
    try:
        asyncio.run(story(services))
    finally:
        services.close()
    role = sandbox.client("iam").get_role(RoleName="SageDeckNotebook-photos")["Role"]
    # Its own JupyterLab asked who it is, with the role's keys.
    assert role["RoleLastUsed"]["Region"] == "us-east-1"


def _url_of(sandbox: SandboxProcess) -> str:
    """Where the killed sandbox's notebook listened, from its own record."""
    import sqlite3

    with sqlite3.connect(f"file:{sandbox.state / 'sandbox.db'}?mode=ro", uri=True) as db:
        row = db.execute("SELECT body FROM sagemaker_records WHERE name='two' AND kind='notebook-instance'").fetchone()
    return str(json.loads(row[0])["Url"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/none"}, "Could not assume role"),
        ({"DirectInternetAccess": "Disabled"}, "SubnetId"),
        ({"LifecycleConfigName": "none"}, "Unable to describe"),
        ({"DefaultCodeRepository": "https://github.com/x/y"}, "clones no code"),
        ({"InstanceType": "ml.huge"}, "enum value set"),
    ],
)
def test_what_cannot_be_made_is_refused(
    sandbox: SandboxProcess, sagemaker: Any, given: dict[str, Any], words: str
) -> None:
    role = sandbox.client("iam").get_role(RoleName="nb")["Role"]["Arn"]
    asked = {"NotebookInstanceName": "bad", "InstanceType": "ml.t2.medium", "RoleArn": role} | given
    with pytest.raises(ClientError, match=words):
        sagemaker.create_notebook_instance(**asked)
    assert "bad" not in str(sagemaker.list_notebook_instances()["NotebookInstances"])


def test_without_jupyterlab_the_instance_says_what_to_install(tmp_path: Path) -> None:
    hidden = tmp_path / "modules" / "sitecustomize.py"
    hidden.parent.mkdir()
    # As in an environment without the extra, whatever this one has.
    hidden.write_text("import sys\nsys.modules['jupyterlab'] = None\n")
    with SandboxProcess(tmp_path / "state", environ={"PYTHONPATH": str(hidden.parent)}) as bare:
        bare.client("iam").create_role(RoleName="nb", AssumeRolePolicyDocument=json.dumps(TRUST))
        failed = make(bare, "none")
        assert failed["NotebookInstanceStatus"] == "Failed" and "extra 'notebook'" in failed["FailureReason"]
