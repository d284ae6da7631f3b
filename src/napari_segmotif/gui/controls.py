"""One Qt control per kind of parameter, all with the same three things: get, set, changed."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ..errors import InputError

_INT_LIMIT = 2**31 - 1
_FLOAT_LIMIT = 1e9


class Control(QWidget):
    """A control for one value. `changed` is emitted by every change, the user's or ours."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)

    def _hold(self, widget: QWidget) -> None:
        """Show a Qt widget as this control; keyboard focus and labels go to it."""
        policy = widget.sizePolicy()
        widget.setSizePolicy(QSizePolicy.Policy.Expanding, policy.verticalPolicy())
        self._row.addWidget(widget)
        self.setFocusProxy(widget)

    def get(self) -> Any:
        """The value; InputError if what the user typed is none."""
        raise InputError(f"this control holds no value (got {type(self).__name__})")

    def set(self, value: Any) -> None:
        """Show a value."""
        raise InputError(f"this control cannot show a value (got {value!r})")


class IntControl(Control):
    """A whole number in a spin box."""

    def __init__(self, low: float, high: float, step: float | None, unit: str) -> None:
        super().__init__()
        self.box = _Spin()
        self.box.setRange(int(max(low, -_INT_LIMIT)), int(min(high, _INT_LIMIT)))
        self.box.setSingleStep(int(step or 1))
        self.box.setSuffix(f" {unit}" if unit else "")
        self.box.setKeyboardTracking(False)  # 1, 10, 100 are not three values
        self.box.valueChanged.connect(lambda _: self.changed.emit())
        self._hold(self.box)

    def get(self) -> int:
        return int(self.box.value())

    def set(self, value: Any) -> None:
        self.box.setValue(int(value))


class FloatControl(Control):
    """A real number in a spin box with as many decimals as its size asks for."""

    def __init__(self, low: float, high: float, step: float | None, unit: str) -> None:
        super().__init__()
        self.box = _DoubleSpin()
        self.box.setDecimals(6)
        self.box.setRange(max(low, -_FLOAT_LIMIT), min(high, _FLOAT_LIMIT))
        if step is None:
            self.box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
            if high - low <= 1.0:
                self.box.setSingleStep(0.05)
                self.box.setStepType(QDoubleSpinBox.StepType.DefaultStepType)
        else:
            self.box.setSingleStep(step)
        self.box.setSuffix(f" {unit}" if unit else "")
        self.box.setKeyboardTracking(False)
        self.box.valueChanged.connect(lambda _: self.changed.emit())
        self._hold(self.box)

    def get(self) -> float:
        return float(self.box.value())

    def set(self, value: Any) -> None:
        self.box.setValue(float(value))


class _Spin(QSpinBox):
    """A spin box that scrolling the dock does not change."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: Any) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class _DoubleSpin(QDoubleSpinBox):
    """A spin box that shows no trailing zeros, and that scrolling the dock does not change."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: Any) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def textFromValue(self, value: float) -> str:
        text = self.locale().toString(value, "f", self.decimals())
        point = self.locale().decimalPoint()
        return text.rstrip("0").removesuffix(point) if point in text else text


class BoolControl(Control):
    """Yes or no in a check box."""

    def __init__(self) -> None:
        super().__init__()
        self.box = QCheckBox()
        self.box.toggled.connect(lambda _: self.changed.emit())
        self._hold(self.box)

    def get(self) -> bool:
        return bool(self.box.isChecked())

    def set(self, value: Any) -> None:
        self.box.setChecked(bool(value))


class ChoiceControl(Control):
    """One of a few values in a combo box."""

    def __init__(self, choices: Sequence[Any]) -> None:
        super().__init__()
        self._choices = list(choices)
        self.box = QComboBox()
        self.box.addItems([said(choice) for choice in self._choices])
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._hold(self.box)

    def get(self) -> Any:
        return self._choices[self.box.currentIndex()]

    def set(self, value: Any) -> None:
        if value not in self._choices:
            raise InputError(f"choose one of {self._choices} (got {value!r})")
        self.box.setCurrentIndex(self._choices.index(value))


class ChecksControl(Control):
    """Several of a few values as check boxes."""

    def __init__(self, choices: Sequence[Any], container: type) -> None:
        super().__init__()
        self._choices, self._container = list(choices), container
        self.boxes = [QCheckBox(said(choice)) for choice in self._choices]
        column = QVBoxLayout()
        column.setSpacing(0)
        for box in self.boxes:
            box.toggled.connect(lambda _: self.changed.emit())
            column.addWidget(box)
        self._row.addLayout(column)

    def get(self) -> Any:
        chosen = [choice for choice, box in zip(self._choices, self.boxes, strict=True) if box.isChecked()]
        return self._container(chosen)

    def set(self, value: Any) -> None:
        for choice, box in zip(self._choices, self.boxes, strict=True):
            box.setChecked(choice in value)


class TextControl(Control):
    """Text in a line."""

    def __init__(self, hint: str = "") -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setPlaceholderText(hint)
        self.line.textChanged.connect(lambda _: self.changed.emit())
        self._hold(self.line)

    def get(self) -> Any:
        return self.line.text()

    def set(self, value: Any) -> None:
        self.line.setText(str(value))
        self.line.setCursorPosition(0)


class NumbersControl(TextControl):
    """Several numbers in a line: "0.7, 1, 1.6"."""

    def __init__(self, whole: bool, container: type) -> None:
        super().__init__("numbers, separated by commas")
        self._whole, self._container = whole, container

    def get(self) -> Any:
        words = [word for word in re.split(r"[\s,;]+", self.line.text().strip()) if word]
        return self._container([self._number(word) for word in words])

    def set(self, value: Any) -> None:
        super().set(", ".join(f"{number:g}" for number in value))

    def _number(self, word: str) -> float | int:
        try:
            number = float(word)
        except ValueError:
            raise InputError(f"write numbers, separated by commas (got '{word}')") from None
        if not math.isfinite(number) or (self._whole and number != int(number)):
            raise InputError(f"write {'whole ' if self._whole else ''}numbers (got '{word}')")
        return int(number) if self._whole else number


class OptionalControl(Control):
    """Another control behind a check box; not checked means None."""

    def __init__(self, inner: Control) -> None:
        super().__init__()
        self.box, self.inner = QCheckBox(), inner
        self.box.toggled.connect(inner.setEnabled)
        self.box.toggled.connect(lambda _: self.changed.emit())
        inner.changed.connect(self.changed)
        inner.setEnabled(False)
        self._row.addWidget(self.box)
        self._row.addWidget(inner, 1)
        self.setFocusProxy(self.box)

    def get(self) -> Any:
        return self.inner.get() if self.box.isChecked() else None

    def set(self, value: Any) -> None:
        self.box.setChecked(value is not None)
        if value is not None:
            self.inner.set(value)


def said(choice: Any) -> str:
    """A choice as it is shown: "gradient_magnitude" is "gradient magnitude"."""
    value = choice.value if isinstance(choice, Enum) else choice
    return "none" if value is None else str(value).replace("_", " ")


def control_for(field: FieldInfo) -> Control | None:
    """The control that fits a model's field, or None where there is none for its type."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, Mapping) else {}
    limits = _limits(field.metadata)
    return _control(field.annotation, limits, str(extra.get("unit", "")))


def _control(annotation: Any, limits: Mapping[str, float], unit: str) -> Control | None:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return _control(inner, {**limits, **_limits(metadata)}, unit)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ChoiceControl(arguments)
    if origin in (Union, types.UnionType):
        return _union_control(arguments, limits, unit)
    if origin in (tuple, list):
        return _sequence_control(arguments, origin)
    if not isinstance(annotation, type):
        return None
    if issubclass(annotation, Enum):
        return ChoiceControl(list(annotation))
    return _scalar_control(annotation, limits, unit)


def _scalar_control(kind: type, limits: Mapping[str, float], unit: str) -> Control | None:
    low, high = limits.get("low", -math.inf), limits.get("high", math.inf)
    makers: dict[type, Callable[[], Control]] = {
        bool: BoolControl,
        int: lambda: IntControl(
            low + (1 if limits.get("open_low") else 0), high - (1 if limits.get("open_high") else 0),
            limits.get("step"), unit,
        ),
        float: lambda: FloatControl(low, high, limits.get("step"), unit),
        str: TextControl,
    }  # fmt: skip
    return makers[kind]() if kind in makers else None


def _union_control(arguments: Sequence[Any], limits: Mapping[str, float], unit: str) -> Control | None:
    kinds = [argument for argument in arguments if argument is not type(None)]
    if len(kinds) != 1:
        return None
    if get_origin(kinds[0]) is Literal and len(kinds) < len(arguments):
        return ChoiceControl([None, *get_args(kinds[0])])
    inner = _control(kinds[0], limits, unit)
    return None if inner is None else OptionalControl(inner) if len(kinds) < len(arguments) else inner


def _sequence_control(arguments: Sequence[Any], container: type) -> Control | None:
    items = {argument for argument in arguments if argument is not Ellipsis}
    if len(items) != 1:
        return None
    item = items.pop()
    if get_origin(item) is Annotated:
        item = get_args(item)[0]
    if get_origin(item) is Literal:
        return ChecksControl(get_args(item), container)
    return NumbersControl(item is int, container) if item in (int, float) else None


def _limits(metadata: Sequence[Any]) -> dict[str, float]:
    """Bounds and step out of the annotated-types that pydantic keeps for a field."""
    limits: dict[str, float] = {}
    for mark in metadata:
        for name, key, is_open in (("ge", "low", 0), ("gt", "low", 1), ("le", "high", 0), ("lt", "high", 1)):
            if (bound := getattr(mark, name, None)) is not None:
                limits[key] = float(bound)
                limits[f"open_{key}"] = is_open
        if (step := getattr(mark, "multiple_of", None)) is not None:
            limits["step"] = float(step)
    return limits
