from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_segmotif import PixelClassifier, open_image
from napari_segmotif.batch.recipe import Recipe
from napari_segmotif.cli.main import build_parser

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def test_the_example_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text("utf-8"), re.DOTALL)
    assert code is not None
    monkeypatch.chdir(tmp_path)
    exec(code[1], {})
    with open_image("nuclei.ome.tif") as opened:
        assert opened.spacing == pytest.approx((0.3, 0.3))
        assert opened.array[:].max() > 100
    assert PixelClassifier.load("nuclei.segmotif").validate().scores.accuracy > 0.9


def test_the_recipe_in_the_docs_is_one() -> None:
    text = (REPOSITORY / "docs" / "file-formats.md").read_text("utf-8")
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert Recipe.model_validate_json(example[1]).parameters.outputs == ("labels", "objects")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_docs_is_understood(page: Path) -> None:
    text = page.read_text("utf-8").replace("\\\n", " ")
    commands = re.findall(r"^    segmotif (.+)$", text, re.MULTILINE)
    for command in commands:
        words = re.sub(r"\s(#|>).*", "", command).split()
        assert callable(build_parser().parse_args(words).run)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_in_the_docs_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), f"{page.name} points to {target}"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert anchor in anchors, f"{page.name} points to {target}"
