from __future__ import annotations

import pytest

from napari_segmotif.errors import InputError
from napari_segmotif.explore.measuring.properties import (
    DEFAULT_GROUPS,
    GROUPS,
    PROPERTIES,
    properties_of,
    resolve_properties,
)


def test_every_property_belongs_to_a_group_and_says_what_it_is() -> None:
    assert {entry.group for entry in PROPERTIES.values()} == set(GROUPS)
    assert all(entry.words.endswith(".") and not entry.words[0].islower() for entry in PROPERTIES.values())
    assert all(entry.dimensions in ((2,), (3,), (2, 3)) for entry in PROPERTIES.values())


def test_a_group_brings_what_exists_for_these_objects() -> None:
    plane = {entry.name for entry in properties_of("shape", 2, intensity=False)}
    volume = {entry.name for entry in properties_of("shape", 3, intensity=False)}
    assert {"perimeter", "eccentricity", "roundness"} <= plane - volume
    assert {"surface_area", "sphericity"} <= volume - plane
    assert not properties_of("intensity", 2, intensity=False)
    assert "num_pixels" not in plane


def test_names_come_once_and_in_the_order_of_the_table_however_they_are_asked() -> None:
    assert resolve_properties(["centroid", "area", "area"], 2, False) == ["area", "centroid"]
    assert resolve_properties("area", 2, False) == ["area"]
    both = resolve_properties(["position", "shape", "eccentricity"], 2, False)
    assert both == resolve_properties(["shape", "position"], 2, False)
    assert "intensity_mean" in resolve_properties(DEFAULT_GROUPS, 3, True)


def test_powers_of_the_unit() -> None:
    assert [PROPERTIES["area"].unit_power(d) for d in (2, 3)] == [2, 3]
    assert PROPERTIES["surface_area"].unit_power(3) == 2
    assert PROPERTIES["axis_major_length"].unit_power(3) == 1
    assert PROPERTIES["eccentricity"].unit_power(2) == 0
    assert PROPERTIES["moments"].unit_power(2) is None


@pytest.mark.parametrize(
    ("asked", "dimensions", "said"),
    [
        (["aera"], 2, "'aera'"),
        (["perimeter"], 3, "2D only"),
        (["surface_area"], 2, "3D only"),
        (["intensity_mean"], 2, "needs an intensity image"),
        ([], 2, "at least one"),
    ],
)
def test_what_cannot_be_measured_is_said(asked: list[str], dimensions: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolve_properties(asked, dimensions, intensity=False)
