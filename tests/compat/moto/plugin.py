"""A plugin of pytest, inside of moto's own tests: whom they ask, and what they were answered.

``COMPAT_ASK`` says whom: ``stock`` (moto's server) or ``sandbox`` (ours, a new one for each test). Each test becomes a
line of JSON in the folder ``COMPAT_RESULTS``. It stands alone: in moto's environment nothing of ours is installed.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

ASK = os.environ["COMPAT_ASK"]
RESULTS = Path(os.environ["COMPAT_RESULTS"])
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
KEY, SECRET = "FOOBARKEY", "FOOBARSECRET"
ACCOUNT = "123456789012"
START_SECONDS = 120.0
REGION = "us-east-1"
os.environ |= {"TEST_SERVER_MODE": "true", "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"], "AWS": ACCOUNT},
            "Action": "sts:AssumeRole",
        }
    ],
}
# One of each for all regions: whose client is of some region says nothing about where a test is.
GLOBAL = ("iam", "s3", "sts")
# Files with what several tests need first (a role that Lambda may take): in regions of their own.
HELPERS = ("__init__.py", "utilities.py")
# What a test says is not there.
_UNKNOWN = {f"arn:aws:iam::{ACCOUNT}:role/service-role/unknown_role"}
_ROLE = re.compile(rf"arn:aws:iam::{ACCOUNT}:role(/(?:.+/)?)([\w+=,.@-]+)")


class Seen:
    """What was asked and answered in the test that runs."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors: list[tuple[str, str, int, str, str]] = []


seen = Seen()


def free_port() -> int:
    """A port of this computer that nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Sandboxes:
    """Our sandbox: a new one for each test, in the region that the test is about."""

    def __init__(self) -> None:
        self._makers: dict[str, subprocess.Popen[str]] = {}
        self._running: subprocess.Popen[str] | None = None
        self._roles: set[str] = set()
        self.port = free_port()
        self._region = REGION
        # Whether a client of a service that regions have of their own was made.
        self._settled = False
        # Roles that do not exist are made for tests that are about something else.
        self.helps = True
        # S3 has buckets of all regions in one account, so its own tests need no sandbox of another one.
        self.everywhere = False

    @property
    def url(self) -> str:
        """Where it answers (once somebody asks)."""
        return f"http://127.0.0.1:{self.port}"

    def fresh(self) -> None:
        """Forget the account; the next one starts when it is asked for."""
        if self._running is not None:
            self._tell(self._running, "end")
            self._running = None
        self.port, self._region, self._settled = free_port(), REGION, False
        self._roles.clear()

    def wants(self, service: str, region: str | None, maker: str) -> None:
        """A client of this service and region was made, in the file ``maker``."""
        # Other partitions have other accounts, which we have not.
        if region is None or region.startswith(("cn-", "us-iso", "us-gov")) or self.everywhere:
            return
        counts = service not in GLOBAL and not maker.endswith(HELPERS)
        settles, settled = counts and not self._settled, self._settled
        self._settled = settled or settles
        if self._running is None:
            if settles or (self._region == REGION and (counts or not settled)):
                self._region = region
        elif settles and region != self._region:
            self._region = region
            self._move()

    def start(self, folder: str = "") -> None:
        """See to it that it runs, with the account that is in ``folder``."""
        if self._running is None:
            maker = self._makers.get(self._region) or self._maker(self._region)
            self._makers[self._region] = maker
            self._tell(maker, f"start {self.port} {folder}")
            self._running = maker

    def _move(self) -> None:
        """Go on in another region with the same users, roles and buckets."""
        assert self._running is not None
        folder = self._tell(self._running, "leave")
        self._running = None
        self.start(folder)

    def _maker(self, region: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [os.environ["COMPAT_PYTHON"], "-m", "tests.compat.moto.forked", region, os.environ["COMPAT_STATES"]],
            cwd=os.environ["COMPAT_REPOSITORY"],
            env={name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_", "TEST_"))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _tell(self, maker: subprocess.Popen[str], command: str) -> str:
        assert maker.stdin is not None and maker.stdout is not None
        maker.stdin.write(command + "\n")
        maker.stdin.flush()
        word, _, folder = maker.stdout.readline().strip().partition(" ")
        if word != "ready":
            raise RuntimeError("no sandbox could be started")
        return folder

    def close(self) -> None:
        """End all."""
        for maker in self._makers.values():
            maker.communicate()

    def iam(self) -> Any:
        """A client for IAM that no test sees."""
        import boto3

        session = boto3.session.Session(KEY, SECRET, region_name=REGION)
        return session.client("iam", endpoint_url=self.url)

    def need_roles(self, value: object) -> None:
        """Make the roles that a request names: moto does not look whether there are such."""
        if isinstance(value, dict):
            for item in value.values():
                self.need_roles(item)
        elif isinstance(value, list):
            for item in value:
                self.need_roles(item)
        elif isinstance(value, str) and (found := _ROLE.fullmatch(value)) and value not in self._roles | _UNKNOWN:
            self._roles.add(value)
            self.start()
            iam = self.iam()
            try:
                iam.create_role(Path=found[1], RoleName=found[2], AssumeRolePolicyDocument=json.dumps(TRUST))
            except iam.exceptions.EntityAlreadyExistsException:
                pass
            iam.attach_role_policy(RoleName=found[2], PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")


sandboxes = Sandboxes()


def _before_request(params: dict[str, Any], model: Any, **_: Any) -> None:
    if not sandboxes.helps:
        return
    name = f"{model.service_model.service_name}:{model.name}"
    if name == "iam:CreateRole":
        try:
            json.loads(params["AssumeRolePolicyDocument"])
        except ValueError:
            params["AssumeRolePolicyDocument"] = json.dumps(TRUST)
    elif name.startswith(("lambda:Create", "lambda:Update", "sagemaker:Create", "sagemaker:Update")):
        sandboxes.need_roles(params)


def _before_send(**_: Any) -> None:
    sandboxes.start()


def _after_call(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    if http_response.status_code >= 400:
        error = parsed.get("Error", {})
        told = (str(error.get("Code", "")), str(error.get("Message", ""))[:500])
        seen.errors.append((model.service_model.service_name, model.name, http_response.status_code, *told))


def _hook(client: Any) -> None:
    events = client.meta.events
    if ASK == "sandbox":
        events.register("provide-client-params", _provide)
        events.register_first("before-send", _before_send)
    events.register("after-call", _after_call)


def _provide(params: dict[str, Any], model: Any, **_: Any) -> None:
    _before_request(params, model)


def _redirect_to_sandbox() -> None:
    import moto.core.models as models

    def enable(self: Any, reset: bool = True) -> None:
        if self.__class__._nested_count == 1 and reset:
            sandboxes.fresh()
        from boto3 import client as real_client
        from boto3 import resource as real_resource

        def made(real: Any) -> Any:
            def make(*args: Any, **kwargs: Any) -> Any:
                service = str(args[0] if args else kwargs.get("service_name"))
                region = kwargs.get("region_name") or (args[1] if len(args) == 2 else None)
                sandboxes.wants(service, region, sys._getframe(1).f_code.co_filename)
                kwargs.setdefault("endpoint_url", sandboxes.url)
                if not str(kwargs.get("aws_access_key_id") or "AKIA").startswith(("AKIA", "ASIA")):
                    # Keys that moto's tests invented; those that the account gave them are its own.
                    del kwargs["aws_access_key_id"], kwargs["aws_secret_access_key"]
                thing = real(*args, **kwargs)
                _hook(thing.meta.client if hasattr(thing.meta, "client") else thing)
                return thing

            return make

        self._client_patcher = patch("boto3.client", made(real_client))
        self._resource_patcher = patch("boto3.resource", made(real_resource))
        self._client_patcher.start()
        self._resource_patcher.start()

    models.ServerModeMockAWS._enable_patching = enable
    models.ServerModeMockAWS.reset = lambda self: sandboxes.fresh()
    models.settings.test_server_mode_endpoint = lambda: sandboxes.url


class Stock:
    """moto's own server."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        program = Path(sys.executable).with_name("moto_server")
        with open(RESULTS / f"server-{WORKER}.log", "ab") as log:
            self.process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        os.environ["TEST_SERVER_MODE_ENDPOINT"] = self.url

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


def _count_requests() -> None:
    from urllib3.connectionpool import HTTPConnectionPool

    original = HTTPConnectionPool.urlopen

    def urlopen(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if "/moto-api/" not in url:
            seen.requests += 1
        answer = original(self, method, url, *args, **kwargs)
        if answer.status == 501:
            seen.errors.append(("http", method, 501, "NotImplemented", url[:200]))
        return answer

    HTTPConnectionPool.urlopen = urlopen  # type: ignore[method-assign]


def _sign_with_the_true_time() -> None:
    """Tests stop the clock in years gone by; our sandbox, unlike moto, looks at the date of a signature."""
    import botocore.auth
    from freezegun.api import real_datetime

    def now(remove_tzinfo: bool = True) -> Any:
        return real_datetime.now(UTC).replace(tzinfo=None) if remove_tzinfo else real_datetime.now(UTC)

    botocore.auth.get_current_datetime = now


stock: Stock | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Redirect whoever runs tests: not the process that only hands them out."""
    global stock
    if config.getoption("numprocesses", None) and WORKER == "main":
        return
    if ASK == "stock":
        stock = Stock()
    _count_requests()
    if ASK == "sandbox":
        _redirect_to_sandbox()
        _sign_with_the_true_time()


def pytest_unconfigure() -> None:
    """End what was started."""
    if stock is not None:
        stock.close()
    sandboxes.close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A new test: nothing was asked yet."""
    global seen
    seen = Seen()
    sandboxes.helps = "test_iam/" not in item.nodeid
    sandboxes.everywhere = "test_s3" in item.nodeid


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Write what became of a test."""
    report = yield
    if report.when == "call" or report.outcome != "passed":
        raised = call.excinfo
        line = {
            "test": item.nodeid,
            "outcome": report.outcome,
            "requests": seen.requests,
            "raised": raised.typename if raised else "",
            "text": str(raised.value)[:1500] if raised else "",
            "where": report.location and str(raised.traceback[-1].frame.code.raw.co_name) if raised else "",
            "line": _line(raised, item) if raised else "",
            "code": _code(raised.value) if raised else "",
            "errors": seen.errors[-20:],
            "seconds": round(call.duration, 2),
        }
        with open(RESULTS / f"{ASK}-{WORKER}.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return report


def _code(error: BaseException) -> str:
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _line(raised: Any, item: pytest.Item) -> str:
    """The line of the test's own file at which it ended."""
    own = [entry for entry in raised.traceback if str(entry.path) == str(item.path)]
    return f"{own[-1].lineno + 1}: {str(own[-1].statement).strip()[:300]}" if own else ""
