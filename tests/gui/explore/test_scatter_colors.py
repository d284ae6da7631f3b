"""Colours that can be told apart, also by colour-blind people and on both themes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_segmotif.gui.explore.point_colors import (
    NONE_COLOR,
    PALETTE,
    class_code,
    class_color,
    class_colors,
    number_colormap,
    number_colors,
    number_limits,
    parse_color,
)

# Machado, Oliveira & Fernandes 2009, severity 1; they act on linear RGB.
_SEEN_BY = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def _linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _seen(rgb: np.ndarray, by: str) -> np.ndarray:
    linear = np.clip(_linear(rgb) @ _SEEN_BY[by].T, 0, 1)
    return rgb2lab(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def _luminance(rgb: np.ndarray) -> np.ndarray:
    return _linear(rgb) @ np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("by", list(_SEEN_BY))
def test_classes_can_be_told_apart(by: str) -> None:
    codes = [*PALETTE, NONE_COLOR]
    lab = _seen(np.array([parse_color(code)[:3] for code in codes]), by)
    differences = {
        (codes[i], codes[j]): float(deltaE_ciede2000(lab[i], lab[j]))
        for i, j in itertools.combinations(range(len(codes)), 2)
    }
    assert min(differences.values()) > 9, min(differences, key=differences.__getitem__)
    first = {pair: value for pair, value in differences.items() if set(pair) <= set(codes[:6])}
    assert min(first.values()) > 11, min(first, key=first.__getitem__)


@pytest.mark.parametrize("background", ["#262930", "#efebe9"])
def test_classes_stand_out_on_both_themes(background: str) -> None:
    light = _luminance(np.array([parse_color(code)[:3] for code in PALETTE])) + 0.05
    ground = _luminance(np.array(parse_color(background)[:3])) + 0.05
    assert (np.maximum(light, ground) / np.minimum(light, ground)).min() > 1.45


def test_class_zero_is_grey_and_further_classes_begin_again() -> None:
    assert len(set(PALETTE)) == len(PALETTE) >= 10
    assert class_color(0) == class_color(-1) == parse_color(NONE_COLOR)
    assert class_color(len(PALETTE) + 1) == class_color(1) != class_color(2)
    red, green, blue, opacity = class_color(1)
    assert opacity == 1.0
    assert not red == green == blue


def test_colours_of_many_are_those_of_each() -> None:
    ids = np.array([3, 0, 3, 25, 1, -1])
    own = {3: "#102030"}
    found = class_colors(ids, own)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [class_color(int(i), own) for i in ids], rtol=1e-6)
    assert class_code(3, own) == "#102030"
    assert class_colors([]).shape == (0, 4)


@pytest.mark.parametrize("dark", [True, False])
def test_numbers_grow_lighter_in_even_steps(dark: bool) -> None:
    lightness = rgb2lab(number_colormap(dark)[:, :3].astype(float))[:, 0]
    assert (np.diff(lightness) > 0).all()
    assert np.ptp(np.diff(lightness)) < 0.5
    assert (lightness[0] > 22) == dark  # the darkest end is lost on a dark ground


def test_numbers_at_the_ends_and_without_a_value() -> None:
    colormap = number_colormap()
    found = number_colors([0.0, 10.0, -np.inf, np.inf, np.nan, 99.0], (0.0, 10.0))
    np.testing.assert_array_equal(found[[0, 2]], colormap[[0, 0]])
    np.testing.assert_array_equal(found[[1, 3, 5]], colormap[[-1, -1, -1]])
    np.testing.assert_allclose(found[4], parse_color(NONE_COLOR), rtol=1e-6)


def test_outliers_leave_colours_for_the_others() -> None:
    values = np.concatenate([np.linspace(0, 1, 1000), [1e9]])
    low, high = number_limits(values)
    assert 0 <= low < 0.05
    assert 0.95 < high < 2
    assert number_limits([np.nan, np.inf]) == (0.0, 1.0)
    assert number_limits([5.0] * 200 + [6.0]) == (5.0, 6.0)


def test_equal_and_enormous_numbers_have_a_colour() -> None:
    assert len(np.unique(number_colors([4.0, 4.0, 4.0]), axis=0)) == 1
    huge = number_colors([-1.7e308, 1.7e308], (-1.7e308, 1.7e308))
    np.testing.assert_array_equal(huge, number_colormap()[[0, -1]])
