"""Keeping what was found: saving, loading, exporting, and the same work as a Python script."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from ...common.words import count
from ...errors import SegmotifError
from . import work
from .bench import Bench, Shown
from .found import Found
from .recipe import describe
from .script import as_python

_SUFFIX = ".segmotif"
_FILTER = f"segmotif model (*{_SUFFIX})"


class Keeping:
    """Starts the jobs behind the buttons that save, load, export and copy.

    Parameters
    ----------
    bench
        What to work with.
    shown
        Returns the result that is shown.
    show
        Shows one that was loaded.
    """

    def __init__(
        self, bench: Bench, shown: Callable[[], Shown | None], show: Callable[[Shown], object]
    ) -> None:
        self._bench = bench
        self._shown = shown
        self._show = show

    def save(self, path: Path) -> None:
        """Save the model and, beside it, the recipe for `segmotif run`, in the background."""
        shown, form = self._shown(), self._bench.form
        if shown is None:
            return
        recipe = describe(shown.found.model.parameters, shown.file, shown.found.crop)
        self._bench.start(
            partial(work.save, shown.found.model, path, recipe),
            "Save",
            on_result=lambda written: form.say(
                f"Saved {written.name}, and its recipe: `segmotif run` does the same to other videos."
            ),
        )

    def load(self, path: Path) -> None:
        """Read a model that was saved and show it on the chosen video."""
        bench = self._bench
        try:
            source = bench.source()
        except SegmotifError as error:
            bench.warn(str(error))
            return

        def loaded(found: Found) -> None:
            model = found.model
            shape = (model.n_frames_, *model.frame_shape_)
            if shape != source.shape:
                bench.warn(
                    f"this model was fitted on another video: choose one of shape {shape} "
                    f"(got {source.shape})"
                )
                return
            bench.form.video.set_frame_rate(model.parameters.frame_rate)
            bench.form.settings.set_parameters(model.parameters)
            self._show(Shown(found, source, bench.file_of(source)))
            bench.form.say(f"Loaded {path.name}. {bench.form.motifs.said}")

        job = partial(work.load, path, bench.cells(source))
        bench.start(job, "Load", on_result=loaded, layers=bench.layers_of(source))

    def export(self, folder: Path, nwb: bool) -> None:
        """Write motifs, activations and occurrences to a folder, in the background."""
        shown, form = self._shown(), self._bench.form
        if shown is None:
            return
        recipe = describe(shown.found.model.parameters, shown.file, shown.found.crop)

        def written(paths: tuple[Path, ...]) -> None:
            names = ", ".join(path.name for path in paths)
            form.export.show_text(f"Written to {folder.name}: {names}.")
            form.say(f"Wrote {count(len(paths), 'file')} to {folder}")

        spacing, units = shown.source.spacing, shown.source.units
        found = shown.found
        job = partial(work.export, found.model, folder, nwb, spacing, units, recipe.as_json(), found.orders)
        self._bench.start(job, "Export", on_result=written)

    def copy_as_python(self) -> str:
        """Put a script that does the same on the clipboard, and return it; "" where nothing was found yet."""
        shown = self._shown()
        if shown is None:
            return ""
        found = shown.found
        script = as_python(shown.file, found.model.parameters, found.crop)
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(script)
        where = "" if found.crop is None else ", in the same part of the video"
        self._bench.form.say(f"Copied a Python script that finds, saves and writes these motifs{where}.")
        return script

    def ask_save(self) -> None:
        """Ask where to, and save."""
        path, _ = QFileDialog.getSaveFileName(
            self._bench.form, "Save the motifs", f"motifs{_SUFFIX}", _FILTER
        )
        if path:
            self.save(Path(path if path.endswith(_SUFFIX) else path + _SUFFIX))

    def ask_load(self) -> None:
        """Ask for a file, and load it."""
        path, _ = QFileDialog.getOpenFileName(self._bench.form, "Load motifs", "", _FILTER)
        if path:
            self.load(Path(path))
