"""An S3 that answers small uploads as it is told."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote


class FakeS3(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = unquote(self.path.split("/", 2)[2])
        self.server.got.append((key, dict(self.headers), body))
        status, headers, answer = self.server.play(key, self.headers, body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def good(key, headers, body):
    return 200, {"ETag": '"e1"', "x-amz-checksum-sha256": headers["x-amz-checksum-sha256"]}, b""


def send(sender, key="k.jpg", data=b"data"):
    """Put one object and return (etag, sha256, error)."""
    answers = []
    sender.put(key, data, "image/jpeg", lambda *answer: answers.append(answer))
    assert sender.wait(60)
    (answer,) = answers
    return answer
