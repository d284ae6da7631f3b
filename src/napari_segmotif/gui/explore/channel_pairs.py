"""Which channel of an image is which of another image: by their names, not by the order of the layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True)
class Pairing:
    """The order of each image's channels in which they agree with those of the first image.

    Attributes
    ----------
    orders
        For each image the place of the channel that goes with each channel of the first image.
    message
        Which channels go together where their names do not tell; "" where they do.
    """

    orders: tuple[tuple[int, ...], ...]
    message: str = ""


def paired(names: Sequence[Sequence[str]]) -> Pairing:
    """Pair the channels of several images.

    Those of the same name go together; so do those whose names differ by what all names of an image begin
    or end with ("dna", "actin" and "day 2 actin", "day 2 dna"). Where the names do not tell, the order
    decides, and the message says which go together.

    Parameters
    ----------
    names
        Names of the channels of each image.
    """
    if not names:
        return Pairing(())
    first = names[0]
    orders, doubtful = [], []
    for other in names[1:]:
        order = tuple(range(len(other)))
        if len(other) == len(first):
            found = _same(first, other) or _same(_cores(first), _cores(other))
            told = found is not None or (len(first) == 1 and _share_a_word(first[0], other[0]))
            order = found or order
            if not told:
                doubtful += [f"“{one}” with “{two}”" for one, two in zip(first, other, strict=True)]
        orders.append(order)
    message = (
        f"Names do not tell which channels go together; by their order {', '.join(doubtful)} do."
        if doubtful
        else ""
    )
    return Pairing((tuple(range(len(first))), *orders), message)


def _same(first: Sequence[str], other: Sequence[str]) -> tuple[int, ...] | None:
    """Places of the same names, or None where they are not the same or not distinct."""
    one, two = [name.casefold().strip() for name in first], [name.casefold().strip() for name in other]
    if len(set(one)) < len(one) or sorted(one) != sorted(two) or one == [""]:
        return None
    return tuple(two.index(name) for name in one)


def _cores(names: Sequence[str]) -> list[str]:
    """Names without what all of them begin and end with."""
    if len(names) < 2:
        return list(names)
    start = _n_common(names)
    rest = [name[start:] for name in names]
    end = _n_common([name[::-1] for name in rest])
    return [name[: len(name) - end] for name in rest]


def _n_common(names: Sequence[str]) -> int:
    """How many characters all names begin with, in small letters or capitals."""
    alike = (len({name.casefold() for name in letters}) == 1 for letters in zip(*names, strict=False))
    return sum(1 for _ in takewhile(bool, alike))


def _share_a_word(one: str, two: str) -> bool:
    first, second = (set(re.findall(r"[^\W\d_]{2,}", name.casefold())) for name in (one, two))
    # Names without words ("1", "2") say nothing that could disagree.
    return bool(first & second) or not (first and second)
