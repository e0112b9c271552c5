"""On a German system the window's fields show and take numbers as everywhere else."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QLocale
from pytestqt.qtbot import QtBot

from console.app import dress
from console.widgets.forms.fields import IntField, NumberField


@pytest.mark.parametrize("language", ["de_DE", "ar_EG", "fa_IR"])
def test_fields_do_not_speak_the_systems_language(qapp: Any, qtbot: QtBot, language: str) -> None:
    kept = QLocale()
    QLocale.setDefault(QLocale(language))
    try:
        dress(qapp)
        whole, real = IntField(1234, maximum=9999), NumberField(0.0025)
        qtbot.addWidget(whole)
        qtbot.addWidget(real)
        assert (whole.text(), real.text()) == ("1234", "0.0025")
        assert whole.locale().decimalPoint() == "."
        real.setText("0,5")
        assert real.value() == 0.5
    finally:
        QLocale.setDefault(kept)
