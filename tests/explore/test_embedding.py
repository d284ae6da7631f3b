from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier
from tqdm import tqdm

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled, NotFittedError
from napari_segmotif.explore.mapping.embedding import Embedding
from napari_segmotif.explore.mapping.embedding_umap import umap_job
from napari_segmotif.explore.mapping.landmarks import choose_landmarks, place_job
from napari_segmotif.explore.mapping.nearest_neighbours import nearest
from napari_segmotif.explore.mapping.principal_components import enough_components, fit_components
from napari_segmotif.explore.table_simulation import simulate_blobs
from napari_segmotif.explore.watched import Watch, watched_job

NEIGHBOURLY = ("umap", "tsne")


@pytest.fixture(scope="module")
def blobs():
    return simulate_blobs(240, 6, 4, separation=12)


@pytest.fixture(scope="module", params=NEIGHBOURLY)
def fitted(request, blobs):
    """An embedding of every second object."""
    table, truth = blobs
    return Embedding(request.param, scale="standard", perplexity=15).fit(table.iloc[::2]), table, truth


# --------------------------------------------------------------------------------------------------- PCA
def test_pca_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    values = random.normal(size=(80, 6)) @ random.normal(size=(6, 6)) + 5
    embedding = Embedding("pca", 3, scale="none").fit(values)
    peer = PCA(3).fit(values)
    signs = np.sign(np.sum(embedding.embedding_ * peer.transform(values), axis=0))
    np.testing.assert_allclose(embedding.embedding_, peer.transform(values) * signs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(embedding.explained_variance_ratio_, peer.explained_variance_ratio_, rtol=1e-8)
    expected = peer.components_.T * np.sqrt(peer.explained_variance_) * signs
    np.testing.assert_allclose(embedding.loadings_, expected, rtol=1e-6, atol=1e-8)
    assert embedding.names_ == ("PCA1", "PCA2", "PCA3")
    assert list(embedding.loadings_.columns) == ["PCA1", "PCA2", "PCA3"]
    assert embedding.embedding_.dtype == np.float32
    # The heaviest feature of each axis points up, so that nothing is mirrored from run to run.
    heaviest = np.abs(embedding.loadings_.to_numpy()).argmax(axis=0)
    assert (embedding.loadings_.to_numpy()[heaviest, range(3)] > 0).all()


def test_pca_of_new_objects(blobs):
    table, _ = blobs
    embedding = Embedding("pca").fit(table)
    np.testing.assert_allclose(embedding.transform(table), embedding.embedding_, atol=1e-5)
    np.testing.assert_allclose(
        embedding.transform(table.iloc[[9, 3]]), embedding.embedding_[[9, 3]], atol=1e-5
    )
    assert embedding.n_landmarks_ == len(table)


def test_pca_of_fewer_axes_than_asked_for():
    line = np.outer(np.arange(10.0), [1, 2, 3])
    embedding = Embedding("pca", 3, log_skewed=False).fit(line)
    assert embedding.explained_variance_ratio_.round(9).tolist() == [1, 0, 0]
    assert np.abs(embedding.embedding_[:, 1:]).max() == 0
    assert "1 axis only" in embedding.messages_[-1]
    two = Embedding("pca").fit(np.array([[1.0, 2.0], [3.0, 1.0]]))
    assert two.embedding_[0, 0] == -two.embedding_[1, 0] != 0


@given(st.integers(0, 1000), st.integers(2, 30), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_components_are_a_rotation(seed, n, n_features):
    values = np.random.default_rng(seed).normal(size=(n, n_features))
    components = fit_components(values, n_features)
    rank = components.rank
    assert rank == min(n - 1, n_features)
    np.testing.assert_allclose(
        components.axes.T @ components.axes, np.diag([1.0] * rank + [0] * (n_features - rank)), atol=1e-9
    )
    np.testing.assert_allclose(
        cdist(components.project(values), components.project(values)), cdist(values, values), atol=1e-7
    )
    assert components.ratio.sum() == pytest.approx(1)
    number = enough_components(components, 0.8)
    assert components.ratio[:number].sum() >= 0.8 - 1e-9
    assert number == 1 or components.ratio[: number - 1].sum() < 0.8


# ------------------------------------------------------------------------------------ neighbours, landmarks
@pytest.mark.parametrize(
    ("n", "m", "n_features", "k"), [(1, 1, 1, 1), (70, 600, 7, 9), (300, 257, 4, 257), (5, 40, 13, 3)]
)
def test_nearest_neighbours_are_exact(n, m, n_features, k):
    random = np.random.default_rng(0)
    queries, candidates = random.normal(size=(n, n_features)), random.normal(size=(m, n_features))
    found, distances = nearest(queries, candidates, k)
    expected = np.sort(cdist(queries, candidates), axis=1)[:, :k]
    np.testing.assert_allclose(distances, expected, rtol=1e-5)
    np.testing.assert_allclose(
        np.take_along_axis(cdist(queries, candidates), found.astype(int), 1), expected, rtol=1e-5
    )


def test_of_equally_far_neighbours_the_first_counts():
    values = np.zeros((700, 2))
    found, distances = nearest(values, values, 4)
    assert (found == [0, 1, 2, 3]).all()
    assert (distances == 0).all()
    with pytest.raises(InputError, match="at least as many candidates"):
        nearest(values, values[:3], 4)
    with pytest.raises(InputError, match="same features"):
        nearest(values, values[:, :1], 1)


def test_placing_by_landmarks():
    landmarks = np.array([[0.0], [1.0], [10.0]])
    positions = np.array([[0, 0], [1, 0], [5, 5]], np.float32)
    placed = run_job(place_job(np.array([[0.0], [10.0], [0.5], [1e-9]]), landmarks, positions))
    np.testing.assert_array_equal(placed[:2], positions[[0, 2]])
    np.testing.assert_allclose(placed[2], [0.5, 0], atol=2e-3)
    np.testing.assert_allclose(placed[3], [0, 0], atol=1e-6)


def test_landmarks_are_drawn_the_same_each_time():
    rows = choose_landmarks(1000, 100, 7)
    assert len(np.unique(rows)) == 100
    np.testing.assert_array_equal(rows, choose_landmarks(1000, 100, 7))
    assert not np.array_equal(rows, choose_landmarks(1000, 100, 8))
    np.testing.assert_array_equal(choose_landmarks(5, 100, 0), range(5))


# --------------------------------------------------------------------------------------------- UMAP, t-SNE
def test_blobs_stay_apart_and_neighbours_stay_neighbours(fitted):
    embedding, table, truth = fitted
    assert embedding.embedding_.shape == (120, 2)
    assert embedding.embedding_.dtype == np.float32
    assert embedding.names_ in (("UMAP1", "UMAP2"), ("tSNE1", "tSNE2"))
    assert embedding.explained_variance_ratio_ is None
    vote = KNeighborsClassifier(5).fit(embedding.embedding_, truth[::2])
    assert vote.score(embedding.embedding_, truth[::2]) == 1
    prepared = embedding.preparation_.transform(table.iloc[::2])
    assert trustworthiness(prepared, embedding.embedding_, n_neighbors=10) > 0.9


def test_new_objects_come_among_their_like(fitted):
    embedding, table, truth = fitted
    new = embedding.transform(table.iloc[1::2])
    vote = KNeighborsClassifier(5).fit(embedding.embedding_, truth[::2])
    assert vote.score(new, truth[1::2]) == 1
    # It is no matter which others come with an object, and those that were fitted stay where they are.
    np.testing.assert_allclose(embedding.transform(table.iloc[[5]]), new[[2]], rtol=1e-5)
    np.testing.assert_array_equal(embedding.transform(table.iloc[::2]), embedding.embedding_)


@pytest.mark.parametrize("method", NEIGHBOURLY)
def test_large_tables_are_embedded_by_landmarks(blobs, method):
    table, truth = blobs
    embedding = Embedding(method, max_landmarks=100, scale="standard", perplexity=10).fit(table)
    assert embedding.embedding_.shape == (240, 2)
    assert embedding.n_landmarks_ == 100
    assert any("100 of 240 objects were arranged" in message for message in embedding.messages_)
    assert KNeighborsClassifier(5).fit(embedding.embedding_, truth).score(embedding.embedding_, truth) == 1
    np.testing.assert_array_equal(embedding.transform(table), embedding.embedding_)


@pytest.mark.parametrize(("method", "n"), [("umap", 4), ("tsne", 5), ("tsne", 12)])
def test_few_objects(method, n):
    embedding = Embedding(method).fit(np.random.default_rng(0).normal(size=(n, 3)))
    assert np.isfinite(embedding.embedding_).all()
    assert len(np.unique(embedding.embedding_, axis=0)) == n
    lowered = "Neighbours lowered" if method == "umap" else "Perplexity lowered"
    assert any(lowered in message for message in embedding.messages_)


@pytest.mark.parametrize(("method", "n"), [("umap", 2), ("umap", 3), ("tsne", 2), ("tsne", 4), ("pca", 1)])
def test_too_few_objects(method, n):
    with pytest.raises(InputError, match=rf"needs at least \d objects.*\(got {n}\)"):
        Embedding(method).fit(np.random.default_rng(0).normal(size=(n, 3)))


@pytest.mark.parametrize("method", NEIGHBOURLY)
def test_objects_that_are_all_alike_but_two(method):
    """As of objects of one pixel: most are equal in everything."""
    values = np.zeros((40, 3))
    values[:2] = [[1, 2, 3], [4, 4, 4]]
    embedding = Embedding(method, n_neighbors=5, perplexity=5).fit(values)
    assert np.isfinite(embedding.embedding_).all()
    one_feature = Embedding(method, n_neighbors=5, perplexity=5).fit(np.arange(30.0)[:, None])
    assert np.isfinite(one_feature.embedding_).all()


def test_more_than_fifty_features_are_compared_by_their_components():
    table, truth = simulate_blobs(80, 60, 3, separation=20)
    embedding = Embedding("umap", n_neighbors=8, scale="standard").fit(table)
    assert any("first 50 principal components" in message for message in embedding.messages_)
    assert KNeighborsClassifier(5).fit(embedding.embedding_, truth).score(embedding.embedding_, truth) == 1
    np.testing.assert_allclose(embedding.transform(table), embedding.embedding_, atol=1e-3)


def test_three_axes_and_one():
    values = np.random.default_rng(0).normal(size=(40, 4))
    assert Embedding("umap", 3).fit(values).names_ == ("UMAP1", "UMAP2", "UMAP3")
    assert Embedding("tsne", 1, perplexity=5).fit(values).embedding_.shape == (40, 1)
    with pytest.raises(InputError, match="1 or 2 axes"):
        Embedding("tsne", 3)


# ------------------------------------------------------------------------------------------------ all of them
@pytest.mark.parametrize("method", ["pca", "umap", "tsne"])
def test_missing_infinite_and_constant_features(blobs, method):
    table = blobs[0].iloc[:60].copy()
    names = [name for name in table.columns if name.startswith("feature")]
    table.loc[table.index[3], names[0]] = np.inf
    table.loc[table.index[5:9], names[1]] = np.nan
    table["flat"], table["absent"] = 1.0, np.nan
    embedding = Embedding(method, perplexity=5).fit(table)
    assert embedding.columns_ == tuple(names)
    assert np.isfinite(embedding.embedding_).all()
    assert any("flat" in message for message in embedding.messages_)
    assert any("absent" in message for message in embedding.messages_)
    with pytest.raises(InputError, match="differ between the objects"):
        Embedding(method).fit(table, columns=["flat", "absent"])
    assert len(embedding.embedding_) == 60  # the earlier fit is untouched


def test_copies_are_warned_of(blobs):
    table = blobs[0].copy()
    for i in range(6):
        table[f"copy_{i}"] = table["feature_001"] * (i + 1)
    assert any("7 of 12 features are nearly copies" in m for m in Embedding("pca").fit(table).messages_)
    assert not Embedding("pca").fit(blobs[0]).messages_


def test_errors(blobs):
    with pytest.raises(NotFittedError):
        Embedding().transform(blobs[0])
    with pytest.raises(InputError, match="lacks"):
        Embedding().fit(blobs[0]).transform(pd.DataFrame({"area": [1.0]}))
    with pytest.raises(InputError, match="min_dist"):
        Embedding("umap", min_dist=-1)
    with pytest.raises(InputError, match="method"):
        Embedding("guess")


def test_a_cancelled_umap_leaves_the_lock_of_progress_bars_free():
    """Else the next bar in the process, napari's own among them, would wait for it without end."""
    token = CancelToken()
    values = np.random.default_rng(0).normal(size=(300, 4))
    job = umap_job(values, n_epochs=100_000, cancel=token)
    while next(job).done < 3:
        pass
    token.cancel()
    with pytest.raises(JobCancelled):
        run_job(job)
    taken = []

    def take() -> None:
        for lock in tqdm.get_lock().locks:
            taken.append(lock.acquire(timeout=2))
            if taken[-1]:
                lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert taken
    assert all(taken)


@pytest.mark.parametrize(
    ("method", "said"),
    [("pca", "preparing"), ("umap", "preparing"), ("tsne", "preparing"), ("umap", "UMAP"), ("tsne", "t-SNE")],
)
def test_cancelling_leaves_the_earlier_fit(blobs, method, said):
    table, _ = blobs
    embedding = Embedding(method, perplexity=10)
    embedding.fit(table.iloc[:40])
    before = embedding.embedding_
    token = CancelToken()
    job = embedding.fit_job(table, cancel=token)
    while not next(job).message.startswith(said):
        pass
    token.cancel()
    with pytest.raises(JobCancelled):
        run_job(job)
    assert embedding.embedding_ is before
    # A job that is given up half-way leaves no thread behind (the fixture looks).
    left = embedding.fit_job(table)
    while not next(left).message.startswith(said):
        pass
    left.close()


def test_a_watched_call_hands_on_its_error_and_ends_when_unwanted():
    def fails() -> None:
        raise InputError("this is wrong (got that)")

    with pytest.raises(InputError, match="this is wrong"):
        run_job(watched_job(fails, Watch("working")))
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        run_job(watched_job(lambda: 3, Watch("working", token)))
    assert run_job(watched_job(lambda: 3, Watch("working"))) == 3


_PROGRAM = """
import hashlib
import numpy as np
from napari_segmotif.explore.clusters.clustering import Clustering
from napari_segmotif.explore.mapping.embedding import Embedding
random = np.random.default_rng(0)
values = random.normal(size=(300, 60)) @ random.normal(size=(60, 60))
outcome = []
for method in ("pca", "umap", "tsne"):
    found = Embedding(method, max_landmarks=150).fit(values).embedding_
    outcome.append(hashlib.sha256(found.tobytes()).hexdigest())
for method in ("kmeans", "gaussian_mixture", "hdbscan", "agglomerative"):
    found = Clustering(method, 4, max_landmarks=150, space="pca").fit(values).labels_
    outcome.append(hashlib.sha256(found.tobytes()).hexdigest())
"""


def test_the_same_bits_in_another_process_with_another_number_of_threads():
    here: dict[str, list[str]] = {}
    exec(_PROGRAM, here)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
    there = subprocess.run(
        [sys.executable, "-c", _PROGRAM + "print(*outcome)"],
        env={**os.environ, **dict.fromkeys(names, "3")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(set(here["outcome"])) == 7
    assert there.stdout.split() == here["outcome"]
