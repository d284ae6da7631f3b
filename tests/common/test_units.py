from __future__ import annotations

import pytest

from napari_segmotif.common.units import normalise_unit, ome_symbol, pixel_size, to_seconds


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("micrometer", "micrometer"),
        ("Micrometers", "micrometer"),
        ("micrometre", "micrometer"),
        ("nanometres", "nanometer"),
        ("um", "micrometer"),
        ("\N{MICRO SIGN}m", "micrometer"),
        ("\N{GREEK SMALL LETTER MU}m", "micrometer"),
        ("\\u00B5m", "micrometer"),
        ("micron", "micrometer"),
        ("microns", "micrometer"),
        (" nm ", "nanometer"),
        ("mm", "millimeter"),
        ("cm", "centimeter"),
        ("m", "meter"),
        ("Å", "angstrom"),
        ("inch", "inch"),
        ("sec", "second"),
        ("ms", "millisecond"),
        ("s", "second"),
        ("pixel", None),
        ("pixels", None),
        ("reference frame", None),
        ("", None),
        (None, None),
        ("furlong", "furlong"),
    ],
)
def test_every_spelling_becomes_one_name(given: str | None, expected: str | None) -> None:
    assert normalise_unit(given) == expected
    assert normalise_unit(expected) == expected


def test_ome_symbols_come_back() -> None:
    for name in ("nanometer", "micrometer", "millimeter", "centimeter", "meter", "angstrom", "inch"):
        assert normalise_unit(ome_symbol(name)) == name
    assert normalise_unit(ome_symbol(None)) is None


def test_time_becomes_seconds() -> None:
    assert to_seconds(250, "ms") == 0.25
    assert to_seconds(2, "min") == 120
    assert to_seconds(3, None) == 3


def test_axes_are_brought_to_the_unit_of_x() -> None:
    spacing, units = pixel_size("ZYX", {"Z": 2000, "Y": 0.5, "X": 0.5}, {"Z": "nm", "Y": "µm", "X": "um"})
    assert spacing == pytest.approx((2.0, 0.5, 0.5))
    assert units == ("micrometer",) * 3


def test_an_axis_that_is_not_stated_takes_the_size_of_x_without_its_unit() -> None:
    assert pixel_size("ZYX", {"Y": 0.4, "X": 0.2}, {"Y": "um", "X": "um"}) == (
        (0.2, 0.4, 0.2),
        (None, "micrometer", "micrometer"),
    )


@pytest.mark.parametrize("sizes", [{}, {"Y": 1.0, "X": 1.0}, {"X": 0.0, "Y": -1.0}, {"X": float("nan")}])
def test_what_says_nothing_is_none(sizes: dict[str, float]) -> None:
    assert pixel_size("YX", sizes, {}) == (None, None)
