"""Keys that need a second device or a program: asked for in the window, bounded, and told in plain sentences."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore import exceptions as boto

from workers.account.profiles import list_profiles
from workers.aws import key_chain, key_program
from workers.aws.session import AwsSession
from workers.errors.tree import Expired, SageDeckError, translate

SERIAL = "arn:aws:iam::123456789012:mfa/phone"
ROLE = f"""\
[profile ops]
region = us-east-1
endpoint_url = ENDPOINT
role_arn = arn:aws:iam::123456789012:role/ops
source_profile = base
mfa_serial = {SERIAL}

[profile base]
region = us-east-1
aws_access_key_id = AKIABASE
aws_secret_access_key = s
"""


class FakeSts(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.got.append(body)
        status = 200
        if "Action=AssumeRole" not in body:
            answer = (
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"
                "<Arn>arn:aws:sts::123456789012:assumed-role/ops/me</Arn></GetCallerIdentityResult>"
                "</GetCallerIdentityResponse>"
            )
        elif "TokenCode=123456" in body:
            until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            answer = (
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>"
                f"<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{until}</Expiration>"
                "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
            )
        else:
            status = 403
            answer = (
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>MultiFactorAuthentication failed with invalid "
                "MFA one time pass code. </Message></Error></ErrorResponse>"
            )
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def sts():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeSts)
    server.got = []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(key_chain, "CACHE", tmp_path / "cache")
    return lambda text: (tmp_path / "config").write_text(text)


async def signed_in(profile, ask=None):
    backend = next(listed for listed in list_profiles() if listed.label == profile)
    session = AwsSession(backend)
    session.ask_code = ask
    try:
        return await session.identity()
    finally:
        session.close()


def test_the_code_is_asked_for_once_and_children_need_none(write, sts, tmp_path):
    write(ROLE.replace("ENDPOINT", f"http://127.0.0.1:{sts.server_port}"))
    asked = []

    def ask(serial):
        asked.append(serial)
        return "123456"

    assert asyncio.run(signed_in("ops", ask)).arn.endswith("assumed-role/ops/me")
    # As in a child process, which cannot ask, and after the next start.
    assert asyncio.run(signed_in("ops")).account == "123456789012"
    assert asked == [SERIAL] and sum("AssumeRole" in body for body in sts.got) == 1
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def test_no_code_and_a_wrong_code_are_told_and_can_be_tried_again(write, sts):
    write(ROLE.replace("ENDPOINT", f"http://127.0.0.1:{sts.server_port}"))
    for ask, title in (
        (None, "A code of the second device is needed"),
        (lambda serial: None, "A code of the second device is needed"),
        (lambda serial: "000000", "The code was not accepted"),
    ):
        with pytest.raises(Expired) as told:
            asyncio.run(signed_in("ops", ask))
        assert told.value.title == title
        assert told.value.fix is not None and told.value.fix.action == "reconnect"


GOOD_KEYS = '{"Version": 1, "AccessKeyId": "AKIAPROG", "SecretAccessKey": "s"'
PROGRAMS = {
    "chatty": (f"print('Welcome!'); print('''{GOOD_KEYS}}}''')", "printed something else besides the keys"),
    "silent": ("pass", "printed no keys"),
    "a list": ("print('[]')", "printed no JSON object"),
    "expired": (
        f'print(\'\'\'{GOOD_KEYS}, "SessionToken": "t", "Expiration": "2020-01-31T12:00:00Z"}}\'\'\')',
        "gave keys that ended on 31 Jan 2020",
    ),
    "failing": (
        "import sys; print('token AKIA1234567890ABCDEF is old', file=sys.stderr); sys.exit(3)",
        "ended with exit code 3: token [hidden] is old",
    ),
    "hanging": ("import time; time.sleep(60)", "did not answer within 1 seconds and was ended"),
}


def program(tmp_path, code):
    path = tmp_path / "keys.py"
    path.write_text(code)
    return f"{sys.executable} {path}"


@pytest.mark.parametrize("through", ["work", "role"])
@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_program_that_gives_no_keys_is_named_and_told(write, tmp_path, monkeypatch, kind, through):
    monkeypatch.setattr(key_program, "SECONDS", 1.0 if kind == "hanging" else 60.0)
    code, words = PROGRAMS[kind]
    role = "[profile role]\nregion = us-east-1\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = work\n"
    write(f"[profile work]\nregion = us-east-1\ncredential_process = {program(tmp_path, code)}\n{role}")
    with pytest.raises(SageDeckError) as told:
        asyncio.run(signed_in(through))
    assert told.value.title == "The program that gives the keys failed"
    assert told.value.message.startswith("python") and words in told.value.message
    assert "AKIA" not in str(told.value) + told.value.details


def test_a_program_that_is_missing_is_named(write):
    write("[profile work]\nregion = us-east-1\ncredential_process = /opt/corp/get-keys --for me\n")
    with pytest.raises(SageDeckError) as told:
        asyncio.run(signed_in("work"))
    assert told.value.message == "get-keys, the profile's credential_process, cannot be started."


def test_a_program_that_works_is_used_away_from_what_redirects(write, sts, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    code = f"import os; assert 'AWS_ENDPOINT_URL' not in os.environ; print('''{GOOD_KEYS}}}''')"
    own = f"endpoint_url = http://127.0.0.1:{sts.server_port}"
    write(f"[profile work]\nregion = us-east-1\n{own}\ncredential_process = {program(tmp_path, code)}\n")
    assert asyncio.run(signed_in("work")).account == "123456789012"


@pytest.mark.parametrize(
    ("exc", "title"),
    [
        (boto.SSOTokenLoadError(error_msg="Token for corp does not exist"), "Nobody is signed in yet"),
        (boto.LoginTokenLoadError(error_msg="no token"), "Nobody is signed in yet"),
        (boto.NoAuthTokenError(), "Nobody is signed in yet"),
        (boto.UnauthorizedSSOTokenError(), "The sign-in has expired"),
        (boto.TokenRetrievalError(provider="sso", error_msg="Token has expired"), "The sign-in has expired"),
        (boto.RefreshWithMFAUnsupportedError(), "The session with the second device is over"),
        (boto.InvalidConfigError(error_msg="The source_profile x does not exist."), "The profile work cannot be used"),
    ],
)
def test_who_never_signed_in_is_not_told_of_something_that_expired(exc, title):
    told = translate(exc, "sign in", profile="work")
    assert told.title == title
    assert ("expired" in str(told)) is ("expired" in title)
    assert title != "Nobody is signed in yet" or " again" not in str(told)
