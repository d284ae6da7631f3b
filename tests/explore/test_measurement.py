from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest

from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import AxesError, InputError, JobCancelled
from napari_segmotif.explore.measuring import grey_range, object_scan, threads
from napari_segmotif.explore.measuring import intensity as intensity_module
from napari_segmotif.explore.measuring.grey_range import range_of, sample_of_objects
from napari_segmotif.explore.measuring.measurement import measure_job, measure_objects
from napari_segmotif.explore.tables import feature_columns, join_tables, table_info

from .label_images import clumps

ALL = ["shape", "moments", "intensity", "texture", "neighbourhood", "position"]


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return clumps((24, 22), 0)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(1).random((24, 22))


def test_identity_comes_first_and_labels_keep_their_gaps(labels: np.ndarray) -> None:
    table = measure_objects(labels, properties="area", roi_id="well A1")
    assert list(table.columns) == ["roi_id", "frame", "label", "index", "area"]
    assert table["label"].tolist() == [1, 2, 3, 4, 5, 40]
    assert table["index"].equals(table["label"].rename("index"))
    assert set(table["roi_id"]) == {"well A1"}
    assert set(table["frame"]) == {0}


def test_every_group_at_once(labels: np.ndarray, image: np.ndarray) -> None:
    table = measure_objects(labels, image, 0.5, ALL, unit="µm")
    features = feature_columns(table)
    for name in (
        "perimeter",
        "haralick_contrast",
        "touching_share",
        "neighbours",
        "intensity_q95",
        "solidity",
    ):
        assert name in features
    assert "centroid-0" not in features
    assert table[features].select_dtypes("number").shape[1] == len(features)


def test_the_table_says_how_it_was_measured(labels: np.ndarray, image: np.ndarray) -> None:
    info = table_info(
        measure_objects(
            labels, [image, image], (0.5, 0.2), ["area"], unit="µm", channel_names=["DNA", "actin"]
        )
    )
    assert info is not None
    assert (info.unit, info.spacing, info.dimensions) == ("micrometer", (0.5, 0.2), 2)
    assert info.channels == ("DNA", "actin")
    plain = table_info(measure_objects(labels, properties=["area"]))
    assert plain is not None
    assert (plain.unit, plain.spacing, plain.channels) == ("pixel", None, ())


def test_each_frame_is_measured_by_itself(labels: np.ndarray, image: np.ndarray) -> None:
    later = np.where(labels == 2, 0, labels)
    video, signal = np.stack([labels, np.zeros_like(labels), later]), np.stack([image, image, 2 * image])
    table = measure_objects(video, signal, properties=ALL, axes="TYX")
    assert table["frame"].tolist() == [0] * 6 + [2] * 5
    for frame, plane, values in ((0, labels, image), (2, later, 2 * image)):
        alone = measure_objects(plane, values, properties=ALL)
        here = table[table["frame"] == frame].reset_index(drop=True)
        # Textures have the grey levels of all frames; see below.
        same = [name for name in alone.columns if name not in ("roi_id", "frame") and "haralick" not in name]
        np.testing.assert_array_equal(here[same], alone[same])


def test_volumes_over_time_with_channels() -> None:
    video = np.stack([clumps((4, 9, 8), seed) for seed in (0, 1)])
    signal = np.random.default_rng(0).random((2, 3, 4, 9, 8))  # TCZYX
    table = measure_objects(video, signal, (2, 1, 1), ["area", "intensity_mean"])
    second = table[(table["frame"] == 1) & (table["label"] == 3)].iloc[0]
    mask = video[1] == 3
    assert second["area"] == 2 * mask.sum()
    assert [second[f"intensity_mean-{c}"] for c in range(3)] == pytest.approx(
        [signal[1, c][mask].mean() for c in range(3)]
    )
    named = measure_objects(
        video, signal, (2, 1, 1), ["area", "intensity_mean"], axes="tzyx", intensity_axes="tczyx"
    )
    assert named.equals(table)


def test_lazy_images_are_read_frame_by_frame(labels: np.ndarray, image: np.ndarray) -> None:
    video, signal = np.stack([labels] * 2), np.stack([image] * 2)
    expected = measure_objects(video, signal, properties=["area", "intensity_mean"], axes="TYX")
    lazy = measure_objects(
        da.from_array(video, chunks=(1, 10, 10)),
        da.from_array(signal, chunks=(1, 10, 10)),
        properties=["area", "intensity_mean"],
        axes="TYX",
    )
    assert lazy.equals(expected)


def test_the_same_bits_whatever_the_threads(
    labels: np.ndarray, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = measure_objects(labels, image, properties=ALL)
    monkeypatch.setattr(object_scan, "_PIXELS_AT_ONCE", 50)
    monkeypatch.setattr(object_scan, "_RUNS_AT_ONCE", 10)
    monkeypatch.setattr(intensity_module, "_PIXELS_AT_ONCE", 30)
    for cores in (1, 4):
        monkeypatch.setattr(threads.os, "cpu_count", lambda cores=cores: cores)
        assert measure_objects(labels, image, properties=ALL).equals(expected)


def test_renaming_the_labels_renames_the_rows(labels: np.ndarray, image: np.ndarray) -> None:
    new = np.array([0, 7, 3, 900, 2, 5, *[0] * 34, 1])
    table = measure_objects(labels, image, properties=["shape", "intensity"])
    renamed = measure_objects(new[labels], image, properties=["shape", "intensity"]).set_index("label")
    matched = renamed.loc[new[table["label"]], table.columns[4:]]
    np.testing.assert_array_equal(matched, table[table.columns[4:]])


def test_tables_of_several_images_join(labels: np.ndarray, image: np.ndarray) -> None:
    tables = [measure_objects(labels, image, roi_id=name) for name in ("a", "b")]
    assert len(join_tables(tables)) == 12


# ------------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize("shape", [(8, 9), (3, 8, 9)])
def test_without_objects_there_are_all_columns_and_no_rows(shape: tuple[int, ...]) -> None:
    empty, full = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
    full[..., 2:5, 3:7] = 1
    asked = [group for group in ALL if len(shape) == 2 or group != "moments"]
    table = measure_objects(empty, [empty, empty], properties=asked)
    expected = measure_objects(full, [full, full], properties=asked)
    assert len(table) == 0
    assert list(table.columns) == list(expected.columns)
    assert table["label"].dtype == np.int64
    assert "no object" in table.attrs["messages"][0]


def test_one_object_and_one_pixel() -> None:
    labels = np.zeros((5, 5), int)
    labels[2, 3] = 12
    row = measure_objects(labels, np.full((5, 5), 4.0), properties=ALL).iloc[0]
    assert (row["label"], row["area"], row["perimeter"], row["eccentricity"]) == (12, 1, 0, 0)
    assert (row["intensity_mean"], row["intensity_std"], row["intensity_median"]) == (4, 0, 4)
    assert (row["centroid-0"], row["centroid-1"], row["solidity"], row["neighbours"]) == (2, 3, 1, 0)
    assert row[["circularity", "aspect_ratio", "intensity_skewness", "nearest_distance"]].isna().all()


def test_labels_of_real_numbers_must_be_whole(labels: np.ndarray) -> None:
    expected = measure_objects(labels, properties="area")
    assert measure_objects(labels.astype(np.float32), properties="area").equals(expected)
    with pytest.raises(InputError, match=r"make_objects.*\(got 0\.5 in labels of float64\)"):
        measure_objects(np.where(labels == 1, 0.5, 0))
    with pytest.raises(InputError, match=r"not finite.*\(got 1 NaN"):
        measure_objects(np.array([[1, np.nan], [0, 0]]))


def test_masks_and_negative_labels_are_refused_with_advice(labels: np.ndarray) -> None:
    with pytest.raises(InputError, match="make_objects"):
        measure_objects(labels > 0)
    with pytest.raises(InputError, match=r"set the negative ones to 0 \(got -1\)"):
        measure_objects(labels - 1)
    with pytest.raises(InputError, match=r"below 2\*\*63"):
        measure_objects(np.array([[2**63 + 5, 0]], np.uint64))
    with pytest.raises(InputError, match="complex"):
        measure_objects(labels.astype(complex))


def test_images_that_do_not_fit_are_refused(labels: np.ndarray, image: np.ndarray) -> None:
    volume = np.stack([labels] * 3)
    with pytest.raises(InputError, match=r"whole stack.*\(got labels \(3, 24, 22\), intensity \(24, 22\)\)"):
        measure_objects(volume, image)
    with pytest.raises(InputError, match="same shape"):
        measure_objects(labels, image[:-1])
    with pytest.raises(InputError, match="same shape"):
        measure_objects(labels, [image, image.T])
    with pytest.raises(AxesError, match="no channels"):
        measure_objects(volume, axes="CYX")
    with pytest.raises(InputError, match="empty"):
        measure_objects(labels[:0])
    with pytest.raises(AxesError, match="got shape"):
        measure_objects(labels[0])
    with pytest.raises(InputError, match="each of the 1 channels a name"):
        measure_objects(labels, image, channel_names=["a", "b"])


@pytest.mark.parametrize("spacing", [(1, 2, 3), (1, 0), (1, -1), (1, np.nan), "wide"])
def test_spacing_is_one_positive_number_per_axis(labels: np.ndarray, spacing: object) -> None:
    with pytest.raises(InputError, match=r"one (positive )?number per axis of YX"):
        measure_objects(labels, spacing=spacing)  # type: ignore[arg-type]


def test_a_job_says_how_far_it_is_and_stops_when_told(labels: np.ndarray, image: np.ndarray) -> None:
    video, signal = np.stack([labels] * 3), np.stack([image] * 3)
    said: list[Progress] = []
    run_job(measure_job(video, signal, axes="TYX"), said.append)
    fractions = [progress.fraction for progress in said]
    assert fractions == sorted(fractions)
    assert "frame 2 of 3" in said[len(said) // 2].message

    cancel = CancelToken()
    job = measure_job(video, signal, axes="TYX", cancel=cancel)
    for _ in range(4):
        next(job)
    cancel.cancel()
    with pytest.raises(JobCancelled):
        next(job)


def test_grey_levels_of_textures_are_the_same_in_all_frames():
    rng = np.random.default_rng(0)
    labels = np.zeros((2, 20, 40), np.int32)
    labels[:, 2:18, 2:18] = 1
    labels[1, 2:18, 22:38] = 2  # a brighter object, in the second frame only
    texture = rng.uniform(100, 200, (16, 16))
    image = np.zeros(labels.shape)
    image[:, 2:18, 2:18] = texture
    image[1, 2:18, 22:38] = texture + 900
    table = measure_objects(labels, image, axes="TYX", properties="texture").set_index(["frame", "label"])
    haralick = [name for name in table.columns if name.startswith("haralick")]
    np.testing.assert_allclose(
        table.loc[(0, 1), haralick].astype(float), table.loc[(1, 1), haralick].astype(float)
    )


@pytest.fixture
def grains() -> tuple[np.ndarray, np.ndarray]:
    """Two objects of 16 grey levels, 800 pixels each."""
    labels = np.zeros((44, 44), np.int32)
    labels[2:42, 1:21], labels[2:42, 23:43] = 1, 2
    return labels, np.random.default_rng(3).integers(0, 16, labels.shape).astype(float)


def test_a_bright_speck_does_not_change_the_textures_of_other_objects(grains) -> None:
    labels, image = grains
    glaring = image.copy()
    glaring[5:7, 30:32] = 1e6  # in object 2
    expected, found = (measure_objects(labels, values, properties="texture") for values in (image, glaring))
    assert expected["haralick_contrast"][0] > 1
    pd.testing.assert_series_equal(found.loc[0], expected.loc[0])
    info = table_info(found)
    assert info is not None
    assert info.grey_ranges == ((0, 15),)
    plain = table_info(measure_objects(labels, image))
    assert plain is not None
    assert plain.grey_ranges == ()


@pytest.mark.parametrize("over_time", [False, True])
def test_the_same_grey_range_makes_textures_of_two_images_comparable(grains, over_time: bool) -> None:
    labels, image = grains
    info = table_info(measure_objects(labels, [image, -image], properties="texture"))
    assert info is not None
    brighter = np.where(labels == 2, image + 500, image)
    expected = measure_objects(labels, [image, -image], properties="texture")
    axes = "YX"
    if over_time:
        labels, image, brighter, axes = (*(np.stack([a, a]) for a in (labels, image, brighter)), "TYX")
    given = {"properties": "texture", "axes": axes}
    own = measure_objects(labels, [brighter, -image], **given)
    shared = measure_objects(labels, [brighter, -image], **given, grey_range=info.grey_ranges)
    haralick = [name for name in expected.columns if name.startswith("haralick")]
    pd.testing.assert_series_equal(shared.loc[0, haralick], expected.loc[0, haralick])
    assert own.loc[0, "haralick_contrast-0"] < 0.1 * shared.loc[0, "haralick_contrast-0"]
    kept = table_info(shared)
    assert kept is not None
    assert kept.grey_ranges == info.grey_ranges


@pytest.mark.parametrize("given", [[(0, 1), (0, 1)], [(1, 0)], [(0, np.inf)], [3], [("low", "high")]])
def test_a_grey_range_that_does_not_fit_the_channels_is_said(grains, given: object) -> None:
    with pytest.raises(InputError, match=r"grey_range needs .* each of the 1 channels \(got"):
        measure_objects(*grains, properties="texture", grey_range=given)  # type: ignore[arg-type]


def test_grey_ranges_are_taken_from_a_bounded_sample_of_the_pixels_in_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = np.random.default_rng(0).integers(0, 2, (30, 40))
    image = np.arange(labels.size, dtype=np.uint16).reshape(labels.shape)
    inside = image[labels > 0].astype(float)
    whole, step = sample_of_objects(image, labels)
    assert step == 1
    np.testing.assert_array_equal(whole, inside)
    for at_once in (1 << 22, 37):
        monkeypatch.setattr(grey_range, "_AT_ONCE", at_once)
        some, step = sample_of_objects(image, labels, 100)
        assert len(some) <= 100
        np.testing.assert_array_equal(some, inside[::step])
    assert range_of([sample_of_objects(np.full((3, 3), np.nan), np.ones((3, 3), int))]) is None


def test_grey_ranges_leave_out_the_outer_hundredths_of_all_pixels() -> None:
    low, high = range_of([(np.arange(1000.0), 1)]) or (0, 0)
    assert (low, high) == pytest.approx((10, 990), abs=1)
    # What stands for many pixels counts so often.
    assert (range_of([(np.zeros(50), 1), (np.arange(100.0, 150), 1000)]) or (0, 0))[0] == 100
    assert range_of([(np.r_[np.zeros(999), 7.0], 1)]) == (0, 7)


def test_axes_that_differ_are_named_where_the_shapes_agree(labels: np.ndarray, image: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"same axes.*\(got labels .* axes TYX, intensity .* axes ZYX\)"):
        measure_objects(np.stack([labels] * 3), np.stack([image] * 3), axes="TYX", intensity_axes="ZYX")
