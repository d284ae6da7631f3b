"""What can be chosen about a simulated video, with the bounds of every choice."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SimulationParameters(BaseModel):
    """Settings of `simulate_video`.

    All amplitudes are in units of the transient's peak: the brightest pixel of a cell that fires once rises
    by 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, int] = Field(default=(128, 128), title="Frame", description="(Y, X) in pixels.")
    n_frames: int = Field(
        default=1800, ge=2, le=1_000_000, title="Frames", description="Length of the video in frames."
    )
    n_motifs: int = Field(
        default=3, ge=0, le=100, title="Motifs", description="Assemblies of cells; 0: cells fire at random."
    )
    motif_length: int = Field(
        default=30, ge=2, le=1000, title="Motif length", description="Frames that a motif takes at most."
    )
    n_cells: int | None = Field(
        default=None, ge=1, le=20_000, title="Cells", description="Empty: 50 for 128×128, by area."
    )
    cell_radius: float | None = Field(
        default=None, ge=1.0, le=100.0, title="Cell radius", description="In pixels; empty: suits the frame."
    )
    cells_per_motif: int | None = Field(
        default=None, ge=1, le=10_000, title="Cells per motif", description="Empty: 6 to 12 at random."
    )
    frame_rate: float = Field(
        default=30.0, gt=0, le=10_000, title="Frame rate", description="Frames per second."
    )
    activation_rate: float = Field(
        default=0.15,
        gt=0,
        le=100,
        title="Activations",
        description="How often each motif is played, per second.",
    )
    spontaneous_rate: float = Field(
        default=0.3,
        ge=0,
        le=100,
        title="Spontaneous rate",
        description="Spikes per second of each cell, where there are no motifs.",
    )
    spurious: float = Field(
        default=0.0,
        ge=0,
        le=0.95,
        title="Spurious spikes",
        description="Share of all spikes that belong to no motif.",
    )
    participation: float = Field(
        default=1.0,
        gt=0,
        le=1,
        title="Participation",
        description="Probability with which a cell of a motif fires when the motif is played.",
    )
    jitter: float = Field(
        default=0.0,
        ge=0,
        le=100,
        title="Jitter",
        description="Standard deviation of the spike times within a motif, in frames.",
    )
    rise_time: float = Field(
        default=0.05, gt=0, le=10, title="Rise", description="Time constant before the peak, in seconds."
    )
    decay_time: float = Field(
        default=0.4, gt=0, le=60, title="Decay", description="Time constant after the peak, in seconds."
    )
    noise: float = Field(
        default=0.6,
        ge=0,
        le=100,
        title="Noise",
        description="Standard deviation of each pixel's white noise.",
    )
    neuropil: float = Field(
        default=0.0,
        ge=0,
        le=100,
        title="Neuropil",
        description="Standard deviation of a smooth background that comes and goes slowly.",
    )
    bleaching: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Bleaching",
        description="Share of the brightness that is lost by the end.",
    )
    motion: float = Field(
        default=0.0,
        ge=0,
        le=100,
        title="Motion",
        description="Largest displacement along either axis, in pixels: slow drift and a few jumps.",
    )
    baseline: float = Field(
        default=3.0, ge=-1000, le=1000, title="Baseline", description="Brightness F0 between the cells."
    )
    resting: float = Field(
        default=0.5,
        ge=0,
        le=10,
        title="Resting cells",
        description="By which share of F0 a cell at rest is brighter than what surrounds it.",
    )
    dtype: Literal["float32", "uint16"] = Field(
        default="float32", title="Type", description="uint16: camera counts, 200 for the peak of a transient."
    )
    random_state: int = Field(
        default=0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same video."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if min(self.shape) < 8 or max(self.shape) > 16_384:
            raise ValueError(f"A frame is 8 to 16384 pixels high and wide (got shape {self.shape})")
        if self.n_motifs and self.motif_length > self.n_frames:
            raise ValueError(
                "The video is shorter than its motifs: take more frames or shorter motifs "
                f"(got {self.n_frames} frames, motif length {self.motif_length})"
            )
        return self
