"""The settings of the motif detector, with their bounds: what the constructor checks and the form shows."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..common.device import Device


class VideoParameters(BaseModel):
    """How a video is made ready: baseline, bleaching, motion (Kirschbaum et al., 2019, use the median)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    normalization: Literal["subtract", "dff"] = Field(
        default="subtract",
        title="Normalise",
        description="'subtract' takes each pixel's baseline off; 'dff' divides by it, too (ΔF/F).",
    )
    bleaching: bool = Field(
        default=True, title="Correct bleaching", description="Undo the slow loss of brightness."
    )
    motion: Literal["none", "rigid"] = Field(
        default="none", title="Correct motion", description="'rigid' shifts every frame onto the mean image."
    )
    cell_size: float | None = Field(
        default=None,
        ge=1.5,
        le=200,
        title="Cell size",
        description="Diameter of a cell body in pixels; empty: found from the video.",
        json_schema_extra={"unit": "px"},
    )


class SearchParameters(BaseModel):
    """What motifs to look for, in videos and in traces alike."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_motifs: int = Field(
        default=3,
        ge=1,
        le=50,
        title="Motifs",
        description="At most so many motifs (M). Ask for more than you expect: what is chance is dropped.",
    )
    motif_length: int = Field(
        default=31,
        ge=2,
        le=5000,
        title="Length",
        description="Longest motif (F), in frames. A motif may be shorter; its end is then empty.",
        json_schema_extra={"unit": "frames"},
    )
    frame_rate: float = Field(
        default=30.0,
        gt=0,
        le=100_000,
        title="Frame rate",
        description="Frames per second.",
        json_schema_extra={"unit": "1/s"},
    )
    random_state: int = Field(
        default=0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same motifs."
    )
    n_restarts: int = Field(
        default=400, ge=1, le=100_000, title="Restarts", description="Searches whose consensus is taken."
    )
    prior_activation: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        title="Prior activation (a)",
        description="How probable a motif's start is in a frame before anything was seen.",
    )
    significance_level: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        title="Significance level",
        description="A motif is significant where its p-value is below this.",
    )
    n_surrogates: int = Field(
        default=999,
        ge=19,
        le=100_000,
        title="Surrogates",
        description="Circularly shifted, motif-free copies that each motif is compared with.",
    )


class MotifParameters(SearchParameters, VideoParameters):
    """Settings of LeMoNADe (Kirschbaum et al., ICLR 2019); symbols are those of the paper."""

    init: Literal["sparse_coding", "random"] = Field(
        default="sparse_coding",
        title="Start from",
        description="'sparse_coding' is fast and reliable; 'random' is the paper's plain model.",
    )
    n_steps: int = Field(
        default=200,
        ge=0,
        le=1_000_000,
        title="VAE steps",
        description="Gradient steps with which the variational autoencoder is refined.",
    )
    learning_rate: float = Field(
        default=3e-3, gt=0, le=1, title="Learning rate", description="Of the Adam optimiser."
    )
    beta: float = Field(
        default=1.0,
        ge=0,
        le=1e6,
        title="KL weight (β)",
        description="Weight of the divergence from the prior; does not depend on the size of a frame.",
    )
    posterior_temperature: float = Field(
        default=0.4, gt=0, le=10, title="Temperature λ1", description="Of the relaxed posterior."
    )
    prior_temperature: float = Field(
        default=0.5, gt=0, le=10, title="Temperature λ2", description="Of the relaxed prior."
    )
    device: Device = Field(default="auto", title="Device", description="Where the network computes.")


class TraceParameters(SearchParameters):
    """Settings of sparse convolutional coding (Peter et al., NIPS 2017)."""

    kind: Literal["auto", "traces", "spikes"] = Field(
        default="auto",
        title="Rows are",
        description="Fluorescence traces, or spikes (counts or rates, mostly 0); 'auto' looks at the values.",
    )
    sparsity: float = Field(
        default=0.45,
        ge=0,
        lt=1,
        title="Sparsity (λ)",
        description="Share of a motif's energy that must be there for it to count as played.",
    )
