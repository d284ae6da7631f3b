"""Training of the variational autoencoder: windows of the video, the loss, the optimiser, and its mishaps.

Importing this imports PyTorch.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...common.device import MemoryLadder
from ...errors import SegmotifError
from ..parameters import MotifParameters
from .bin_concrete import divergence
from .torch_network import MotifVae

_log = logging.getLogger("napari_segmotif")

FRAMES_PER_STEP = 2048
"""So many frames, or all of a shorter video, does a step of the optimiser see."""
_WINDOW = 512
_BLOCK = 4096
"""Frames whose posterior is computed at once; in the video's own grid, whatever is asked for."""
_CLIP = 5.0
"""A gradient longer than so many times the usual one is shortened to that."""
_MOST_SETBACKS = 5
_COMPARED = 10
"""Steps over which the last loss is averaged: a single one depends on its draws."""
_ON_CPU = 0
_PIECES = (1, 4, 16)


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """Let PyTorch use so many threads of the CPU, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Windows:
    """Which windows of a video each step sees: all frames equally often, in a random order and grid.

    Parameters
    ----------
    n_frames
        T.
    motif_length
        F.
    generator
        Source of the order and of the grid's origin.
    """

    def __init__(self, n_frames: int, motif_length: int, generator: torch.Generator) -> None:
        whole = n_frames <= FRAMES_PER_STEP
        self.length = n_frames if whole else min(n_frames, max(_WINDOW, 2 * motif_length))
        self.batch = max(1, FRAMES_PER_STEP // self.length)
        self._n_frames = n_frames
        self._whole = whole or self.length == n_frames
        self._generator = generator
        self.waiting: list[int] = []
        """First frames of windows that were drawn for a step to come."""

    def draw(self) -> list[int]:
        """First frames of the next step's windows; a window may reach beyond the video on either side."""
        if self._whole:
            return [0]
        while len(self.waiting) < self.batch:
            origin = int(torch.randint(self.length, (1,), generator=self._generator))
            starts = torch.arange(origin - self.length, self._n_frames, self.length)
            starts = starts[starts > -self.length]
            order = torch.randperm(len(starts), generator=self._generator)
            self.waiting += starts[order].tolist()
        drawn, self.waiting = self.waiting[: self.batch], self.waiting[self.batch :]
        return drawn


@dataclass(frozen=True)
class _Snapshot:
    """All that a step of training changes."""

    network: dict[str, Any]
    optimiser: dict[str, Any]
    random: torch.Tensor
    waiting: tuple[int, ...]
    n_losses: int
    usual: float


class Trainer:
    """Trains a network on a video.

    The loss of a frame is the negative evidence lower bound, ½ ‖x − f(z)‖² + β KL, where the noise of every
    channel of x has variance 1: the paper's ‖x − f(z)‖² with the noise scaled to its ½. Both terms are sums
    (over channels, over motifs), so that channels or pixels that hold nothing but noise add a constant, and β
    means the same for every size of frame.

    Parameters
    ----------
    x
        (K, T) float32.
    network
        What to train, in place.
    parameters
        Of the motif detector.
    generator
        Source of all randomness, on the CPU: the same draws on every device.
    device
        "cuda", "mps" or "cpu".
    """

    def __init__(
        self,
        x: NDArray[np.float32],
        network: MotifVae,
        parameters: MotifParameters,
        generator: torch.Generator,
        device: str,
    ) -> None:
        self.network = network
        self.losses: list[float] = []
        self._parameters = parameters
        self._generator = generator
        self._n_frames = x.shape[1]
        self._windows = Windows(self._n_frames, network.length, generator)
        self._optimiser = torch.optim.Adam(network.parameters(), lr=parameters.learning_rate)
        self._slowdown = 1.0
        self._usual = math.nan
        """Running mean of the gradient's length."""
        self._setbacks = 0
        self._x = x
        self._device = "cpu"
        self._padded = torch.empty(0)
        self._first = copy.deepcopy(network.state_dict())
        self._wanted = device
        self._ladder = MemoryLadder((*_PIECES, _ON_CPU) if device != "cpu" else _PIECES, self._tell)

    # ------------------------------------------------------------------------------------------ training

    def advance(self, n_steps: int) -> None:
        """Make some steps. Where numbers overflow, they are taken back and made again more slowly.

        Raises
        ------
        SegmotifError
            If that happens again and again.
        DeviceMemoryError
            If the memory does not suffice even for the smallest pieces.
        """
        kept = self._snapshot()

        def attempt(n_pieces: int) -> bool:
            self._restore(kept)
            self._place(self._wanted if n_pieces != _ON_CPU else "cpu")
            return all(self._step(max(1, n_pieces)) for _ in range(n_steps))

        while not self._ladder.run(attempt):
            self._restore(kept)
            self._setbacks += 1
            self._slowdown /= 4
            if self._setbacks > _MOST_SETBACKS:
                raise SegmotifError(
                    "the motifs' refinement diverged: take a smaller learning rate "
                    f"(got {self._parameters.learning_rate:g})"
                )

    def keep_better(self) -> None:
        """Go back to the network as it was before the first step, if its loss was lower than it is now."""
        n = min(_COMPARED, len(self.losses) // 2)
        if n and np.mean(self.losses[-n:]) > self.losses[0]:
            self.network.load_state_dict(self._first)

    def _step(self, n_pieces: int) -> bool:
        """One step of Adam; False, with nothing changed, if the loss or its gradient is not finite."""
        starts = self._windows.draw()
        shape = (len(starts), len(self.network.bias), self.network.length - 1 + self._windows.length)
        uniform = torch.rand(shape, generator=self._generator).clamp_(1e-7, 1 - 1e-7)
        noise = torch.logit(uniform)
        inside = self._inside(starts, 0).sum()
        self._optimiser.zero_grad()
        total = 0.0
        for piece in np.array_split(np.arange(len(starts)), min(n_pieces, len(starts))):
            some = [starts[i] for i in piece]
            loss = self._loss(some, noise[piece].to(self._device)) / inside
            loss.backward()
            total += loss.item()
        most = _CLIP * self._usual if self._usual == self._usual else math.inf
        length = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), most))
        if not (math.isfinite(total) and math.isfinite(length)):
            return False
        length = min(length, most)
        self._usual = length if self._usual != self._usual else 0.9 * self._usual + 0.1 * length
        n_steps = max(1, self._parameters.n_steps)
        rate = self._parameters.learning_rate * self._slowdown
        for group in self._optimiser.param_groups:
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * len(self.losses) / n_steps))
        self._optimiser.step()
        self.losses.append(total)
        return True

    def _loss(self, starts: list[int], noise: torch.Tensor) -> torch.Tensor:
        """Sum over the frames of some windows."""
        parameters, length = self._parameters, self.network.length
        before = length - 1
        n = self._windows.length
        first = torch.as_tensor(starts, device=self._device)
        # Frame t of the video is at t + self._margin.
        behind = self.network.behind
        index = (first + self._margin - before - behind)[:, None] + torch.arange(
            behind + before + n + self.network.ahead, device=self._device
        )
        x = self._padded[:, index].transpose(0, 1)  # (B, K, ·)
        logits = self.network.encode(x)  # (B, M, before + n)
        relaxed = torch.sigmoid((logits + noise) / parameters.posterior_temperature)
        relaxed = relaxed * self._inside(starts, before)[:, None]
        residual = x[..., behind + before : behind + before + n] - self.network.decode(relaxed)
        inside = self._inside(starts, 0)
        misfit = 0.5 * (residual.square().sum(dim=1) * inside).sum()
        if parameters.beta == 0:
            return misfit
        prior = math.log(parameters.prior_activation) - math.log1p(-parameters.prior_activation)
        temperatures = parameters.posterior_temperature, parameters.prior_temperature
        kl = divergence(logits[..., before:], prior, *temperatures, torch)
        return misfit + parameters.beta * (kl.sum(dim=1) * inside).sum()

    def _inside(self, starts: list[int], before: int) -> torch.Tensor:
        """1 for the frames of each window, and some before it, that the video has; (B, before + n)."""
        frames = torch.arange(-before, self._windows.length) + torch.as_tensor(starts)[:, None]
        return ((frames >= 0) & (frames < self._n_frames)).to(self._device, torch.float32)

    # ---------------------------------------------------------------------------------------- posterior

    def posterior(self, block: int = _BLOCK) -> NDArray[np.float32]:
        """Probability that each motif begins in each frame, (M, T).

        Parameters
        ----------
        block
            Frames computed at once. Every block is read with the frames around it that the encoder looks
            at, so that the result is the same for every size but for the last digits of a float32.
        """

        def attempt(n_pieces: int) -> NDArray[np.float32]:
            self._place(self._wanted if n_pieces != _ON_CPU else "cpu")
            size = max(1, block // max(1, n_pieces))
            result = np.empty((len(self.network.bias), self._n_frames), np.float32)
            with torch.inference_mode():
                for start in range(0, self._n_frames, size):
                    stop = min(self._n_frames, start + size)
                    first = start + self._margin - self.network.behind
                    last = stop + self._margin + self.network.ahead
                    logits = self.network.encode(self._padded[None, :, first:last])
                    result[:, start:stop] = torch.sigmoid(logits[0]).cpu().numpy()
            return result

        found: NDArray[np.float32] = self._ladder.run(attempt)
        return found

    # ------------------------------------------------------------------------------- devices and snapshots

    @property
    def _margin(self) -> int:
        """Empty frames before the first and after the last one, for windows that reach beyond them."""
        return self._windows.length + self.network.length + self.network.ahead

    def _place(self, device: str) -> None:
        """Bring everything to a device."""
        if device == self._device and len(self._padded):
            return
        self._device = device
        padded = np.pad(self._x, ((0, 0), (self._margin, self._margin)))
        self._padded = torch.from_numpy(padded).to(device)
        self.network.to(device)
        self._optimiser.load_state_dict(self._optimiser.state_dict())  # brings its tensors along

    def _snapshot(self) -> _Snapshot:
        weights = copy.deepcopy((self.network.state_dict(), self._optimiser.state_dict()))
        waiting = tuple(self._windows.waiting)
        return _Snapshot(*weights, self._generator.get_state(), waiting, len(self.losses), self._usual)

    def _restore(self, kept: _Snapshot) -> None:
        self.network.load_state_dict(kept.network)
        self._optimiser.load_state_dict(copy.deepcopy(kept.optimiser))
        self._generator.set_state(kept.random)
        self._windows.waiting = list(kept.waiting)
        del self.losses[kept.n_losses :]
        self._usual = kept.usual

    def _tell(self, n_pieces: int) -> None:
        if n_pieces == _ON_CPU:
            _log.warning("The memory of the %s device does not suffice: refining on the CPU.", self._wanted)
        else:
            _log.warning("The memory does not suffice: refining in %d smaller pieces.", n_pieces)
