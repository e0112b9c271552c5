"""Whatever a client sends to any operation of any service is answered, and never by a failure of the sandbox.

The short form asks every operation that is answered a few times. ``SAGEDECK_FUZZ_ROUNDS=20`` asks so many times more,
and every operation that AWS's models have of these services.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

from sandbox.app import Sandbox
from sandbox.auth.regions import GLOBAL
from sandbox.auth.signatures import Scope, SignedRequest, Verified
from sandbox.core.processes import StartFailed
from sandbox.core.state import StateDir
from sandbox.http.http1 import RawRequest
from sandbox.moto_host.allowed import ALLOWED
from sandbox.moto_host.empty_lists import EMPTY
from sandbox.services import all_services
from sandbox.wire.messages import Caller, FileBody, RestResponse
from sandbox.wire.models import operation_model, service_model
from tests.helpers.fuzzing import Drawer, Raw, protocols, raw_request

pytestmark = pytest.mark.integration

ROUNDS = int(os.environ.get("SAGEDECK_FUZZ_ROUNDS", "0"))
PARSERS = {"cbor": "smithy-rpc-v2-cbor", "s3": "rest-xml"}
# HTTP: where the statuses of the two begin.
CLIENTS_FAULT, FAILURE = 400, 500


class Doorman:
    """Takes every signature for the operator's."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def precheck(self, signed: SignedRequest, scope: Scope) -> None:
        pass

    def verify(self, signed: SignedRequest, scope: Scope, payload: str) -> Verified:
        return Verified(self._caller, scope, b"", payload)


class Account:
    """A whole sandbox without a socket, in which no program can be started."""

    def __init__(self, folder: Path) -> None:
        self.sandbox = Sandbox(StateDir(folder), 0, None, None)
        sandbox = self.sandbox
        sandbox._dispatcher._verifier = cast(Any, Doorman(sandbox.credentials.operator.caller))
        sandbox.processes.spawn = self._refuse  # type: ignore[method-assign]
        sandbox.s3.start()
        for service in sandbox._services:
            service.start(sandbox.context)
        sandbox._bridge.start()
        self._furnish()

    def _refuse(self, *_: object, **__: object) -> Any:
        raise StartFailed("no program is started here")

    def _furnish(self) -> None:
        """What members that name something can name."""
        for name in ("bucket", "empty"):
            self.sandbox.s3.store.create_bucket(name)
        self.sandbox.s3.put_bytes("bucket", "key", b"content")
        self.sandbox.logs.create_group("group")
        self.sandbox.logs.create_stream("group", "stream")
        trust = (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["sagemaker.amazonaws.com",'
        )
        trust += '"lambda.amazonaws.com","ec2.amazonaws.com"]},"Action":"sts:AssumeRole"}]}'
        self.ask("iam", "CreateRole", "query", {"RoleName": "R", "AssumeRolePolicyDocument": trust})
        self.ask("iam", "CreateUser", "query", {"UserName": "user"})
        self.ask("iam", "CreateGroup", "query", {"GroupName": "group"})

    def ask(self, service: str, operation: str, protocol: str, members: Any) -> str:
        """What is wrong with the answer to one request; an empty text if nothing is."""
        raw = raw_request(service, operation, protocol, members)
        answer = self.answer(service, raw)
        return self._problem(answer, raw.method, protocol)

    def answer(self, service: str, raw: Raw, region: str = "us-east-1") -> RestResponse:
        """The answer to a request that is signed for ``region``."""
        scope = f"AKIA/20260101/{region}/{service_model(service).signing_name}/aws4_request"
        signed = {
            "host": "127.0.0.1",
            "x-amz-date": "20260101T000000Z",
            "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        }
        headers = raw.headers | signed | {"content-length": str(len(raw.body))}
        stream = cast(Any, io.BytesIO(raw.body))
        return self.sandbox._dispatcher.answer(RawRequest(raw.method, raw.target, headers, stream, len(raw.body)))

    @staticmethod
    def _problem(answer: RestResponse, method: str, protocol: str) -> str:
        body = answer.body if isinstance(answer.body, bytes) else b""
        if isinstance(answer.body, FileBody):
            answer.body.file.close()
        if answer.status < CLIENTS_FAULT:
            return ""
        parser: Any = create_parser(PARSERS.get(protocol, protocol))
        given = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": body}
        code = parser.parse(given, None).get("Error", {}).get("Code")
        # A HEAD has no body, and so no code.
        if not code or (answer.status >= FAILURE and code != "NotImplemented" and method != "HEAD"):
            return f"{answer.status} {code}: {body[:600]!r}"
        return ""

    def close(self) -> None:
        self.sandbox._close()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    account = Account(tmp_path_factory.mktemp("fuzzing") / "state")
    yield account
    account.close()


OURS = {service.name: service for service in all_services()}
SERVICES = sorted({*OURS, *ALLOWED, *EMPTY})


def answered(account: Account, service: str) -> list[str]:
    """The operations of a service that are not merely refused."""
    ours = [owner for owner in account.sandbox._services if owner.name == service]
    return sorted({*ALLOWED.get(service, ()), *(name for owner in ours for name in owner.served())})


# Each call of these takes long: they list what AWS brings.
LARGE = frozenset(
    {"GetAccountAuthorizationDetails", "DescribeImages", "DescribeInstanceTypeOfferings", "AllocateAddress"}
)


def drawers(operation: str) -> Iterator[Drawer]:
    """Nothing but what is required; more, with odd values; values of wrong types."""
    seed = zlib.crc32(operation.encode())
    if operation in LARGE and not ROUNDS:
        return
    yield Drawer(Random(seed))
    yield Drawer(Random(seed + 1), optional=0.5, odd=0.2)
    yield Drawer(Random(seed + 2), optional=0.3, odd=0.05, wrong=0.3)
    for number in range(ROUNDS):
        rng = Random(seed + 3 + number)
        yield Drawer(
            rng, odd=rng.choice((0, 0.1, 0.3)), wrong=rng.choice((0, 0, 0.1)), optional=rng.choice((0, 0.3, 0.8))
        )


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_that_a_client_sends_is_a_failure_of_the_sandbox(account: Account, service: str) -> None:
    problems = []
    # The long form asks for what is refused, too.
    for operation in service_model(service).operation_names if ROUNDS else answered(account, service):
        for protocol in protocols(service):
            shown: list[Any] = [{}] if ROUNDS or operation not in LARGE else []
            shown += [drawer.members(operation_model(service, operation)) for drawer in drawers(operation)]
            for members in shown:
                if problem := account.ask(service, operation, protocol, members):
                    problems.append(f"{service}:{operation} ({protocol}) {repr(members)[:600]}\n    {problem}")
    assert not problems, f"{len(problems)} failures\n" + "\n".join(problems[:40])


# The operations of each service that tell what the account has.
TELLING = ("List", "Describe", "Get")


@pytest.mark.parametrize("service", sorted(OURS))
def test_what_is_signed_for_another_region_tells_nothing_of_this_one(account: Account, service: str) -> None:
    """Global services are the same everywhere; S3 names the bucket's region, as AWS does."""
    signing_name = service_model(service).signing_name
    for operation in answered(account, service):
        members = Drawer(Random(1)).members(operation_model(service, operation))
        if not operation.startswith(TELLING) or (service, operation) == ("s3", "ListBuckets"):
            continue
        if service == "s3":
            members["Bucket"] = "bucket"
        for protocol in protocols(service):
            answer = account.answer(service, raw_request(service, operation, protocol, members), "eu-west-1")
            body = answer.body if isinstance(answer.body, bytes) else b""
            if service == "s3":
                assert (answer.status, answer.headers["x-amz-bucket-region"]) == (400, "us-east-1"), operation
                assert b"AuthorizationHeaderMalformed" in body
            elif signing_name in GLOBAL:
                assert b"valid region" not in body, operation
            else:
                assert answer.status in (400, 401, 403) and b"valid region, not 'eu-west-1'" in body, operation
