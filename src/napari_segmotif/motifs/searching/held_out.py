"""Which candidates are motifs: each is found again on some frames, and tested on the others.

The video is cut into blocks. For each of a few folds, templates are searched anew on the blocks of the other
folds; those like a candidate are matched with the frames left out, and with surrogates of these in which
every cell was shifted in a circle by itself: each cell stays as it is, but no motif is left. Compared is the
largest statistic of all templates that a fold found (Westfall and Young, 1993): among all that is found in a
motif-free video, anything is significant in at most the asked share of videos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from .consensus import find_consensus, shifted_cosine
from .significance import peak_statistic, random_shifts, window_contributions
from .templates import Template

F32 = NDArray[np.float32]

_FOLDS = 6
_BLOCKS = 12  # at most
_BLOCK_LENGTH = 5  # at least, in motif lengths
_LIKE = 0.3  # cosine from which a fold's template is taken for the candidate


@dataclass(frozen=True)
class Folds:
    """Frames in which a window may begin, for training and for testing, (folds, T) each."""

    training: NDArray[np.bool_]
    testing: NDArray[np.bool_]


def make_folds(n_frames: int, length: int) -> Folds:
    """Cut a video into blocks of several motifs' length, and give them to the folds in turn."""
    n_blocks = int(np.clip(n_frames // (_BLOCK_LENGTH * length), 2, _BLOCKS))
    n_folds = min(_FOLDS, n_blocks)
    blocks = np.array_split(np.arange(n_frames), n_blocks)
    training = np.zeros((n_folds, n_frames), bool)
    testing = np.zeros((n_folds, n_frames), bool)
    for fold in range(n_folds):
        own = np.zeros(n_frames, bool)
        for number, block in enumerate(blocks):
            if number % n_folds == fold:
                own[block] = True
        testing[fold] = _whole_windows(own, length)
        training[fold] = _whole_windows(~own, length)
    return Folds(training, testing)


def _whole_windows(inside: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    total = np.concatenate([[0], np.cumsum(inside)])
    result = np.zeros(len(inside), bool)
    result[: len(inside) - length + 1] = total[length:] - total[:-length] == length
    return result


def held_out_p_values(
    hits: F32,
    candidates: list[Template],
    groups: NDArray[np.intp],
    *,
    n_restarts: int,
    n_surrogates: int,
    prior: float,
    generator: np.random.Generator,
    token: CancelToken | None = None,
    stop: CancelToken | None = None,
) -> Job[NDArray[np.float64]]:
    """p-values (M,) of candidates, adjusted for their number, as a job; NaN if it was stopped.

    Parameters
    ----------
    hits
        (K, T) float32 in [0, 1].
    candidates
        Templates found in all of it.
    groups
        (K,) rows that may be parts of one cell have the same number: they are shifted together.
    n_restarts, prior
        Of the search on each fold.
    n_surrogates
        Number of surrogates.
    token, stop
        Cancels; ends early.
    """
    if not candidates:
        return np.zeros(0)
    length = candidates[0].shares.shape[1]
    folds = make_folds(hits.shape[1], length)
    observed = np.zeros(len(candidates))
    null = np.zeros(n_surrogates)
    for fold, (training, testing) in enumerate(zip(folds.training, folds.testing, strict=True)):
        yield Progress(fold, len(folds.training), f"testing on part {fold + 1} of {len(folds.training)}")
        if stop is not None and stop.cancelled:
            return np.full(len(candidates), np.nan)
        if not testing.any():
            continue
        found = find_consensus(
            hits, length, training, len(candidates) + 2, n_restarts, generator, prior=prior, token=token
        )
        if not found:
            continue
        compared = np.stack(
            [_compared(hits, t, groups, training, testing, n_surrogates, generator) for t in found]
        )
        # A partner is chosen for being like the candidate, which knows the frames left out: whatever that
        # choice gains, the best of all that could have been chosen gains as much.
        null += np.maximum(compared[:, 1:].max(axis=0), 0)
        for m, n in _partners(candidates, found):
            observed[m] += compared[n, 0]
    beaten = (null[None] >= observed[:, None] - 1e-9).sum(axis=1)
    p_values: NDArray[np.float64] = (1 + beaten) / (1 + n_surrogates)
    return p_values


def _partners(candidates: list[Template], found: list[Template]) -> list[tuple[int, int]]:
    """Candidates with the template most like them, as numbers; each stands for one candidate only."""
    cosines = np.array([[shifted_cosine(c.shares, t.shares)[0] for t in found] for c in candidates])
    partners = []
    while cosines.size and cosines.max() > _LIKE:
        m, n = np.unravel_index(int(cosines.argmax()), cosines.shape)
        partners.append((int(m), int(n)))
        cosines[m], cosines[:, n] = 0, 0
    return sorted(partners)


def _compared(
    hits: F32,
    template: Template,
    groups: NDArray[np.intp],
    training: NDArray[np.bool_],
    testing: NDArray[np.bool_],
    n_surrogates: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Standardised statistic of the held-out frames, then of the surrogates: (S + 1,)."""
    length = template.shares.shape[1]
    contributions = window_contributions(hits, template.weights, groups)
    contributions = contributions[:, testing[: contributions.shape[1]]]
    expected = len(template.starts) * testing.sum() / max(1, training.sum())
    shifts = random_shifts(n_surrogates, len(contributions), contributions.shape[1], length, generator)
    heights = peak_statistic(contributions, length, max(1, round(expected)), shifts).astype(np.float64)
    spread = heights[1:].std()
    if not spread > 0:
        return np.zeros(n_surrogates + 1)
    standardised: NDArray[np.float64] = (heights - heights[1:].mean()) / spread
    return standardised
