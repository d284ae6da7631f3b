"""What `motifs find` and `run` have in common: a recipe, many videos, and what was found in each."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import tell
from .outcomes import existing_images, report_failures
from .progress import run_with_bar

if TYPE_CHECKING:
    from ..batch.motif_files import MotifFileResult
    from ..batch.motif_recipe import MotifRecipe


def find_in_files(
    recipe: MotifRecipe,
    files: Sequence[str],
    options: argparse.Namespace,
    *,
    cells: Path | None = None,
    as_json: bool = False,
) -> int:
    """Find motifs in files, say what was found in each, and return the exit code."""
    from ..batch.motif_files import MotifFileResult, find_motifs_in_files_iter, plan_motifs
    from ..motifs.results.nwb import require_pynwb

    if recipe.parameters.nwb:
        require_pynwb()  # not only when all is computed
    videos, missing = existing_images(files)
    destination = Path(options.output)
    tasks = plan_motifs(videos, destination, cells)
    job = find_motifs_in_files_iter(tasks, recipe, device=options.device, skip_existing=options.skip_existing)
    results = run_with_bar(job, "find motifs", options.progress)
    results += [MotifFileResult(path, destination, error=error) for path, error in missing]
    for result in results:
        for note in result.notes:
            tell(f"{result.video}: {note}")
    if as_json:
        print(json.dumps([_as_json(result) for result in results], indent=2))
    else:
        for result in results:
            if result.error is None:
                print(_as_text(result))
    failed = [(result.video, result.error) for result in results if result.error is not None]
    return report_failures(failed, len(results), "videos")


def _as_text(result: MotifFileResult) -> str:
    if result.skipped:
        return f"{result.folder} (was there already)"
    return f"{result.video}\n{result.summary}\nwritten to {result.folder}"


def _as_json(result: MotifFileResult) -> dict[str, Any]:
    return {
        "video": str(result.video),
        "folder": str(result.folder),
        "error": result.error,
        "skipped": result.skipped,
        **result.found,
    }
