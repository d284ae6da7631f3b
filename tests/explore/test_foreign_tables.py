"""Tables of other programs: who an object is and where it lies are no features; odd names of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from napari_segmotif.errors import InputError
from napari_segmotif.explore.alignment import RowIndex
from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.table_files import read_table, write_table
from napari_segmotif.explore.tables import checked_table, feature_columns, identified

COUNTING = [
    *("ImageNumber", "ObjectNumber", "Number_Object_Number", "Nuclei_Number_Object_Number", "Parent_Cells"),
    *("Nuclei_Parent_Cells", "Neighbors_FirstClosestObjectNumber_5", "TrackObjects_Label_50"),
    *("FRAME", "TRACK_ID", "SPOT_ID", "ID", "VISIBILITY", "MANUAL_SPOT_COLOR"),
]
PLACE = [
    *("Location_Center_X", "AreaShape_Center_Y", "Nuclei_Location_Center_Z", "Location_MaxIntensity_X_DNA"),
    *(
        "Location_CenterMassIntensity_Y_DNA",
        "AreaShape_BoundingBoxMinimum_X",
        "AreaShape_BoundingBoxMaximum_Z",
    ),
    *("AreaShape_Orientation", "AreaShape_CentralMoment_1_2", "POSITION_X", "POSITION_T", "ELLIPSE_THETA"),
    *("centroid_x", "centroid-z", "weighted_centroid-0", "local_centroid-1", "weighted_local_centroid-0"),
    *("centroid_weighted-0", "centroid_local-0", "centroid_weighted_local-1", "weighted_centroid-0-1"),
    *("weighted_moments_central-0-1",),
]
FEATURES = [
    *("AreaShape_Area", "AreaShape_BoundingBoxArea", "AreaShape_Eccentricity", "AreaShape_HuMoment_0"),
    *("Children_Spots_Count", "Neighbors_NumberOfNeighbors_5", "Intensity_MeanIntensity_DNA"),
    *("RADIUS", "QUALITY", "MEAN_INTENSITY_CH1", "ELLIPSE_MAJOR", "weighted_moments_hu-0", "mean_intensity"),
    *("centroid_distance", "Centre", "moments_weighted_hu-0", "nearest_distance", "inertia_tensor_eigvals-0"),
]


def of_cellprofiler(n: int = 120, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Objects (2 n) of two images, large ones and small ones, as CellProfiler writes them; who is large."""
    rng = np.random.default_rng(seed)
    large = rng.random(2 * n) < 0.5
    x, y = rng.uniform(0, 1000, (2, 2 * n))
    number = np.tile(np.arange(1, n + 1), 2)
    table = pd.DataFrame(
        {
            "ImageNumber": np.repeat([1, 2], n),
            "ObjectNumber": number,
            "AreaShape_Area": np.where(large, 300, 150) + rng.normal(0, 20, 2 * n),
            "AreaShape_BoundingBoxMinimum_X": x - 5,
            "AreaShape_BoundingBoxMinimum_Y": y - 5,
            "AreaShape_Center_X": x,
            "AreaShape_Center_Y": y,
            "Location_Center_X": x,
            "Location_Center_Y": y,
            "Number_Object_Number": number,
        }
    )
    return table, large


@pytest.mark.parametrize("name", COUNTING)
def test_numbers_of_images_objects_and_tracks_are_no_features(name: str) -> None:
    table = pd.DataFrame({"label": [1, 2], "area": [1.0, 2.0], name: [1, 2]})
    assert feature_columns(table) == ["area"]
    assert feature_columns(table, include_position=True) == ["area"]


@pytest.mark.parametrize("name", PLACE)
def test_places_are_no_features_under_any_programs_name(name: str) -> None:
    table = pd.DataFrame({"label": [1, 2], "area": [1.0, 2.0], name: [1.0, 2.0]})
    assert feature_columns(table) == ["area"]
    assert feature_columns(table, include_position=True) == ["area", name]


def test_what_describes_an_object_stays_a_feature() -> None:
    assert feature_columns(pd.DataFrame({name: [1.0, 2.0] for name in FEATURES})) == FEATURES


def test_sizes_are_found_in_a_table_of_cellprofiler() -> None:
    table, large = of_cellprofiler()
    values = table[feature_columns(table)].to_numpy()
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    found = KMeans(2, n_init=5, random_state=0).fit_predict(scaled)
    assert adjusted_rand_score(large, found) > 0.9


def test_objects_of_cellprofiler_are_found_by_image_and_number(tmp_path: Path) -> None:
    table, _ = of_cellprofiler(3)
    index = RowIndex(table)
    assert index.roi_ids() == ("1", "2")
    assert index.rows("2", 0, [3, 1, 4]).tolist() == [5, 3, -1]
    whole = identified(table)
    assert whole["label"].tolist() == [1, 2, 3, 1, 2, 3]
    assert whole["ObjectNumber"].tolist() == whole["label"].tolist()
    back = identified(read_table(write_table(whole, tmp_path / "t.csv")))
    pd.testing.assert_frame_equal(back, whole, check_dtype=False)


def test_own_names_of_objects_and_images_come_first() -> None:
    table = pd.DataFrame(
        {
            "roi_id": ["a", "b"],
            "label": [5, 6],
            "ImageNumber": [1, 2],
            "ObjectNumber": [7, 8],
            "index": [9, 9],
        }
    )
    assert identified(table)[["roi_id", "label"]].to_numpy().tolist() == [["a", 5], ["b", 6]]
    rows = identified(table.drop(columns=["roi_id", "label"]))
    assert rows[["roi_id", "label"]].to_numpy().tolist() == [["1", 7], ["2", 8]]


def test_labels_that_two_images_share_are_told_apart_by_the_images_number() -> None:
    table = pd.DataFrame({"label": [1, 1, 1], "ImageNumber": [1.0, 12345678.0, np.nan]})
    assert identified(table)["roi_id"].tolist() == ["1", "12345678", ""]
    with pytest.raises(InputError, match="one row"):
        checked_table(table.assign(ImageNumber=1))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5ad"])
def test_images_called_by_words_for_nothing_keep_their_names(tmp_path: Path, suffix: str) -> None:
    if suffix == ".h5ad":
        pytest.importorskip("anndata")
    words = ["NA", "None", "null", "NULL", "nan", "NaN", "N/A", "n/a", "<NA>", "#N/A", "-nan", "1.#IND"]
    names = [*words, "", "007", "1e5", "True", "=a", " b"]
    table = identified(pd.DataFrame({"roi_id": names, "label": 1, "area": 2.0}))
    back = read_table(write_table(table, tmp_path / f"t{suffix}"))
    assert back["roi_id"].tolist() == names
    assert back["area"].tolist() == [2.0] * len(names)


def test_other_columns_of_a_csv_miss_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label,area,note\n1,NA,\n2,,x\n3,4,y\n")
    table = read_table(tmp_path / "t.csv")
    assert "roi_id" not in table
    assert table["area"].isna().tolist() == [True, True, False]
    (tmp_path / "t.csv").write_text("label,area,roi_id\n1,NA\n2,3,\n3,4,NA\n")
    table = read_table(tmp_path / "t.csv")
    assert table["roi_id"].tolist() == ["", "", "NA"]
    assert table["area"].isna().tolist() == [True, False, False]


def test_a_classifier_knows_the_images_of_a_table_of_cellprofiler() -> None:
    rng = np.random.default_rng(3)
    kind = np.tile([1, 2], 40)
    table = pd.DataFrame(
        {
            "ImageNumber": np.repeat([1, 2], 40),
            "ObjectNumber": np.tile(np.arange(1, 41), 2),
            "AreaShape_Area": 50.0 + 60 * kind + rng.normal(0, 5, 80),
        }
    )
    classifier = ObjectClassifier(n_estimators=10).fit(table, kind)
    assert classifier.training_.roi_names == ("1", "2")
    assert classifier.validate(by="image", n_shuffles=20).n_folds == 2
