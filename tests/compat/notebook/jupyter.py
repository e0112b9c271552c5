"""A person in a notebook instance's JupyterLab: opened by its presigned URL, files uploaded, cells run one by one."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import websocket

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
REQUEST_SECONDS = 120


@dataclass
class Ran:
    """What one cell did: what it printed or showed, and its error (empty when there was none)."""

    source: str
    printed: str = ""
    shown: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""


class Lab:
    """One session in the browser. ``url`` is the presigned one."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._browser = requests.Session()
        # A proxy from the environment must not come between the test and this computer.
        self._browser.trust_env = False
        page = self._browser.get(url, timeout=REQUEST_SECONDS)
        page.raise_for_status()
        self.page = page.text

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        headers = {"X-XSRFToken": self._browser.cookies.get("_xsrf", "")}
        address = f"http://{self._host}/api/{path}"
        answer = self._browser.request(method, address, headers=headers, timeout=REQUEST_SECONDS, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def upload(self, file: Path) -> None:
        """Put a text file into the instance's folder, as the file browser does."""
        content = {"type": "file", "format": "text", "content": file.read_text("utf-8")}
        self._ask("PUT", f"contents/{file.name}", json=content)

    def notebook(self, name: str) -> Kernel:
        """Open a notebook of the folder with a kernel of its own."""
        request = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        kernel = self._ask("POST", "sessions", json=request)["kernel"]["id"]
        cells = self._ask("GET", f"contents/{name}?type=notebook")["content"]["cells"]
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._browser.cookies)
        session = uuid.uuid4().hex
        address = f"ws://{self._host}/api/kernels/{kernel}/channels?session_id={session}"
        socket = websocket.create_connection(address, cookie=cookies, timeout=REQUEST_SECONDS, http_no_proxy=["*"])
        return Kernel(socket, session, cells)


class Kernel:
    """The kernel behind an open notebook."""

    def __init__(self, socket: websocket.WebSocket, session: str, cells: list[dict[str, Any]]) -> None:
        self._socket, self._session, self._cells = socket, session, cells

    def run_all(self, seconds: float) -> Iterator[Ran]:
        """Run the code cells in their order, and stop behind the first that fails. ``seconds``: the most for each
        message of a cell.
        """
        self._socket.settimeout(seconds)
        for cell in self._cells:
            if cell["cell_type"] == "code":
                source = cell["source"]
                ran = self._run(source if isinstance(source, str) else "".join(source))
                yield ran
                if ran.error:
                    return

    def close(self) -> None:
        """Leave the notebook."""
        self._socket.close()

    def _run(self, source: str) -> Ran:
        mine = uuid.uuid4().hex
        header = {
            "msg_id": mine,
            "msg_type": "execute_request",
            "username": "",
            "session": self._session,
            "version": "5.3",
        }
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
        self._socket.send(json.dumps({**message, "buffers": []}))
        ran = Ran(source)
        replied = idle = False
        while not (replied and idle):
            answer = json.loads(self._socket.recv())
            if answer.get("parent_header", {}).get("msg_id") != mine:
                continue
            kind, content = answer["msg_type"], answer["content"]
            if kind == "execute_reply":
                replied = True
                if content["status"] != "ok" and not ran.error:
                    # The SDK shows tracebacks in a way of its own, which is no message of an error.
                    ran.error = f"{content.get('ename', content['status'])}: {content.get('evalue', '')}"
            idle = idle or (kind == "status" and content["execution_state"] == "idle")
            if kind == "stream":
                ran.printed += content["text"]
            elif kind in ("execute_result", "display_data"):
                ran.shown.append(content["data"])
            elif kind == "error":
                ran.error = _ANSI.sub("", "\n".join(content["traceback"]))
        return ran
