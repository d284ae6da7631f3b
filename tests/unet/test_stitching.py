"""Objects made block by block are those made at once: whole, and with the same numbers."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ideal_maps import HEADS_2D, HEADS_3D, disks, ideal_maps, noisy_maps
from scipy import ndimage as ndi

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled, StorageError
from napari_segmotif.unet.network.heads import Heads
from napari_segmotif.unet.objects.decoding import Decoder
from napari_segmotif.unet.objects.stitching import instances_by_blocks

SEEDS, VOTES, PIECES = (
    Decoder(method="seeds", minimum_size=6),
    Decoder(method="votes", minimum_size=6),
    Decoder(method="components", minimum_size=6),
)
ALL = pytest.mark.parametrize("decoder", [SEEDS, VOTES, PIECES], ids=lambda decoder: decoder.method)
BOTH = pytest.mark.parametrize("decoder", [SEEDS, VOTES], ids=lambda decoder: decoder.method)


class WriteOnly:
    """An array that cannot be read by who writes it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.values = np.full(shape, -1, np.int32)

    def __setitem__(self, region, values) -> None:
        self.values[region] = values


def stitched(maps, decoder, heads=HEADS_2D, spacing=None, **options) -> np.ndarray:
    out = WriteOnly(maps.shape[1:])

    def read(region):
        return maps[(slice(None), *region)]

    n = run_job(instances_by_blocks(read, maps.shape[1:], decoder, heads, spacing, out, **options))
    first = options.get("first_id", 1)
    assert set(np.unique(out.values)) - {0} == set(range(first, first + n))
    return out.values


@ALL
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 25),
    block=st.integers(9, 60),
    kind=st.sampled_from([ideal_maps, noisy_maps]),
)
def test_blocks_give_the_objects_of_the_whole(decoder, seed, n, block, kind):
    truth = disks((64, 83), n, (2, 7), seed)
    maps = noisy_maps(truth, seed) if kind is noisy_maps else ideal_maps(truth)
    np.testing.assert_array_equal(stitched(maps, decoder, block=block, margin=24), decoder(maps, HEADS_2D))


@BOTH
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), block=st.integers(24, 50))
def test_a_margin_that_is_too_small_grows(decoder, seed, block):
    """The margin asked for is a third of the objects' size."""
    maps = ideal_maps(disks((70, 70), 12, (4, 5), seed))
    found = stitched(maps, decoder, block=block, margin=3)
    np.testing.assert_array_equal(found, decoder(maps, HEADS_2D))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000), share=st.floats(0.3, 0.75), block=st.integers(2, 30), size=st.integers(1, 30)
)
def test_components_of_any_length_are_whole(seed, share, block, size):
    """Near the percolation threshold: components wind through all blocks, over many seams and back."""
    mask = np.random.default_rng(seed).random((41, 37)) < share
    maps = np.stack([~mask, mask]).astype(np.float32)
    heads = Heads((0, 1), False, 2)
    decoder = Decoder(method="components", minimum_size=size)
    np.testing.assert_array_equal(stitched(maps, decoder, heads, block=block, margin=1), decoder(maps, heads))


@ALL
def test_an_object_far_larger_than_blocks_and_margin_is_one(decoder):
    truth = np.zeros((150, 160), np.int32)
    truth[8:140, 5:150] = 1
    truth[141:149, 5:20] = 2
    found = stitched(ideal_maps(truth), decoder, block=32, margin=4)
    assert len(np.unique(found[truth == 1])) == 1
    np.testing.assert_array_equal(found > 0, truth > 0)
    assert found.max() == 2


def test_long_objects_side_by_side_stay_apart():
    """Bars across all blocks: joined along themselves, never with their neighbour."""
    truth = np.zeros((64, 200), np.int32)
    for k in range(8):
        truth[8 * k : 8 * k + 7, 3:197] = k + 1
    found = stitched(ideal_maps(truth), SEEDS, block=25, margin=5)
    np.testing.assert_array_equal(found, truth)


@BOTH
def test_volumes_with_flat_voxels(decoder):
    spacing = (2.5, 1.0, 1.0)
    truth = disks((12, 50, 60), 25, (4, 8), 7, spacing)
    maps = ideal_maps(truth)
    whole = decoder(maps, HEADS_3D, spacing)
    np.testing.assert_array_equal(stitched(maps, decoder, HEADS_3D, spacing, block=20, margin=20), whole)


def test_small_pieces_at_seams_are_part_of_their_object():
    """The smallest size is that of whole objects, not of what a block has of them."""
    truth = np.zeros((20, 40), np.int32)
    truth[5:15, 11:21] = 1  # a column of it lies in the second block
    truth[0:2, 30:33] = 2
    decoder = Decoder(minimum_size=50)
    np.testing.assert_array_equal(stitched(ideal_maps(truth), decoder, block=20, margin=12), truth == 1)


def test_numbers_begin_where_they_are_told_to():
    truth = disks((40, 40), 6, (3, 6), 0)
    found = stitched(ideal_maps(truth), SEEDS, block=16, margin=12, first_id=101)
    whole = SEEDS(ideal_maps(truth), HEADS_2D)
    np.testing.assert_array_equal(found, np.where(whole > 0, whole + 100, 0))


def test_an_image_without_objects_is_written_too():
    maps = np.zeros((5, 30, 30), np.float32)
    maps[0] = 1
    assert not stitched(maps, SEEDS, block=8, margin=2).any()
    assert stitched(np.zeros((5, 0, 30), np.float32), SEEDS).size == 0


def test_small_images_are_read_once_as_a_whole():
    truth = disks((100, 120), 10, (5, 9), 0)
    maps, asked = ideal_maps(truth), []

    def read(region):
        asked.append(region)
        return maps[(slice(None), *region)]

    out = np.empty(truth.shape, np.int32)
    run_job(instances_by_blocks(read, truth.shape, SEEDS, HEADS_2D, None, out))
    assert asked == [(slice(0, 100), slice(0, 120))]
    np.testing.assert_array_equal(out, SEEDS(maps, HEADS_2D))


def test_it_tells_how_far_it_is_and_stops_when_asked():
    maps = ideal_maps(disks((60, 60), 9, (3, 6), 0))
    token, out = CancelToken(), WriteOnly((60, 60))
    job = instances_by_blocks(
        lambda region: maps[(slice(None), *region)],
        (60, 60),
        SEEDS,
        HEADS_2D,
        None,
        out,
        block=20,
        cancel=token,
    )
    first = next(job)
    assert first.message == "objects: block 1 of 9"
    shares = [first.fraction, *(next(job).fraction for _ in range(5))]
    assert shares == sorted(set(shares))
    token.cancel()
    with pytest.raises(JobCancelled):
        next(job)
    assert (out.values == -1).all()  # nothing is written before all is known


def test_a_full_disk_is_said(monkeypatch):
    class Full:
        def write(self, packed):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", lambda max_size: Full())
    with pytest.raises(StorageError, match=r"make room there.*\(got .*No space left"):
        stitched(ideal_maps(disks((40, 40), 5, (3, 6), 0)), SEEDS, block=16)


@pytest.mark.parametrize("options", [{"block": 0}, {"margin": 0}])
def test_sizes_that_make_no_sense_are_refused(options):
    with pytest.raises(InputError, match=r"1 or more \(got"):
        stitched(np.zeros((5, 8, 8), np.float32), SEEDS, **options)


def test_memory_is_that_of_a_window_not_of_the_image():
    """2048² pixels, whose maps would take 84 MB and labels 17 MB, in blocks of 256²."""
    cell = ideal_maps(disks((256, 256), 60, (6, 12), 0))

    class Nothing:
        n_objects = 0

        def __setitem__(self, region, values):
            self.n_objects = max(self.n_objects, int(values.max()))

    def read(region):
        rows, columns = (np.arange(part.start, part.stop) % 256 for part in region)
        return cell[:, rows[:, None], columns[None]]

    out = Nothing()
    run_job(instances_by_blocks(read, (300, 300), SEEDS, HEADS_2D, None, Nothing(), block=64))  # compiles
    tracemalloc.start()
    try:
        n = run_job(instances_by_blocks(read, (2048, 2048), SEEDS, HEADS_2D, None, out, block=256, margin=32))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n == out.n_objects > 2000
    assert peak < 40e6


def test_seams_leave_no_trace_in_crowded_tissue():
    """Every pixel foreground, cells of a Voronoi pattern: all objects touch, over all of the image."""
    rng = np.random.default_rng(0)
    points = np.zeros((150, 150), bool)
    points[tuple(rng.integers(0, 150, (2, 90)))] = True
    nearest = ndi.distance_transform_edt(~points, return_distances=False, return_indices=True)
    truth = (nearest[0] * 150 + nearest[1]).astype(np.int32)
    truth = np.unique(truth, return_inverse=True)[1].reshape(150, 150).astype(np.int32) + 1
    maps = ideal_maps(truth)
    for decoder in (SEEDS, VOTES):
        np.testing.assert_array_equal(stitched(maps, decoder, block=50, margin=25), decoder(maps, HEADS_2D))
