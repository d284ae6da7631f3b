"""Forms out of models: right controls, right bounds, and errors in words."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator
from qtpy.QtWidgets import QLabel

from napari_segmotif.errors import InputError
from napari_segmotif.gui.controls import ChecksControl, ChoiceControl, OptionalControl
from napari_segmotif.gui.forms import ModelForm, form_for
from napari_segmotif.pixel.filtering.features import PixelFeatures


class Shape(Enum):
    ROUND = "round"
    LONG = "very_long"


class Parameters(BaseModel):
    model_config = ConfigDict(frozen=True)

    trees: int = Field(100, ge=1, le=1000, title="Trees", description="How <many> trees.")
    depth: int | None = Field(None, ge=1)
    rate: float = Field(0.001, gt=0, le=1, json_schema_extra={"unit": "µm"})
    weight: Literal["balanced"] | None = None
    method: Literal["stroke", "image"] = "stroke"
    shape: Shape = Shape.ROUND
    split: bool = True
    sigmas: tuple[float, ...] = (0.7, 1.0)
    counts: list[int] = Field(default=[1, 2])
    parts: tuple[Literal["a", "b", "c"], ...] = ("a", "c")
    note: str = ""
    secret: int = Field(7, json_schema_extra={"hidden": True})
    table: dict[str, int] = Field(default={"x": 1})

    @field_validator("sigmas")
    @classmethod
    def _positive(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or min(value) <= 0:
            raise ValueError(f"give at least one sigma above 0 (got {value})")
        return value


@pytest.fixture
def form(qtbot: Any) -> ModelForm[Parameters]:
    form = form_for(Parameters)
    qtbot.addWidget(form)
    return form


def test_starts_from_the_defaults(form: ModelForm[Parameters]) -> None:
    assert form.values() == Parameters()
    assert form.errors() == {}


def test_every_value_goes_in_and_comes_out(form: ModelForm[Parameters]) -> None:
    other = Parameters(
        trees=17, depth=4, rate=0.25, weight="balanced", method="image", shape=Shape.LONG, split=False,
        sigmas=(1.6, 10.0), counts=[3], parts=("b",), note="nuclei", secret=9, table={"y": 2},
    )  # fmt: skip
    form.set_values(other)
    assert form.values() == other
    form.set_values({"depth": None})
    assert form.values() == other.model_copy(update={"depth": None})


def test_controls_have_bounds_units_choices_and_tooltips(form: ModelForm[Parameters]) -> None:
    trees, rate = form.control("trees").box, form.control("rate").box
    assert (trees.minimum(), trees.maximum()) == (1, 1000)
    assert rate.suffix() == " µm"
    assert rate.text() == "0.001 µm"
    assert form.control("trees").toolTip() == "<p>How &lt;many> trees.</p>"
    assert "Trees" in [label.text() for label in form.findChildren(QLabel)]
    assert isinstance(form.control("depth"), OptionalControl)
    assert isinstance(form.control("parts"), ChecksControl)
    shapes = form.control("shape")
    assert isinstance(shapes, ChoiceControl)
    assert [shapes.box.itemText(i) for i in range(shapes.box.count())] == ["round", "very long"]


def test_hidden_fields_and_those_without_a_control_keep_their_value(form: ModelForm[Parameters]) -> None:
    for name in ("secret", "table"):
        with pytest.raises(InputError, match="the form shows the fields"):
            form.control(name)
    assert (form.values().secret, form.values().table) == (7, {"x": 1})


def test_what_the_user_does_is_announced(form: ModelForm[Parameters]) -> None:
    seen: list[Parameters] = []
    form.changed.connect(seen.append)
    form.control("trees").box.setValue(50)
    form.control("split").box.setChecked(False)
    form.control("sigmas").line.setText("1; 2.5 4")
    assert seen[-1] == Parameters(trees=50, split=False, sigmas=(1.0, 2.5, 4.0))
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("sigmas", "0.7, ab", "write numbers, separated by commas (got 'ab')"),
        ("sigmas", "0.7, nan", "write numbers (got 'nan')"),
        ("sigmas", "", "give at least one sigma above 0 (got ())"),
        ("sigmas", "-1", "give at least one sigma above 0 (got (-1.0,))"),
        ("counts", "1.5", "write whole numbers (got '1.5')"),
    ],
)
def test_errors_are_said_in_words_under_the_control(
    form: ModelForm[Parameters], field: str, text: str, message: str
) -> None:
    valid: list[bool] = []
    changed: list[Any] = []
    form.valid_changed.connect(valid.append)
    form.changed.connect(changed.append)
    form.control(field).line.setText(text)
    assert form.errors() == {field: message}
    shown = [label.text() for label in form.findChildren(QLabel) if not label.isHidden()]
    assert message in shown
    assert changed == []
    with pytest.raises(InputError, match="correct the settings first"):
        form.values()
    form.control(field).line.setText("3")
    assert form.errors() == {}
    assert valid == [False, True]


def test_an_open_bound_is_refused_in_words(form: ModelForm[Parameters]) -> None:
    form.control("rate").box.setValue(0.0)
    assert form.errors() == {"rate": "should be greater than 0 (got 0.0)"}


def test_set_values_refuses_what_the_model_refuses(form: ModelForm[Parameters]) -> None:
    with pytest.raises(InputError, match=r"these settings are not valid \(got trees"):
        form.set_values({"trees": 0})
    assert form.values() == Parameters()


def test_include_chooses_and_orders(qtbot: Any) -> None:
    form = form_for(Parameters(trees=3), include=["split", "trees"])
    qtbot.addWidget(form)
    form.control("split").box.setChecked(False)
    assert form.values() == Parameters(trees=3, split=False)
    with pytest.raises(InputError, match="has no field that a form can show"):
        form_for(Parameters, include=["table"])


def test_the_features_of_the_pixel_classifier_have_a_form(qtbot: Any) -> None:
    form = form_for(PixelFeatures, include=["families", "sigmas", "dimensions", "sigma_unit"])
    qtbot.addWidget(form)
    assert form.values() == PixelFeatures()
    form.control("families").boxes[0].setChecked(False)
    form.control("sigmas").line.setText("1, 3.5")
    assert form.values().sigmas == (1.0, 3.5)
    assert "gaussian" not in form.values().families


def test_a_form_fits_into_a_narrow_dock(form: ModelForm[Parameters]) -> None:
    assert form.minimumSizeHint().width() <= 300
