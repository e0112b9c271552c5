"""The Predict tab in a window of its own, with endpoints that answer at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QColor, QImage, QImageWriter

from console.models.cards import Card
from console.tabs.predict import TAB
from console.tabs.predict.tab import PredictTab
from tests.helpers.models import CLASSES, ModelServices, endpoint, job, tab_alone
from tests.helpers.window import texts, until

AKITA, PUG, HUSKY = CLASSES


def picture(path: Path, color: str = "red", size: tuple[int, int] = (40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = QImage(*size, QImage.Format.Format_RGB888)
    image.fill(QColor(color))
    assert image.save(str(path))
    return path


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    image = QImage(*size, QImage.Format.Format_RGB888)
    image.fill(QColor("green"))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, b"png").write(image)
    return bytes(buffer.data().data())


def always(*labels: str, first: float = 0.9) -> Callable[[bytes], tuple[tuple[str, ...], tuple[float, ...]]]:
    rest = (1 - first) / max(1, len(labels) - 1)
    return lambda data: (labels, (first, *[rest] * (len(labels) - 1)))


def with_endpoints(*names: str) -> ModelServices:
    services = ModelServices()
    services.endpoint_rows = [endpoint(name, job_name=f"{name}-1") for name in names]
    services.job_rows = [job(f"{name}-1") for name in names]
    services.answers = {name: always(AKITA, PUG, HUSKY) for name in names}
    return services


async def open_tab(
    make_application: Callable[..., Any], services: ModelServices | None = None
) -> tuple[Any, PredictTab]:
    application, tab = tab_alone(make_application, TAB, PredictTab, services)
    if services is not None:
        wanted = {row.name for row in services.endpoint_rows if row.status == "InService"}
        await until(lambda: set(tab.choice.names) == wanted)
    return application, tab


async def answered(tab: PredictTab, number: int) -> list[Card]:
    def ready() -> bool:
        cards = tab.cards()
        return len(cards) == number and all(card.answers and None not in card.answers for card in cards)

    await until(ready)
    await until(lambda: "all answered" in texts(tab) or " failed in " in texts(tab))
    # Until the task has ended the button still says Stop.
    await until(lambda: not tab.asking)
    return tab.cards()
