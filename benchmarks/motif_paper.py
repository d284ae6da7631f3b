"""The paper's network and optimiser, written plainly, as a peer: what it costs a frame and how far it comes.

Kirschbaum et al., "LeMoNADe: Learned Motif and Neuronal Assembly Detection in calcium imaging videos", ICLR
2019. Frame by frame, 3×3 convolutions with 24-48-pool-72-96-pool-120 maps and a 1×1 convolution to 48 (ELU);
one 3D convolution over the motif's length and what is left of the frame; a relaxed Bernoulli latent; and one
transposed 3D convolution whose M filters are the motifs, each as large as the frame. Adam with 1e-5 on random
runs of consecutive frames, MSE + β·KL. Nothing here is used by the product.

The KL term is estimated from the drawn sample: it costs nothing, which is in the peer's favour.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

LEARNING_RATE = 1e-5
PRIOR = 0.05
PRIOR_TEMPERATURE = 0.5
POSTERIOR_TEMPERATURE = 0.6
BETA = 0.1
EPOCHS = 5000
RUN_FRAMES = 500


class PaperNetwork(nn.Module):
    """Video (T, Y, X) → relaxed activations (M, T + F − 1) → video (T, Y, X)."""

    def __init__(self, n_motifs: int, motif_length: int, shape: tuple[int, int]) -> None:
        super().__init__()
        left = [((side - 4) // 2 - 4) // 2 - 2 for side in shape]
        kernel, padding = (motif_length, *left), (motif_length - 1, 0, 0)
        self.frames = nn.Sequential(
            *(nn.Conv2d(1, 24, 3), nn.ELU(), nn.Conv2d(24, 48, 3), nn.ELU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(48, 72, 3), nn.ELU(), nn.Conv2d(72, 96, 3), nn.ELU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(96, 120, 3), nn.ELU(), nn.Conv2d(120, 48, 1), nn.ELU()),
        )
        self.time = nn.Conv3d(48, 2 * n_motifs, kernel, padding=padding)
        self.decoder = nn.ConvTranspose3d(n_motifs, 1, (motif_length, *shape), padding=padding)

    def forward(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction (T, Y, X), and the divergence from the prior for each element of the latent."""
        maps = self.frames(video[:, None])  # (T, 48, y, x)
        both = functional.softplus(self.time(maps.transpose(0, 1)[None])) + 1e-6  # (1, 2M, T + F − 1, 1, 1)
        ours, other = both.chunk(2, dim=1)
        log_odds = ours.log() - other.log()
        uniform = torch.rand_like(log_odds).clamp(1e-6, 1 - 1e-6)
        logits = (log_odds + uniform.log() - torch.log1p(-uniform)) / POSTERIOR_TEMPERATURE
        prior = torch.full_like(logits, float(np.log(PRIOR / (1 - PRIOR))))
        divergence = log_density(logits, log_odds, POSTERIOR_TEMPERATURE) - log_density(
            logits, prior, PRIOR_TEMPERATURE
        )
        decoded = functional.relu(self.decoder(torch.sigmoid(logits)))
        return decoded[0, 0], divergence.mean()

    def motifs(self) -> np.ndarray:
        """The decoder's filters, (M, F, Y, X); the layer's ReLU lets only what is positive through."""
        return self.decoder.weight.detach()[:, 0].clamp(min=0).numpy().copy()


def log_density(logits: Tensor, log_odds: Tensor, temperature: float) -> Tensor:
    """Log density of a BinConcrete variable's logits (Maddison et al., 2017)."""
    away = log_odds - temperature * logits
    return float(np.log(temperature)) + away - 2 * functional.softplus(away)


@dataclass(frozen=True)
class PaperRun:
    """What a run of the plain network came to."""

    seconds_per_step: float
    run_frames: int
    n_steps: int
    wall_s: float
    motifs: np.ndarray
    initial_motifs: np.ndarray
    losses: list[float] = field(default_factory=list)

    @property
    def seconds_per_frame(self) -> float:
        return self.seconds_per_step / self.run_frames


def train_plain(
    video: np.ndarray,
    n_motifs: int,
    motif_length: int,
    wall_s: float,
    run_frames: int = RUN_FRAMES,
    min_steps: int = 3,
    random_state: int = 0,
) -> PaperRun:
    """Train the paper's network for a wall time, and at least a few steps.

    `video` (T, Y, X) is divided by its largest value after the median image is taken off, as for ours.
    The seconds a step are the median without the first.
    """
    torch.manual_seed(random_state)
    rng = np.random.default_rng(random_state)
    ready = video - np.median(video, axis=0)
    frames = torch.from_numpy((ready / ready.max()).astype(np.float32))
    run_frames = min(run_frames, len(frames))
    network = PaperNetwork(n_motifs, motif_length, (video.shape[1], video.shape[2]))
    initial = network.motifs()
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    times: list[float] = []
    losses: list[float] = []
    start = time.perf_counter()
    while len(times) < min_steps or time.perf_counter() - start < wall_s:
        began = time.perf_counter()
        first = int(rng.integers(len(frames) - run_frames + 1))
        seen = frames[first : first + run_frames]
        decoded, divergence = network(seen)
        loss = functional.mse_loss(decoded, seen) + BETA * divergence
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        times.append(time.perf_counter() - began)
    per_step = float(np.median(times[1:] or times))
    wall = time.perf_counter() - start
    return PaperRun(per_step, run_frames, len(times), wall, network.motifs(), initial, losses)


def adam_reach(n_steps: int, beta1: float = 0.9, beta2: float = 0.999) -> float:
    """Farthest that n steps of Adam can move one weight, whatever its gradients were.

    The step is lr·m̂/√v̂ (Kingma & Ba, 2015); by Cauchy-Schwarz |m̂|/√v̂ ≤ √(Σ wᵢ²/uᵢ), where w and u are the
    weights with which m̂ and v̂ average the gradients and their squares.
    """
    t = np.arange(1, n_steps + 1)
    ratio = beta1**2 / beta2
    first = ((1 - beta1) / (1 - beta1**t)) ** 2
    second = (1 - beta2**t) / (1 - beta2)
    return LEARNING_RATE * float(np.sqrt(first * second * (1 - ratio**t) / (1 - ratio)).sum())


def fewest_steps(initial: np.ndarray, truth: np.ndarray, similarity: float) -> int:
    """Fewest Adam steps in which one motif could have come to a similarity, whatever the gradients say.

    In n steps a weight stays in a box around its start. The motif of that box which is most similar to the
    truth is the truth, scaled and clipped to the box; its similarity bounds what n steps reach.

    Parameters
    ----------
    initial, truth
        Filters before training, and the motif to come to, both (F, Y, X).
    """
    low, high = 0, 1
    while best_in_box(initial, truth, adam_reach(high)) < similarity:
        low, high = high, 2 * high
        if high > 10_000_000:
            return high
    while high - low > 1:
        middle = (low + high) // 2
        if best_in_box(initial, truth, adam_reach(middle)) < similarity:
            low = middle
        else:
            high = middle
    return high


def best_in_box(initial: np.ndarray, truth: np.ndarray, reach: float) -> float:
    """Largest cosine with `truth` among the motifs within `reach` of `initial` in every weight."""
    lower, upper = np.maximum(initial - reach, 0), np.maximum(initial + reach, 0)
    peak, norm = truth.max(), np.linalg.norm(truth)
    best = 0.0
    for scale in np.geomspace(1e-3, 30, 60) * upper.max() / peak:
        motif = np.clip(scale * truth, lower, upper)
        size = np.linalg.norm(motif)
        if size > 0:
            best = max(best, float((motif * truth).sum() / (size * norm)))
    return best


def cost_of_the_paper(run: PaperRun, ours_s: float, steps: int, n_frames: int) -> dict[str, Any]:
    """Ratios to our wall time: by the largest steps of Adam (a bound), and by the paper's own schedule."""
    schedule_s = EPOCHS * n_frames * run.seconds_per_frame
    return {
        "steps_at_least": steps,
        "seconds_at_least": steps * run.seconds_per_step,
        "times_slower_at_least": steps * run.seconds_per_step / ours_s,
        "schedule_s": schedule_s,
        "schedule_ratio": schedule_s / ours_s,
    }
