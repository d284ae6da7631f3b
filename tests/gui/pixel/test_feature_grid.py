"""The grid of families and sigmas, and the table of classes: what is shown is what comes out."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from napari_segmotif.gui.classes.entries import ClassEntry, starting_classes, with_labels
from napari_segmotif.gui.pixel.keeping import arguments_of
from napari_segmotif.gui.pixel.panels.class_table import ClassTable
from napari_segmotif.gui.pixel.panels.feature_grid import FeatureGrid
from napari_segmotif.gui.pixel.panels.feature_text import PLAIN_NAMES, PRESETS, Preset
from napari_segmotif.pixel.filtering.features import FAMILIES, PixelFeatures
from napari_segmotif.pixel.strokes import StrokeCount


@pytest.fixture
def grid(qtbot: QtBot) -> FeatureGrid:
    widget = FeatureGrid()
    qtbot.addWidget(widget)
    return widget


def test_it_starts_with_the_default_features(grid: FeatureGrid) -> None:
    assert grid.features == PixelFeatures()
    assert grid.n_features == len(PixelFeatures().names(1))
    assert set(PLAIN_NAMES) == set(FAMILIES)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.tuples(st.sampled_from(FAMILIES), st.sampled_from((0.3, 0.7, 1.6, 4.0))), min_size=1))
def test_ticking_cells_gives_exactly_those_filters(grid: FeatureGrid, pairs: set[tuple[str, float]]) -> None:
    grid.set_pairs(frozenset(pairs))
    possible = {(f, s) for f, s in pairs if f == "gaussian" or s >= 0.5}
    features = grid.features
    assert (set(features.enabled_pairs()) if features else set()) == possible


def test_presets_sigmas_and_the_count_with_channels(grid: FeatureGrid, qtbot: QtBot) -> None:
    grid.set_pairs(PRESETS[0].pairs())
    assert {s for _, s in grid.pairs} == {1.0, 1.6, 3.5}
    with qtbot.waitSignal(grid.changed):
        grid.add_sigma(8.0)
    assert ("gaussian", 8.0) in grid.pairs
    grid.remove_sigma(1.6)
    assert {s for _, s in grid.pairs} == {1.0, 3.5, 8.0}
    alone = grid.n_features
    grid.set_image(n_channels=3, has_z=False, unit=None)
    assert grid.n_features == 3 * alone
    assert str(3 * alone) in grid.summary


def test_nothing_ticked_is_no_features_and_said_so(grid: FeatureGrid) -> None:
    grid.set_pairs(frozenset())
    assert grid.features is None
    assert grid.summary == "nothing ticked"


def test_a_selection_stays_until_a_cell_is_ticked(grid: FeatureGrid) -> None:
    features = PixelFeatures(sigmas=(1.0, 3.5))
    selected = features.model_copy(update={"selected": ("gaussian σ=1", "gaussian σ=3.5")})
    grid.set_features(selected)
    assert grid.features == selected
    assert grid.n_features == 2
    grid.set_ticked("gaussian", 3.5, False)
    assert grid.features is not None
    assert grid.features.selected is None


def test_3d_and_physical_units_only_where_the_image_has_them(grid: FeatureGrid) -> None:
    grid.set_image(n_channels=1, has_z=True, unit="micrometer")
    grid.set_features(PixelFeatures(dimensions=3, sigma_unit="physical"))
    assert grid.features == PixelFeatures(dimensions=3, sigma_unit="physical")
    grid.set_image(n_channels=1, has_z=False, unit=None)
    assert grid.features == PixelFeatures()


@pytest.fixture
def table(qtbot: QtBot) -> ClassTable:
    widget = ClassTable()
    qtbot.addWidget(widget)
    widget.set_entries(starting_classes())
    return widget


def test_classes_keep_gaps_names_and_colours(table: ClassTable, qtbot: QtBot) -> None:
    table.set_entries(with_labels((ClassEntry(3, "Nucleus", "#112233"),), [1, 3]))
    assert [e.label for e in table.entries] == [1, 3]
    assert table.entries[1] == ClassEntry(3, "Nucleus", "#112233")
    with qtbot.waitSignal(table.selected) as picked:
        table.add_class()
    assert picked.args == [2]  # the free label between them
    with qtbot.waitSignal(table.changed):
        table.set_color(3, "#00ff00")
    assert table.entries[-1].color == "#00ff00"


def test_renaming_in_the_table_and_refusing_an_empty_name(table: ClassTable, qtbot: QtBot) -> None:
    item = table.table.item(0, 1)
    with qtbot.waitSignal(table.changed):
        item.setText("Tumour")
    assert table.entries[0].name == "Tumour"
    item.setText("   ")
    assert table.entries[0].name == "Tumour"
    assert item.text() == "Tumour"


def test_counts_are_shown_per_class(table: ClassTable) -> None:
    table.set_counts({2: StrokeCount(1234, 5)})
    assert table.table.item(1, 2).text() == "1,234"
    assert table.table.item(1, 3).text() == "5"
    assert table.table.item(0, 2).text() == "–"


def test_a_table_that_cannot_be_used_says_why(table: ClassTable) -> None:
    table.set_available("open an image first.")
    assert not table.add.isEnabled()
    assert "open an image first" in table.add.toolTip()


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_the_arguments_in_a_script_give_the_features_of_the_grid(grid: FeatureGrid, preset: Preset) -> None:
    grid.set_pairs(preset.pairs())
    assert grid.features is not None
    again = PixelFeatures(**arguments_of(grid.features))
    assert again.enabled_pairs() == grid.features.enabled_pairs() == preset.features.enabled_pairs()
    assert again == grid.features


def test_the_default_features_need_no_arguments() -> None:
    assert arguments_of(PixelFeatures()) == {}
    assert arguments_of(PixelFeatures(dimensions=3)) == {"dimensions": 3}
