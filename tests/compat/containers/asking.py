"""Starts ``serve`` as SageMaker does, asks it what is in ``asked.json``, and writes ``answers.json``; stands alone."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import time
from pathlib import Path

START_SECONDS = 300
ASK_SECONDS = 120


def ask(method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of an answer of the container."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=ASK_SECONDS)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait(server: subprocess.Popen[bytes]) -> None:
    """Wait until it is healthy, as SageMaker does; ``SystemExit`` when it is not in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit(f"serve ended with {server.returncode}")
        try:
            if ask("GET", "/ping")[0] == http.client.OK:
                return
        except OSError:
            pass
        time.sleep(1)
    raise SystemExit(f"serve was not healthy after {START_SECONDS} s")


def main(folder: Path) -> None:
    """Ask everything; the server ends with the room."""
    server = subprocess.Popen(["serve"])
    wait(server)
    answers = []
    for asked in json.loads((folder / "asked.json").read_text()):
        headers = {"Content-Type": asked["content_type"], "Accept": "application/json"}
        status, body = ask("POST", "/invocations", base64.b64decode(asked["body"]), headers)
        answers.append({"status": status, "body": base64.b64encode(body).decode()})
    (folder / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
