"""Checkpoints: what a run needs to go on where another was ended."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..machine import device
from ..machine.distributed import Group
from ..machine.os_words import os_words

NAME = "checkpoint.pth"
DAMAGED, OTHER = "checkpoint-damaged.pth", "checkpoint-other.pth"
FORMAT = 1


class Keeper:
    """Reads and writes the one checkpoint of a folder; without a folder it does nothing.

    The first process reads and writes and the others get what it read: so all go on from the same state, whatever
    their folders hold. ``identity`` is what a checkpoint must have been made of to be gone on from, by name.
    """

    def __init__(
        self, folder: Path | None, identity: Mapping[str, Any], group: Group, say: Callable[[str], None]
    ) -> None:
        self._folder, self._group, self._say = folder, group, say
        # As it comes back from a file: no tuples.
        self._identity = json.loads(json.dumps(identity))

    def read(self) -> dict[str, Any] | None:
        """The state to go on from; None without one. One that is damaged or of another run is set aside and told."""
        if self._folder is None:
            return None
        raw = _shared(self._usable() if self._group.is_first else b"", self._group)
        return _loaded(raw)["state"] if raw else None

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint by ``state``, in one step: it is never half written.

        A disk that is full is told, and costs the checkpoint, not the run.
        """
        if self._folder is None or not self._group.is_first:
            return
        partial = self._folder / f".{NAME}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                torch.save({"format": FORMAT, "identity": self._identity, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._folder / NAME)
        except (OSError, RuntimeError) as error:
            # torch tells a full disk as a RuntimeError of its own.
            why = os_words(error) if isinstance(error, OSError) else str(error).splitlines()[0]
            with contextlib.suppress(OSError):
                # On a disk that is full it would leave no room for the model.
                partial.unlink()
            self._say(f"The checkpoint cannot be written ({why}): training goes on without.")

    def _usable(self) -> bytes:
        assert self._folder is not None
        place = self._folder / NAME
        try:
            raw = place.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            self._say(f"The checkpoint cannot be read ({os_words(error)}): training starts anew.")
            return b""
        try:
            found = _loaded(raw)
        except Exception:
            # torch raises a different type for every way in which a file can be wrong.
            self._set_aside(DAMAGED, "The checkpoint is damaged")
            return b""
        theirs = found["identity"]
        differing = [name for name in {**self._identity, **theirs} if self._identity.get(name) != theirs.get(name)]
        if not differing:
            return raw
        names = ", ".join(name.replace("_", "-") for name in differing)
        self._set_aside(OTHER, f"The checkpoint is of a run with other settings or data ({names})")
        return b""

    def _set_aside(self, name: str, told: str) -> None:
        assert self._folder is not None
        try:
            (self._folder / NAME).replace(self._folder / name)
        except OSError as error:
            self._say(f"{told}: training starts anew. It could not be set aside ({os_words(error)}).")
            return
        self._say(f"{told}: training starts anew. It is kept as {name}.")


def _loaded(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    if found["format"] != FORMAT or not isinstance(found["identity"], dict) or not isinstance(found["state"], dict):
        raise ValueError("not a checkpoint of this version")
    return found


def _shared(raw: bytes, group: Group) -> bytes:
    """What the first process holds, in every process."""
    if group.world == 1:
        return raw
    size = max(group.gather_json(len(raw)))
    data = torch.zeros(size, dtype=torch.uint8)
    if raw:
        data = torch.frombuffer(bytearray(raw), dtype=torch.uint8)
    return group.sum(data).numpy().tobytes() if size else b""


def to_host(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A module's state in the machine's memory."""
    return {name: device.to_host(value.detach()) for name, value in state.items()}
