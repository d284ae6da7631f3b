"""The paper's plain model: random motifs and a random encoder, trained by Adam, no search before it.

It is there for comparison (`init="random"`): it needs many more steps, and depends on its seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job
from ..parameters import MotifParameters
from ..results.findings import peaks_of
from ..searching.discovery import Discovery
from ..searching.held_out import held_out_p_values
from ..searching.templates import base_rates, template_of
from ..sources.compression import Compressed
from .refinement import Refined

F32 = NDArray[np.float32]


def fit_plain(
    compressed: Compressed,
    parameters: MotifParameters,
    token: CancelToken | None,
    stop: CancelToken | None,
) -> Job[tuple[Discovery, Refined, F32]]:
    """Train the plain model on the traces; its motifs are drawn as they are, and tested like all others."""
    from .torch_vae import train_vae

    length, n_motifs = parameters.motif_length, parameters.n_motifs
    n_rows, n_frames = compressed.traces.shape
    if not n_rows:
        empty = Refined(
            np.zeros((0, n_frames), np.float32), np.zeros((0, 0, length), np.float32), np.zeros(0, np.float32)
        )
        return Discovery((), np.zeros(0), 0), empty, np.zeros((0, length, 0), np.float32)
    centred = compressed.traces - compressed.traces.mean(axis=1, keepdims=True)
    result = yield from train_vae(centred, n_motifs, length, parameters, None, token=token, stop=stop)
    hits = compressed.hits
    rates = base_rates(hits, np.ones(n_frames, bool))
    templates = []
    for posterior in result.posterior:
        starts = peaks_of(posterior, length)
        starts = starts[starts <= n_frames - length]
        templates.append(template_of(hits, starts, length, rates, parameters.prior_activation))
    p_values = yield from held_out_p_values(
        hits,
        templates,
        compressed.groups,
        n_restarts=parameters.n_restarts,
        n_surrogates=parameters.n_surrogates,
        prior=parameters.prior_activation,
        generator=np.random.default_rng(parameters.random_state),
        token=token,
        stop=stop,
    )
    order = np.argsort(p_values, kind="stable")
    shares = np.stack([templates[m].shares for m in order])
    below = int(np.sum(p_values < parameters.significance_level))
    discovery = Discovery(tuple(templates[m] for m in order), p_values[order], below)
    refined = Refined(result.posterior[order], shares, result.losses)
    return discovery, refined, result.motifs[order]
