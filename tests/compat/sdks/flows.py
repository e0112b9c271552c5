"""Runs ``sdk2.py`` and ``sdk3.py``: train, deploy, predict, tune, process, transform, and delete what was made."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from tests.compat.clients import running
from tests.compat.environments import REPOSITORY, environment
from tests.compat.outcome import Outcome, Wrong
from tests.helpers.pictures import draw_picture, make_folder
from tests.helpers.sagemaker_jobs import ALL_S3, TRUST
from tests.helpers.sandbox import SandboxProcess

HERE = Path(__file__).parent
SDKS = {
    "sdk2": ("sagemaker==2.257.7", "setuptools<81", "pandas"),
    "sdk3": ("sagemaker-train==1.27.0", "sagemaker-core==2.27.0", "pandas"),
}
BUCKET = "compat-sdk"
SECONDS = 1800
_STEP = re.compile(r"^right: (.+)$", re.MULTILINE)
# What an SDK logs and draws while it waits is long; its last lines say why it ended.
_TOLD = 1500


def judge(outcome: Outcome) -> None:
    """Run one SDK's flow; each of its steps counts."""
    python = environment(outcome.name, *SDKS[outcome.name]) / "python"
    with running() as (sandbox, folder):
        environ = {
            **sandbox.shell_environ(),
            "HOME": str(folder),
            "COMPAT_BUCKET": BUCKET,
            "COMPAT_ROLE": _role(sandbox),
            "COMPAT_SOURCE": str(HERE / "source"),
            "COMPAT_OURS": str(_ours(folder)),
        }
        sandbox.client("s3").create_bucket(Bucket=BUCKET)
        command = [str(python), str(HERE / f"{outcome.name}.py")]
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        outcome.right += len(_STEP.findall(done.stdout))
        if done.returncode:
            raise Wrong(f"after {outcome.right} steps: {last_words(done)}")
        left = _left(sandbox)
        if left:
            raise Wrong(f"it deleted what it had made, and there is still {', '.join(left)}")
        outcome.right += 1


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The ends of what a program said: SDK 2 draws the error that ended it on its output."""
    return "\n".join(f"…{said.strip()[-_TOLD:]}" for said in (done.stderr, done.stdout))


def _ours(folder: Path) -> Path:
    """What a person has who goes on from our script: a copy of ``training``, and pictures of their own."""
    ours = folder / "ours"
    shutil.copytree(REPOSITORY / "training", ours / "training", ignore=shutil.ignore_patterns("__pycache__"))
    make_folder(ours / "pictures", classes=2, per_class=10)
    draw_picture(1, 2).save(ours / "asked.jpg")
    return ours


def _role(sandbox: SandboxProcess) -> str:
    iam = sandbox.client("iam")
    role = iam.create_role(RoleName="compat", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="compat", PolicyName="all", PolicyDocument=json.dumps(ALL_S3))
    return str(role)


def _left(sandbox: SandboxProcess) -> list[str]:
    sagemaker = sandbox.client("sagemaker")
    found = [endpoint["EndpointName"] for endpoint in sagemaker.list_endpoints()["Endpoints"]]
    found += [config["EndpointConfigName"] for config in sagemaker.list_endpoint_configs()["EndpointConfigs"]]
    return found + [model["ModelName"] for model in sagemaker.list_models()["Models"]]
