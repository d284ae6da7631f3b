"""How to train: dimensions and how long; every other setting under Advanced; and what is chosen by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ....common.device import Device
from ....unet.parameters import (
    AugmentationParameters,
    NetworkParameters,
    TrainingParameters,
    UNetParameters,
)
from ...controls import OptionalControl
from ...forms import ModelForm, form_for
from ...section import Section, words
from ..words import reasons_in_words

_QUICK = ("dimensions", "n_epochs", "max_minutes")
_USUAL_MINUTES = 20.0


class SettingsPanel(QWidget):
    """All settings of a training.

    Signals
    -------
    changed
        A setting changed.
    choices_wanted
        The user opened what is chosen by itself: it is to be found out; `show_choices` answers.
    """

    changed = Signal()
    choices_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._quick = form_for(UNetParameters, include=_QUICK)
        _suggest(self._quick, {"max_minutes": _USUAL_MINUTES})
        self._groups = (
            _Group("Network", NetworkParameters(), exclude=("dimensions",)),
            _Group("Training", TrainingParameters(), exclude=("n_epochs", "max_minutes")),
            _Group("Augmentation", AugmentationParameters()),
            _Group("Device", _DeviceParameters()),
        )
        self.advanced = Section("Advanced", expanded=False)
        for group in self._groups:
            self.advanced.add(group)
            group.changed.connect(self._on_change)
        self.choices = Section("Chosen automatically", expanded=False)
        self._choices_said = words()
        self._choices_said.setTextFormat(Qt.TextFormat.RichText)
        self.choices.add(self._choices_said)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        for widget in (self._quick, self.advanced, self.choices):
            layout.addWidget(widget)
        self._quick.changed.connect(self._on_change)
        self._quick.valid_changed.connect(self._on_change)
        self.choices.toggled.connect(self._on_choices)
        self._on_change()

    def parameters(self) -> UNetParameters:
        """Return all settings.

        Raises
        ------
        InputError
            Where one of them is not valid.
        """
        values: dict[str, Any] = {}
        for group in self._groups:
            values |= group.values().model_dump()
        quick = self._quick.values()
        return UNetParameters(**{**values, **{name: getattr(quick, name) for name in _QUICK}})

    def set_parameters(self, parameters: UNetParameters | Mapping[str, Any]) -> None:
        """Show settings; those that a mapping does not name stay."""
        wanted = dict(parameters) if isinstance(parameters, Mapping) else parameters.model_dump()
        self._quick.set_values({name: value for name, value in wanted.items() if name in _QUICK})
        for group in self._groups:
            group.set_values(wanted)

    def set_has_planes(self, planes: bool | None) -> None:
        """Offer 3D for images with Z, and choose it; without Z there is only 2D. None: it is not known."""
        control = self._quick.control("dimensions")
        control.setEnabled(planes is not False)
        if planes is not None:
            control.set(3 if planes else 2)

    def show_choices(self, configuration: Any) -> None:
        """Say what was chosen automatically, and why; None: it is not known."""
        rows = [] if configuration is None else reasons_in_words(configuration)
        lines = [f"<b>{name}</b>&nbsp; {_escaped(text)}" for name, text in rows]
        self._choices_said.setText("<br>".join(lines))
        if configuration is None:
            self.choices.set_summary("")
            return
        patch = " × ".join(str(n) for n in configuration.patch)
        suggested = {
            name: getattr(configuration, name) for name in ("depth", "batch_size", "steps_per_epoch")
        }
        for group in self._groups:
            group.suggest(suggested | {"patch_size": configuration.patch[-1]})
        self.choices.set_summary(f"depth {configuration.depth}, patch {patch}")

    def say_choices(self, text: str) -> None:
        """Say why nothing was chosen yet."""
        self.choices.set_summary("")
        self._choices_said.setText(_escaped(text))

    def _on_choices(self, shown: bool) -> None:
        if shown:
            self.choices_wanted.emit()

    def _on_change(self, *_: object) -> None:
        changed = sum(group.n_changed for group in self._groups)
        self.advanced.set_summary(f"{changed} changed" if changed else "")
        self.changed.emit()


class _DeviceParameters(BaseModel):
    """Where the network computes."""

    model_config = ConfigDict(frozen=True)

    device: Device = UNetParameters.model_fields["device"]  # type: ignore[assignment]


class _Group(Section):
    """Some of the settings. Their controls are made when it is opened: making all takes too long.

    Signals
    -------
    changed
        A setting changed.
    """

    changed = Signal()

    def __init__(self, title: str, instance: BaseModel, exclude: Sequence[str] = ()) -> None:
        super().__init__(title, expanded=False)
        self._instance, self._exclude = instance, exclude
        self._suggested: Mapping[str, Any] = {}
        self.form: ModelForm[Any] | None = None
        self.toggled.connect(lambda shown: self.build() if shown else None)

    def build(self) -> ModelForm[Any]:
        """Make the controls, if they are not there yet."""
        if self.form is None:
            self.form = form_for(self._instance, exclude=self._exclude)
            self.add(self.form)
            _suggest(self.form, self._suggested)
            self.form.changed.connect(lambda _values: self.changed.emit())
            self.form.valid_changed.connect(lambda _valid: self.changed.emit())
        return self.form

    def values(self) -> BaseModel:
        """Return the settings; InputError where one of them is not valid."""
        return self._instance if self.form is None else self.form.values()

    def set_values(self, wanted: Mapping[str, Any]) -> None:
        """Show other settings; of those named, the ones that are in this group."""
        fields = type(self._instance).model_fields
        mine = {name: value for name, value in wanted.items() if name in fields}
        if self.form is not None:
            self.form.set_values(mine)
        else:
            self._instance = type(self._instance).model_validate({**self._instance.model_dump(), **mine})
            self.changed.emit()

    def suggest(self, values: Mapping[str, Any]) -> None:
        """Start from these values where the user ticks a setting that is chosen automatically."""
        self._suggested = dict(values)
        if self.form is not None:
            _suggest(self.form, values)

    @property
    def n_changed(self) -> int:
        """How many settings are not the usual ones, or are not valid."""
        if self.form is not None and self.form.errors():
            return len(self.form.errors())
        values = self.values()
        default = type(values)()
        shown = set(type(values).model_fields) - set(self._exclude)
        return sum(getattr(values, name) != getattr(default, name) for name in shown)


def _suggest(form: ModelForm[Any], values: Mapping[str, Any]) -> None:
    """Show values in controls that are not ticked: they count when the user ticks them."""
    shown = type(form.values()).model_fields if not form.errors() else {}
    for name in set(values) & set(shown):
        control = form.control(name)
        if isinstance(control, OptionalControl) and not control.box.isChecked():
            with QSignalBlocker(control.inner):
                control.inner.set(values[name])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
