"""The other coats of a breed: dogs of one breed come in several colours, and dogs of several breeds in the same.

Without them a drawn breed could be told by its colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.samples import breeds as b
from workers.samples.colours import rgb

Coat = Mapping[str, Any]

BRINDLE, SABLE, PALE = rgb("6B5340"), rgb("8E6B47"), rgb("F4EFE6")


def _coat(main: object, ear: object = None, body: object = None, **others: object) -> Coat:
    return {"coat": main, "ear": ear or main, "body": body or main, **others}


BLACK_COAT = _coat(b.COAL, b.BLACK, b.BLACK)
BLACK_ALL = _coat(b.COAL, b.BLACK, b.BLACK, muzzle=rgb("55504E"), chest=None)
BROWN_COAT = _coat(b.BROWN, b.LIVER, b.LIVER, nose=b.LIVER)
RED_COAT = _coat(b.TAN, b.RUST, b.TAN)
FAWN_COAT = _coat(b.FAWN, b.BISCUIT, b.BISCUIT)
CREAM_COAT = _coat(b.CREAM, b.IVORY, b.CREAM)
WHITE_COAT = _coat(b.WHITE, b.WHITE, b.SILVER)
BRINDLE_COAT = _coat(BRINDLE, b.COCOA, BRINDLE)
SABLE_COAT = _coat(SABLE, b.COCOA, SABLE)
LEMON = _coat(b.GOLD, b.HONEY, b.CREAM, cap=None)
RED_AND_WHITE = _coat(b.RUST, b.CHESTNUT, b.RUST, cap=None)

# The formatter would give each of these values a line of its own.
# fmt: off
COATS: dict[str, tuple[Coat, ...]] = {
    "Affenpinscher": (_coat(b.SLATE, beard=b.GREY), _coat(b.RED, b.CHESTNUT, beard=b.RUST)),
    "Afghan hound": (_coat(b.COAL, b.BLACK, topknot=b.COAL, chest=b.COAL), _coat(b.CREAM, b.FAWN, topknot=b.CREAM)),
    "Akita": (_coat(SABLE, b.COCOA, BRINDLE), _coat(b.CREAM, b.IVORY, lower=b.WHITE, chest=b.WHITE, inner=b.BLUSH)),
    "Alaskan malamute": (BLACK_COAT, RED_COAT, _coat(b.SILVER, b.GREY, b.GREY), SABLE_COAT),
    "American foxhound": (LEMON, RED_AND_WHITE),
    "American staffordshire terrier": (_coat(b.FAWN, b.BISCUIT, chest=b.WHITE), BRINDLE_COAT, BLACK_COAT),
    "Australian cattle dog": (_coat(b.TAN, b.RUST, b.TAN, lower=b.FAWN, patch=b.RUST, muzzle=b.FAWN),),
    "Australian shepherd": (_coat(b.BLUSH, b.RUST, patch=b.RUST), _coat(b.COAL, b.BLACK, patch=b.BLACK, lower=b.TAN)),
    "Basenji": (BLACK_COAT, BRINDLE_COAT),
    "Basset hound": (LEMON, RED_AND_WHITE),
    "Beagle": (LEMON, RED_AND_WHITE),
    "Bearded collie": (BROWN_COAT, BLACK_COAT, FAWN_COAT),
    "Border collie": (BROWN_COAT, _coat(b.STEEL, b.SLATE, spots=6, spot=b.COAL, eye=b.BLUE), SABLE_COAT),
    "Boxer": (BRINDLE_COAT, _coat(b.WHITE, b.SAND, muzzle=PALE, chest=b.WHITE)),
    "Bulldog": (_coat(b.WHITE, b.SAND, lower=b.WHITE, chest=b.WHITE), BRINDLE_COAT, _coat(b.RED, b.CHESTNUT)),
    "Cavalier king charles spaniel": (BLACK_COAT, _coat(b.RUST, blaze=None, muzzle=b.TAN, chest=b.RUST)),
    "Chihuahua": (BLACK_COAT, _coat(b.TAN, b.HONEY), WHITE_COAT),
    "Chow chow": (_coat(b.COAL, b.BLACK, muzzle=b.SLATE, chest=b.COAL), _coat(b.CREAM, b.SAND, chest=b.CREAM)),
    "Cocker spaniel": (_coat(b.COAL, b.BLACK, topknot=b.COAL), _coat(b.BROWN, b.LIVER, topknot=b.BROWN),
                       _coat(b.CREAM, b.SAND, topknot=b.CREAM)),
    "Dachshund": (_coat(b.RUST, b.CHESTNUT), _coat(b.BROWN, b.LIVER), _coat(b.FAWN, b.BISCUIT)),
    "Dalmatian": (_coat(b.WHITE, b.LIVER, b.SILVER, spot=b.LIVER, nose=b.LIVER), _coat(b.WHITE, b.GREY, spot=b.STEEL),
                  _coat(b.WHITE, b.HONEY, b.CREAM, spot=b.HONEY)),
    "French bulldog": (_coat(b.FAWN, b.BISCUIT), BLACK_COAT, CREAM_COAT),
    "German shepherd dog": (BLACK_ALL, _coat(b.FAWN, b.COCOA, SABLE, cap=SABLE), _coat(b.CREAM, cap=None)),
    "Golden retriever": (_coat(b.IVORY, b.SAND, b.FAWN, muzzle=b.CREAM, chest=b.CREAM),
                         _coat(b.TAN, b.RUST, muzzle=b.GOLD, chest=b.TAN)),
    "Greyhound": (_coat(b.FAWN, b.BISCUIT), BRINDLE_COAT, BLACK_COAT),
    "Labrador retriever": (BLACK_ALL, _coat(b.BROWN, b.LIVER, muzzle=rgb("8C6046"), nose=b.LIVER),
                           _coat(b.TAN, b.RUST, muzzle=b.GOLD)),
    "Norwich terrier": (_coat(b.GREY, b.SLATE, beard=b.SILVER), _coat(b.COAL, b.RUST, beard=b.TAN)),
    "Papillon": (_coat(b.RUST, b.RUST), SABLE_COAT),
    "Poodle": (_coat(b.COAL, b.BLACK, topknot=b.COAL, muzzle=b.SLATE, chest=b.COAL, nose=b.INK),
               _coat(b.WHITE, topknot=b.WHITE, chest=b.WHITE, nose=b.INK), _coat(b.BROWN, b.LIVER, topknot=b.BROWN)),
    "Pug": (BLACK_ALL, _coat(b.SILVER, b.COAL, b.GREY), _coat(b.GOLD, b.COAL, b.HONEY)),
    "Saint bernard": (_coat(b.CHESTNUT, b.LIVER), _coat(b.HONEY, b.RUST)),
    "Siberian husky": (BLACK_COAT, RED_COAT, _coat(b.SILVER, b.GREY, b.GREY),
                       _coat(b.GREY, b.SLATE, b.STEEL, eye=b.AMBER)),
    "Weimaraner": (_coat(rgb("8F867D"), b.SLATE), _coat(b.STEEL, b.SLATE)),
}
# fmt: on
