from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_segmotif.common.progress import CancelToken
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.explore.measuring import object_scan, threads
from napari_segmotif.explore.measuring.object_scan import scan_objects

IMAGES = st.one_of(
    hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=3, max_side=9), elements=st.integers(0, 4)),
    hnp.arrays(np.int32, (5, 7), elements=st.sampled_from([0, 3, 70, 2_000_000_000])),
)


@settings(max_examples=60, deadline=None)
@given(IMAGES)
def test_everything_is_counted_as_numpy_does(labels: np.ndarray) -> None:
    scan = scan_objects(labels)
    expected = np.unique(labels[labels > 0])
    assert scan.labels.tolist() == expected.tolist()
    for k, label in enumerate(expected):
        places = np.argwhere(labels == label)
        assert scan.pixels[k] == len(places)
        assert scan.bbox[k].tolist() == [*places.min(0), *(places.max(0) + 1)]
        assert np.allclose(
            scan.local_centroid[k, 3 - labels.ndim :], places.mean(0) - places.min(0), atol=1e-12
        )
        assert np.array_equal(scan.compact == k + 1, labels == label)
    assert scan.compact.dtype == np.int32


@settings(max_examples=30, deadline=None)
@given(IMAGES)
def test_runs_cover_each_object_and_nothing_else(labels: np.ndarray) -> None:
    scan = scan_objects(labels)
    painted = np.zeros_like(labels).reshape(-1, labels.shape[-1])
    for k, label in enumerate(scan.labels):
        for i in range(scan.runs.start[k], scan.runs.start[k + 1]):
            stretch = painted[scan.runs.row[i], scan.runs.first[i] : scan.runs.stop[i]]
            assert stretch.size
            assert not stretch.any()
            stretch[:] = label
    assert np.array_equal(painted.reshape(labels.shape), labels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, ">i4"])
def test_any_whole_numbers(dtype: object) -> None:
    labels = np.zeros((6, 8), dtype)
    labels[1:3, 2:7], labels[5, 5] = 100, 7
    scan = scan_objects(labels)
    assert scan.labels.tolist() == [7, 100]
    assert scan.pixels.tolist() == [1, 10]
    assert scan.bbox.tolist() == [[5, 5, 6, 6], [1, 2, 3, 7]]
    assert scan.compact.max() == 2


def test_a_compact_image_is_not_copied() -> None:
    labels = np.array([[0, 1], [2, 2]], np.int32)
    assert np.shares_memory(scan_objects(labels).compact, labels)


def test_the_same_however_it_is_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.random.default_rng(0).integers(0, 50, (40, 33)).astype(np.int32)
    whole = scan_objects(labels)
    monkeypatch.setattr(object_scan, "_PIXELS_AT_ONCE", 70)
    monkeypatch.setattr(object_scan, "_RUNS_AT_ONCE", 9)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 3)
    cut = scan_objects(labels)
    assert np.array_equal(cut.runs.row, whole.runs.row)
    assert np.array_equal(cut.runs.stop, whole.runs.stop)
    assert np.array_equal(cut.sums, whole.sums)
    ranges = list(cut.batches())
    assert len(ranges) > 5
    assert [begin for begin, _ in ranges] == [0, *(end for _, end in ranges[:-1])]
    assert ranges[-1][1] == cut.n


def test_negative_labels_are_refused() -> None:
    with pytest.raises(InputError, match=r"negative.*\(got -3\)"):
        scan_objects(np.array([[1, -3], [0, 2]]))


def test_a_raised_token_stops_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_scan, "_PIXELS_AT_ONCE", 4)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(JobCancelled):
        scan_objects(np.ones((8, 8), np.int32), cancel)
