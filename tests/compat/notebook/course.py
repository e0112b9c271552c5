"""A notebook of a public course's kind, run cell by cell in a notebook instance of the sandbox.

``make compat-notebook``. It needs the extra ``notebook`` (JupyterLab) and a package registry, from which the first cell
installs SageMaker's SDK 2 into the instance; it takes some minutes, and so is no part of ``make test``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compat.notebook.jupyter import Lab
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

HERE = Path(__file__).parent
NOTEBOOK = "train_and_deploy.ipynb"
# Between two messages of a cell: a waiting SDK prints a dot every few seconds, an installation is quiet for longer.
QUIET_SECONDS = 900.0
TRUST = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
}
# What AWS's console gives the role of a notebook instance.
FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    pytest.importorskip("jupyterlab", reason="the extra 'notebook' is not installed")
    with SandboxProcess(tmp_path_factory.mktemp("course") / "state") as sandbox:
        yield sandbox


def opened(sandbox: SandboxProcess) -> Lab:
    """A notebook instance with the course's files, in the browser."""
    iam, sagemaker = sandbox.client("iam"), sandbox.client("sagemaker")
    role = iam.create_role(RoleName="student", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="student", PolicyArn=FULL_ACCESS)
    name = {"NotebookInstanceName": "course"}
    sagemaker.create_notebook_instance(**name, InstanceType="ml.t3.medium", RoleArn=role)
    found: dict[str, Any] = {}

    def settled() -> bool:
        found.update(sagemaker.describe_notebook_instance(**name))
        return bool(found["NotebookInstanceStatus"] != "Pending")

    wait_for(settled, 300)
    assert found["NotebookInstanceStatus"] == "InService", found
    lab = Lab(sagemaker.create_presigned_notebook_instance_url(**name)["AuthorizedUrl"])
    for file in ("hpo.py", "train_model.py", "inference.py", NOTEBOOK):
        lab.upload(HERE / file)
    return lab


@pytest.mark.timeout(2400)
def test_the_course_runs_cell_by_cell(sandbox: SandboxProcess, tmp_path: Path) -> None:
    kernel = opened(sandbox).notebook(NOTEBOOK)
    record = []
    for ran in kernel.run_all(QUIET_SECONDS):
        record.append(f"### {ran.source}\n{ran.printed}\n{ran.shown}\n{ran.error}")
        # Read by whoever looks why a cell failed.
        (tmp_path / "cells.txt").write_text("\n\n".join(record), encoding="utf-8")
        assert ran.error == "", f"{ran.source}\n{ran.printed[-3000:]}\n{ran.error[-4000:]}"
    kernel.close()
    cells = json.loads((HERE / NOTEBOOK).read_text())["cells"]
    assert len(record) == sum(cell["cell_type"] == "code" for cell in cells)
    # The last cell asked for the end of what bills.
    wait_for(lambda: not sandbox.client("sagemaker").list_endpoints()["Endpoints"])
