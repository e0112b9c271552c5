"""The exports of ``python -m sandbox env`` and the shim for hard-coded URLs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sandbox.__main__
from sandbox.__main__ import EXIT_NOT_INSTALLED, EXIT_NOT_RUNNING, main
from sandbox.core.client_env import client_environ, read_ready, shell_exports, write_shim

READY: dict[str, Any] = {
    "endpoint_url": "http://127.0.0.1:4566",
    "region": "us-east-1",
    "account_id": "123456789012",
    "access_key_id": "AKIA1",
    "secret_access_key": "se/cr+et",
    "pid": os.getpid(),
}
PROBE = """
import boto3, json
session = boto3.Session()
print(json.dumps({
    "sts": session.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com").meta.endpoint_url,
    "s3": session.client("s3").meta.endpoint_url,
    "other": session.client("s3", endpoint_url="http://minio.example:9000").meta.endpoint_url,
}))
"""


def run(code: str, environ: dict[str, str]) -> str:
    base = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONPATH"))}
    return subprocess.run(
        [sys.executable, "-c", code], env={**base, **environ}, capture_output=True, text=True, check=True
    ).stdout


def test_hard_coded_urls_reach_the_sandbox(tmp_path: Path) -> None:
    urls = json.loads(run(PROBE, client_environ(READY, write_shim(tmp_path))))
    assert urls == {"sts": READY["endpoint_url"], "s3": READY["endpoint_url"], "other": "http://minio.example:9000"}


def test_the_shim_sleeps_when_the_endpoint_is_another(tmp_path: Path) -> None:
    environ = client_environ(READY, write_shim(tmp_path))
    environ["AWS_ENDPOINT_URL"] = "https://proxy.example"
    assert json.loads(run(PROBE, environ))["sts"] == "https://sts.us-east-1.amazonaws.com"


def test_a_hidden_sitecustomize_still_runs(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import os; os.environ['HIDDEN_RAN'] = 'yes'")
    environ = client_environ(READY, write_shim(tmp_path))
    environ["PYTHONPATH"] += os.pathsep + str(hidden)
    assert run("import os; print(os.environ.get('HIDDEN_RAN'))", environ).strip() == "yes"


def test_the_sdks_report_nothing_to_amazon(tmp_path: Path) -> None:
    code = """
from sagemaker.core.config.config import load_sagemaker_config
print(load_sagemaker_config()["SageMaker"]["PythonSDK"]["Modules"]["TelemetryOptOut"])
"""
    environ = {**client_environ(READY, write_shim(tmp_path)), "XDG_CONFIG_HOME": str(tmp_path)}
    assert run(code, environ).strip().endswith("True")


def test_a_shell_takes_the_exports(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    text = shell_exports(READY, write_shim(folder))
    script = f'{text}\necho "$AWS_ENDPOINT_URL|$AWS_SECRET_ACCESS_KEY|$AWS_SESSION_TOKEN|$PYTHONPATH"'
    environ = {"PATH": os.environ["PATH"], "AWS_SESSION_TOKEN": "old", "PYTHONPATH": "/mine"}
    shown = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True, check=True).stdout
    assert shown.strip() == f"http://127.0.0.1:4566|se/cr+et||{folder}/shim:/mine"


def test_the_exports_of_a_role_have_its_token_and_say_whose_they_are(tmp_path: Path) -> None:
    text = shell_exports(READY, write_shim(tmp_path), ["They are a role's."], "to/ken")
    assert "# They are a role's.\n" in text
    environ = {"PATH": os.environ["PATH"], "AWS_SESSION_TOKEN": "old"}
    script = f'{text}\necho "$AWS_SESSION_TOKEN"'
    shown = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "to/ken"


def test_a_role_goes_with_env_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--state", str(tmp_path), "--role", "worker"])
    assert "--role goes with env" in capsys.readouterr().err


def test_env_without_a_sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env", "--state", str(tmp_path)]) == EXIT_NOT_RUNNING
    (tmp_path / "ready.json").write_text(json.dumps({**READY, "pid": 2**22 + 12345}))
    assert main(["env", "--state", str(tmp_path)]) == EXIT_NOT_RUNNING
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "No sandbox runs on" in captured.err
    (tmp_path / "ready.json").write_text("{half")
    assert read_ready(tmp_path) is None


def test_env_prints_exports_for_a_running_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ready.json").write_text(json.dumps(READY))
    assert main(["env", "--state", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:4566" in printed
    assert f"# {tmp_path}/cache/torch/hub/checkpoints;" in printed


def test_an_installation_without_the_sandbox_says_so_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.__main__, "EXTRAS", ("json", "moto_that_is_not_here"))
    for command in ("serve", "env"):
        assert main([command, "--state", str(tmp_path / "state")]) == EXIT_NOT_INSTALLED
        [line] = capsys.readouterr().err.splitlines()
        assert "moto_that_is_not_here" in line and "json" not in line and "sagedeck[sandbox]" in line
    assert not (tmp_path / "state").exists()
