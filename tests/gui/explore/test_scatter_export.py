"""A plot as PNG and as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtGui import QImage

from napari_segmotif.errors import InputError, StorageError
from napari_segmotif.gui.explore.plot import scatter_export
from napari_segmotif.gui.explore.plot.scatter import Scatter
from napari_segmotif.gui.explore.point_colors import PALETTE

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def scatter(qtbot: Any) -> Iterator[Scatter]:
    """A plot that was never on the screen."""
    plot = Scatter()
    qtbot.addWidget(plot)
    plot.resize(500, 400)
    plot.set_points([0.0, 1.0, 2.0, np.nan], [0.0, 1.0, 0.0, 1.0], ("area (µm²)", "solidity"))
    plot.set_values([1, 2, 2, 1], "class", "kind", class_names={1: "round", 2: "long"})
    yield plot
    plot.release()


def _texts(path: Path) -> list[str]:
    return [str(one.text).strip() for one in ElementTree.parse(path).iter(f"{_SVG}text")]


def _circles(path: Path) -> list[tuple[float, float, str]]:
    found = []
    for group in ElementTree.parse(path).iter(f"{_SVG}g"):
        for one in group.findall(f"{_SVG}circle"):
            found.append((float(one.get("cx")), float(one.get("cy")), group.get("fill")))
    return found


def test_a_png_shows_the_points_at_twice_the_size(scatter: Scatter, tmp_path: Path) -> None:
    path = scatter.save(tmp_path / "plot.png")
    image = QImage(str(path))
    assert (image.width(), image.height()) == (1000, 800)
    for x, y, code in ((0, 0, PALETTE[0]), (1, 1, PALETTE[1])):
        px, py = scatter.view.to_screen(x, y)
        color = image.pixelColor(round(2 * float(px)), round(2 * float(py)))
        expected = [int(code[i : i + 2], 16) for i in (1, 3, 5)]
        np.testing.assert_allclose([color.red(), color.green(), color.blue()], expected, atol=16)


def test_an_svg_has_a_circle_for_each_point_and_all_words(scatter: Scatter, tmp_path: Path) -> None:
    path = scatter.save(tmp_path / "plot.svg")
    circles = _circles(path)
    for x, y, code in ((0, 0, PALETTE[0]), (1, 1, PALETTE[1]), (2, 0, PALETTE[1])):
        px, py = (float(one) for one in scatter.view.to_screen(x, y))
        near = [c for c in circles if abs(c[0] - px) < 0.01 and abs(c[1] - py) < 0.01]
        assert [fill for _, _, fill in near] == [code]
    assert len(circles) == 3 + 2  # and the chips of the legend
    assert {"area (µm²)", "solidity", "kind", "round", "long", "0.2"} <= set(_texts(path))


def test_what_is_out_of_view_is_not_in_the_file(scatter: Scatter, tmp_path: Path) -> None:
    scatter.set_limits((0.5, 1.5, 0.5, 1.5))
    assert len(_circles(scatter.save(tmp_path / "plot.svg"))) == 1 + 2


def test_too_many_points_for_circles_are_a_picture(
    scatter: Scatter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scatter.svg_note == ""
    monkeypatch.setattr(scatter_export, "MOST_CIRCLES", 2)
    assert "one picture" in scatter.svg_note
    path = scatter.save(tmp_path / "plot.svg")
    assert len(_circles(path)) == 2  # the chips
    assert len(list(ElementTree.parse(path).iter(f"{_SVG}image"))) == 1
    assert "one picture" in path.read_text(encoding="utf-8")
    assert "solidity" in _texts(path)


def test_a_density_is_saved_as_a_picture(scatter: Scatter, tmp_path: Path) -> None:
    scatter.set_density(True)
    path = scatter.save(tmp_path / "plot.svg")
    assert list(ElementTree.parse(path).iter(f"{_SVG}image"))
    assert not QImage(str(scatter.save(tmp_path / "plot.png"))).isNull()


def test_an_empty_plot_can_be_saved(scatter: Scatter, tmp_path: Path) -> None:
    scatter.set_points([], [])
    assert "Measure objects to see them here" in _texts(scatter.save(tmp_path / "plot.svg"))


def test_other_endings_and_places_are_refused(scatter: Scatter, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png or \.svg.*\(got plot\.bmp\)"):
        scatter.save(tmp_path / "plot.bmp")
    with pytest.raises(StorageError):
        scatter.save(tmp_path / "nowhere" / "plot.svg")
    with pytest.raises(StorageError):
        scatter.save(tmp_path / "nowhere" / "plot.png")
    assert not list(tmp_path.iterdir())
