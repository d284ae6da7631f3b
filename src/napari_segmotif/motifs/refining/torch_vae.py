"""Refinement of motifs and activations by a variational autoencoder (Kirschbaum et al., ICLR 2019).

Importing this imports PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...common.device import is_out_of_memory, resolve_device
from ...common.progress import CancelToken, Job, Progress
from ...errors import DeviceMemoryError, InputError, SegmotifError
from ..parameters import MotifParameters
from ..results.findings import FitState
from .expectation import expected_motifs
from .matched_filter import matched_filter
from .torch_network import MotifVae
from .torch_training import Trainer, torch_threads

_REPORT_EVERY = 10
_RANDOM_SCALE = 0.1
"""Size of random motifs, in units of the video's own."""
_TRUST = 1.0
"""The motifs of a warm start count as much as so many occurrences in the video."""


@dataclass(frozen=True)
class VaeStart:
    """What the training begins with.

    Attributes
    ----------
    motifs
        (M, F, K) float32.
    activations
        (M, T) float32 in [0, 1]; above 0.5, the motif begins in that frame.
    """

    motifs: NDArray[np.float32]
    activations: NDArray[np.float32]


@dataclass(frozen=True)
class VaeResult:
    """What the training ends with.

    Attributes
    ----------
    motifs
        (M, F, K) float32: those that explain the video best under the posterior.
    posterior
        (M, T) float32: the probability that a motif begins in a frame.
    losses
        (n,) float32: negative evidence lower bound per frame, one for each step.
    """

    motifs: NDArray[np.float32]
    posterior: NDArray[np.float32]
    losses: NDArray[np.float32]


def train_vae(
    x: NDArray[np.float32],
    n_motifs: int,
    motif_length: int,
    parameters: MotifParameters,
    start: VaeStart | None,
    *,
    token: CancelToken | None = None,
    stop: CancelToken | None = None,
    n_threads: int | None = None,
) -> Job[VaeResult]:
    """Train the network on a compressed video, as a job.

    Parameters
    ----------
    x
        (K, T) float32 with mean about 0 and noise of variance 1 in every channel: then β = 1 is the evidence
        lower bound itself, whatever the number of channels.
    n_motifs, motif_length
        M and F; these, not the ones in `parameters`, count.
    parameters
        Steps, learning rate, prior, β, temperatures, seed and device.
    start
        Motifs and activations to begin with; None for random weights, the paper's plain model.
    token
        Cancels: JobCancelled is raised.
    stop
        Ends the training early, with what it has reached.
    n_threads
        Threads of the CPU; None for one, with which the same seed gives the same bits on any number of cores.

    Yields
    ------
    Progress
        Every few steps, with a FitState.

    Returns
    -------
    VaeResult
        Of the trained network or, where training made its loss worse, of the network it began with.

    Raises
    ------
    InputError
        If shapes do not fit, x is not finite, or has no more frames than a motif.
    SegmotifError
        If the training diverges, or the device fails.
    DeviceMemoryError
        If not even the smallest pieces fit into memory.
    JobCancelled
        By `token`.
    """
    _check(x, n_motifs, motif_length, start)
    x = np.ascontiguousarray(x, np.float32)
    token, stop = token or CancelToken(), stop or CancelToken()
    threads = n_threads or 1
    if n_motifs == 0:
        none = np.zeros((0, x.shape[1]), np.float32)
        return VaeResult(np.zeros((0, motif_length, len(x)), np.float32), none, np.zeros(0, np.float32))
    n_steps = parameters.n_steps
    try:
        with torch_threads(threads):
            trainer = _trainer(x, n_motifs, motif_length, parameters, start)
        while len(trainer.losses) < n_steps and not stop.cancelled:
            token.raise_if_cancelled()
            done = len(trainer.losses)
            state = FitState("refine", _curve(trainer), n_motifs)
            yield Progress(done, n_steps, f"refining: step {done} of {n_steps}", state)
            with torch_threads(threads):
                trainer.advance(min(_REPORT_EVERY, n_steps - done))
        token.raise_if_cancelled()
        with torch_threads(threads):
            trainer.keep_better()
            posterior = trainer.posterior()
        motifs = expected_motifs(x, posterior, motif_length)
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise DeviceMemoryError(
                "the memory does not suffice for refining the motifs: close other programs, or work on a "
                f"shorter video (got {len(x)} channels of {x.shape[1]} frames)"
            ) from error
        raise SegmotifError(
            f"the {parameters.device!r} device failed while the motifs were refined: try device='cpu' "
            f"(got {error})"
        ) from error
    return VaeResult(motifs, posterior, _curve(trainer))


def _check(x: NDArray[np.float32], n_motifs: int, motif_length: int, start: VaeStart | None) -> None:
    if x.ndim != 2 or len(x) == 0:
        raise InputError(f"x must be a compressed video (K, T) with a channel at least (got {x.shape})")
    if x.shape[1] <= motif_length or motif_length < 1:
        raise InputError(
            "the video must be longer than a motif, and a motif have a frame "
            f"(got {x.shape[1]} frames, motif_length={motif_length})"
        )
    if n_motifs < 0:
        raise InputError(f"n_motifs must not be negative (got {n_motifs})")
    if not np.isfinite(x).all():
        raise InputError(f"x must be finite (got {np.count_nonzero(~np.isfinite(x))} values that are not)")
    if start is None:
        return
    motifs, activations = (n_motifs, motif_length, len(x)), (n_motifs, x.shape[1])
    if start.motifs.shape != motifs or start.activations.shape != activations:
        raise InputError(
            f"start must have motifs {motifs} and activations {activations} "
            f"(got {start.motifs.shape} and {start.activations.shape})"
        )
    if not (np.isfinite(start.motifs).all() and np.isfinite(start.activations).all()):
        raise InputError("start must be finite (got values that are not)")


def _trainer(
    x: NDArray[np.float32],
    n_motifs: int,
    motif_length: int,
    parameters: MotifParameters,
    start: VaeStart | None,
) -> Trainer:
    generator = torch.Generator().manual_seed(parameters.random_state)
    if start is None:
        scale = _RANDOM_SCALE * float(x.std(dtype=np.float64)) or 1.0
        network = MotifVae(len(x), n_motifs, motif_length, generator, scale=scale)
    else:
        active = (start.activations > 0.5).astype(np.float32)
        given = np.asarray(start.motifs, np.float32)
        motifs = expected_motifs(x, active, motif_length, ridge=_TRUST, centre=given)
        linear = matched_filter(x, motifs, active, parameters.prior_activation)
        network = MotifVae(len(x), n_motifs, motif_length, generator, motifs, linear)
    return Trainer(x, network, parameters, generator, resolve_device(parameters.device))


def _curve(trainer: Trainer) -> NDArray[np.float32]:
    return np.asarray(trainer.losses, np.float32)
