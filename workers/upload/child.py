"""The child process of an upload: ``python -m workers.upload.child``, started by ``workers.upload.uploader``.

Commands: ``pause``, ``resume``, ``cancel``; the wish to stop cancels too. Progress: an ``UploadProgress``. Result: an
``UploadResult``.
"""

from __future__ import annotations

from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from workers.children.child import ChildRun, serve
from workers.children.typed import read, write
from workers.errors.tree import SageDeckError, translate_for
from workers.upload.manifest import Manifest
from workers.upload.progress import Meter, Reporter
from workers.upload.remote import Remote
from workers.upload.request import UploadRequest
from workers.upload.run import UploadRun
from workers.upload.wishes import Wishes


def _upload(child: ChildRun) -> dict[str, object]:
    request, wishes, meter = read(UploadRequest, child.spec), Wishes(), Meter()
    commands = {"pause": wishes.pause, "resume": wishes.resume, "cancel": wishes.cancel, "stop": wishes.cancel}
    child.listen(lambda command: commands.get(command, lambda: None)())
    reporter = Reporter(meter, lambda progress: child.progress(write(progress)))
    reporter.start()
    manifest = Manifest(Path(request.manifest))
    try:
        remote = Remote(request.backend, request.bucket)
        return write(UploadRun(request, remote, manifest, meter, wishes).run())
    except (SageDeckError, BotoCoreError, ClientError, OSError) as exc:
        raise translate_for(request.backend, exc, "upload the folder", "s3") from exc
    finally:
        reporter.stop()
        manifest.close()


if __name__ == "__main__":
    serve(_upload, "upload the folder")
