"""Colours of the sample pictures: apart from the canvas, so that the list of breeds needs neither NumPy nor Pillow."""

from __future__ import annotations

Colour = tuple[int, int, int]


def rgb(text: str) -> Colour:
    """``"D89560"`` as a colour."""
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def mix(first: Colour, second: Colour, part: float) -> Colour:
    """The colour ``part`` (0 to 1) of the way from ``first`` to ``second``."""
    return (
        round(first[0] + (second[0] - first[0]) * part),
        round(first[1] + (second[1] - first[1]) * part),
        round(first[2] + (second[2] - first[2]) * part),
    )
