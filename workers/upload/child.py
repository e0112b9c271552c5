"""The child process of an upload: ``python -m workers.upload.child``, started by ``workers.upload.uploader``.

First line in: the spec. Further lines: ``pause``, ``resume``, ``cancel``; the end of the input cancels too. Lines
out: ``{"progress": …}`` and in the end ``{"result": …}`` or ``{"error": …, "result": …}``.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from workers.errors.tree import SageDeckError, translate_for
from workers.errors.wire import to_wire
from workers.types import Backend
from workers.upload.control import Control
from workers.upload.manifest import Manifest
from workers.upload.progress import Meter, Reporter
from workers.upload.remote import Remote
from workers.upload.run import Upload

_OUT = threading.Lock()


def tell(message: dict[str, Any]) -> None:
    """Print one message as a line; a window that is gone is no error."""
    with _OUT:
        try:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            return


def listen(control: Control) -> None:
    """Obey the lines of the standard input until it ends."""
    commands = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel}
    for line in sys.stdin:
        command = commands.get(line.strip())
        if command is not None:
            command()
    control.cancel()


def main() -> None:
    """Read the spec, upload, tell the result."""
    spec = json.loads(sys.stdin.readline())
    control, meter = Control(), Meter()
    threading.Thread(target=listen, args=(control,), name="commands", daemon=True).start()
    reporter = Reporter(meter, lambda progress: tell({"progress": progress}))
    reporter.start()
    backend = Backend(**spec["backend"])
    manifest = Manifest(Path(spec["manifest"]))
    message: dict[str, Any]
    upload: Upload | None = None
    try:
        remote = Remote(backend, spec["bucket"])
        where = (spec["target"], Path(spec["folder"]), spec["prefix"])
        wishes = {name: spec.get(name, False) for name in ("merge", "look")}
        upload = Upload(remote, manifest, *where, meter, control, **wishes)
        message = {"result": asdict(upload.run())}
    except (SageDeckError, BotoCoreError, ClientError, OSError) as exc:
        error = translate_for(backend, exc, "upload the folder", "s3")
        message = {"error": to_wire(error), "result": asdict(upload.partial()) if upload else None}
    finally:
        reporter.stop()
        manifest.close()
    tell(message)


if __name__ == "__main__":
    main()
