"""A classifier that is quick to train."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from napari_segmotif import PixelClassifier, PixelFeatures

sys.path.insert(0, str(Path(__file__).parent))

from pixel_images import painted, two_halves

QUICK = PixelFeatures(sigmas=(0.7, 1.6), families=("gaussian", "gradient_magnitude", "hessian_eigenvalues"))


@pytest.fixture
def classifier() -> PixelClassifier:
    return PixelClassifier(QUICK, n_estimators=20, n_jobs=2)


@pytest.fixture
def trained(classifier: PixelClassifier) -> PixelClassifier:
    return classifier.fit(two_halves(), painted())
