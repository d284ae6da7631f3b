"""Small simulated videos, and a motif detector that was fitted to one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_segmotif.motifs.lemonade import LeMoNADe
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, simulate_video

SMALL: dict[str, Any] = {
    "shape": (48, 48),
    "n_frames": 900,
    "frame_rate": 15.0,
    "motif_length": 12,
    "n_cells": 14,
    "cell_radius": 3.0,
    "cells_per_motif": 6,
    "activation_rate": 0.2,
    "noise": 0.4,
}
QUICK: dict[str, Any] = {
    "n_motifs": 3,
    "motif_length": 15,
    "frame_rate": 15.0,
    "n_restarts": 100,
    "n_surrogates": 99,
    "n_steps": 20,
    "device": "cpu",
}


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """What the small video is simulated with: three motifs of six cells, played about a dozen times each."""
    return SMALL


@pytest.fixture(scope="session")
def quick() -> dict[str, Any]:
    """Settings with which a fit of the small video takes about a second."""
    return QUICK


@pytest.fixture(scope="session")
def video() -> SimulatedVideo:
    return simulate_video(**SMALL)


@pytest.fixture(scope="session")
def found(video: SimulatedVideo) -> LeMoNADe:
    """Fitted once for all tests: do not change it."""
    return LeMoNADe(**QUICK).fit(video.video)


@pytest.fixture(scope="session")
def only_noise() -> NDArray[np.float32]:
    return (5 + np.random.default_rng(0).normal(size=(600, 48, 48))).astype(np.float32)
