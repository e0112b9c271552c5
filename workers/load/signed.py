"""Signed requests of InvokeEndpoint or Lambda's Invoke to one target, over connections that are kept.

boto3 sends from threads, a few dozen requests a second and core; here one loop sends them. What is signed, where it
goes, and what an answer that is an error says, is still botocore's. Nothing is sent twice by itself.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import urllib.request
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.parsers import create_parser

from workers.aws.chosen import core_session
from workers.aws.session import USER_AGENT
from workers.errors.rules import is_local
from workers.load.http import Answer, Http
from workers.load.payloads import Payload
from workers.load.types import LoadTarget
from workers.types import Backend

log = logging.getLogger(__name__)

# Keys of a role are renewed well before they end; asking more often finds nothing new.
_FRESH_KEYS_SECONDS = 20.0
_SIGNED_AS = {"endpoint": "sagemaker", "function": "lambda"}
_SERVICE = {"endpoint": "sagemaker-runtime", "function": "lambda"}
_OPERATION = {"endpoint": "InvokeEndpoint", "function": "Invoke"}


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


class Signed:
    """Requests to ``target``. Making it is blocking, and raises botocore's errors; use it as a context manager.

    ``headers`` are sent besides. ``timeout``: seconds until a whole answer has to be there.
    """

    def __init__(
        self, backend: Backend, target: LoadTarget, timeout: float, headers: Mapping[str, str] | None = None
    ) -> None:
        session = core_session(backend)
        client = session.create_client(
            _SERVICE[target.kind],
            region_name=backend.region or None,
            aws_access_key_id=backend.access_key_id,
            aws_secret_access_key=backend.secret_access_key,
        )
        self.target, self._timeout, self._headers = target, timeout, dict(headers or {})
        self._model = client.meta.service_model
        self._path = path_of(target)
        self.url = f"{client.meta.endpoint_url.rstrip('/')}{self._path}"
        self._credentials: Any = _credentials(session, backend)
        self._auth = SigV4Auth(self._frozen(), _SIGNED_AS[target.kind], client.meta.region_name)
        tls = ssl.create_default_context(cafile=session.get_config_variable("ca_bundle") or get_cert_path(True))
        self._http = Http(self.url, tls, _proxy(self.url))
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Signed:
        self._renewing = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._renewing is not None
        self._renewing.cancel()
        self._http.close()

    @property
    def keys(self) -> object:
        """What requests are signed with now; another object once it was renewed."""
        return self._auth.credentials

    def head(self, payload: Payload) -> bytes:
        """A signed request's head, which AWS takes for five minutes."""
        headers = headers_of(self.target, payload) | self._headers | {"Host": self._http.host, "User-Agent": USER_AGENT}
        request = AWSRequest("POST", self.url, headers=headers, data=payload.body)
        self._auth.add_auth(request)
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        first = f"POST {self._path} HTTP/1.1"
        return "\r\n".join([first, *lines, f"Content-Length: {len(payload.body)}", "", ""]).encode("latin-1")

    async def send(self, head: bytes, body: bytes) -> Answer:
        """Send one request. Raises ``OSError``, of which ``TimeoutError`` is one."""
        async with asyncio.timeout(self._timeout):
            return await self._http.ask(head + body)

    def error_of(self, answer: Answer) -> ClientError:
        """What boto3 would raise for an answer of status 300 and above."""
        operation = self._model.operation_model(_OPERATION[self.target.kind])
        parser = create_parser(self._model.resolved_protocol)
        response = {"headers": HeadersDict(answer.headers), "status_code": answer.status, "body": answer.body}
        parsed = parser.parse(response, operation.output_shape)
        shape = self._model.shape_for_error_code(parsed.get("Error", {}).get("Code", ""))
        if shape is not None:
            parsed.update(parser.parse(response, shape))
        return ClientError(parsed, operation.name)

    def _frozen(self) -> Any:
        return self._credentials.get_frozen_credentials()

    async def _renew(self) -> None:
        """Short-lived keys are renewed by a call that blocks."""
        while True:
            await asyncio.sleep(_FRESH_KEYS_SECONDS)
            try:
                keys = await asyncio.to_thread(self._frozen)
            except (BotoCoreError, OSError) as error:
                # Those in use may still hold; when they do not, the answers say so.
                log.warning("the keys could not be renewed: %s", error)
                continue
            if keys != self._auth.credentials:
                self._auth.credentials = keys


def _credentials(session: Any, backend: Backend) -> Any:
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
