"""The folder of source code that goes with a job: a clean copy, with the requirements that the operator wrote."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.aws.s3_uri import S3Uri
from workers.launcher.request import LaunchRequest

# Where ModelTrainer puts what it uploads for a job.
_ARCHIVE = ("input", "sourcedir.tar.gz")
IGNORED_SOURCES = ["__pycache__", "*.pyc", ".*"]


def source_archive(request: LaunchRequest) -> str:
    """The S3 URI of the source of a job in script mode."""
    return str(S3Uri(request.bucket, request.prefix).below(request.job_name, *_ARCHIVE))


def script_mode(request: LaunchRequest, archive: str) -> dict[str, str]:
    """The hyperparameters by which an image's toolkit finds the script."""
    return {"sagemaker_program": request.entry_script, "sagemaker_submit_directory": archive}


@contextmanager
def staged_source(request: LaunchRequest) -> Iterator[str]:
    """A temporary copy of ``source_dir`` without what does not belong to it.

    ``requirements_text``, when it is not ``None``, replaces the file named by ``requirements``.
    """
    with tempfile.TemporaryDirectory(prefix="sagedeck-source-") as folder:
        copy = Path(folder) / "source"
        shutil.copytree(request.source_dir, copy, ignore=shutil.ignore_patterns(*IGNORED_SOURCES))
        if request.requirements_text is not None:
            (copy / request.requirements).write_text(request.requirements_text.rstrip() + "\n", encoding="utf-8")
        yield str(copy)
