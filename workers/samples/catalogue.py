"""The 133 breeds of the sample pictures: which there are, their folder names, and which come first."""

from __future__ import annotations

from functools import lru_cache

from workers.samples.breeds import DRAWN, Breed
from workers.samples.related import RELATED

# The first ones differ in everything, so that very few pictures tell them apart; then come those that are like them.
FEW_FIRST = (
    "Akita", "Basset hound", "Dalmatian", "Pug", "Border collie", "Golden retriever", "Siberian husky", "Beagle",
    "Labrador retriever", "Alaskan malamute",
)  # fmt: skip


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Breed]:
    """All breeds by name, in the order of the alphabet."""
    known = dict(DRAWN)
    waiting = list(RELATED)
    while waiting:
        ready = [breed for breed in waiting if breed.like in known]
        if not ready:
            raise ValueError(f"related to nothing: {[breed.name for breed in waiting]}")
        for breed in ready:
            known[breed.name] = known[breed.like].related(breed.name, **breed.changes)
        waiting = [breed for breed in waiting if breed.name not in known]
    return {name: known[name] for name in sorted(known)}


def chosen(count: int) -> tuple[Breed, ...]:
    """``count`` breeds by name: ten well-known ones first, then the other drawn ones, then the related ones."""
    breeds = catalogue()
    order = dict.fromkeys((*FEW_FIRST, *DRAWN, *breeds))
    return tuple(breeds[name] for name in sorted(list(order)[:count]))


def folder_name(breed: Breed) -> str:
    """``004.Akita``: the breed's number in the whole list, and its name without spaces."""
    number = list(catalogue()).index(breed.name) + 1
    return f"{number:03d}.{breed.name.replace(' ', '_')}"
