"""A form out of typed parameters: the bounds, choices and descriptions are written once, in the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from ..errors import InputError
from .controls import BoolControl, Control, control_for

M = TypeVar("M", bound=BaseModel)


def form_for(
    model: type[M] | M,
    parent: QWidget | None = None,
    *,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
) -> ModelForm[M]:
    """Build a form for the fields of a pydantic model.

    Spin boxes take their bounds and steps from the fields, combo boxes their choices from Literal or Enum;
    tuples of numbers are typed in a line, tuples of a Literal are check boxes, `X | None` has a check box
    before it. A field's title (or name) is its label and its description the tooltip. `json_schema_extra` may
    hold {"unit": "px"} or {"hidden": True}.

    Parameters
    ----------
    model
        The model class (all fields need defaults) or an instance to start from.
    parent
        Qt parent.
    include
        Fields to show, in this order; None shows all that a control exists for.
    exclude
        Fields not to show. Fields that are not shown keep the value they had.

    Returns
    -------
    ModelForm

    Raises
    ------
    InputError
        If a field that `include` asks for does not exist or has no control.
    """
    instance = model() if isinstance(model, type) else model
    return ModelForm(instance, include, exclude, parent)


class ModelForm(QWidget, Generic[M]):
    """Typed controls for one model; what is invalid is said in words under its control.

    Parameters
    ----------
    instance
        Where to start from.
    include, exclude
        Which fields to show; see `form_for`.
    parent
        Qt parent.
    """

    changed = Signal(object)  # a valid instance
    valid_changed = Signal(bool)

    def __init__(
        self,
        instance: M,
        include: Sequence[str] | None,
        exclude: Sequence[str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._instance = instance
        self._controls: dict[str, Control] = {}
        self._notes: dict[str, QLabel] = {}
        self._errors: dict[str, str] = {}
        self._setting = False
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setVerticalSpacing(3)
        self._layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        fields = type(instance).model_fields
        for name in fields if include is None else include:
            if name not in exclude:
                self._add(name, fields.get(name), required=include is not None)
        self.set_values(instance)

    def values(self) -> M:
        """The parameters as they are set now.

        Raises
        ------
        InputError
            If one of them is not valid; the message names it.
        """
        problems, made = self._read()
        if made is None:
            said = "; ".join(f"{self._label(name)}: {message}" for name, message in problems.items())
            raise InputError(f"correct the settings first (got {said})")
        return made

    def set_values(self, values: M | Mapping[str, Any]) -> None:
        """Show other values; fields that a mapping does not name stay as they are.

        Raises
        ------
        InputError
            If the values are not valid for the model.
        """
        if isinstance(values, BaseModel):
            instance = values
        else:
            try:
                instance = type(self._instance).model_validate({**self._instance.model_dump(), **values})
            except ValidationError as error:
                raise InputError(f"these settings are not valid (got {_first_message(error)})") from error
        self._instance = instance
        self._setting = True
        try:
            for name, control in self._controls.items():
                control.set(getattr(instance, name))
        finally:
            self._setting = False
        self._on_change()

    def errors(self) -> dict[str, str]:
        """What is not valid now, by field; empty if all is."""
        return dict(self._errors)

    def control(self, name: str) -> Control:
        """The control of a field, for tests and for connecting more to it.

        Raises
        ------
        InputError
            If the form does not show the field.
        """
        if name not in self._controls:
            raise InputError(f"the form shows the fields {list(self._controls)} (got {name!r})")
        return self._controls[name]

    def _add(self, name: str, field: FieldInfo | None, required: bool) -> None:
        control = None if field is None else control_for(field)
        if field is None or control is None:
            if required:
                raise InputError(
                    f"{type(self._instance).__name__} has no field that a form can show (got {name!r})"
                )
            return
        extra = field.json_schema_extra
        if isinstance(extra, Mapping) and extra.get("hidden") and not required:
            return
        title = field.title or name.replace("_", " ").capitalize()
        label = QLabel(title)
        tip = _tooltip(field.description or "")
        label.setToolTip(tip)
        control.setToolTip(tip)
        control.setAccessibleName(title)
        control.changed.connect(self._on_change)
        note = QLabel()
        note.setWordWrap(True)
        note.setTextFormat(Qt.TextFormat.PlainText)
        note.setStyleSheet("color: #e5594f")
        note.hide()
        cell = QWidget()
        column = QVBoxLayout(cell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(control)
        column.addWidget(note)
        if isinstance(control, BoolControl):  # a check box carries its own label, as everywhere in napari
            control.box.setText(title)
            self._layout.addRow(cell)
        else:
            label.setBuddy(control)
            self._layout.addRow(label, cell)
        self._controls[name], self._notes[name] = control, note

    def _label(self, name: str) -> str:
        return self._controls[name].accessibleName() if name in self._controls else name

    def _read(self) -> tuple[dict[str, str], M | None]:
        """What is wrong by field, and the model if nothing is."""
        raw, problems = self._instance.model_dump(), {}
        for name, control in self._controls.items():
            try:
                raw[name] = control.get()
            except InputError as error:
                problems[name] = str(error)
        if problems:
            return problems, None
        try:
            return {}, type(self._instance).model_validate(raw)
        except ValidationError as error:
            for detail in error.errors():
                where = str(detail["loc"][0]) if detail["loc"] else next(iter(self._controls), "")
                problems.setdefault(where, _plain(detail["msg"], detail.get("input")))
            return problems, None

    def _on_change(self) -> None:
        if self._setting:
            return
        was_valid = not self._errors
        self._errors, made = self._read()
        for name, note in self._notes.items():
            note.setText(self._errors.get(name, ""))
            note.setVisible(name in self._errors)
        if was_valid != (not self._errors):
            self.valid_changed.emit(not self._errors)
        if made is not None:
            self._instance = made
            self.changed.emit(made)


def _plain(message: str, got: Any) -> str:
    """Pydantic's message as a request to the user."""
    words = message.removeprefix("Value error, ").removeprefix("Input ").removeprefix("Assertion failed, ")
    return words if "(got" in words else f"{words} (got {got})"


def _first_message(error: ValidationError) -> str:
    detail = error.errors()[0]
    where = ".".join(str(part) for part in detail["loc"])
    return f"{where}: {_plain(detail['msg'], detail.get('input'))}"


def _tooltip(description: str) -> str:
    """Rich text, so that Qt wraps long descriptions."""
    text = " ".join(description.split()).replace("&", "&amp;").replace("<", "&lt;")
    return f"<p>{text}</p>" if text else ""
