"""One signed request of InvokeEndpoint or Lambda's Invoke, over connections that are kept.

boto3 sends from threads, a few dozen requests a second and core; here one loop sends them. What is signed, and where
it goes, is still botocore's. Nothing is sent twice: a retry would hide what the test is to show.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
import time
import urllib.request
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.httpsession import get_cert_path

from workers.aws.chosen import core_session
from workers.aws.session import USER_AGENT
from workers.errors.rules import is_local
from workers.load.http import Http
from workers.load.outcome import TIMEOUT, Outcome, failed_connection, outcome_of
from workers.load.payloads import Payload
from workers.load.types import LoadRequest, LoadTarget

log = logging.getLogger(__name__)

# Keys of a role are renewed well before they end; asking more often finds nothing new.
_FRESH_KEYS_SECONDS = 20.0
# A signature is good for five minutes; made anew for each request, it would limit the rate.
_SIGNED_SECONDS = 10.0
_SIGNED_AS = {"endpoint": "sagemaker", "function": "lambda"}
_SERVICE = {"endpoint": "sagemaker-runtime", "function": "lambda"}


def path_of(target: LoadTarget) -> str:
    """The path, and query, of a request to ``target``."""
    name = quote(target.name, safe="")
    if target.kind == "endpoint":
        return f"/endpoints/{name}/invocations"
    query = f"?Qualifier={quote(target.part, safe='')}" if target.part else ""
    return f"/2015-03-31/functions/{name}/invocations{query}"


def headers_of(target: LoadTarget, payload: Payload) -> dict[str, str]:
    """The headers of a request, but for its signature."""
    headers = {"Content-Type": payload.content_type, "X-Amz-Content-SHA256": payload.digest}
    if target.kind == "function":
        return headers | {"X-Amz-Invocation-Type": "RequestResponse"}
    chosen = {"X-Amzn-SageMaker-Target-Variant": target.part} if target.pick else {}
    return headers | {"Accept": "application/json"} | chosen


class Wire:
    """Sends ``payloads`` in turn. Making it is blocking, and raises botocore's errors; use it as a context manager."""

    def __init__(self, request: LoadRequest, payloads: list[Payload]) -> None:
        session = core_session(request.backend)
        client = session.create_client(
            _SERVICE[request.target.kind],
            region_name=request.backend.region or None,
            aws_access_key_id=request.backend.access_key_id,
            aws_secret_access_key=request.backend.secret_access_key,
        )
        self._target, self._timeout = request.target, request.timeout
        self._url = f"{client.meta.endpoint_url.rstrip('/')}{path_of(request.target)}"
        self._credentials: Any = _credentials(session, request)
        self._auth = SigV4Auth(self._keys(), _SIGNED_AS[request.target.kind], client.meta.region_name)
        tls = ssl.create_default_context(cafile=session.get_config_variable("ca_bundle") or get_cert_path(True))
        self._http = Http(self._url, tls, _proxy(self._url))
        self._signed: dict[str, tuple[float, bytes]] = {}
        self._payloads = itertools.cycle(payloads)
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Wire:
        self._renewing = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._renewing is not None
        self._renewing.cancel()
        self._http.close()

    async def exchange(self) -> Outcome:
        """Send the next body, and tell what came back. Never raises but for a cancellation."""
        payload = next(self._payloads)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._http.ask(self._head(payload) + payload.body)
        except TimeoutError:
            return TIMEOUT
        except OSError as error:
            return failed_connection(error)
        return outcome_of(self._target.kind, answer.status, answer.headers, answer.body)

    def _head(self, payload: Payload) -> bytes:
        """A request's head. AWS takes a signature for five minutes, so that not each needs one of its own."""
        now = time.monotonic()
        until, head = self._signed.get(payload.digest, (0.0, b""))
        if until <= now:
            head = self._sign(payload)
            self._signed[payload.digest] = (now + _SIGNED_SECONDS, head)
        return head

    def _sign(self, payload: Payload) -> bytes:
        headers = headers_of(self._target, payload) | {"Host": self._http.host, "User-Agent": USER_AGENT}
        request = AWSRequest("POST", self._url, headers=headers, data=payload.body)
        self._auth.add_auth(request)
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        first = f"POST {path_of(self._target)} HTTP/1.1"
        return "\r\n".join([first, *lines, f"Content-Length: {len(payload.body)}", "", ""]).encode("latin-1")

    def _keys(self) -> Any:
        return self._credentials.get_frozen_credentials()

    async def _renew(self) -> None:
        """Short-lived keys are renewed by a call that blocks."""
        while True:
            await asyncio.sleep(_FRESH_KEYS_SECONDS)
            try:
                keys = await asyncio.to_thread(self._keys)
            except (BotoCoreError, OSError) as error:
                # Those in use may still hold; when they do not, the answers say so.
                log.warning("the keys could not be renewed: %s", error)
                continue
            if keys != self._auth.credentials:
                self._auth.credentials = keys
                self._signed.clear()


def _credentials(session: Any, request: LoadRequest) -> Any:
    backend = request.backend
    if backend.access_key_id and backend.secret_access_key:
        return Credentials(backend.access_key_id, backend.secret_access_key)
    found = session.get_credentials()
    if found is None:
        raise NoCredentialsError
    return found


def _proxy(url: str) -> str | None:
    """The proxy that the system names for this address; a server of this computer has none."""
    parts = urlsplit(url)
    if is_local(url) or urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)
