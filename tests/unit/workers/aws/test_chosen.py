"""A chosen account is that account, whatever the environment says: every variable against every kind of profile."""

from __future__ import annotations

import asyncio
import os
import subprocess

import pytest

from workers.account import signing_in
from workers.account.profiles import list_profiles
from workers.aws.chosen import REDIRECTING, child_environ
from workers.aws.session import AwsSession, boto_session, client_config
from workers.children import parent as children
from workers.errors.tree import translate_for
from workers.launcher import client as launcher
from workers.types import Backend

CONFIG = """\
[profile work]
region = eu-central-1

[profile bare]

[profile own]
region = eu-central-1
endpoint_url = http://localhost:4566

[profile parts]
region = eu-central-1
services = dev

[profile role]
region = eu-central-1
role_arn = arn:aws:iam::123456789012:role/ops
source_profile = work

[services dev]
s3 =
  endpoint_url = http://127.0.0.1:9000
"""
CREDENTIALS = "\n".join(
    f"[{name}]\naws_access_key_id = AKIA{name.upper()}\naws_secret_access_key = s\n"
    for name in ("work", "bare", "own", "parts")
)
ELSEWHERE = "http://127.0.0.1:1"
# What README's exports set, and the other ways to send a call elsewhere.
VARIABLES = {
    "AWS_ENDPOINT_URL": ELSEWHERE,
    "AWS_ENDPOINT_URL_S3": ELSEWHERE,
    "AWS_ENDPOINT_URL_STS": ELSEWHERE,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_ACCESS_KEY_ID": "AKIASHELL",
    "AWS_SECRET_ACCESS_KEY": "shell",
    "AWS_SESSION_TOKEN": "shell",
    "AWS_PROFILE": "gone",
    "AWS_DEFAULT_PROFILE": "gone",
    "AWS_REGION": "us-west-1",
    "AWS_DEFAULT_REGION": "us-west-1",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_STS_REGIONAL_ENDPOINTS": "legacy",
    "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/shell",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
    "BOTO_CONFIG": "/nowhere",
}
SANDBOX = Backend(
    "sandbox", "Sandbox", "us-east-1", endpoint_url="http://127.0.0.1:9", access_key_id="A", secret_access_key="B"
)
AWS_STS, AWS_S3 = "https://sts.eu-central-1.amazonaws.com", "https://s3.eu-central-1.amazonaws.com"
EXPECTED = {
    "work": (AWS_STS, AWS_S3, "AKIAWORK"),
    "own": ("http://localhost:4566", "http://localhost:4566", "AKIAOWN"),
    "parts": (AWS_STS, "http://127.0.0.1:9000", "AKIAPARTS"),
    "Sandbox": ("http://127.0.0.1:9", "http://127.0.0.1:9", "A"),
}


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """The AWS CLI's files, and none of the variables."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, text in (("config", CONFIG), ("credentials", CREDENTIALS)):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


def backend(name: str) -> Backend:
    return SANDBOX if name == "Sandbox" else next(profile for profile in list_profiles() if profile.label == name)


def asks(made: Backend) -> tuple[str, str, str]:
    session = AwsSession(made)
    sts, s3 = session.client("sts"), session.client("s3")
    session.close()
    return sts.meta.endpoint_url, s3.meta.endpoint_url, sts._request_signer._credentials.access_key


@pytest.mark.parametrize("variable", [*VARIABLES, "all of them"])
@pytest.mark.parametrize("name", EXPECTED)
def test_no_variable_sends_a_chosen_account_elsewhere(shell, name, variable):
    for key, value in VARIABLES.items() if variable == "all of them" else [(variable, VARIABLES[variable])]:
        shell.setenv(key, value)
    assert asks(backend(name)) == EXPECTED[name]


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_client_that_takes_a_role_asks_where_the_profile_says(shell, variable):
    shell.setenv(variable, VARIABLES[variable])
    session = boto_session(backend("role"))
    assert session._session.create_client("sts", region_name="eu-central-1").meta.endpoint_url == AWS_STS
    assert boto_session(backend("own"))._session.create_client("sts").meta.endpoint_url == "http://localhost:4566"


def test_a_profile_without_a_region_takes_the_shells(shell):
    assert (backend("bare").region, backend("bare").region_assumed) == ("us-east-1", True)
    shell.setenv("AWS_REGION", "us-west-1")
    assert (backend("bare").region, backend("bare").region_assumed) == ("us-west-1", False)
    assert asks(backend("bare"))[0] == "https://sts.us-west-1.amazonaws.com"


def test_the_environment_that_was_chosen_counts_as_a_whole(shell):
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_PROFILE"):
        shell.setenv(name, VARIABLES[name])
    made = backend("Environment")
    assert asks(made) == ("https://sts.us-west-1.amazonaws.com", ELSEWHERE, "AKIASHELL")
    assert child_environ(made) == dict(os.environ)


def test_a_custom_host_has_no_name_for_each_bucket(shell):
    client = boto_session(backend("parts")).client("s3", config=client_config(backend("parts"), "s3"))
    url = client.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "a.jpg"})
    assert url.startswith("http://127.0.0.1:9000/photos/a.jpg")


@pytest.mark.parametrize("name", ["work", "own", "Sandbox"])
def test_a_child_gets_nothing_that_sends_it_elsewhere(shell, name):
    for key, value in VARIABLES.items():
        shell.setenv(key, value)
    shell.setenv("AWS_CA_BUNDLE", "/etc/proxy.pem")
    shell.setenv("https_proxy", "http://proxy:3128")
    environ = child_environ(backend(name))
    assert not [name for name in environ if name in REDIRECTING or name.startswith("AWS_ENDPOINT_URL")]
    alone = name == "Sandbox"
    assert ("AWS_CA_BUNDLE" in environ, "https_proxy" in environ) == (not alone, not alone)
    assert (environ["AWS_CONFIG_FILE"] == os.devnull) is alone
    assert environ["PATH"] == os.environ["PATH"]


def test_a_child_finds_files_that_are_named_from_the_windows_folder(shell, tmp_path):
    work = backend("work")
    shell.chdir(tmp_path)
    shell.setenv("AWS_CONFIG_FILE", "mine/config")
    shell.setenv("AWS_CA_BUNDLE", "proxy.pem")
    shell.setenv("AWS_SHARED_CREDENTIALS_FILE", "~/keys")
    shell.setenv("SSL_CERT_FILE", "/etc/ssl.pem")
    environ = child_environ(work)
    assert environ["AWS_CONFIG_FILE"] == str(tmp_path / "mine" / "config")
    assert environ["AWS_CA_BUNDLE"] == str(tmp_path / "proxy.pem")
    assert (environ["AWS_SHARED_CREDENTIALS_FILE"], environ["SSL_CERT_FILE"]) == ("~/keys", "/etc/ssl.pem")


def test_every_child_is_started_with_that_environment(shell, monkeypatch):
    shell.setenv("AWS_ENDPOINT_URL", ELSEWHERE)
    given = []

    def popen(words, **options):
        given.append(options["env"])
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(OSError):
        launcher._child("workers.launcher.child", backend("work"))
    with pytest.raises(OSError):
        asyncio.run(children.Child("workers.upload.child", {}, environ=child_environ(backend("work"))).start())
    with pytest.raises(OSError):
        signing_in._spawn(["aws", "sso", "login"])
    assert len(given) == 3 and not any("AWS_ENDPOINT_URL" in environ for environ in given)


@pytest.mark.parametrize(
    ("name", "title", "fix"),
    [
        ("Sandbox", "The sandbox does not answer", "restart_sandbox"),
        ("own", "The endpoint of the profile own does not answer", "retry"),
        ("Environment", "The endpoint of the environment does not answer", "retry"),
        ("work", "No answer from AWS", "retry"),
    ],
)
def test_who_does_not_answer_is_told_by_its_own_name(shell, name, title, fix):
    from botocore.exceptions import EndpointConnectionError

    shell.setenv("AWS_ACCESS_KEY_ID", "A")
    shell.setenv("AWS_SECRET_ACCESS_KEY", "B")
    url = "https://sts.eu-central-1.amazonaws.com" if name == "work" else "http://localhost:4566/"
    told = translate_for(backend(name), EndpointConnectionError(endpoint_url=url), "sign in")
    assert told.title == title and told.fix is not None and told.fix.action == fix
    assert name == "Sandbox" or "sandbox" not in str(told).lower()
