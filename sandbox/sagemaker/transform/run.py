"""One transform job: its model is served as an endpoint's is, asked for every record, and its answers are kept.

An object whose records cannot all be answered gets no output, the others do, and the job has failed. A job that is
stopped stores nothing. Source: SageMaker Developer Guide, "Batch transform"; API Reference, StopTransformJob.
"""

from __future__ import annotations

import shutil
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.core.os_words import os_words
from sandbox.logs.pump import LogStream
from sandbox.s3.uri import S3Uri
from sandbox.sagemaker.batch.run import BatchRun
from sandbox.sagemaker.hosting.fleet import Fleet, FleetError, ModelUnusable
from sandbox.sagemaker.hosting.link import HostDied, HostFull, HostTimeout
from sandbox.sagemaker.inputs import Cancelled, Inputs, ObjectStore
from sandbox.sagemaker.plain_jobs import PlainRecord
from sandbox.sagemaker.transform.records import TooLarge, payloads
from sandbox.sagemaker.transform.request import concurrency, payload_limit
from sandbox.wire.errors import AwsError

LOG_GROUP = "/aws/sagemaker/TransformJobs"
# SageMaker API Reference, ModelClientConfig.
_INVOCATION_SECONDS = 600
_RETRIES = 3
_NO_PING = (
    "AlgorithmError: Model container failed to respond to ping. Please ensure /ping endpoint is implemented and "
    "responds with an HTTP 200 status code"
)
_SEE_LOGS = "See job logs for more information"
_NO_ANSWER = 0

Answer = tuple[int, bytes]


@dataclass(frozen=True)
class TransformTools:
    """What a run needs of the sandbox. ``fleet`` has the model's one variant; ``data_log`` tells what became of each
    object."""

    folder: Path
    s3: ObjectStore
    fleet: Fleet
    data_log: Callable[[], LogStream]


@dataclass
class _Output:
    """The answers of one object, in the order of its records."""

    key: str
    name: str
    path: Path
    failed: bool = False


class TransformRun(BatchRun):
    """Runs one job in the calling thread (``execute``); ``stop`` and ``shut_down`` come from other threads."""

    def __init__(self, record: PlainRecord, request: Mapping[str, Any], tools: TransformTools) -> None:
        super().__init__(record, request)
        self._tools = tools
        self._source, self._target = request["TransformInput"], request["TransformOutput"]
        client = request.get("ModelClientConfig", {})
        self._seconds = float(client.get("InvocationsTimeoutInSeconds", _INVOCATION_SECONDS))
        self._retries = int(client.get("InvocationsMaxRetries", _RETRIES))
        self._bucket = ""
        self._reason = ""
        self._log: LogStream | None = None

    def _end(self) -> None:
        """Nothing of the job is stored. Its processes end meanwhile, and with them what was asked of them."""
        threading.Thread(target=self._tools.fleet.close, name=f"end {self._record.name}", daemon=True).start()

    def _clear(self) -> None:
        self._tools.fleet.close()
        shutil.rmtree(self._tools.folder, ignore_errors=True)

    def _words(self, error: Exception) -> str:
        if isinstance(error, ModelUnusable):
            return f"ClientError: Failed to download model data: {error.why}"
        if isinstance(error, FleetError):
            return f"{_NO_PING}. Last lines: {error.why}"
        return super()._words(error)

    def _work(self) -> None:
        tools = self._tools
        inputs = Inputs(tools.s3, self._stopping.is_set, "Failed to download data")
        self._bucket, files = inputs.find(self._source["DataSource"]["S3DataSource"], "TransformInput")
        tools.fleet.start()
        if not tools.fleet.wait_ready(self._stopping.is_set):
            raise Cancelled
        self._log = tools.data_log()
        size, strategy = self._request.get("MaxPayloadInMB", 6), self._request.get("BatchStrategy", "MultiRecord")
        shown = "SINGLE_RECORD" if strategy == "SingleRecord" else "MULTI_RECORD"
        self._tell(
            f"MaxConcurrentTransforms={concurrency(self._request)}, MaxPayloadInMB={size}, BatchStrategy={shown}"
        )
        answers = tools.folder / "out"
        answers.mkdir(parents=True, exist_ok=True)
        outputs = [
            _Output(key, name, answers / str(number)) for number, (key, name) in enumerate(sorted(files.items()))
        ]
        self._ask_all(outputs)
        place = S3Uri.parse(self._target["S3OutputPath"])
        for output in outputs:
            if not output.failed:
                tools.s3.put_file(place.bucket, place.below(f"{output.name}.out").key, output.path)
        self._finish("Failed" if self._reason else "Completed", self._reason)

    def _ask_all(self, outputs: list[_Output]) -> None:
        """Ask the model for the records of all objects, several at once, and keep the answers in order."""
        workers = concurrency(self._request) * sum(len(v.instances) for v in self._tools.fleet.variants.values())
        waiting: deque[tuple[_Output, Future[Answer]]] = deque()
        with ThreadPoolExecutor(workers, thread_name_prefix=f"transform {self._record.name}") as pool:
            try:
                for output in outputs:
                    output.path.touch()
                    for payload in self._payloads(output):
                        waiting.append((output, pool.submit(self._ask, payload)))
                        if len(waiting) >= 2 * workers:
                            self._keep(*waiting.popleft())
                        if output.failed:
                            break
                while waiting:
                    self._keep(*waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _payloads(self, output: _Output) -> Iterator[bytes]:
        """The payloads of an object; what it cannot be cut into makes it fail."""
        if self._stopping.is_set():
            raise Cancelled
        source = self._source
        try:
            path = self._tools.s3.open_path(self._bucket, output.key)
            yield from payloads(
                path,
                lines=source.get("SplitType") == "Line",
                single=self._request.get("BatchStrategy") == "SingleRecord",
                limit=payload_limit(self._request),
                gzipped=source.get("CompressionType") == "Gzip",
            )
        except AwsError as error:
            self._fail(output, f"ClientError: {error.code}: {error.message}", f"ClientError: {_SEE_LOGS}")
        except TooLarge:
            self._fail(output, "Too much data for max payload size", f"ClientError: {_SEE_LOGS}")
        except (OSError, EOFError, zlib.error) as error:
            why = os_words(error) if isinstance(error, OSError) else str(error)
            self._fail(output, f"The object is not a gzip file: {why}", f"ClientError: {_SEE_LOGS}")

    def _ask(self, payload: bytes) -> Answer:
        """One record or mini-batch; status 0 where nothing answered."""
        headers = {"Content-Type": self._source.get("ContentType", ""), "Accept": self._target.get("Accept", "")}
        answer: Answer = _NO_ANSWER, b""
        for _attempt in range(self._retries + 1):
            picked = None if self._stopping.is_set() else self._tools.fleet.pick(None, self._seconds)
            if picked is None:
                return answer
            try:
                status, _headers, body, _took = picked[1].ask(headers, payload, self._seconds)
            except (HostTimeout, HostDied, HostFull):
                continue
            answer = status, body
            if status < 500:
                break
        return answer

    def _keep(self, output: _Output, future: Future[Answer]) -> None:
        status, body = future.result()
        if self._stopping.is_set():
            raise Cancelled
        if output.failed:
            return
        if status == _NO_ANSWER:
            self._fail(output, "Unable to get response from algorithm", f"AlgorithmError: {_SEE_LOGS}")
        elif status >= 400:
            word = "ClientError" if status < 500 else "Bad HTTP status received from algorithm"
            reason = "ClientError" if status < 500 else "AlgorithmError"
            self._fail(output, f"{word}: {status}", f"{reason}: {_SEE_LOGS}", body.decode("utf-8", "replace"))
        else:
            with output.path.open("ab") as file:
                file.write(body + (b"\n" if self._target.get("AssembleWith") == "Line" else b""))

    def _fail(self, output: _Output, text: str, reason: str, message: str = "") -> None:
        output.failed = True
        self._reason = self._reason or reason
        about = f"{self._bucket}/{output.key}: "
        self._tell(f"{about}{text}")
        if message:
            for line in ("", "Message:", *message.splitlines()):
                self._tell(about + line)

    def _tell(self, text: str) -> None:
        if self._log is not None:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            self._log.write([f"{now}:[sagemaker logs]: {text}"])

    def _closing(self, reason: str) -> str:
        if self._log is not None:
            self._log.flush()
        return reason
