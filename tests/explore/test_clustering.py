from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled, NotFittedError
from napari_segmotif.explore.clusters.clustering import Clustering
from napari_segmotif.explore.clusters.gaussian_mixture import fit_mixture_job
from napari_segmotif.explore.table_simulation import simulate_blobs

METHODS = ("kmeans", "gaussian_mixture", "hdbscan", "agglomerative")
SHARES = (4, 3, 2, 1)


@pytest.fixture(scope="module")
def blobs():
    return simulate_blobs(400, 5, 4, separation=12, shares=SHARES)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("space", ["features", "pca"])
def test_blobs_are_found_and_new_objects_belong_where_they_should(blobs, method, space):
    table, truth = blobs
    train = np.arange(len(table)) % 2 == 0
    clustering = Clustering(method, 4, space=space, scale="standard").fit(table[train])
    assert clustering.n_clusters_ == 4
    assert clustering.labels_.dtype == np.int64
    given = clustering.labels_ > 0
    assert given.mean() > 0.9
    assert adjusted_rand_score(truth[train][given], clustering.labels_[given]) == 1
    new = clustering.predict(table[~train])
    assert (new > 0).mean() > 0.75
    both = np.r_[clustering.labels_, new]
    expected = np.r_[truth[train], truth[~train]]
    assert adjusted_rand_score(expected[both > 0], both[both > 0]) == 1
    # Objects of the fitted table keep their cluster, whichever come with them.
    np.testing.assert_array_equal(clustering.predict(table[train]), clustering.labels_)
    np.testing.assert_array_equal(clustering.predict(table[train].iloc[7:20]), clustering.labels_[7:20])


@pytest.mark.parametrize("method", METHODS)
def test_clusters_are_numbered_by_falling_size(blobs, method):
    clustering = Clustering(method, 4).fit(blobs[0])
    sizes = np.bincount(clustering.labels_, minlength=5)[1:]
    np.testing.assert_array_equal(clustering.sizes_, sizes)
    assert (np.diff(sizes) <= 0).all()
    assert sizes[0] > sizes[3] > 20


def test_one_seed_gives_one_result_and_order_of_columns_is_no_matter(blobs):
    table, _ = blobs
    first = Clustering("kmeans", 3, random_state=5).fit(table)
    again = Clustering("kmeans", 3, random_state=5).fit(table)
    np.testing.assert_array_equal(first.labels_, again.labels_)
    np.testing.assert_array_equal(first.centres_, again.centres_)
    turned = Clustering("kmeans", 4).fit(table[table.columns[::-1]])
    assert adjusted_rand_score(turned.labels_, Clustering("kmeans", 4).fit(table).labels_) == 1


def test_far_outliers_are_in_no_cluster_of_hdbscan(blobs):
    table, _ = blobs
    clustering = Clustering("hdbscan", None, scale="standard").fit(table)
    far = table.iloc[:1].copy()
    far[list(clustering.columns_)] = 1000.0
    assert clustering.predict(far).tolist() == [0]
    everywhere = Clustering("agglomerative", 4, scale="standard").fit(table)
    assert everywhere.predict(far)[0] > 0


def test_noise_alone_is_no_cluster_of_hdbscan():
    table = np.random.default_rng(0).uniform(size=(40, 6))
    clustering = Clustering("hdbscan", min_cluster_size=15).fit(table)
    if clustering.n_clusters_ == 0:
        assert (clustering.labels_ == 0).all()
        assert "No cluster" in clustering.messages_[-1]
    few = Clustering("hdbscan", min_cluster_size=15).fit(table[:6])
    assert few.n_clusters_ == 0
    assert (few.labels_ == 0).all()
    assert np.isnan(few.distances_).all()
    assert any("No cluster" in message for message in few.messages_)


def test_centres_and_distances(blobs):
    table, _ = blobs
    clustering = Clustering("kmeans", 4, scale="none").fit(table)
    values = table[list(clustering.columns_)].to_numpy()
    for i in range(1, 5):
        members = values[clustering.labels_ == i]
        np.testing.assert_allclose(clustering.centres_[i - 1], members.mean(axis=0))
        np.testing.assert_allclose(
            clustering.distances_[clustering.labels_ == i],
            np.linalg.norm(members - members.mean(axis=0), axis=1),
            rtol=1e-5,
        )


def test_elongated_clusters_are_for_gaussians():
    random = np.random.default_rng(1)
    truth = np.repeat([0, 1], 200)
    values = random.normal(size=(400, 2)) * [10, 0.5] + np.c_[np.zeros(400), 4.0 * truth]
    gaussians = Clustering("gaussian_mixture", 2, scale="none").fit(values)
    assert adjusted_rand_score(truth, gaussians.labels_) > 0.97
    assert adjusted_rand_score(truth, Clustering("kmeans", 2, scale="none").fit(values).labels_) < 0.5


def test_a_gaussian_is_fitted_in_closed_form_and_its_density_is_that_of_scipy():
    random = np.random.default_rng(0)
    values = random.normal(size=(300, 3)) @ random.normal(size=(3, 3)) + [1, 2, 3]
    mixture = run_job(fit_mixture_job(values, np.zeros(300, np.int64), full=True))
    assert mixture.full
    np.testing.assert_allclose(mixture.means[0], values.mean(axis=0))
    covariance = np.cov(values.T, bias=True)
    np.testing.assert_allclose(np.linalg.inv(mixture.roots[0] @ mixture.roots[0].T), covariance, rtol=1e-3)
    densities = multivariate_normal(values.mean(axis=0), covariance).logpdf(values)
    np.testing.assert_allclose(mixture.log_densities(values)[:, 0], densities, rtol=1e-3)
    np.testing.assert_allclose(mixture.posteriors(values), 1)
    n_numbers = 3 + 6
    assert mixture.bic == pytest.approx(n_numbers * np.log(300) - 2 * densities.sum(), rel=1e-4)


def test_bic_finds_the_number_of_gaussians(blobs):
    table, truth = blobs
    mixture = Clustering("gaussian_mixture", None, n_init=2, scale="standard", log_skewed=False).fit(table)
    assert mixture.n_clusters_ == 4
    assert adjusted_rand_score(truth, mixture.labels_) == 1


def test_few_objects_for_many_features_have_simple_gaussians():
    table, truth = simulate_blobs(60, 20, 3, separation=12)
    clustering = Clustering("gaussian_mixture", 3).fit(table)
    assert adjusted_rand_score(truth, clustering.labels_) == 1
    assert any("uncorrelated" in message for message in clustering.messages_)


@pytest.mark.parametrize("method", ["hdbscan", "agglomerative"])
def test_large_tables_are_clustered_by_landmarks(method):
    table, truth = simulate_blobs(600, 5, 4, separation=12)
    clustering = Clustering(method, 4, max_landmarks=200, min_cluster_size=8, scale="standard").fit(table)
    assert any("200 of 600" in message for message in clustering.messages_)
    given = clustering.labels_ > 0
    assert given.mean() > 0.7
    assert adjusted_rand_score(truth[given], clustering.labels_[given]) == 1
    np.testing.assert_array_equal(clustering.predict(table), clustering.labels_)


def test_clusters_of_an_embedding_come_with_a_warning(blobs):
    table, truth = blobs
    centres = np.array([[0, 0], [9, 0], [0, 9], [9, 9]])
    embedding = centres[truth - 1] + np.random.default_rng(0).normal(size=(len(truth), 2)) * 0.1
    clustering = Clustering("kmeans", 4, space="embedding").fit(table, embedding=embedding)
    assert adjusted_rand_score(truth, clustering.labels_) == 1
    assert "embedding" in clustering.messages_[0]
    assert clustering.columns_ == ()
    np.testing.assert_array_equal(clustering.predict(table[:9], embedding[:9]), clustering.labels_[:9])
    for wrong in (None, embedding[:, :1], embedding[:5], np.full_like(embedding, np.nan)):
        with pytest.raises(InputError, match="embedding"):
            clustering.predict(table, wrong)
    with pytest.raises(InputError, match="embedding"):
        Clustering(space="embedding").fit(table)


@pytest.mark.parametrize("method", ["kmeans", "gaussian_mixture", "agglomerative"])
def test_more_clusters_than_objects(method):
    values = np.random.default_rng(0).normal(size=(4, 3))
    with pytest.raises(InputError, match=r"5 clusters of 4 objects"):
        Clustering(method, 5).fit(values)
    assert sorted(Clustering(method, 4).fit(values).labels_) == [1, 2, 3, 4]


@pytest.mark.parametrize("method", ["kmeans", "gaussian_mixture", "agglomerative"])
def test_more_clusters_than_different_objects(method):
    values = np.repeat([[0.0, 1.0], [5.0, 2.0], [9.0, 9.0]], [3, 2, 6], axis=0)
    clustering = Clustering(method, 5).fit(values)
    assert clustering.labels_.tolist() == [2] * 3 + [3] * 2 + [1] * 6
    assert "Only 3 of 11 objects differ" in clustering.messages_[-1 if method != "gaussian_mixture" else 0]


@pytest.mark.parametrize("method", METHODS)
def test_one_object_and_features_that_say_nothing(method):
    with pytest.raises(InputError, match="differ between the objects"):
        Clustering(method, 1).fit(np.ones((1, 3)))
    with pytest.raises(InputError, match="differ between the objects"):
        Clustering(method, 2).fit(np.ones((6, 3)))
    with pytest.raises(InputError, match="differ between the objects"):
        Clustering(method, 2).fit(np.full((6, 3), np.nan))


@pytest.mark.parametrize("method", METHODS)
def test_missing_infinite_and_constant_features(blobs, method):
    table = blobs[0].copy()
    names = [name for name in table.columns if name.startswith("feature")]
    table.loc[table.index[3], names[0]] = np.inf
    table.loc[table.index[5:9], names[1]] = np.nan
    table["flat"], table["absent"] = 1.0, np.nan
    clustering = Clustering(method, 4).fit(table)
    assert clustering.columns_ == tuple(names)
    assert any("flat" in message for message in clustering.messages_)
    np.testing.assert_array_equal(clustering.predict(table), clustering.labels_)


def test_errors(blobs):
    table, _ = blobs
    with pytest.raises(NotFittedError):
        Clustering().predict(table)
    with pytest.raises(InputError, match="cluster_stability"):
        Clustering("kmeans", None)
    with pytest.raises(InputError, match="n_clusters"):
        Clustering("kmeans", 0)
    with pytest.raises(InputError, match="method"):
        Clustering("guess")
    with pytest.raises(InputError, match="lacks"):
        Clustering("kmeans", 2).fit(table).predict(pd.DataFrame({"area": [1.0]}))


@pytest.mark.parametrize("method", METHODS)
def test_cancelling_leaves_the_earlier_fit(blobs, method):
    table, _ = blobs
    clustering = Clustering(method, 3).fit(table)
    labels = clustering.labels_
    token = CancelToken()
    job = clustering.fit_job(table.iloc[:100], cancel=token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        run_job(job)
    assert clustering.labels_ is labels


def test_copies_of_one_feature_are_warned_of(blobs):
    table = blobs[0].copy()
    for i in range(6):
        table[f"copy_{i}"] = table["feature_001"] * (i + 1)
    messages = Clustering("kmeans", 3).fit(table).messages_
    assert any("7 of 11 features are nearly copies" in message for message in messages)
