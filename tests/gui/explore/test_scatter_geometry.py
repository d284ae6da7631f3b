"""Which points lie in a lasso, what a view shows, round numbers, densities, and discs."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from napari_segmotif.gui.explore.plot.scatter_axes import axis_ticks, ticks
from napari_segmotif.gui.explore.plot.scatter_density import density_picture
from napari_segmotif.gui.explore.plot.scatter_lasso import nearest_row, rows_in_box, rows_in_polygon
from napari_segmotif.gui.explore.plot.scatter_raster import disc_picture
from napari_segmotif.gui.explore.plot.scatter_view import View, data_limits, drawing_order

_STAR = np.array([[np.cos(a), np.sin(a)] for a in np.pi / 2 + 4 * np.pi / 5 * np.arange(5)])


def _winds_oddly(x: float, y: float, polygon: np.ndarray) -> bool:
    """The even-odd rule, one point and one edge at a time: crossings of a ray to the right."""
    inside = False
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if (y0 <= y) != (y1 <= y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside


_COORDINATES = st.floats(-10, 10, width=32)


@given(
    points=st_numpy.arrays(float, st.tuples(st.integers(0, 30), st.just(2)), elements=_COORDINATES),
    polygon=st_numpy.arrays(float, st.tuples(st.integers(3, 12), st.just(2)), elements=_COORDINATES),
)
@settings(max_examples=60, deadline=None)
def test_points_in_a_polygon_are_those_of_the_even_odd_rule(points: np.ndarray, polygon: np.ndarray) -> None:
    # Points on the outline belong to one side or the other by rounding alone: they are not asked about.
    ends = np.roll(polygon, -1, axis=0)
    along = ends - polygon
    off = points[:, None] - polygon[None]
    share = np.clip((off * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-30), 0, 1)
    distance = np.linalg.norm(off - share[..., None] * along, axis=-1).min(axis=1, initial=np.inf)
    points = points[distance > 1e-6]
    expected = [i for i, (x, y) in enumerate(points) if _winds_oddly(x, y, polygon)]
    found = rows_in_polygon(points[:, 0], points[:, 1], polygon)
    np.testing.assert_array_equal(found, expected)


def test_a_polygon_that_crosses_itself_has_a_hole() -> None:
    x, y = np.array([0.0, 0.0, 0.9]), np.array([0.0, 0.8, 0.0])  # middle of the star, a tip, outside
    assert rows_in_polygon(x, y, _STAR).tolist() == [1]


def test_neighbouring_polygons_share_no_point_and_lose_none() -> None:
    x, y = (part.ravel().astype(float) for part in np.meshgrid(np.arange(5), np.arange(5)))
    left = rows_in_polygon(x, y, [(0, 0), (2, 0), (2, 4), (0, 4)])
    right = rows_in_polygon(x, y, [(2, 0), (4, 0), (4, 4), (2, 4)])
    both = rows_in_polygon(x, y, [(0, 0), (4, 0), (4, 4), (0, 4)])
    assert not set(left) & set(right)
    np.testing.assert_array_equal(np.union1d(left, right), both)


@pytest.mark.parametrize("corners", [[], [(0, 0)], [(0, 0), (1, 1)], [(0, 0), (1, 0), (2, 0)]])
def test_an_outline_without_area_holds_nothing(corners: list[tuple[float, float]]) -> None:
    assert len(rows_in_polygon([0.0, 0.5, 1.0], [0.0, 0.5, 0.0], corners)) == 0


def test_missing_places_are_never_found() -> None:
    x, y = np.array([np.nan, 0.5, np.inf, 0.5]), np.array([0.5, np.nan, 0.5, 0.5])
    assert rows_in_polygon(x, y, [(0, 0), (1, 0), (1, 1), (0, 1)]).tolist() == [3]
    assert rows_in_box(x, y, (1, 1), (0, 0)).tolist() == [3]
    assert nearest_row(x[:3], y[:3], (0.5, 0.5), (9.0, 9.0)) == -1


def test_the_nearest_point_is_measured_on_the_screen() -> None:
    x, y = np.array([0.0, 30.0]), np.array([0.3, 0.0])
    # A pixel is 10 wide and 0.05 high: the second point is 3 pixels away, and the first one 6.
    assert nearest_row(x, y, (0.0, 0.0), (60.0, 0.3)) == 1
    assert nearest_row(x, y, (0.0, 0.0), (20.0, 0.1)) == -1
    # In the corner of the box around the mouse, but beyond its reach.
    assert nearest_row(np.array([0.9]), np.array([0.9]), (0.0, 0.0), (1.0, 1.0)) == -1


_VIEW = View(50.0, 10.0, 400.0, 200.0, (-2.0, 6.0, 100.0, 200.0))


def test_a_view_maps_its_corners_and_back() -> None:
    px, py = _VIEW.to_screen([-2, 6], [200, 100])
    assert px.tolist() == [50, 450]
    assert py.tolist() == [10, 210]
    x, y = _VIEW.to_data(px, py)
    np.testing.assert_allclose([*x, *y], [-2, 6, 200, 100])


@given(st.floats(50, 450), st.floats(10, 210), st.floats(0.2, 5.0))
@settings(max_examples=30, deadline=None)
def test_zooming_keeps_what_is_under_the_mouse(px: float, py: float, factor: float) -> None:
    zoomed = _VIEW.zoomed(px, py, factor)
    np.testing.assert_allclose(zoomed.to_data(px, py), _VIEW.to_data(px, py), rtol=1e-9, atol=1e-9)
    assert zoomed.scale[0] == pytest.approx(_VIEW.scale[0] * factor)
    along_x = _VIEW.zoomed(px, py, factor, y=False)
    assert along_x.limits[2:] == _VIEW.limits[2:]


def test_dragging_moves_what_is_under_the_mouse_with_it() -> None:
    before = _VIEW.to_data(100, 100)
    np.testing.assert_allclose(_VIEW.panned(30, -20).to_data(130, 80), before)


def test_zooming_ends_where_numbers_have_no_more_steps() -> None:
    view = _VIEW
    for _ in range(500):
        view = view.zoomed(200, 100, 2.0)
    x0, x1, y0, y1 = view.limits
    assert x0 < x1
    assert y0 < y1
    for _ in range(5000):
        view = view.zoomed(200, 100, 0.5)
    assert np.isfinite(view.limits).all()


def test_limits_hold_all_points_with_a_margin() -> None:
    x, y = np.array([1.0, 3.0, np.nan, 99.0]), np.array([10.0, 20.0, 5.0, np.inf])
    x0, x1, y0, y1 = data_limits(x, y)
    assert x0 < 1 < 3 < x1 < 4
    assert y0 < 10 < 20 < y1 < 22


@pytest.mark.parametrize("value", [0.0, 7.0, -3e9, 1e-300])
def test_limits_of_one_place_have_a_width(value: float) -> None:
    x0, x1, y0, y1 = data_limits(np.array([value, value]), np.array([value, value]))
    assert x0 < value < x1
    assert y0 < value < y1


def test_limits_without_points() -> None:
    assert data_limits(np.array([np.nan]), np.array([1.0])) == (0.0, 1.0, 0.0, 1.0)


@given(st.floats(-1e6, 1e6), st.floats(1e-4, 1e6), st.integers(2, 12))
@settings(max_examples=80, deadline=None)
def test_ticks_are_round_evenly_spaced_and_read_apart(low: float, span: float, about: int) -> None:
    found = ticks(low, low + span, about)
    values, texts = [value for value, _ in found], [text for _, text in found]
    assert all(low - 1e-6 * span <= value <= low + span * (1 + 1e-6) for value in values)
    assert 0 < len(values) <= 2 * about + 2
    assert len(set(texts)) == len(texts)
    if len(values) > 1:
        step = values[1] - values[0]
        np.testing.assert_allclose(np.diff(values), step, rtol=1e-3)
        assert f"{step:.0e}"[0] in "125"
    for value, text in found:
        assert float(text.replace("−", "-").replace(",", "")) == pytest.approx(value, abs=span / about / 2)


def test_ticks_are_written_as_people_do() -> None:
    assert [text for _, text in ticks(0, 1, 6)] == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert [text for _, text in ticks(-2000, 2000, 4)] == ["−2,000", "−1,000", "0", "1,000", "2,000"]
    assert all(re.fullmatch(r"\de7", text) for _, text in ticks(1e7, 9e7, 4))
    assert ticks(1.0, 1.0, 4) == []
    assert ticks(0.0, np.inf, 4) == []


def test_a_wider_view_has_more_ticks() -> None:
    wide = View(0, 0, 1200, 200, (0, 10, 0, 10))
    assert len(axis_ticks(wide)[0]) > len(axis_ticks(_VIEW)[0]) > 1


def test_points_are_drawn_each_once_the_greyed_ones_first() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.random(500), rng.random(500)
    drawn, greyed = rng.random(500) < 0.7, rng.random(500) < 0.2
    x[~drawn] = np.nan
    order = drawing_order(x, y, drawn, greyed)
    assert sorted(order) == np.flatnonzero(drawn).tolist()
    n_greyed = int((drawn & greyed).sum())
    assert greyed[order[:n_greyed]].all()
    assert not greyed[order[n_greyed:]].any()
    np.testing.assert_array_equal(order, drawing_order(x, y, drawn, greyed))


def test_no_class_hides_the_others() -> None:
    # Two classes in one place, one after the other in the table: among the last drawn are both.
    order = drawing_order(np.zeros(1000), np.zeros(1000), np.ones(1000, bool), np.zeros(1000, bool))
    assert 350 < (order[-800:] >= 500).sum() < 450


def test_a_density_counts_every_point_in_view_once() -> None:
    view = View(0, 0, 40, 20, (0.0, 4.0, 0.0, 2.0))
    x = np.array([0.1, 0.1, 3.9, 9.0, np.nan])
    y = np.array([1.9, 1.9, 0.1, 1.0, 1.0])
    gray = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[:, None], 4, axis=1)
    found = density_picture(x, y, view, colormap=gray, step=2)
    assert (found.n, found.most) == (3, 2)
    assert found.pixels.shape == (10, 20, 4)
    assert found.pixels[0, 0].tolist() == [255] * 4  # two points, top left
    assert found.pixels[9, 19, 0] < 255  # one point, bottom right
    assert np.count_nonzero(found.pixels.any(axis=2)) == 1  # … in the first, black and clear, colour


def test_a_density_mixes_colours_and_is_fainter_where_points_are_few() -> None:
    view = View(0, 0, 2, 1, (0.0, 2.0, 0.0, 1.0))
    colors = np.array([[1, 0, 0, 1], [0, 0, 1, 1], [0, 1, 0, 1]], np.float32)
    found = density_picture(np.array([0.5, 0.5, 1.5]), np.full(3, 0.5), view, colors=colors, step=1)
    assert found.pixels[0, 0].tolist() == [128, 0, 128, 255]
    assert found.pixels[0, 1, :3].tolist() == [0, 255, 0]
    assert 0 < found.pixels[0, 1, 3] < 255


def test_a_density_of_nothing_is_clear() -> None:
    found = density_picture(np.zeros(0), np.zeros(0), _VIEW, colors=np.zeros((0, 4), np.float32))
    assert (found.n, found.most) == (0, 0)
    assert not found.pixels.any()


def test_a_disc_has_its_area_and_its_place() -> None:
    red = np.array([[1.0, 0.0, 0.0, 1.0]], np.float32)
    picture = disc_picture(np.array([20.3]), np.array([14.8]), red, 11.0, (30, 40))
    cover = picture[..., 3] / 255
    assert cover.sum() == pytest.approx(np.pi * 5.5**2, rel=0.02)
    rows, columns = np.mgrid[:30, :40] + 0.5
    assert (cover * columns).sum() / cover.sum() == pytest.approx(20.3, abs=0.05)
    assert (cover * rows).sum() / cover.sum() == pytest.approx(14.8, abs=0.05)
    assert set(picture[cover > 0, 0]) == {255}


def test_later_discs_lie_above_and_mix_by_their_opacity() -> None:
    red, clear, blue = (1, 0, 0, 1), (0, 0, 0, 0), (0, 0, 1, 0.5)
    colors = np.array([red, *[clear] * 400, blue], np.float32)
    x = np.array([10.0, *[1.0] * 400, 10.0])
    picture = disc_picture(x, np.full(len(x), 10.0), colors, 6.0, (20, 20))
    assert picture[10, 10].tolist() == pytest.approx([128, 0, 128, 255], abs=1)


def test_a_smooth_edge_over_a_disc_mixes_with_it() -> None:
    colors = np.array([[1, 0, 0, 1], [0, 0, 1, 1]], np.float32)
    picture = disc_picture(np.array([9.0, 13.0]), np.array([10.0, 10.0]), colors, 8.0, (20, 24))
    assert (picture[10, 6:16, 3] == 255).all()  # no gap where one disc ends on the other


def test_discs_at_the_edge_are_cut_off() -> None:
    gray = np.full((4, 4), 0.5, np.float32)
    x, y = np.array([0.0, 20.0, -50.0, 10.0]), np.array([0.0, 20.0, 5.0, 70.0])
    picture = disc_picture(x, y, gray, 8.0, (20, 20))
    assert picture[0, 0, 3] > 0
    assert picture[19, 19, 3] > 0
    assert picture[10, 10, 3] == 0
    assert not picture[5, :3].any()
