"""One dog of a breed: its coat, build, ears and markings differ from those of the next dog."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from workers.samples.breeds import WHITE, Breed
from workers.samples.coats import COATS
from workers.samples.colours import Colour, mix

# Share of dogs with their breed's first coat.
USUAL_COAT = 0.6
COLOURS = ("coat", "ear", "body", "lower", "cap", "muzzle", "chest", "beard", "topknot")
# Lighter, darker, redder, greyer: what a coat is mixed with, as red, green and blue.
CASTS: tuple[Colour, ...] = ((255, 240, 220), (40, 32, 34), (170, 110, 70), (140, 145, 155))


def individual(breed: Breed, random: Random) -> Breed:
    """A dog of this breed by chance."""
    others = COATS.get(breed.name, ())
    if others and random.random() > USUAL_COAT:
        breed = replace(breed, **random.choice(others))
    return replace(breed, **{**_shade(breed, random), **_build(breed, random), **_markings(breed, random)})


def _shade(breed: Breed, random: Random) -> dict[str, Any]:
    """A little lighter or darker, redder or greyer; the muzzle runs into the coat."""
    toward, part = random.choice(CASTS), abs(random.gauss(0, 0.10))
    spread = {name: mix(value, toward, part) for name in COLOURS if (value := getattr(breed, name)) is not None}
    if breed.muzzle is not None:
        spread["muzzle"] = mix(spread["muzzle"], spread["coat"], random.uniform(0, 0.3))
    return spread


def _build(breed: Breed, random: Random) -> dict[str, object]:
    size = random.gauss(1, 0.03)
    ears = replace(
        breed.ears,
        length=breed.ears.length * random.gauss(1, 0.08),
        width=breed.ears.width * random.gauss(1, 0.07),
        tilt=breed.ears.tilt + random.gauss(0, 3.0),
        y=breed.ears.y + random.gauss(0, 0.03),
    )
    return {
        "ears": ears,
        "width": breed.width * size * random.gauss(1, 0.035),
        "height": breed.height * size * random.gauss(1, 0.025),
        "jaw": breed.jaw + random.gauss(0, 0.025),
        "muzzle_width": breed.muzzle_width * random.gauss(1, 0.07),
        "muzzle_height": breed.muzzle_height * random.gauss(1, 0.07),
        "fur": breed.fur * random.uniform(0.5, 1.4),
        "eye_size": breed.eye_size * random.gauss(1, 0.06),
        "shoulders": breed.shoulders * random.gauss(1, 0.05),
    }


def _markings(breed: Breed, random: Random) -> dict[str, object]:
    """Blazes, masks, brows and white chests are wider, narrower or missing from dog to dog."""
    marks: dict[str, object] = {
        "blaze_width": breed.blaze_width * random.uniform(0.5, 1.5),
        "lower_y": breed.lower_y + random.gauss(0, 0.06),
        "cap_y": breed.cap_y + random.gauss(0, 0.05),
    }
    if random.random() < 0.10:
        marks |= {"blaze": WHITE, "blaze_width": 0.13} if breed.blaze is None else {"blaze": None}
    if breed.brows is not None and random.random() < 0.25:
        marks["brows"] = None
    if random.random() < 0.2:
        marks["chest"] = WHITE
    return marks
