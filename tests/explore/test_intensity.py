from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from napari_segmotif.explore.measuring.measurement import measure_objects
from napari_segmotif.explore.measuring.selection import quantiles

from .label_images import assert_same, by_regionprops, clumps

STATISTICS = ["intensity_mean", "intensity_std", "intensity_min", "intensity_max", "intensity_median"]
WEIGHTED = [
    "centroid_weighted",
    "centroid_weighted_local",
    "moments_weighted",
    "moments_weighted_central",
    "moments_weighted_normalized",
]
# Without hypothesis' habit of trying the largest numbers there are: differences of those overflow.
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@settings(max_examples=80, deadline=None)
@given(
    st.one_of(
        hnp.arrays(np.float64, st.integers(1, 200), elements=NUMBERS),
        hnp.arrays(np.float64, st.integers(1, 200), elements=st.sampled_from([0.0, 1.0, 2.0])),
    ),
    st.lists(st.floats(0, 1), min_size=1, max_size=5).map(sorted),
)
def test_quantiles_are_numpys(values: np.ndarray, shares: list[float]) -> None:
    found = np.empty(len(shares))
    quantiles(values.copy(), np.array(shares), found)
    np.testing.assert_allclose(found, np.quantile(values, shares), rtol=1e-9, atol=1e-6)


def test_long_and_awkward_rows_of_numbers() -> None:
    shares = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    ramp = np.arange(3001.0)
    for values in (ramp, ramp[::-1], np.concatenate([ramp, ramp[::-1]]), ramp % 7, np.zeros(500)):
        found = np.empty(5)
        quantiles(values.copy(), shares, found)
        np.testing.assert_allclose(found, np.quantile(values, shares))


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 2.0)])
def test_planes_as_regionprops(spacing: tuple[float, float]) -> None:
    labels = clumps((23, 26), 0)
    image = np.random.default_rng(0).normal(100, 20, labels.shape)
    asked = STATISTICS + WEIGHTED + (["moments_weighted_hu"] if spacing == (1.0, 1.0) else [])
    table = measure_objects(labels, image, spacing, asked)
    assert_same(table, by_regionprops(labels, asked, image, spacing=spacing))


def test_volumes_as_regionprops() -> None:
    labels = clumps((7, 12, 11), 1)
    image = np.random.default_rng(0).normal(100, 20, labels.shape)
    table = measure_objects(labels, image, (2.0, 0.5, 0.7), STATISTICS + WEIGHTED)
    assert_same(table, by_regionprops(labels, STATISTICS + WEIGHTED, image, spacing=(2.0, 0.5, 0.7)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float16, bool])
def test_any_type_of_image(dtype: type) -> None:
    labels = clumps((12, 13), 2)
    image = (np.random.default_rng(0).random(labels.shape) * 200).astype(dtype)
    table = measure_objects(labels, image, properties=STATISTICS)
    assert_same(table, by_regionprops(labels, STATISTICS, image.astype(float)))


def test_what_regionprops_does_not_have() -> None:
    labels = clumps((20, 20), 3)
    image = np.random.default_rng(0).gamma(2, 10, labels.shape)
    table = measure_objects(labels, image, properties=["intensity", "intensity_q50"]).set_index("label")
    for label in np.unique(labels[labels > 0]):
        values, row = image[labels == label], table.loc[label]
        assert row["intensity_sum"] == pytest.approx(values.sum())
        found = [row[f"intensity_q{q:02d}"] for q in (5, 25, 50, 75, 95)]
        np.testing.assert_allclose(found, np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]))
        if len(values) > 1:
            assert row["intensity_skewness"] == pytest.approx(stats.skew(values))
            assert row["intensity_kurtosis"] == pytest.approx(stats.kurtosis(values))
        else:
            assert np.isnan(row["intensity_skewness"])
            assert row["intensity_std"] == 0


@pytest.mark.parametrize("channel_axis", [0, 2])
def test_channels_are_numbered_as_by_regionprops(channel_axis: int) -> None:
    labels = clumps((14, 15), 4)
    image = np.random.default_rng(0).random((*labels.shape, 2))
    asked = ["intensity_mean", "centroid_weighted", "moments_weighted_central"]
    expected = by_regionprops(labels, asked, image)
    table = measure_objects(labels, np.moveaxis(image, -1, channel_axis), properties=asked)
    assert_same(table, expected)
    order = [name for name in table.columns if name.startswith("centroid_weighted")]
    assert order == [name for name in expected if name.startswith("centroid_weighted")]
    listed = measure_objects(labels, [image[..., 0], image[..., 1]], properties=asked)
    np.testing.assert_array_equal(listed.iloc[:, 4:], table.iloc[:, 4:])


def test_nan_stays_with_its_object_and_is_said() -> None:
    labels = np.zeros((6, 12), np.int32)
    labels[1:5, 1:5], labels[1:5, 6:10] = 1, 2
    image = np.ones((2, *labels.shape))
    image[1, 2, 2] = np.nan
    image[1, 0, 0] = np.nan  # in the background: nobody's
    table = measure_objects(labels, image, properties=["shape", "intensity", "position"])
    assert (
        table.loc[0, ["intensity_mean-1", "intensity_max-1", "intensity_q25-1", "centroid_weighted-0-1"]]
        .isna()
        .all()
    )
    assert table["intensity_mean-0"].tolist() == [1, 1]
    assert table.loc[1, "intensity_mean-1"] == 1
    assert table["area"].tolist() == [16, 16]
    (said,) = table.attrs["messages"]
    assert "1 of 2 objects" in said
    assert "channel 2" in said


def test_a_constant_or_empty_signal_makes_no_warnings() -> None:
    labels = clumps((10, 10), 0)
    table = measure_objects(labels, np.zeros(labels.shape), properties=["intensity", "moments", "position"])
    assert (table["intensity_mean"] == 0).all()
    assert table["centroid_weighted-0"].isna().all()  # of nothing there is no centre
    assert (table["moments_weighted-0-0"] == 0).all()
