"""From spikes to significant motifs: search, consensus, held-out significance, joint coding, refinement.

It knows nothing of videos: LeMoNADe and SparseConvolutionalCoding share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ..parameters import SearchParameters
from ..refining.refinement import align, code_jointly
from ..results.findings import FitState
from ..sources.compression import Compressed
from .consensus import SAME, find_consensus, shifted_cosine
from .held_out import held_out_p_values
from .templates import Template

F32 = NDArray[np.float32]

_EXTRA = 3
"""So many more motifs than asked are looked for: those that are not significant are dropped."""
_OFTEN = 4
"""A candidate is tested if it was played so often."""
_STRONG = 20.0
"""A candidate that explains so much (log-likelihood ratio) is tested even if it was played less often than
that, and shown even if it is not significant."""
_POSSIBLE = 0.2
"""So is any candidate below this p-value."""
_SEARCH, _TEST = 0.4, 0.95
"""Where the search and the test end, as a share of the whole."""


@dataclass(frozen=True)
class Discovery:
    """Motifs in the space of spikes.

    Attributes
    ----------
    templates
        M of them, in order of p-value, then strength.
    p_values
        (M,), NaN where the fit was stopped before they were known.
    n_significant
        How many were significant, those beyond what was asked for included.
    """

    templates: tuple[Template, ...]
    p_values: NDArray[np.float64]
    n_significant: int


def discover(
    compressed: Compressed,
    parameters: SearchParameters,
    token: CancelToken | None = None,
    stop: CancelToken | None = None,
) -> Job[Discovery]:
    """Find the motifs of compressed traces, as a job whose progress goes from 0 to 1."""
    hits, length = compressed.hits, parameters.motif_length
    nothing = Discovery((), np.zeros(0), 0)
    if not len(hits) or not hits.any():
        return nothing
    yield Progress(0.0, 1.0, f"searching {parameters.n_restarts} times", FitState("search"))
    generator = np.random.default_rng(parameters.random_state)
    everywhere = np.ones(hits.shape[1], bool)
    prior = parameters.prior_activation
    candidates = find_consensus(
        hits,
        length,
        everywhere,
        parameters.n_motifs + _EXTRA,
        parameters.n_restarts,
        generator,
        prior=prior,
        token=token,
        stop=stop,
    )
    candidates = [one for one in candidates if len(one.starts) >= _OFTEN or one.gain > _STRONG]
    if not candidates:
        return nothing
    if stop is not None and stop.cancelled:
        kept = align(candidates[: parameters.n_motifs], hits, compressed.transient, prior)
        return Discovery(tuple(kept), np.full(len(kept), np.nan), 0)
    p_values = yield from _tested(compressed, candidates, parameters, generator, token, stop)
    chosen = _chosen(candidates, p_values, parameters)
    if not chosen:
        return nothing
    templates = align([candidates[m] for m in chosen], hits, compressed.transient, prior)
    templates = code_jointly(compressed, templates, prior, token)
    templates = align(templates, hits, compressed.transient, prior)  # it may have moved by a frame
    different = _different(templates)
    dropped = [chosen[m] for m in range(len(chosen)) if m not in different]
    level = parameters.significance_level
    below = int(np.sum(p_values < level)) - int(np.sum(p_values[dropped] < level))
    return Discovery(tuple(templates[m] for m in different), p_values[[chosen[m] for m in different]], below)


def _different(templates: list[Template]) -> list[int]:
    """The first of each group of templates that have become the same."""
    kept: list[int] = []
    for m, template in enumerate(templates):
        if all(shifted_cosine(template.shares, templates[k].shares)[0] < SAME for k in kept):
            kept.append(m)
    return kept


def _tested(
    compressed: Compressed,
    candidates: list[Template],
    parameters: SearchParameters,
    generator: np.random.Generator,
    token: CancelToken | None,
    stop: CancelToken | None,
) -> Job[NDArray[np.float64]]:
    job = held_out_p_values(
        compressed.hits,
        candidates,
        compressed.groups,
        n_restarts=parameters.n_restarts,
        n_surrogates=parameters.n_surrogates,
        prior=parameters.prior_activation,
        generator=generator,
        token=token,
        stop=stop,
    )
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            p_values: NDArray[np.float64] = end.value
            return p_values
        done = _SEARCH + (_TEST - _SEARCH) * progress.fraction
        yield Progress(done, 1.0, progress.message, FitState("significance", n_candidates=len(candidates)))


def _chosen(
    candidates: list[Template], p_values: NDArray[np.float64], parameters: SearchParameters
) -> list[int]:
    """The candidates to keep, by p-value and then strength, at most as many as asked for."""
    known = np.nan_to_num(p_values, nan=1.0)
    order = sorted(range(len(candidates)), key=lambda m: (known[m], -candidates[m].gain))
    untested = bool(np.isnan(p_values).all())
    most = max(_POSSIBLE, parameters.significance_level)
    possible = [m for m in order if untested or p_values[m] < most or candidates[m].gain > _STRONG]
    return possible[: parameters.n_motifs]
