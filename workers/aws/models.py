"""Models of AWS's services are read from the disk once for all sessions: reading and parsing them is most of the time
that a client takes to make, and every change of the account makes new ones."""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def _files() -> Any:
    from botocore.loaders import JSONFileLoader

    class KeptFiles(JSONFileLoader):
        """Keeps what it has read: what botocore adds to a model is the same for every session."""

        @functools.cache  # noqa: B019 - there is one, as long as the process lives.
        def load_file(self, file_path: str) -> Any:
            return super().load_file(file_path)

    return KeptFiles()


def share(core: Any) -> None:
    """Let a ``botocore.session.Session`` read its models together with all others of this process."""
    core.get_component("data_loader").file_loader = _files()
