"""From candidates to motifs: joint sparse coding, then the variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job
from ..parameters import MotifParameters
from ..results.findings import peaks_of
from ..searching.climb import kept_shares, window_shares
from ..searching.sparse_coding import sparse_activations
from ..searching.templates import Template, base_rates, template_of
from ..sources.compression import Compressed
from ..sources.transients import Transient

F32 = NDArray[np.float32]

_SPARSITY = 0.45


@dataclass(frozen=True)
class Refined:
    """What the refinement ends with.

    Attributes
    ----------
    activations
        (M, T) float32, posterior probability that the motif begins in a frame.
    shares
        (M, K, F) float32, share of the occurrences that have a spike.
    losses
        (n,) float32.
    """

    activations: F32
    shares: F32
    losses: F32


def code_jointly(
    compressed: Compressed, templates: Sequence[Template], prior: float, token: CancelToken | None = None
) -> list[Template]:
    """Templates whose occurrences are decided together, so that one does not claim another's spikes."""
    templates = list(templates)
    hits, length = compressed.hits, templates[0].shares.shape[1]
    everywhere = np.ones(hits.shape[1], bool)
    rates = base_rates(hits, everywhere)
    x = compressed.as_spikes()
    for _ in range(2):
        motifs = motifs_of_spikes(compressed, templates)
        z = sparse_activations(x, motifs, _SPARSITY, token=token)
        for m, template in enumerate(templates):
            starts = peaks_of(z[m], length, 0.25)
            starts = starts[starts <= hits.shape[1] - length]
            if len(starts) >= 2:
                again = template_of(hits, starts, length, rates, prior)
                if again.gain > 0.8 * template.gain:
                    templates[m] = again
    return templates


def align(templates: Sequence[Template], hits: F32, transient: Transient, prior: float) -> list[Template]:
    """Templates whose window holds all that repeats, with room for the first rise and the last decay."""
    rates = base_rates(hits, np.ones(hits.shape[1], bool))
    aligned = []
    for template in templates:
        length = template.shares.shape[1]
        starts = template.starts + _best_shift(
            hits, template, rates, max(1, int(np.ceil(2 * transient.rise)))
        )
        starts = starts[(starts >= 0) & (starts + length <= hits.shape[1])]
        again = template_of(hits, starts, length, rates, prior) if len(starts) >= 2 else template
        aligned.append(again if again.gain > 0.7 * template.gain else template)
    return aligned


def _best_shift(hits: F32, template: Template, rates: F32, lead: int) -> int:
    """By how much to move a window so that it holds most, and that first, after so many frames if it can."""
    length = template.shares.shape[1]
    reach = length // 2
    inside = template.starts[(template.starts >= reach) & (template.starts + length + reach <= hits.shape[1])]
    if len(inside) < 2:
        return 0
    mean = window_shares(hits, inside - reach, length + 2 * reach)
    wide = kept_shares(mean, rates, len(inside), float(np.log(mean.size)))
    value: F32 = wide.sum(axis=0)
    held = np.convolve(value, np.ones(length), "valid")
    fullest = np.flatnonzero(held >= held.max() - 1e-3)
    used = np.flatnonzero(value[fullest[0] : fullest[0] + length]) + fullest[0]
    if not len(used):
        return 0
    wanted = used[0] - lead
    nearest: int = int(fullest[np.argmin(np.abs(fullest - wanted))])
    return nearest - int(reach)


def motifs_of_spikes(compressed: Compressed, templates: Sequence[Template]) -> F32:
    """Templates as motifs (M, F, K) of the channels of `Compressed.as_spikes`."""
    x = compressed.as_spikes()
    spread = x.max(axis=1) - x.min(axis=1)
    motifs = []
    for template in templates:
        wide = template.shares.copy()  # a hit covers the frames beside its spike, too
        wide[:, 1:] = np.maximum(wide[:, 1:], template.shares[:, :-1])
        wide[:, :-1] = np.maximum(wide[:, :-1], template.shares[:, 1:])
        motifs.append((wide * spread[:, None]).T)
    return np.stack(motifs).astype(np.float32)


def as_activations(templates: Sequence[Template], n_frames: int, n_rows: int, length: int) -> Refined:
    """Templates as they are, played where they were found."""
    activations = np.zeros((len(templates), n_frames), np.float32)
    shares = np.zeros((len(templates), n_rows, length), np.float32)
    for m, template in enumerate(templates):
        activations[m, template.starts] = 1
        shares[m] = template.shares
    return Refined(activations, shares, np.zeros(0, np.float32))


def refine(
    compressed: Compressed,
    templates: Sequence[Template],
    parameters: MotifParameters,
    token: CancelToken | None = None,
    stop: CancelToken | None = None,
) -> Job[Refined]:
    """Train the variational autoencoder from templates, as a job.

    The network sees the spikes as channels; its posterior decides where the motifs are played.
    """
    from .torch_vae import VaeStart, train_vae

    x, hits = compressed.as_spikes(), compressed.hits
    length = templates[0].shares.shape[1]
    motifs = motifs_of_spikes(compressed, templates)
    played = np.zeros((len(templates), hits.shape[1]), np.float32)
    for m, template in enumerate(templates):
        played[m, template.starts] = 1
    result = yield from train_vae(
        x, len(templates), length, parameters, VaeStart(motifs, played), token=token, stop=stop
    )
    rates = base_rates(hits, np.ones(hits.shape[1], bool))
    shares = np.zeros((len(templates), len(hits), length), np.float32)
    for m, template in enumerate(templates):
        starts = peaks_of(result.posterior[m], length)
        starts = starts[starts <= hits.shape[1] - length]
        enough = len(starts) >= max(2, 0.5 * len(template.starts))
        shares[m] = template_of(
            hits, starts if enough else template.starts, length, rates, parameters.prior_activation
        ).shares
        if not shares[m].any():
            shares[m] = template.shares
    return Refined(result.posterior, shares, result.losses)
