"""Tiling: every pixel belongs to one tile, and mirrored reading equals numpy.pad."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_segmotif.common.tiling import read_mirrored, tile_grid, tiles_in_region

sizes = st.integers(1, 23)


@given(st.lists(st.tuples(sizes, st.integers(1, 9)), min_size=1, max_size=3))
def test_tiles_cover_every_pixel_once(dimensions) -> None:
    shape, step = zip(*dimensions, strict=True)
    covered = np.zeros(shape, int)
    for tile in tile_grid(shape, step):
        assert tile.shape == covered[tile.inner].shape
        covered[tile.inner] += 1
    assert (covered == 1).all()


@given(st.data(), sizes, sizes)
def test_the_tiles_of_a_region_are_those_of_the_grid_that_touch_it(data, height, width) -> None:
    shape = (height, width)
    region = []
    for n in shape:
        start = data.draw(st.integers(0, n - 1))
        region.append(slice(start, data.draw(st.integers(start + 1, n))))
    touching = set()
    for tile in tile_grid(shape, (4, 5)):
        overlap = [
            max(p.start, r.start) < min(p.stop, r.stop) for p, r in zip(tile.inner, region, strict=True)
        ]
        if all(overlap):
            touching.add(tile.index)
    assert {tile.index for tile in tiles_in_region(shape, (4, 5), region)} == touching


@given(sizes, sizes, st.integers(0, 60), st.integers(0, 60))
def test_reading_beyond_the_border_mirrors_it(height, width, above, before) -> None:
    image = np.arange(height * width).reshape(height, width)
    padded = np.pad(image, ((above, 7), (before, 5)), mode="symmetric")
    read = read_mirrored(
        lambda region: image[region], image.shape, (-above, -before), (height + 7, width + 5)
    )
    np.testing.assert_array_equal(read, padded)


def test_a_read_touches_only_what_it_needs() -> None:
    asked = []

    def read(region):
        asked.append(region)
        return np.zeros([part.stop - part.start for part in region])

    block = read_mirrored(read, (100, 100), (-5, 40), (10, 50))
    assert block.shape == (15, 10)
    assert asked == [(slice(0, 10), slice(40, 50))]
