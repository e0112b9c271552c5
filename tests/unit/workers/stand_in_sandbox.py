"""Stands in for ``python -m sandbox`` in the tests: writes a ready file and answers STS for its own key only."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/operator</Arn><UserId>AID</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


def main() -> None:
    """Serve, or misbehave as the last argument says."""
    state, how = Path(sys.argv[2]), sys.argv[3:]
    if "die" in how:
        print("what went wrong", file=sys.stderr)
        sys.exit(7)
    if "in use at first" in how and not state.with_name("tried").exists():
        state.with_name("tried").touch()
        sys.exit(3)
    if "hang" in how:
        time.sleep(600)
    key = f"AKIA{os.getpid()}"

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            known = f"Credential={key}/" in self.headers.get("Authorization", "")
            body = IDENTITY.encode() if known else b"<Error><Code>InvalidClientTokenId</Code></Error>"
            self.send_response(200 if known else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    ready = {
        "endpoint_url": f"http://127.0.0.1:{server.server_port}",
        "region": "us-east-1",
        "account_id": "123456789012",
        "access_key_id": key,
        "secret_access_key": f"secret-of-{key}",
        "pid": os.getpid(),
        **({"time_factor": 100.0} if "fast" in how else {}),
        **({"exposure": "Jobs can read your files"} if "exposed" in how else {}),
        **({"notice": "The old folder was moved aside"} if "notice" in how else {}),
    }
    state.mkdir(parents=True, exist_ok=True)
    part = state / "ready.part"
    part.write_text(json.dumps(ready))
    part.replace(state / "ready.json")

    def end(*_: object) -> None:
        (state / "ready.json").unlink()
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    print("serving", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
