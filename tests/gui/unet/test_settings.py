"""The settings: few that everybody sees, all others under Advanced, and what is chosen by itself."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from unet_scene import CONFIGURATION

from napari_segmotif.errors import InputError
from napari_segmotif.gui.controls import OptionalControl
from napari_segmotif.gui.unet.panels.settings_panel import SettingsPanel
from napari_segmotif.unet.parameters import UNetParameters


@pytest.fixture
def panel(qtbot: QtBot) -> SettingsPanel:
    made = SettingsPanel()
    qtbot.addWidget(made)
    return made


OTHERS = UNetParameters(
    dimensions=3, n_epochs=7, max_minutes=2.5, width=16, depth=2, dropout=0.25, flip=False, gamma=0.0,
    optimizer="sgd", patch_size=48, patience=5, random_state=11, device="cpu",
)  # fmt: skip


@pytest.mark.parametrize("opened", ["before", "after", "never"])
def test_every_setting_is_in_the_form(panel: SettingsPanel, opened: str) -> None:
    assert panel.parameters() == UNetParameters()
    for moment in ("before", "after"):
        if moment == opened:
            for group in panel._groups:
                group.set_expanded(True)
        if moment == "before":
            panel.set_parameters(OTHERS)
    assert panel.parameters() == OTHERS
    changed = OTHERS.model_dump(exclude_defaults=True).keys() - {"dimensions", "n_epochs", "max_minutes"}
    assert panel.advanced._summary.text() == f"{len(changed)} changed"


def test_all_settings_can_be_seen(panel: SettingsPanel) -> None:
    shown = set(panel._quick._controls)
    for group in panel._groups:
        group.set_expanded(True)
        assert not shown & set(group.form._controls), "no setting is there twice"
        shown |= set(group.form._controls)
    assert shown == set(UNetParameters.model_fields)


def test_what_is_not_valid_is_told(panel: SettingsPanel) -> None:
    group = panel._groups[1]
    group.set_expanded(True)
    group.form.control("learning_rate").set(0)
    with pytest.raises(InputError, match="Learning rate"):
        panel.parameters()


def test_what_is_chosen_by_itself_is_where_a_setting_begins(panel: SettingsPanel) -> None:
    network, training = panel._groups[:2]
    network.set_expanded(True)
    panel.show_choices(CONFIGURATION)
    training.set_expanded(True)
    assert "<b>Depth</b>&nbsp; 2: objects are about 12 pixels wide." in panel._choices_said.text()
    assert panel.parameters() == UNetParameters(), "nothing is chosen for the user"
    for form, name in ((network.form, "depth"), (training.form, "batch_size"), (training.form, "patch_size")):
        control = form.control(name)
        assert isinstance(control, OptionalControl)
        control.box.setChecked(True)
    chosen = panel.parameters()
    assert (chosen.depth, chosen.batch_size, chosen.patch_size) == (2, 2, 32)


def test_a_time_limit_begins_with_minutes(panel: SettingsPanel) -> None:
    panel._quick.control("max_minutes").box.setChecked(True)
    assert panel.parameters().max_minutes == 20
