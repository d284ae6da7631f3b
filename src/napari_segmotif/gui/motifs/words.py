"""What the Motif detector says, in plain words. No Qt in here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ...common.words import count, sentence

PHASES = {
    "prepare": "Prepare",
    "compress": "Find cells",
    "search": "Search",
    "significance": "Test",
    "refine": "Refine",
    "motifs": "Finish",
}
"""The phases of a fit, by `FitState.phase`, in their order."""

NOTHING_SIGNIFICANT = (
    "No motif is significant: what repeats in this video may be chance. Record longer, check the frame rate, "
    "or allow longer motifs."
)


class Result(Protocol):
    """What is needed of a fitted model to say what was found."""

    p_values_: Any
    significant_: Any
    occurrences_: Any
    messages_: Any


def p_in_words(p: float) -> str:
    """Say a p-value as papers do: "p = .004", "p < .001"; NaN is "not tested"."""
    if math.isnan(p):
        return "not tested"
    if p < 0.0005:
        return "p < .001"
    if p >= 0.9995:
        return "p = 1"
    digits = 3 if p < 0.1 else 2
    return "p = " + f"{p:.{digits}f}".removeprefix("0")


def cells_found_in_words(members: int, n_cells: int, *, preview: bool) -> str:
    """Say how many of the cells fire in a motif; of a preview's, how many of those that it saw."""
    if n_cells == 0 and preview:
        return "No cell lies in the part that the preview looked at."
    if n_cells == 0:
        return "The layer holds no cell yet: paint or segment cells, and choose it again."
    where = " in the part that the preview looked at" if preview else ""
    return f"{members:,} of {count(n_cells, 'cell')}{where} fire in a motif."


def at_most_in_words(p: float) -> str:
    """Say the largest of some p-values: "p ≤ .004"."""
    return p_in_words(p).replace("=", "≤")


def motif_name(index: int) -> str:
    """Name a motif as users count: index 0 is "Motif 1"."""
    return f"Motif {index + 1}"


def seconds_in_words(n_frames: float, frame_rate: float) -> str:
    """Say how long some frames last: "1.03 s", "45 ms"."""
    seconds = n_frames / frame_rate
    return f"{1000 * seconds:.0f} ms" if seconds < 0.1 else f"{seconds:.3g} s"


def found_in_words(model: Result) -> str:
    """Say what a fit found, as in "3 motifs, all significant (p ≤ .004); 27 occurrences"."""
    n, significant = len(model.p_values_), np.asarray(model.significant_, bool)
    n_significant = int(significant.sum())
    if np.isnan(model.p_values_).any():
        return f"{count(n, 'motif')}, not tested; {count(len(model.occurrences_), 'occurrence')}."
    if n_significant == 0:
        why = (message for message in model.messages_ if message.lower().startswith(("no motif", "nothing")))
        return sentence(next(why, "")) or NOTHING_SIGNIFICANT
    p = at_most_in_words(float(np.max(np.asarray(model.p_values_)[significant])))
    if n_significant < n:
        what = f"{count(n, 'motif')}, {n_significant} of them significant ({p})"
    elif n == 1:
        what = f"1 motif, significant ({p.replace('≤', '=')})"
    else:
        what = f"{n} motifs, all significant ({p})"
    return f"{what}; {count(len(model.occurrences_), 'occurrence')}."


def summary_in_words(model: Result) -> str:
    """Say what a fit found in two or three words, for the head of a section."""
    n = len(model.p_values_)
    if np.isnan(model.p_values_).any():
        return f"{n}, not tested"
    return f"{int(np.sum(model.significant_))} significant of {n}" if n else "none"


def messages_in_words(messages: Sequence[str]) -> str:
    """Put a fit's messages for the user together, one a line."""
    return "\n".join(sentence(message) for message in messages if message)
