"""The package as a user meets it: what it exports, what importing it costs, what an install contains."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from npe2 import PluginManifest

import napari_segmotif

ROOT = Path(__file__).resolve().parent.parent


def modules_after(statement: str) -> set[str]:
    """Top-level modules that are loaded in a fresh interpreter after `statement`."""
    code = (
        f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(run.stdout))


HEAVY = {
    "torch",
    "qtpy",
    "PyQt6",
    "PySide6",
    "napari",
    "sklearn",
    "skimage",
    "numba",
    "scipy",
    "pandas",
    "numpy",
}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert modules_after("import napari_segmotif") & HEAVY == set()


@pytest.mark.parametrize("module", ["napari_segmotif.cli", "napari_segmotif.common.image_io"])
def test_the_command_line_and_the_ground_floor_load_neither_torch_nor_qt(module: str) -> None:
    assert (
        modules_after(f"import {module}") & {"torch", "qtpy", "PyQt6", "PySide6", "napari", "vispy"} == set()
    )


def test_using_the_classifier_by_name_loads_neither_torch_nor_qt() -> None:
    loaded = modules_after("import napari_segmotif; napari_segmotif.PixelClassifier(device='cpu')")
    assert loaded & {"torch", "qtpy", "PyQt6", "PySide6", "napari", "vispy"} == set()


@pytest.mark.parametrize("name", napari_segmotif.__all__)
def test_every_public_name_can_be_imported_and_is_documented(name: str) -> None:
    value = getattr(napari_segmotif, name)
    if name != "__version__":
        assert value.__doc__, f"{name} has no docstring"
        assert value.__name__ == name


def test_type_checkers_see_the_same_names_as_the_interpreter() -> None:
    tree = ast.parse(Path(napari_segmotif.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    homes = {
        alias.name: node.module
        for node in ast.walk(guarded)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == napari_segmotif._HOME
    assert set(napari_segmotif.__all__) == {*homes, "__version__"}
    assert set(napari_segmotif.__all__) <= set(dir(napari_segmotif))


def test_an_unknown_name_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="no attribute 'UNetSegmentor'"):
        _ = napari_segmotif.UNetSegmentor


def test_the_version_is_that_of_the_installed_distribution() -> None:
    assert napari_segmotif.__version__ == metadata.version("napari-segmotif")


def test_the_manifest_is_found_and_what_it_names_exists() -> None:
    manifest = PluginManifest.from_distribution("napari-segmotif")
    assert manifest.contributions.widgets
    assert manifest.contributions.sample_data
    for command in manifest.contributions.commands or []:
        assert command.python_name is not None
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_installed_manifest_is_the_one_at_the_top_of_the_repository() -> None:
    top = ROOT / "napari.yaml"
    if not top.exists():
        pytest.skip("the tests run outside the repository")
    installed = Path(napari_segmotif.__file__).parent / "napari.yaml"
    assert installed.read_text(encoding="utf-8") == top.read_text(encoding="utf-8")


def test_wheels_contain_the_manifest_and_the_samples_also_when_built_from_an_sdist(tmp_path: Path) -> None:
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("the tests run outside the repository")
    sdist = Path(next(SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])))
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / sdist.name.removesuffix(".tar.gz")
    wanted = {"napari_segmotif/napari.yaml", "napari_segmotif/py.typed"}
    wanted |= {f"napari_segmotif/sample_data/{path.name}" for path in (ROOT / "sample_data").iterdir()}
    for source in (ROOT, unpacked):
        folder = tmp_path / f"wheel of {source.name}"
        wheel = next(WheelBuilder(str(source)).build(directory=str(folder), versions=["standard"]))
        with zipfile.ZipFile(wheel) as packed:
            names = packed.namelist()
        assert wanted <= set(names)
        assert len(names) == len(set(names))


def test_no_module_has_outgrown_one_idea() -> None:
    script = ROOT / "scripts" / "check_module_sizes.py"
    if not script.exists():
        pytest.skip("the tests run outside the repository")
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
