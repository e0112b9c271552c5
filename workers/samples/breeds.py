"""What makes a drawn breed: the parameter set, and the forty breeds with a set of their own.

Lengths are tile units (the tile is 100 wide) or parts of the head's half width and half height. The
other breeds are related to these (``related.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from workers.samples.colours import Colour, rgb

BLACK, COAL, INK = rgb("413C3F"), rgb("4B4648"), rgb("2C2729")
SLATE, STEEL, GREY, SILVER = rgb("68717C"), rgb("848A93"), rgb("9A9EA6"), rgb("B9BCC2")
WHITE, CREAM, IVORY = rgb("ECEAE7"), rgb("EFE3D3"), rgb("E8D9B8")
SAND, FAWN, BISCUIT = rgb("DDCDB0"), rgb("CFB18A"), rgb("C39F76")
GOLD, HONEY, ORANGE = rgb("D5A564"), rgb("C6924F"), rgb("D58A4B")
TAN, RUST, RED = rgb("B97A45"), rgb("A85F35"), rgb("B0653C")
CHESTNUT, BROWN, LIVER, COCOA = rgb("97522F"), rgb("7A5238"), rgb("5F3A29"), rgb("4B3A34")
APRICOT, BLUSH = rgb("C99372"), rgb("D9AE8F")
PINK = rgb("B98E84")
DARK_EYE, AMBER, BLUE = rgb("3A2317"), rgb("C58A2C"), rgb("7FB4DC")


@dataclass(frozen=True)
class Ears:
    """One ear on the right; the left is its mirror.

    ``x`` and ``y`` place it in parts of the head's half axes, ``width`` and ``length`` are units, ``tilt``
    degrees outwards. ``front`` ears hang over the head, the others stand behind it.
    """

    kind: Literal["point", "oval", "drop"]
    x: float
    y: float
    width: float
    length: float
    tilt: float
    front: bool = False
    sharp: float = 0.8
    curls: int = 0


@dataclass(frozen=True)
class Breed:
    """Everything that is the same on each picture of a breed."""

    name: str
    coat: Colour
    ears: Ears
    ear: Colour
    inner: Colour | None = None
    width: float = 25.5
    height: float = 26.0
    jaw: float = 0.0
    fur: float = 0.0
    muzzle: Colour | None = None
    muzzle_width: float = 0.44
    muzzle_height: float = 0.46
    muzzle_y: float = 0.46
    jowls: float = 0.0
    lower: Colour | None = None
    lower_y: float = 0.05
    cap: Colour | None = None
    cap_y: float = -0.12
    blaze: Colour | None = None
    blaze_width: float = 0.2
    patch: Colour | None = None
    patches: tuple[int, ...] = (-1,)
    brows: Colour | None = None
    spots: int = 0
    spot: Colour = BLACK
    beard: Colour | None = None
    beard_length: float = 0.3
    topknot: Colour | None = None
    body: Colour | None = None
    chest: Colour | None = None
    shoulders: float = 33.0
    eye: Colour = DARK_EYE
    eye_size: float = 3.5
    nose: Colour = INK
    drop: float = 0.0

    def related(self, name: str, **changes: Any) -> Breed:
        """A breed like this one with other values."""
        return replace(self, name=name, **changes)


ERECT = Ears("point", 0.60, -0.62, 7.5, 30, 10)
PRICK = Ears("point", 0.60, -0.62, 6.6, 28, 11)
BAT = Ears("point", 0.66, -0.50, 9.6, 38, 13, sharp=0.35)
ROUND = Ears("oval", 0.84, -0.72, 10, 15, 16, sharp=0)
WING = Ears("oval", 0.98, -0.75, 14, 17, 26)
FOLD = Ears("oval", 0.74, -0.74, 9.5, 13, 14, front=True)
TIPPED = Ears("oval", 0.72, -0.72, 8.4, 12.5, 20, front=True)
ROSE = Ears("oval", 0.90, -0.78, 10.5, 8.2, -24, front=True)
FLAP = Ears("oval", 1.0, -0.42, 9.5, 13.5, -22, front=True)
FEATHERED = Ears("oval", 1.02, -0.34, 9.5, 17, -16, front=True, curls=9)
NEAT = Ears("oval", 0.98, -0.50, 8.6, 11.5, -24, front=True)
BUTTON = Ears("oval", 0.95, -0.62, 9.0, 12.5, -18, front=True)
LOBE = Ears("drop", 0.93, -0.74, 8.6, 39, -8, front=True)
LONG = Ears("drop", 0.98, -0.68, 8.2, 44, -7, front=True)
HOUND = Ears("drop", 0.94, -0.78, 10.0, 66, -9, front=True)
SPANIEL = Ears("oval", 1.1, -0.05, 9.8, 21.5, -6, front=True, curls=13)
POWDER = Ears("oval", 1.15, -0.12, 11.5, 18, -8, front=True, curls=13)

# The formatter would give each of these values a line of its own.
# fmt: off
_AFFENPINSCHER = Breed("Affenpinscher", COAL, ROUND, BLACK, fur=0.07, width=27, height=27, muzzle=rgb("4A4644"),
                       muzzle_width=0.40, beard=rgb("55504D"), beard_length=0.34, body=BLACK, shoulders=33)
_AFGHAN = Breed("Afghan hound", FAWN, LONG, HONEY, width=19, height=27, jaw=0.12, fur=0.0, muzzle=COCOA,
                muzzle_width=0.50, muzzle_height=0.62, muzzle_y=0.44, topknot=FAWN, body=BISCUIT, chest=FAWN,
                shoulders=28)
_AIREDALE = Breed("Airedale terrier", TAN, FOLD, COAL, width=22, height=26, jaw=0.05, cap=COAL, cap_y=-0.18, beard=TAN,
                  beard_length=0.42, body=BLACK, chest=rgb("6B5549"), shoulders=30)
_AKITA = Breed("Akita", rgb("DC9359"), ERECT, ORANGE, PINK, width=26, fur=0.03, lower=CREAM, lower_y=0.0,
               body=rgb("C47F45"), chest=CREAM)
_MALAMUTE = Breed("Alaskan malamute", GREY, ERECT, SLATE, PINK, width=26.5, fur=0.06, lower=WHITE, lower_y=0.02,
                  muzzle=WHITE, brows=WHITE, body=STEEL, chest=WHITE)
_ESKIMO = Breed("American eskimo dog", WHITE, PRICK, WHITE, BLUSH, width=23.5, height=25, fur=0.06,
                muzzle=rgb("F4F3F0"), body=SILVER, chest=WHITE, shoulders=29)
_FOXHOUND = Breed("American foxhound", TAN, LONG, RUST, width=20.5, height=25, jaw=0.06, cap=COAL, cap_y=-0.10,
                  blaze=WHITE, blaze_width=0.22, muzzle=WHITE, body=BLACK, chest=WHITE, shoulders=29)
_AMSTAFF = Breed("American staffordshire terrier", SLATE, ROSE, rgb("555E69"), width=29.5, height=27, jaw=-0.04,
                 blaze=WHITE, blaze_width=0.26, muzzle=WHITE, muzzle_width=0.5, body=SLATE, chest=STEEL, shoulders=35)
_AMWATER = Breed("American water spaniel", BROWN, SPANIEL, LIVER, width=20, height=25.5, fur=0.04, topknot=BROWN,
                 muzzle=rgb("8C6046"), muzzle_width=0.42, body=LIVER, chest=BROWN, nose=LIVER, shoulders=30)
_ANATOLIAN = Breed("Anatolian shepherd dog", FAWN, FLAP, rgb("86644A"), width=27.5, height=27, muzzle=COCOA,
                   muzzle_width=0.52, muzzle_height=0.56, body=BISCUIT, shoulders=36)
_CATTLE = Breed("Australian cattle dog", STEEL, ERECT, SLATE, PINK, width=25, height=25, jaw=-0.03, lower=SILVER,
                lower_y=0.12, patch=COAL, muzzle=GREY, muzzle_width=0.42, body=rgb("616974"), shoulders=31)
_AUSSIE = Breed("Australian shepherd", SILVER, TIPPED, STEEL, width=24.5, height=25, fur=0.05, lower=WHITE,
                lower_y=0.05, blaze=WHITE, patch=COAL, patches=(1,), muzzle=WHITE, body=STEEL,
                chest=WHITE, shoulders=30)
_BASENJI = Breed("Basenji", RED, PRICK, CHESTNUT, APRICOT, width=19.5, height=25, jaw=0.10, blaze=WHITE,
                 blaze_width=0.26, muzzle=WHITE, muzzle_width=0.5, body=CHESTNUT, chest=BLUSH, shoulders=27)
_BASSET = Breed("Basset hound", TAN, HOUND, RUST, width=25, height=31, jaw=0.02, cap=COAL, cap_y=-0.18, blaze=WHITE,
                blaze_width=0.24, muzzle=WHITE, muzzle_width=0.56, muzzle_height=0.50, muzzle_y=0.54, jowls=0.5,
                body=BLACK, chest=WHITE, drop=0.10, shoulders=30)
_BEAGLE = Breed("Beagle", TAN, LOBE, RUST, width=23.5, height=25.5, jaw=0.03, cap=COAL, cap_y=-0.16, blaze=WHITE,
                muzzle=WHITE, muzzle_width=0.5, body=BLACK, chest=WHITE, shoulders=30)
_BEARDED = Breed("Bearded collie", SILVER, SPANIEL, STEEL, width=24, height=26.5, fur=0.05, blaze=WHITE, beard=WHITE,
                 beard_length=0.5, muzzle=WHITE, body=GREY, chest=WHITE, shoulders=32)
_BERNESE = Breed("Bernese mountain dog", COAL, FLAP, COAL, width=27.5, height=25.5, fur=0.02, blaze=WHITE, muzzle=WHITE,
                 muzzle_width=0.46, brows=TAN, body=BLACK, chest=WHITE, shoulders=34)
_BICHON = Breed("Bichon frise", WHITE, POWDER, WHITE, width=27, height=25, fur=0.08, muzzle=rgb("F6F5F3"), body=SILVER,
                chest=WHITE, shoulders=32)
_BORDER = Breed("Border collie", BLACK, FOLD, INK, width=24.5, height=26, fur=0.05, blaze=WHITE, blaze_width=0.24,
                muzzle=WHITE, body=BLACK, chest=WHITE, shoulders=32)
_BOXER = Breed("Boxer", FAWN, BUTTON, rgb("8C6A4B"), width=24, height=24, blaze=WHITE, blaze_width=0.18, muzzle=COCOA,
               muzzle_width=0.56, muzzle_height=0.48, jowls=0.7, body=BISCUIT, chest=FAWN, shoulders=30)
_BULLDOG = Breed("Bulldog", FAWN, ROSE, rgb("86664B"), width=29.5, height=22.5, jaw=-0.06, lower=SAND, lower_y=0.15,
                 muzzle=WHITE, muzzle_width=0.60, muzzle_height=0.52, jowls=1.0, body=BISCUIT, chest=FAWN,
                 shoulders=34)
_CAVALIER = Breed("Cavalier king charles spaniel", RED, SPANIEL, CHESTNUT, width=24.5, height=25.5, fur=0.03,
                  blaze=WHITE, blaze_width=0.24, muzzle=WHITE, muzzle_width=0.48, body=CHESTNUT,
                  chest=BLUSH, shoulders=31)
_CHIHUAHUA = Breed("Chihuahua", IVORY, BAT, rgb("D2B27C"), BLUSH, width=21.5, height=21.5, jaw=0.07, muzzle=CREAM,
                   muzzle_width=0.36, muzzle_height=0.34, body=rgb("D3C19C"), eye_size=4.6, shoulders=27)
_CHOW = Breed("Chow chow", RED, Ears("point", 0.66, -0.6, 7.6, 22, 16), CHESTNUT, PINK, width=29, height=27, jaw=-0.04,
              fur=0.07, muzzle=BLUSH, muzzle_width=0.56, muzzle_height=0.46, jowls=0.4, body=CHESTNUT, chest=RED,
              shoulders=35)
_COCKER = Breed("Cocker spaniel", GOLD, SPANIEL, HONEY, width=23.5, height=26, fur=0.03, topknot=GOLD,
                muzzle=rgb("E3C48F"), muzzle_width=0.44, body=HONEY, shoulders=31)
_DACHSHUND = Breed("Dachshund", COAL, LONG, BLACK, width=20.5, height=27, jaw=0.08, lower=TAN, lower_y=0.12,
                   muzzle=TAN, muzzle_width=0.54, muzzle_height=0.56, brows=TAN, body=BLACK, shoulders=28)
_DALMATIAN = Breed("Dalmatian", WHITE, FLAP, BLACK, width=22.5, height=25, spots=16, muzzle=rgb("F5F3F1"), body=SILVER,
                   shoulders=30)
_FRENCHIE = Breed("French bulldog", STEEL, BAT, SLATE, PINK, width=29.5, height=24.5, jaw=-0.05, muzzle=rgb("9298A3"),
                  muzzle_width=0.60, muzzle_height=0.44, jowls=0.9, body=SLATE, shoulders=34)
_GSD = Breed("German shepherd dog", TAN, ERECT, COAL, PINK, width=25, height=27, fur=0.02, cap=COAL, cap_y=-0.10,
             muzzle=INK, muzzle_width=0.52, muzzle_height=0.62, muzzle_y=0.42, body=BLACK)
_GOLDEN = Breed("Golden retriever", GOLD, FEATHERED, rgb("B97F3A"), width=25.5, height=26.5, fur=0.05,
                muzzle=rgb("E9CB97"), muzzle_width=0.42, body=HONEY, chest=GOLD, shoulders=33)
_GREYHOUND = Breed("Greyhound", SLATE, Ears("oval", 0.74, -0.72, 7.5, 11, 16, front=True), rgb("56606C"), width=17,
                   height=27, jaw=0.12, blaze=WHITE, blaze_width=0.3, muzzle=WHITE, muzzle_width=0.5,
                   muzzle_height=0.56, body=SLATE, chest=GREY, shoulders=25)
_LABRADOR = Breed("Labrador retriever", SAND, NEAT, rgb("C8AB7E"), width=26, height=24, jaw=-0.01, muzzle=CREAM,
                  muzzle_width=0.44, muzzle_height=0.44, body=rgb("C2AE8F"), shoulders=32)
_NORWICH = Breed("Norwich terrier", FAWN, PRICK, BISCUIT, APRICOT, width=24, height=25, fur=0.05, beard=SAND,
                 beard_length=0.62, body=BISCUIT, chest=FAWN, shoulders=31)
_PAPILLON = Breed("Papillon", COAL, WING, RUST, APRICOT, width=20, height=23, jaw=0.10, fur=0.03, blaze=WHITE,
                  blaze_width=0.22, muzzle=WHITE, muzzle_width=0.44, body=BLACK, chest=WHITE, shoulders=27)
_POODLE = Breed("Poodle", BLUSH, Ears("oval", 1.02, 0.0, 8.6, 19, -4, front=True, curls=13), APRICOT, width=18.5,
                height=26, jaw=0.10, topknot=APRICOT, muzzle=CREAM, muzzle_width=0.40, muzzle_height=0.6,
                body=APRICOT, chest=BLUSH, nose=BROWN, shoulders=27, fur=0.02)
_PUG = Breed("Pug", FAWN, FOLD, COAL, width=28.5, height=25, jaw=-0.03, muzzle=COCOA, muzzle_width=0.58,
             muzzle_height=0.50, jowls=0.7, body=BISCUIT, eye_size=4.0)
_ROTTWEILER = Breed("Rottweiler", BLACK, FLAP, INK, width=30, height=27.5, jaw=-0.02, muzzle=TAN, muzzle_width=0.48,
                    muzzle_height=0.50, brows=TAN, body=BLACK, shoulders=36)
_SAINT = Breed("Saint bernard", RED, FLAP, CHESTNUT, width=27, height=26.5, fur=0.02, lower=SAND, lower_y=0.05,
               blaze=WHITE, blaze_width=0.26, muzzle=WHITE, muzzle_width=0.56, muzzle_height=0.52, jowls=0.6,
               body=CHESTNUT, chest=BLUSH, shoulders=35, drop=0.05)
_HUSKY = Breed("Siberian husky", GREY, PRICK, SLATE, PINK, width=23.5, height=25.5, fur=0.02, lower=WHITE,
               lower_y=-0.07, muzzle=CREAM, muzzle_width=0.38, brows=WHITE, eye=BLUE, body=STEEL,
               chest=WHITE, shoulders=31)
_WEIMARANER = Breed("Weimaraner", rgb("AEB0B4"), LONG, STEEL, width=22.5, height=27, jaw=0.05, muzzle=SILVER,
                    muzzle_width=0.44, muzzle_height=0.52, eye=AMBER, body=GREY, shoulders=30)
# fmt: on

DRAWN: dict[str, Breed] = {
    breed.name: breed
    for breed in (
        _AFFENPINSCHER, _AFGHAN, _AIREDALE, _AKITA, _MALAMUTE, _ESKIMO, _FOXHOUND, _AMSTAFF, _AMWATER, _ANATOLIAN,
        _CATTLE, _AUSSIE, _BASENJI, _BASSET, _BEAGLE, _BEARDED, _BERNESE, _BICHON, _BORDER, _BOXER,
        _BULLDOG, _CAVALIER, _CHIHUAHUA, _CHOW, _COCKER, _DACHSHUND, _DALMATIAN, _FRENCHIE, _GSD, _GOLDEN,
        _GREYHOUND, _LABRADOR, _NORWICH, _PAPILLON, _POODLE, _PUG, _ROTTWEILER, _SAINT, _HUSKY, _WEIMARANER,
    )
}  # fmt: skip
