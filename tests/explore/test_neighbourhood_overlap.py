"""Neighbours that embeddings of different seeds share: all of PCA's, few of pictures of noise."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.explore.mapping import neighbourhood_overlap
from napari_segmotif.explore.mapping.neighbourhood_overlap import embedding_overlap, embedding_overlap_job
from napari_segmotif.explore.preparation import Preparation
from napari_segmotif.explore.table_simulation import simulate_blobs, simulate_gaussian


class Scattered:
    """An embedding that puts objects at random, other ones for each seed."""

    def __init__(self, method: str, random_state: int, **_: Any) -> None:
        self._seed = random_state

    def fit_job(self, table: Any, columns: Any, cancel: Any) -> Iterator[Progress]:
        yield Progress(0, 1)
        self.preparation_ = Preparation().fit(table, columns)
        self.embedding_ = np.random.default_rng(self._seed).random((len(table), 2))
        self.messages_ = ()


def test_pca_has_the_same_neighbours_in_every_run() -> None:
    table, _ = simulate_gaussian(200, 2, 0)
    found = embedding_overlap(table, "pca", n_neighbors=10)
    assert found.overlap == 1.0
    assert found.with_features > 0.99  # two features, in another rotation
    assert (found.per_object == 1).all()
    assert "largely" in found.verdict
    assert found.by_chance == pytest.approx(10 / 199)


def test_two_axes_of_many_features_do_not_keep_neighbours() -> None:
    table, _ = simulate_gaussian(300, 40, 0)
    found = embedding_overlap(table, "pca")
    assert found.with_features < 0.25
    assert "hardly the neighbours in the features" in found.verdict


def test_pictures_of_chance_have_what_chance_gives_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbourhood_overlap, "Embedding", Scattered)
    table, _ = simulate_gaussian(600, 3, 0)
    found = embedding_overlap(table, "umap", n_seeds=4, n_neighbors=12)
    assert found.overlap == pytest.approx(found.by_chance, abs=0.005)
    assert found.with_features == pytest.approx(found.by_chance, abs=0.005)
    assert found.per_object.mean() == pytest.approx(found.overlap)
    assert "mostly chance" in found.verdict


def test_of_many_objects_some_are_looked_at_and_the_rest_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbourhood_overlap, "Embedding", Scattered)
    found = embedding_overlap(simulate_gaussian(300, 3, 0)[0], max_objects=60)
    assert np.isfinite(found.per_object).sum() == np.isfinite(found.features_per_object).sum() == 60
    assert len(found.per_object) == 300
    assert "60 of 300 objects" in found.summary()


def test_objects_at_one_place_have_others_as_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Heap(Scattered):
        def fit_job(self, table: Any, columns: Any, cancel: Any) -> Iterator[Progress]:
            yield from super().fit_job(table, columns, cancel)
            self.embedding_ = np.zeros((len(table), 2))

    monkeypatch.setattr(neighbourhood_overlap, "Embedding", Heap)
    found = embedding_overlap(simulate_gaussian(40, 3, 0)[0], n_neighbors=5)
    assert found.overlap == 1.0


def test_tsne_of_blobs_keeps_most_neighbours() -> None:
    table, _ = simulate_blobs(90, 3, 3, separation=12, random_state=0)
    found = embedding_overlap(table, "tsne", n_neighbors=15, n_seeds=2, perplexity=10)
    assert found.overlap > 0.5
    assert found.with_features > 0.5


def test_bad_requests_are_explained() -> None:
    table, _ = simulate_gaussian(30, 3, 0)
    with pytest.raises(InputError, match=r"n_seeds must be at least 2 \(got 1\)"):
        embedding_overlap(table, n_seeds=1)
    with pytest.raises(InputError, match=r"got 'map'"):
        embedding_overlap(table, SimpleNamespace(method="map").method)
    with pytest.raises(InputError, match=r"from 8 objects on"):
        embedding_overlap(table.iloc[:3])
    with pytest.raises(InputError, match="differ between the objects"):
        embedding_overlap(np.ones((30, 2)), "pca")


def test_it_can_be_cancelled() -> None:
    token = CancelToken()
    job = embedding_overlap_job(simulate_gaussian(30, 3, 0)[0], "pca", cancel=token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        run_job(job)
