"""A fit in words: what was found, and what the user should know."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..lemonade import LeMoNADe
    from ..traces_model import SparseConvolutionalCoding

_FEW = 4  # occurrences below which a motif is worth a warning
_SHORT = 20  # lengths of a motif below which a recording is


def what_to_know(
    model: LeMoNADe | SparseConvolutionalCoding, n_components: int, *, cut_off: bool
) -> tuple[str, ...]:
    """What should be told about a fit, each in a sentence; `cut_off`: spikes at the very end of a motif."""
    messages = []
    if n_components == 0:
        messages.append(
            "nothing stands out from the noise, so that there is nothing to look for motifs in: check the "
            "input, and the cell size in a video; or record with more light"
        )
    elif np.isnan(model.p_values_).any():
        messages.append("stopped before the motifs were tested: their p-values are not known")
    elif not model.significant_.any():
        messages.append(
            "no motif is significant: nothing was shown to repeat more often than by chance. A longer "
            "recording, or a length nearer to that of the motifs, may show more"
        )
    if model.n_frames_ < _SHORT * model.parameters.motif_length:
        messages.append(
            f"the recording holds only {model.n_frames_ / model.parameters.motif_length:.0f} lengths of a "
            f"motif: with fewer than {_SHORT} the test finds little. Record longer, or take a shorter length"
        )
    more = model.suggested_n_motifs_ - model.parameters.n_motifs
    if more > 0:
        messages.append(
            f"{model.suggested_n_motifs_} motifs are significant: ask for more than "
            f"{model.parameters.n_motifs} to get them all"
        )
    if model.significant_.any() and cut_off:
        messages.append(
            f"the motifs fill all {model.parameters.motif_length} frames: a larger length may show more"
        )
    counts = Counter(occurrence.motif for occurrence in model.occurrences_)
    rare = [m + 1 for m in np.flatnonzero(model.significant_) if counts[int(m)] < _FEW]
    if rare:
        names = ", ".join(str(number) for number in rare)
        subject = f"motif {names} was" if len(rare) == 1 else f"motifs {names} were"
        messages.append(f"{subject} played fewer than {_FEW} times: take the shape with care")
    return tuple(messages)


def describe(model: LeMoNADe | SparseConvolutionalCoding) -> str:
    """What was found, in a few lines."""
    parameters = model.parameters
    n_significant = int(model.significant_.sum())
    counts = Counter(occurrence.motif for occurrence in model.occurrences_)
    duration = model.n_frames_ / parameters.frame_rate
    lines = [
        f"{len(model.p_values_)} motifs, {n_significant} significant "
        f"(p < {parameters.significance_level:g}), in {model.n_frames_:,} frames ({duration:,.1f} s)"
    ]
    for m, p in enumerate(model.p_values_):
        verdict = "not tested" if np.isnan(p) else f"p = {p:.3f}"
        if not np.isnan(p) and not model.significant_[m]:
            verdict += ", not significant"
        lines.append(
            f"  motif {m + 1}: {verdict}, played {counts[m]} times ({60 * counts[m] / duration:.1f} a minute)"
        )
    lines += [f"  {message}" for message in model.messages_]
    return "\n".join(lines)
