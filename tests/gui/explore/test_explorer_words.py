"""What the feature explorer says."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from explorer_scene import table_of

from napari_segmotif.common.metrics import ClassificationScores
from napari_segmotif.explore.measuring.properties import GROUPS as MEASURED
from napari_segmotif.gui.explore.findings import Findings, channels_of, groups_in, members
from napari_segmotif.gui.explore.panels.keep_panel import with_suffix
from napari_segmotif.gui.explore.words import (
    GROUPS,
    class_counts,
    feature_in_words,
    features_in_words,
    measured_in_words,
    number,
    object_in_words,
    picked_in_words,
    scores_rows,
    share,
)


def test_every_group_that_can_be_measured_has_a_name() -> None:
    assert set(GROUPS) == set(MEASURED)


def test_channels_are_called_by_their_names() -> None:
    assert feature_in_words("intensity_mean-1", ("DAPI", "GFP")) == "intensity mean · GFP"
    assert feature_in_words("haralick_contrast-0", ("DAPI", "GFP")) == "haralick contrast · DAPI"
    assert feature_in_words("intensity_mean", ("DAPI",)) == "intensity mean"
    assert feature_in_words("moments_hu-1", ("DAPI", "GFP")) == "moments hu-1"
    assert feature_in_words("intensity_mean-7", ("DAPI",)) == "intensity mean-7"


def test_numbers_are_short() -> None:
    assert [number(v) for v in (3, 12345, 0.123456, math.nan, np.float32(2.5), True, "text")] == [
        "3", "12,345", "0.1235", "–", "2.5", "yes", "text",
    ]  # fmt: skip
    assert (share(0.714), share(math.nan)) == ("71 %", "–")


def test_a_table_is_summed_up() -> None:
    table = table_of(30)
    assert measured_in_words(table, 4) == "30 objects · 4 features"
    table["frame"] = np.arange(30) // 10
    table["roi_id"] = np.where(np.arange(30) < 3, "a", "b")
    assert measured_in_words(table, 1) == "30 objects · 1 feature · 2 images · 3 frames"


def test_an_object_is_named_with_its_numbers() -> None:
    table = table_of(4).assign(**{"class": [0, 2, 0, 0]})
    said = object_in_words(table.iloc[1], ["area", "class", "nothing"], {2: "round"})
    lines = said.split("\n")
    assert lines[0] == "object 2 · cells"
    assert lines[1].startswith("area: ")
    assert lines[2:] == ["class: round"]


def test_picks_are_counted() -> None:
    counts = class_counts(np.array([0, 2, 2, 1, 0]))
    assert counts == {1: 1, 2: 2}
    assert picked_in_words(counts, {2: "long"}) == "1 class 1 · 2 long"
    assert picked_in_words({}, {}) == "none picked yet"


def test_scores_have_a_row_per_class() -> None:
    scores = ClassificationScores.from_confusion([[8, 2], [0, 0]], (1, 3))
    assert scores_rows(scores, {1: "round"}) == [
        ["round", "100 %", "80 %", "80 %", "10"],
        ["class 3", "0 %", "–", "0 %", "0"],
    ]


def test_groups_are_offered_by_cluster_and_class() -> None:
    table = table_of(4).assign(cluster=[1, 1, 2, 0], **{"class": [0, 3, 0, 0]})
    offered = groups_in(table, {3: "round"})
    assert [(key, title) for key, title, _, _ in offered] == [
        ("cluster:1", "cluster 1"), ("cluster:2", "cluster 2"), ("class:3", "round (picked)"),
    ]  # fmt: skip
    selected = np.array([True, False, False, False])
    assert members(table, "selected", selected).tolist() == [True, False, False, False]
    assert members(table, "cluster:1", selected).tolist() == [True, True, False, False]
    assert members(table, "class:3", selected).tolist() == [False, True, False, False]
    assert members(table, "rest", selected) is None
    assert not members(table, "found:1", selected).any()


def test_a_group_is_not_the_selection_itself() -> None:
    selected = np.array([True, False, False, False])
    group = members(table_of(4), "selected", selected)
    assert group is not None
    group[:] = False
    assert selected[0]


def test_findings_of_another_table_are_forgotten_but_the_classifier() -> None:
    found = Findings(properties=("shape",), pruned=True)
    classifier = object()
    found.classifier = classifier  # type: ignore[assignment]
    found.forget()
    assert (found.properties, found.pruned, found.classifier) == ((), False, classifier)


def test_maps_and_clusters_are_no_features() -> None:
    table = table_of(5).assign(UMAP1=0.0, cluster=1, tSNE2=1.0)
    found = Findings()
    assert found.columns(table) == ["area", "area_filled", "intensity_mean", "solidity"]
    assert found.map_columns(table, "umap") == ["UMAP1"]


def test_a_foreign_table_has_no_channels() -> None:
    assert channels_of(pd.DataFrame({"label": [1]})) == ()
    assert channels_of(None) == ()


def test_a_file_gets_the_ending_of_its_kind() -> None:
    suffixes = (".csv", ".parquet")
    assert with_suffix("a", "Parquet (*.parquet)", suffixes).name == "a.parquet"
    assert with_suffix("a.csv", "Parquet (*.parquet)", suffixes).name == "a.csv"
    assert with_suffix("a.b", "anything", suffixes).name == "a.b.csv"


def test_columns_in_a_sentence_are_said_in_words() -> None:
    names = ["area", "area_filled", "intensity_mean-1"]
    text = "They differ in area_filled (larger), area and intensity_mean-1; areas do not count."
    said = features_in_words(text, names, ("DAPI", "GFP"))
    assert said == "They differ in area filled (larger), area and intensity mean · GFP; areas do not count."
