"""Train a picture classifier: ``python train.py --data-dir D --model-dir M``.

The same file runs in a SageMaker container, under torchrun, and from a plain shell.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from sagedeck_training.data.dataset import DataError
from sagedeck_training.data.decoding import DecodingFailed
from sagedeck_training.fitting.fit import TrainingFailed
from sagedeck_training.machine import device
from sagedeck_training.machine.device import DeviceError
from sagedeck_training.machine.distributed import Group, HostLost, join
from sagedeck_training.machine.rendezvous import MeetingError
from sagedeck_training.machine.stopping import Stop, Stopped
from sagedeck_training.network.feature_store import FeatureStoreError
from sagedeck_training.network.model import WeightsError
from sagedeck_training.run import Run
from sagedeck_training.settings import Settings, SettingsError, parse

EXPECTED = (
    SettingsError, DeviceError, MeetingError, DataError, WeightsError, FeatureStoreError, DecodingFailed,
    TrainingFailed,
)  # fmt: skip


def main(argv: list[str]) -> int:
    """Run one training; the exit code is 0 when a model was written or the job was told to stop."""
    with Stop() as stop:
        group: Group | None = None
        try:
            settings: Settings = parse(argv)
            place = device.best(settings.device)
            device.settle(place)
            group = join(place=place)
            Run(settings, group, stop).execute()
        except Stopped:
            print("Stopped before the first epoch ended: there is no model to save.", flush=True)
        except HostLost as error:
            if not stop.requested:
                return _failed(str(error))
            print("Stopped together with the other hosts.", flush=True)
        except EXPECTED as error:
            return _failed(str(error))
        except Exception:
            # Told to SageMaker in full: its own message would only name the command that failed.
            return _failed(traceback.format_exc())
        finally:
            if group is not None:
                group.close()
    return 0


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)
    place = os.environ.get("SM_OUTPUT_FAILURE")
    if place and Path(place).parent.is_dir():
        Path(place).write_text(message, encoding="utf-8")
    return 1


def _leave(status: int) -> NoReturn:
    """End this process, of which all is written and closed, without taking torch apart module by module.

    That takes a processor a third of a second, which is half of a trial on prepared features.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    # Told to stop when all is saved and the process is about to end: the job has completed, it is not to be killed.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _leave(main(sys.argv[1:]))
