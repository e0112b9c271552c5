"""The child process of an upload: ``python -m workers.upload.child``, started by ``workers.upload.uploader``.

Commands: ``pause``, ``resume``, ``cancel``; the wish to stop cancels too. Progress: an ``UploadProgress``. Result: an
``UploadResult``.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from workers.children.child import ChildRun, serve
from workers.errors.tree import SageDeckError, translate_for
from workers.types import Backend
from workers.upload.control import Control
from workers.upload.manifest import Manifest
from workers.upload.progress import Meter, Reporter
from workers.upload.remote import Remote
from workers.upload.run import Upload


def _upload(child: ChildRun) -> dict[str, Any]:
    spec, control, meter = child.spec, Control(), Meter()
    commands = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel, "stop": control.cancel}
    child.listen(lambda command: commands.get(command, lambda: None)())
    reporter = Reporter(meter, child.progress)
    reporter.start()
    backend = Backend(**spec["backend"])
    manifest = Manifest(Path(spec["manifest"]))
    try:
        remote = Remote(backend, spec["bucket"])
        where = (spec["target"], Path(spec["folder"]), spec["prefix"])
        return asdict(Upload(remote, manifest, *where, meter, control, merge=spec.get("merge", False)).run())
    except (SageDeckError, BotoCoreError, ClientError, OSError) as exc:
        raise translate_for(backend, exc, "upload the folder", "s3") from exc
    finally:
        reporter.stop()
        manifest.close()


if __name__ == "__main__":
    serve(_upload, "upload the folder")
