"""The variational autoencoder of LeMoNADe on a compressed video (Kirschbaum et al., ICLR 2019).

Decoder: one convolution in time, whose weights are the motifs. A frame of the video is low-rank in space, so
that this is a small matrix product for every frame.

Encoder: a network from the compressed video to the log-odds of every motif's beginning in every frame. It
looks F − 1 frames ahead, since a motif that begins at t shows in t … t + F − 1, and a few frames to either
side, to tell neighbouring and overlapping motifs apart.

    x (B, K, n) ── filters, F frames ──▶ responses (B, M, ·) ── mixing, 2·REACH+1 frames ──┐
      │                                      └── 2·REACH+1 frames ──┐                      + ─▶ scores
      └── per frame ─▶ ReLU ── F frames ─────────────────────────── + ─▶ ReLU ── per frame ┘

The upper way is linear: a warm start sets it to matched filters, and the last weights of the lower one to
zero. Scores of neighbouring frames compete, which gives the log-odds (see `matched_filter`). Every weight is
kept in units of its own size, so that one learning rate suits all.

Importing this imports PyTorch.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from .matched_filter import REACH, MatchedFilter, rival_frames

HIDDEN = 8
"""Channels of the encoder's nonlinear way."""


class MotifVae(nn.Module):  # type: ignore[misc]  # mypy does not read torch
    """Encoder and decoder; see the module.

    Parameters
    ----------
    n_channels, n_motifs, motif_length
        K, M and F.
    generator
        Source of all randomness.
    motifs
        (M, F, K) to begin with; None for random ones.
    matched
        What the encoder's linear way begins with; None leaves that way out: the paper's plain encoder.
    scale
        Size (root mean square) of random motifs.
    """

    def __init__(
        self,
        n_channels: int,
        n_motifs: int,
        motif_length: int,
        generator: torch.Generator,
        motifs: NDArray[np.float32] | None = None,
        matched: MatchedFilter | None = None,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.length = motif_length
        self.linear = matched is not None
        self.rivals = rival_frames(motif_length) if self.linear else 0
        self.behind = REACH + self.rivals
        self.ahead = motif_length - 1 + self.behind
        """Frames before and after t that the encoder looks at."""
        K, M, F, span = n_channels, n_motifs, motif_length, 2 * REACH + 1

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator)

        if motifs is None:
            self._own("decoder", normal(M, K, F) * scale)
        else:
            self._own("decoder", torch.from_numpy(motifs.transpose(0, 2, 1).copy()))
        if matched is not None:
            self._own("filters", torch.from_numpy(matched.filters.transpose(0, 2, 1).copy()))
            self._own("mixing", torch.from_numpy(matched.mixing))
            self.bias = nn.Parameter(torch.from_numpy(matched.bias))
            self._own("beside", normal(HIDDEN, M, span) / (M * span) ** 0.5)
        else:
            self.bias = nn.Parameter(torch.full((M,), -2.0))
        self._own("spatial", normal(HIDDEN, K, 1) * (2 / K) ** 0.5)
        self._own("temporal", normal(HIDDEN, HIDDEN, F) * (2 / (HIDDEN * F)) ** 0.5)
        last = normal(M, HIDDEN, 1) / HIDDEN**0.5
        self.last = nn.Parameter(last * 0 if matched is not None else last)

    def _own(self, name: str, value: torch.Tensor) -> None:
        """Keep a weight as a parameter of size about 1, times a constant of its own for each output."""
        size = value.square().mean(dim=tuple(range(1, value.ndim)), keepdim=True).sqrt()
        size = torch.where(size > 0, size, torch.ones_like(size))
        self.register_parameter(name, nn.Parameter(value / size))
        self.register_buffer(f"{name}_size", size)

    def weight(self, name: str) -> torch.Tensor:
        """A weight in its own units, by name."""
        value: torch.Tensor = getattr(self, name) * getattr(self, f"{name}_size")
        return value

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Log-odds of every motif's beginning.

        Parameters
        ----------
        x
            (B, K, behind + n + ahead).

        Returns
        -------
        Tensor (B, M, n)
        """
        hidden = functional.conv1d(x, self.weight("spatial")).relu()
        hidden = functional.conv1d(hidden, self.weight("temporal"))  # (B, H, · + 2 REACH)
        if not self.linear:
            hidden = hidden[..., REACH : hidden.shape[-1] - REACH].relu()
            return functional.conv1d(hidden, self.last) + self.bias[:, None]
        responses = functional.conv1d(x, self.weight("filters"))  # (B, M, · + 2 REACH)
        hidden = hidden[..., REACH : hidden.shape[-1] - REACH]
        hidden = (hidden + functional.conv1d(responses, self.weight("beside"))).relu()
        scores = functional.conv1d(responses, self.weight("mixing")) + self.bias[:, None]
        return self._compete(scores + functional.conv1d(hidden, self.last))

    def _compete(self, scores: torch.Tensor) -> torch.Tensor:
        """Log-odds where a motif does not begin twice within `rivals` frames: (…, n + 2 rivals) to (…, n)."""
        # Far above 80, exp would overflow; who competes with such a score has lost anyway.
        odds = scores.clamp(max=80.0).exp().flatten(0, 1)[:, None]  # (B M, 1, ·)
        others = torch.ones(1, 1, 2 * self.rivals + 1, device=scores.device)
        others[..., self.rivals] = 0
        rivals = functional.conv1d(odds, others)[:, 0].unflatten(0, scores.shape[:2])
        return scores[..., self.rivals : scores.shape[-1] - self.rivals] - torch.log1p(rivals)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """The video that activations make.

        Parameters
        ----------
        z
            (B, M, F − 1 + n).

        Returns
        -------
        Tensor (B, K, n)
        """
        return functional.conv1d(z, self.weight("decoder").flip(-1).transpose(0, 1))

    def motifs(self) -> NDArray[np.float32]:
        """The decoder's weights, (M, F, K)."""
        found = self.weight("decoder").detach().cpu().numpy().transpose(0, 2, 1)
        return np.ascontiguousarray(found)
