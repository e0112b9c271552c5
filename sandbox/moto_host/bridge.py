"""moto behind our server: metadata services (IAM, EC2, Lambda, …) that need no executor of ours.

moto is imported in a thread after the server answers; requests that need it wait for that. Reading requests run
side by side, changing ones alone and journalled (``journal``).
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from sandbox.auth.credentials import Credentials, KnownKey
from sandbox.core.account import ACCOUNT_ID, OPERATOR_NAME
from sandbox.core.diagnostics import Stream, tell, tell_exception
from sandbox.core.state import StateDir
from sandbox.moto_host.journal import Journal, MotoRequest, changes_something
from sandbox.moto_host.patches import Control
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.form import pairs_of
from sandbox.wire.messages import Caller, RestRequest, RestResponse
from sandbox.wire.protocols import FORM

# Importing moto takes some seconds, on a busy machine far more.
START_SECONDS = 120.0
WARM_AFTER_SECONDS = 4.0
DROPPED_HEADERS = frozenset({"content-length", "server", "date", "x-amzn-requestid", "connection"})
# Answered by our own code only; moto's versions would show an empty, second world.
OURS_ALONE = frozenset({"s3", "sts", "logs"})


class ReadWriteLock:
    """Many readers or one writer; a waiting writer goes first."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0
        self._writers_waiting = 0
        self._writing = False

    @contextlib.contextmanager
    def read(self) -> Iterator[None]:
        """Shared."""
        with self._condition:
            self._condition.wait_for(lambda: not self._writing and not self._writers_waiting)
            self._readers += 1
        try:
            yield
        finally:
            with self._condition:
                self._readers -= 1
                self._condition.notify_all()

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        """Exclusive."""
        with self._condition:
            self._writers_waiting += 1
            self._condition.wait_for(lambda: not self._writing and not self._readers)
            self._writers_waiting -= 1
            self._writing = True
        try:
            yield
        finally:
            with self._condition:
                self._writing = False
                self._condition.notify_all()


class MotoBridge:
    """moto of one state folder."""

    def __init__(self, state: StateDir, credentials: Credentials) -> None:
        self._journal = Journal(state)
        self._credentials = credentials
        self._state = state
        seed = state.setting("moto_seed")
        if seed is None:
            seed = credentials.operator.secret[::-1]
            state.set_setting("moto_seed", seed)
        self._control = Control(seed)
        self._lock = ReadWriteLock()
        self._ready = threading.Event()
        self._wanted = threading.Event()
        self._failed = ""
        self._apps: dict[str, Any] = {}
        self._dispatcher: Any = None
        self._started = self._stopping = False
        self._iam_version = self._version = 0
        credentials.add_resolver(self._find_key)

    def start(self, then: Callable[[], None] | None = None) -> None:
        """Import moto and rebuild its memory in a thread, soon or when it is first needed.

        The pause leaves the processor to the window that starts beside us. ``then`` runs in the thread at the end.
        """
        self._started = True
        threading.Thread(target=self._start, args=(then,), name="moto start", daemon=True).start()

    def stop(self) -> None:
        """Let no request in any more."""
        self._stopping = True
        self._wanted.set()
        if not self._started:
            self._give_up()

    def _give_up(self) -> None:
        # Requests that wait for moto get this error now: it will not be ready any more.
        self._failed = "The sandbox is ending."
        self._ready.set()

    def _start(self, then: Callable[[], None] | None) -> None:
        self._wanted.wait(WARM_AFTER_SECONDS)
        if self._stopping:
            self._give_up()
            return
        try:
            self._control.apply()
            import moto.moto_server.werkzeug_app as werkzeug_app

            self._dispatcher = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
            self._replay()
            self._ensure_operator()
        except Exception as exc:
            self._failed = f"{type(exc).__name__}: {exc}"
            tell_exception(exc)
        self._ready.set()
        if then is not None and not self._failed:
            then()

    def _replay(self) -> None:
        self._journal.compact()
        for entry in self._journal.entries():
            if self._stopping:
                return
            done = False
            try:
                with self._control.replaying(entry.seed, entry.at):
                    done = self._run(entry.request).status < 400
            except Exception as exc:
                # One request that this moto no longer takes must not cost the others.
                tell(f"replaying {entry.request.service} {entry.request.target} failed: {exc!r}")
            if not entry.confirmed:
                # The sandbox was killed while this one ran; nobody was told how it ended.
                (self._journal.confirm if done else self._journal.remove)(entry)

    def _ensure_operator(self) -> None:
        """The operator is a user of IAM with full rights; its key is ours, not moto's."""
        from moto.iam.models import AccessKey, iam_backends

        backend = iam_backends[ACCOUNT_ID]["aws"]
        if OPERATOR_NAME not in backend.users and self._state.setting("operator_made") is None:
            for body in (
                f"Action=CreateUser&UserName={OPERATOR_NAME}",
                f"Action=AttachUserPolicy&UserName={OPERATOR_NAME}"
                "&PolicyArn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FAdministratorAccess",
            ):
                headers = {"content-type": "application/x-www-form-urlencoded"}
                sent = f"{body}&Version=2010-05-08".encode()
                self._change(
                    MotoRequest(
                        service="iam",
                        region="us-east-1",
                        key_id="",
                        method="POST",
                        target="/",
                        headers=headers,
                        body=sent,
                    )
                )
            self._state.set_setting("operator_made", "yes")
        operator = backend.users.get(OPERATOR_NAME)
        if operator is not None:
            known = self._credentials.operator
            operator.id = known.caller.user_id
            key = AccessKey(OPERATOR_NAME, "AKIA", ACCOUNT_ID)
            key.access_key_id, key.secret_access_key = known.caller.access_key_id, known.secret
            key.create_date = operator.create_date
            operator.access_keys.append(key)
            backend.access_keys[key.access_key_id] = key

    def wait(self) -> None:
        """Until moto is there. Raises ServiceUnavailable when it cannot be started."""
        self._wanted.set()
        if not self._ready.wait(START_SECONDS) or self._failed:
            raise AwsError("ServiceUnavailable", f"moto could not be started. {self._failed}".strip(), 503)

    @property
    def version(self) -> int:
        """A number that changes whenever something may have changed."""
        return self._version

    @property
    def iam_version(self) -> int:
        """A number that changes whenever something in IAM may have changed."""
        return self._iam_version

    @contextlib.contextmanager
    def iam(self) -> Iterator[Any]:
        """moto's IAM backend, for reading only; nothing changes in it meanwhile."""
        self.wait()
        from moto.iam.models import iam_backends

        with self._lock.read():
            yield iam_backends[ACCOUNT_ID]["aws"]

    def handle(self, call: Call) -> RestResponse:
        """Answer a call by moto, which reads the request itself: it gets nothing that ``call`` does not have."""
        request, operation = call.http, call.operation
        if request.service in OURS_ALONE:
            raise not_implemented(request.service, operation or f"{request.method} {request.path}")
        _check_form(request, call.protocol)
        self.wait()
        target = request.raw_path + (f"?{request.raw_query}" if request.raw_query else "")
        moto_request = MotoRequest(
            service=request.service,
            region=request.region,
            key_id=call.caller.access_key_id,
            method=request.method,
            target=target,
            headers=_headers(request, call.protocol),
            body=request.body(),
        )
        if changes_something(request.method, operation):
            with self._lock.write():
                response = self._change(moto_request, operation)
        else:
            with self._lock.read():
                response = self._run(moto_request, operation)
        return response

    def _change(self, request: MotoRequest, operation: str = "") -> RestResponse:
        entry = self._journal.add(request)
        try:
            with self._control.replaying(entry.seed, entry.at):
                response = self._run(request, operation)
        except BaseException:
            self._journal.remove(entry)
            raise
        finally:
            self._version += 1
        if response.status >= 400:
            self._journal.remove(entry)
            return response
        self._journal.confirm(entry)
        if request.service == "iam":
            self._iam_version += 1
        return response

    def _run(self, request: MotoRequest, operation: str = "") -> RestResponse:
        environ = _environ(request)
        name = operation or f"{request.method} {request.target}"
        app = self._app(request, environ)
        if app is None:
            raise not_implemented(request.service, name)
        status: list[str] = []
        headers: list[tuple[str, str]] = []

        def start_response(code: str, given: list[tuple[str, str]], exc_info: object = None) -> None:
            status[:], headers[:] = [code], given

        try:
            body = b"".join(app(environ, start_response))
        except NotImplementedError as exc:
            raise not_implemented(request.service, name) from exc
        except RecursionError as exc:
            raise AwsError("ValidationException", "A document of the request is nested too deeply.") from exc
        answer = {key: value for key, value in headers if key.lower() not in DROPPED_HEADERS}
        if answer.get("Content-Type", "").startswith("text/html") and body.lstrip()[:1] == b"<":
            head = body.lstrip()[:15].lower()
            if head.startswith((b"<!doctype", b"<html")):
                raise not_implemented(request.service, name)
        return RestResponse(int(status[0].split(" ")[0]), answer, body)

    def _app(self, request: MotoRequest, environ: dict[str, Any]) -> Any:
        host = self._dispatcher.infer_service_region_host(environ, environ["PATH_INFO"])
        backend = self._dispatcher.get_backend_for_host(host)
        if backend in (None, "moto_api", "instance_metadata", "s3"):
            return None
        app = self._apps.get(backend)
        if app is None:
            app = self._dispatcher.create_app(backend)
            # Errors come to us as exceptions, never as pages.
            app.config["PROPAGATE_EXCEPTIONS"] = True
            self._apps[backend] = app
        return app

    def _find_key(self, access_key_id: str) -> KnownKey | None:
        """Access keys of IAM users that were made in the sandbox."""
        if not access_key_id.startswith("AKIA"):
            return None
        with self.iam() as backend:
            for user in backend.users.values():
                for key in user.access_keys:
                    if key.access_key_id == access_key_id and key.status == "Active":
                        caller = Caller(user.arn, ACCOUNT_ID, access_key_id, None, user.id)
                        return KnownKey(key.secret_access_key, "", caller)
        return None


def _headers(request: RestRequest, protocol: str) -> dict[str, str]:
    """The headers that moto gets: it must read the body as access control did."""
    headers = {name: value for name, value in request.headers.items() if protocol == "json" or name != "x-amz-target"}
    return headers | {"content-type": FORM} if protocol in ("query", "ec2") else headers


def _check_form(request: RestRequest, protocol: str) -> None:
    """Refuse what moto could take for another operation than the one that access control decided about.

    moto looks for ``Action`` in the query and in any body first, and for x-amz-target before method and path.
    """
    contradiction = AwsError("InvalidRequest", "The request names more than one operation.")
    if protocol in ("query", "ec2"):
        return
    body = pairs_of(request.body().decode("utf-8", "replace"))
    is_form = request.headers.get("content-type", "").lower().startswith(("multipart/", FORM))
    if is_form or "Action" in request.query or any(name.strip() == "Action" for name, _ in body):
        raise contradiction


def _environ(request: MotoRequest) -> dict[str, object]:
    """A WSGI environment. The signature is replaced by one that names only the key and the service."""
    path, _, query = request.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path).encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": Stream(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        elif name not in ("content-length", "authorization", "host", "x-amz-security-token", "transfer-encoding"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    environ["HTTP_HOST"] = f"{request.service}.{request.region}.amazonaws.com"
    scope = f"{request.key_id or 'AKIAEXAMPLE'}/20200101/{request.region}/{request.service}/aws4_request"
    environ["HTTP_AUTHORIZATION"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return environ
