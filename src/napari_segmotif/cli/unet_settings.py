"""`segmotif unet settings`, and the settings that `segmotif unet train` was given."""

from __future__ import annotations

import argparse
import difflib
import json
from typing import TYPE_CHECKING, Any, get_args

from ..errors import InputError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from ..unet.parameters import UNetParameters

OPTIONS = {
    "dimensions": "dimensions",
    "epochs": "n_epochs",
    "minutes": "max_minutes",
    "width": "width",
    "depth": "depth",
    "patch_size": "patch_size",
    "batch_size": "batch_size",
    "seed": "random_state",
}
"""Options of their own, and the settings that they are."""


def list_settings(options: argparse.Namespace) -> int:
    """Print every setting with its value, its bounds and what it means."""
    from ..unet.parameters import UNetParameters

    parameters = UNetParameters()
    if options.model is not None:
        from ..unet.segmenter import UNetSegmenter

        parameters = UNetSegmenter.load(options.model, device="cpu").parameters
    own = {setting: option for option, setting in OPTIONS.items()}
    for name, field in UNetParameters.model_fields.items():
        if name == "device":
            continue
        option = f" (--{own[name].replace('_', '-')})" if name in own else ""
        print(f"{name} = {_as_text(getattr(parameters, name))}{option}: {field.title}, {_bounds(field)}.")
        print(f"    {field.description}")
    return 0


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else f"{value}"


def _bounds(field: FieldInfo) -> str:
    """What a setting may be, in words."""
    unit = (
        (field.json_schema_extra or {}).get("unit", "") if isinstance(field.json_schema_extra, dict) else ""
    )
    limits = {}
    for rule in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if hasattr(rule, name):
                limits[name] = getattr(rule, name)
    if field.annotation is bool:
        return "true or false"
    if not limits:
        return "one of " + ", ".join(str(choice) for choice in get_args(field.annotation))
    low = f"from {limits['ge']:g}" if "ge" in limits else f"more than {limits['gt']:g}"
    high = f"to {limits['le']:g}" if "le" in limits else f"to less than {limits['lt']:g}"
    optional = ", or none" if type(None) in get_args(field.annotation) else ""
    return f"{low} {high}{f' {unit}' if unit else ''}{optional}"


def assignment(text: str) -> tuple[str, Any]:
    """A setting and its value: NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"give NAME=VALUE, as in elastic=4 (got {text!r})")
    value = value.strip()
    if value.lower() in ("none", "auto"):
        return name.strip(), None
    try:
        return name.strip(), json.loads(value.lower() if value.lower() in ("true", "false") else value)
    except ValueError:
        return name.strip(), value


def settings_from(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line gave; the others keep their defaults.

    Raises
    ------
    InputError
        If a name is none of a setting, or a setting was given twice.
    """
    from ..unet.parameters import UNetParameters

    given = {
        setting: value
        for option, setting in OPTIONS.items()
        if (value := getattr(options, option)) is not None
    }
    known = [name for name in UNetParameters.model_fields if name != "device"]
    for name, value in options.settings:
        if name not in known:
            similar = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {similar[0]}? " if similar else ""
            raise InputError(
                f"there is no such setting: {hint}`segmotif unet settings` lists them (got {name!r})"
            )
        if name in given:
            raise InputError(f"a setting has one value: leave one out (got two for {name!r})")
        given[name] = value
    return given


def changed(parameters: UNetParameters, given: dict[str, Any]) -> UNetParameters:
    """Parameters with other values for some, checked.

    Raises
    ------
    InputError
        If a value is not allowed.
    """
    from pydantic import ValidationError

    try:
        return type(parameters)(**{**parameters.model_dump(), **given})
    except ValidationError as error:
        raise InputError.from_validation(error) from error
