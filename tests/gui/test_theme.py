"""Tokens, fonts, icons and the style sheet."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QPoint, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from console.look import icons
from console.look.style import style_sheet
from console.look.theme import ROLES, TOKENS, theme
from tests.helpers.pixels import color_at
from tests.helpers.window import connect

REQUIRED = """overview data training ec2 endpoints scaling predict settings keyboard search refresh down right up left
plus close check ok warn err run wait stopped off idle play pause stop cloud flask user globe lock shield shieldok key
upload download folder file image trash copy terminal filter lambda bucket notebook disk tuning dots arrow coin info
bolt columns link history bell eye sort paw""".split()  # noqa: SIM905 - sixty names read better so


def luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, two: str) -> float:
    """WCAG 2.2 contrast ratio of two opaque colours."""
    light, dark = sorted((luminance(first), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("ink", "paper", "least"),
    [
        ("text", "bg", 7),
        ("text2", "bg", 4.5),
        ("text3", "bg", 4.5),
        ("text3", "accentTint", 4.5),
        ("accent", "bg", 4.5),
        ("ok", "bg", 4.5),
        ("warn", "bg", 4.5),
        ("warn", "warnTint", 4.5),
        ("err", "bg", 4.5),
        ("err", "errTint", 4.5),
        ("add", "addTint", 4.5),
        ("onFill", "accentFill", 4.5),
        ("onFill", "errFill", 4.5),
        ("sandboxInk", "sandbox", 4.5),
        ("awsInk", "aws", 4.5),
        ("sandbox", "chrome", 3),
        ("aws", "chrome", 3),
        ("field", "bg", 3),
        ("accentFill", "bg", 3),
        *((f"series{number}", "bg", 3) for number in range(1, 7)),
    ],
)
def test_every_pair_of_ink_and_paper_can_be_read(ink, paper, least, dark):
    assert contrast(TOKENS[ink][dark], TOKENS[paper][dark]) >= least


def test_the_operator_s_choice_overrides_the_system(qapp):
    colors = theme()
    told = []
    colors.changed.connect(lambda: told.append(colors.dark))
    colors.set_preference("dark")
    assert colors.color("bg").name().upper() == TOKENS["bg"][1]
    assert TOKENS["raised"][1] in qapp.styleSheet()
    colors.set_preference("light")
    assert colors.hex("bg") == TOKENS["bg"][0] and told == [True, False]
    assert qapp.palette().window().color().name().upper() == TOKENS["bg"][0]


def test_nothing_is_built_again_when_nothing_changed(qapp):
    colors = theme()
    told = []
    colors.changed.connect(lambda: told.append(1))
    colors.set_preference("light")
    colors.apply()
    assert told == []


@pytest.mark.parametrize("preference", ["light", "dark"])
def test_the_style_sheet_has_no_hole_and_its_pictures_exist(qapp, preference):
    from pathlib import Path

    theme().set_preference(preference)
    sheet = style_sheet(theme())
    assert "$" not in sheet
    pictures = re.findall(r"url\(([^)]+)\)", sheet)
    assert len(set(pictures)) == 5 and all(Path(picture).is_file() for picture in pictures)


def test_fonts_are_inter_with_figures_of_one_width(qapp):
    for role, spec in ROLES.items():
        font = theme().font(role)
        assert font.pixelSize() == spec.pixels and font.weight() == spec.weight
        assert (font.family() == "Inter") != spec.mono
        metrics = theme().metrics(role)
        assert metrics.horizontalAdvance("1111") == metrics.horizontalAdvance("8888")


def test_a_larger_text_size_scales_fonts_and_controls(qapp):
    theme().set_scale(1.3)
    assert theme().font("body").pixelSize() == 17
    assert theme().pixels(32) == 42
    theme().set_scale(9)
    assert theme().scale == 2.0


@pytest.mark.parametrize("name", REQUIRED)
def test_every_icon_draws_in_the_colour_it_is_given(qapp, name):
    image = QImage(40, 40, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    icons.paint(painter, QRectF(0, 0, 40, 40), name, "#ff0000")
    painter.end()
    inked = [
        color
        for y in range(40)
        for x in range(40)
        if (color := image.pixelColor(x, y)).alpha() > 80  # fainter ones are edges
    ]
    assert len(inked) > 15
    assert all(color.red() > 250 and color.green() + color.blue() < 5 for color in inked)


def test_pixmaps_are_sharp_for_the_screen_and_cached(qapp):
    once = icons.pixmap("data", "#123456", 16, 2.0)
    assert once.width() == 32 and once.devicePixelRatio() == 2.0
    assert icons.pixmap("data", QColor("#123456"), 16, 2.0).cacheKey() == once.cacheKey()


def test_an_unknown_icon_is_an_error_that_lists_the_known():
    with pytest.raises(KeyError, match="endpoints"):
        icons.svg("no-such-icon", "#000000")


@pytest.mark.parametrize("look", ["light", "dark"])
async def test_the_window_wears_the_scheme(make_application, look):
    application = make_application(look=look)
    application.show(connect=False)
    await connect(application)
    window = application.window
    dark = look == "dark"
    assert color_at(window, QPoint(10, 1)).name().upper() == TOKENS["sandbox"][dark]
    assert color_at(window, QPoint(700, 20)).name().upper() == TOKENS["chrome"][dark]
    assert color_at(window, QPoint(700, 400)).name().upper() == TOKENS["bg"][dark]


async def test_changing_the_scheme_repaints_everything(make_application):
    application = make_application(look="light")
    application.show(connect=False)
    application.settings.set("theme", "dark")
    window = application.window
    assert color_at(window, QPoint(700, 400)).name().upper() == TOKENS["bg"][1]
