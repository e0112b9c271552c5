"""A stand-in for the process that loads a model: answers at once, and does what the picture says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from os import getpid
from pathlib import Path

from workers.children.child import Values, serve_requests
from workers.errors.tree import LocalProblem


def _warm_up(spec: Values) -> Callable[[Values], Values]:
    folder = Path(spec["folder"])
    if not (folder / "model.pth").exists():
        raise LocalProblem("The model cannot be loaded", "There are no weights.")

    def answer(request: Values) -> Values:
        if base64.b64decode(request["picture"]) == b"die":
            raise SystemExit(3)
        said = {"labels": [folder.name, "b"], "probabilities": [0.9, 0.1], "classes": [str(getpid())]}
        return {"raw": json.dumps(said), "ms": 12.5}

    return answer


if __name__ == "__main__":
    serve_requests(_warm_up, "load the model", lambda request: "classify")
