"""What was found stays true to what it was found of: features, maps and clusters may change meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from explorer_scene import discs, table_of
from napari import Viewer

from napari_segmotif.explore.clusters.clustering import Clustering
from napari_segmotif.explore.mapping.embedding import Embedding
from napari_segmotif.gui.explore import jobs
from napari_segmotif.gui.explore.findings import Findings
from napari_segmotif.gui.explore.widget import FeatureExplorerWidget
from napari_segmotif.gui.explore.words import marked

OTHERWISE = "(with other features)"


class Report:
    """A check that found two clusters with k-means."""

    verdict, n_clusters, stable, messages, method = "Two. They stay.", 2, True, (), "kmeans"
    table = pd.DataFrame({"n_clusters": [1, 2], "ari_resamples": [np.nan, 0.9], "silhouette": [np.nan, 0.5]})
    cluster_jaccard = {1: 0.93, 2: 0.5}  # noqa: RUF012

    def __init__(self, labels: np.ndarray) -> None:
        self.labels, self.confidence = labels, np.where(np.arange(len(labels)) < 3, 0.2, 1.0)


@pytest.fixture
def measured(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> FeatureExplorerWidget:
    """Discs, measured; checks find large and small ones, and UMAP and t-SNE are PCA by another name."""
    labels, image, is_large = discs()
    viewer.add_image(image, name="DAPI")
    viewer.add_labels(labels, name="cells")
    widget = FeatureExplorerWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Feature explorer")
    report = Report(np.where(is_large, 1, 2))
    monkeypatch.setattr(jobs, "stability", lambda *_: returning(report))
    monkeypatch.setattr(
        jobs, "embed", lambda table, method, settings, columns, cancel: returning(map_like(method, table))
    )
    widget.form.objects.groups["neighbourhood"].setChecked(False)
    widget.measure()
    assert widget.wait()
    return widget


def returning(result: Any) -> Iterator[Any]:
    """A job that is done."""
    return result
    yield


def map_like(method: str, table: pd.DataFrame) -> Embedding:
    """A map that took no time: places by chance."""
    made = Embedding(method)  # type: ignore[arg-type]
    made.embedding_ = np.random.default_rng(len(method)).random((len(table), 2)).astype(np.float32)
    made.names_ = tuple(f"{'UMAP' if method == 'umap' else 'tSNE'}{k}" for k in (1, 2))
    made.columns_, made.messages_ = ("area",), ()
    made.explained_variance_ratio_ = made.loadings_ = None
    return made


def make_map(widget: FeatureExplorerWidget, method: str) -> None:
    widget.form.embedding.method.choose(method)
    widget.form.embedding.make.click()
    assert widget.wait()


def prune(widget: FeatureExplorerWidget) -> None:
    widget.form.features.find.click()
    assert widget.wait()
    widget.form.features.use.setChecked(True)


def summary(widget: FeatureExplorerWidget, section: str) -> str:
    return widget.form.sections[section]._summary.text()


# ------------------------------------------------------------------------------------------- without a viewer


def test_the_map_made_last_is_the_last_also_when_it_was_made_before() -> None:
    table, found = table_of(), Findings()
    for method in ("umap", "tsne", "umap", "pca"):
        made = map_like(method, table)
        found.take_map(made, ["area"])
    last = found.last_map()
    assert last is not None
    assert last.parameters.method == "umap"


def test_findings_know_the_features_that_they_were_made_with() -> None:
    table, found = table_of(), Findings()
    assert not found.made_otherwise("clusters", table)  # nothing is known of clusters out of a file
    found.made_with["clusters"] = tuple(found.columns(table))
    assert not found.made_otherwise("clusters", table)
    assert found.made_otherwise("clusters", table.drop(columns="area"))
    assert not found.made_otherwise("clusters", None)
    found.forget()
    assert not found.made_otherwise("clusters", table.drop(columns="area"))


def test_only_what_is_said_is_marked() -> None:
    assert marked("", True) == ""
    assert marked("3 clusters", False) == "3 clusters"
    assert marked("3 clusters", True) == "3 clusters (with other features)"


# ---------------------------------------------------------------------------------------------- in the widget


def test_no_object_is_greyed_by_a_check_of_other_clusters(measured: FeatureExplorerWidget) -> None:
    panel, session = measured.form.clusters, measured.session
    panel.check.click()
    assert measured.wait()
    panel.use.click()
    panel.grey.setChecked(True)
    assert measured.views._greyed is not None
    assert measured.views._greyed.tolist() == [True] * 3 + [False] * 45
    panel.number.setValue(3)
    panel.find.click()
    assert measured.wait()
    assert session.column("cluster").max() == 3
    assert measured.views._greyed is None
    assert not panel.grey.isEnabled()
    assert "other clusters are shown" in panel.grey.toolTip()
    assert "stable" not in summary(measured, "clusters")
    panel.use.click()
    assert panel.grey.isEnabled()
    assert measured.views._greyed is not None


def test_clusters_are_those_of_the_map_that_was_made_last(measured: FeatureExplorerWidget) -> None:
    panel, session = measured.form.clusters, measured.session
    for method in ("umap", "tsne", "umap"):
        make_map(measured, method)
    panel.space.choose("embedding")
    panel.number.setValue(3)
    panel.find.click()
    assert measured.wait()
    places = map_like("umap", session.table).embedding_
    again = Clustering("kmeans", 3, space="embedding").fit(session.table, embedding=places)
    assert np.array_equal(session.column("cluster"), again.labels_)
    assert "3 clusters in the UMAP map" in measured.form.said
    script = measured.keeping.copy_as_python()
    assert script.index("'tsne'") < script.index("'umap'")
    assert "embedding=table[['UMAP1', 'UMAP2']]" in script


def test_the_check_says_that_it_judges_features(measured: FeatureExplorerWidget) -> None:
    panel = measured.form.clusters
    panel.check.click()
    assert measured.wait()
    assert panel.verdict.text() == "Two. They stay."
    panel.space.choose("embedding")
    assert "not the map" in panel.verdict.text()
    panel.space.choose("pca")
    assert "not their main components" in panel.verdict.text()
    panel.space.choose("features")
    assert panel.verdict.text() == "Two. They stay."


def test_recommended_clusters_keep_the_method_of_the_check(measured: FeatureExplorerWidget) -> None:
    panel = measured.form.clusters
    panel.check.click()
    assert measured.wait()
    panel.method.choose("hdbscan")
    panel.use.click()
    script = measured.keeping.copy_as_python()
    assert "report = cluster_stability(table, method='kmeans', columns=columns)" in script
    assert "hdbscan" not in script
    assert "Clustering(" not in script


def test_what_was_found_with_other_features_is_said_to_be(measured: FeatureExplorerWidget) -> None:
    form = measured.form
    form.clusters.check.click()
    assert measured.wait()
    form.clusters.use.click()
    make_map(measured, "umap")
    made_with = measured.found.columns(measured.session.table)
    said = [form.clusters.verdict.text(), *(summary(measured, name) for name in ("clusters", "embedding"))]
    assert not any(OTHERWISE in text for text in said)
    prune(measured)
    assert OTHERWISE in form.clusters.verdict.text()
    assert OTHERWISE in summary(measured, "clusters")
    assert summary(measured, "embedding").count(OTHERWISE) == 2  # PCA and UMAP
    assert OTHERWISE in form.embedding._said.text()
    assert f"columns={made_with!r}" in measured.keeping.copy_as_python()
    make_map(measured, "umap")
    assert summary(measured, "embedding").count(OTHERWISE) == 1
    form.features.use.setChecked(False)
    assert OTHERWISE not in form.clusters.verdict.text()
    assert summary(measured, "embedding").count(OTHERWISE) == 1  # now it is the new map that is


def test_an_explanation_with_other_features_is_said_to_be_one(measured: FeatureExplorerWidget) -> None:
    form, session = measured.form, measured.session
    session.select(discs()[2])
    form.explain.group.choose("selected")
    form.explain.explain.click()
    assert measured.wait()
    said = form.explain.verdict.text()
    assert said
    prune(measured)
    assert form.explain.verdict.text() == f"{said} {OTHERWISE}"
    form.features.use.setChecked(False)
    assert form.explain.verdict.text() == said
