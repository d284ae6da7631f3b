"""The Motif detector: the docked widget. It connects the form to the jobs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ...common.progress import CancelToken
from ...common.words import count
from ...errors import InputError, SegmotifError
from ...motifs.results.findings import FitState
from ..runner import JobRunner
from ..teardown import teardown_on_close
from ..view import visible_region
from . import work
from .bench import Bench, Shown
from .crop import Crop, preview_crop
from .form import MotifForm
from .found import Found, part_of
from .keeping import Keeping
from .panels.video_panel import plane_in_view
from .playing import MotifPlayer, current_frame, go_to_frame
from .recipe import describe
from .result_layers import MotifLayers
from .words import cells_found_in_words, seconds_in_words, summary_in_words


class MotifDetectorWidget(QWidget):
    """Choose a video, find its motifs, see when and where they are played.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.runner = JobRunner(self, napari_viewer)
        self.form = MotifForm(napari_viewer, self.runner)
        self.bench = Bench(napari_viewer, self.runner, self.form)
        self.layers = MotifLayers(napari_viewer)
        self.player = MotifPlayer(napari_viewer, self)
        self.shown: Shown | None = None
        self._whole: Shown | None = None  # kept while a preview is shown
        self._cells_late = False  # cells were chosen that could not be looked at: something was running
        self.keeping = Keeping(self.bench, lambda: self.shown, self._show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        # Else napari puts a stretch below the form, which would take half of the dock.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._connect()
        teardown_on_close(self, napari_viewer, self._close_down)
        self._on_video()

    # ---- what scripts call

    @property
    def found(self) -> Found | None:
        """The result that is shown."""
        return None if self.shown is None else self.shown.found

    def run(self) -> None:
        """Look for motifs in the whole video."""
        self._find(None)

    def preview(self) -> None:
        """Look for motifs in what is in view, or in the middle of the frame, and in the first frames."""
        self.form.video.refresh()
        source = self.form.video.source
        if source is None:
            self._find(None)  # says why not
            return
        t, y, x = source.shape
        seen = visible_region(self.viewer, source)
        self._find(preview_crop((t, y, x), self.form.settings.motif_length, seen))

    def go_to(self, frame: int) -> None:
        """Show the video at a frame, and the motifs that are played there over it."""
        if self.shown is None:
            return
        self.player.stop()
        self.layers.go_to(frame)
        self.form.motifs.set_view("video")
        go_to_frame(self.viewer, self.shown.source, frame)

    def wait(self, timeout_s: float = 60.0) -> bool:
        """Process events until nothing runs and all is shown; False if the time ran out first."""
        done = self.runner.wait(timeout_s)
        self.layers.finish()
        return done

    # ---- wiring

    def _connect(self) -> None:
        form, keeping = self.form, self.keeping
        form.video.changed.connect(self._on_video)
        form.video.plane_wanted.connect(self._on_plane)
        form.settings.changed.connect(self._update)
        form.settings.run_clicked.connect(self.run)
        form.settings.preview_clicked.connect(self.preview)
        form.motifs.view_wanted.connect(self._on_view)
        form.motifs.order_wanted.connect(self._on_order)
        form.motifs.explained_wanted.connect(self._on_explained)
        form.motifs.table.visible_changed.connect(self._on_ticked)
        form.motifs.table.play_wanted.connect(self._on_play)
        form.motifs.save_wanted.connect(keeping.ask_save)
        form.motifs.load_wanted.connect(keeping.ask_load)
        form.motifs.copy_wanted.connect(keeping.copy_as_python)
        form.motifs.whole_wanted.connect(self._on_whole)
        form.activations.frame_clicked.connect(self.go_to)
        form.occurrences.frame_clicked.connect(self.go_to)
        form.cell_layer.chosen.connect(self._on_cells)
        form.export.export_wanted.connect(keeping.export)
        self.player.stopped.connect(self._on_stopped)
        self.runner.busy_changed.connect(self._on_busy)
        self.viewer.layers.events.removed.connect(self._on_removed)
        self.viewer.dims.events.current_step.connect(self._on_step)

    # ---- looking for motifs

    def _find(self, crop: Crop | None) -> None:
        bench, settings = self.bench, self.form.settings
        try:
            source = bench.source()
            if problem := bench.problem():
                raise InputError(problem)
            parameters = settings.parameters()
        except SegmotifError as error:
            bench.warn(str(error))
            return
        file, stop = bench.file_of(source), CancelToken()

        def show(found: Found) -> None:
            self._show(Shown(found, source, file))
            self.form.say(self.form.motifs.said)

        started = bench.start(
            partial(work.find, parameters, source.to_source(), bench.cells(source), crop, stop),
            "Find motifs" if crop is None else "Preview",
            on_result=show,
            on_partial=self._on_state,
            layers=bench.layers_of(source),
            stop=stop,
        )
        if started:
            self.player.stop()
            settings.start_progress()

    def _on_state(self, state: object) -> None:
        if isinstance(state, FitState):
            self.form.settings.show_state(state)

    def _on_busy(self, busy: bool) -> None:
        if not busy:
            self.form.settings.end_progress()
            if self._cells_late:
                self._on_cells()
        self._update()

    # ---- what was found

    def _show(self, shown: Shown) -> None:
        """Show a result everywhere; a whole one is kept while previews come and go."""
        self.player.stop()
        found, source = shown.found, shown.source
        if found.crop is None:
            self._whole = shown
        elif self._whole is not None and self._whole.source.layer_id != source.layer_id:
            self._whole = None
        self.shown = shown
        form, model = self.form, found.model
        recipe = describe(model.parameters, shown.file, found.crop).as_json()
        self.layers.show(found, source, recipe)
        form.motifs.show_found(found, whole_kept=self._whole is not None)
        form.motifs.set_view(self.layers.view)
        form.activations.show_result(model, found.colors)
        form.occurrences.set_occurrences(model.occurrences_, found.colors)
        form.settings.show_losses(model.loss_curve_)
        significant = bool(np.any(found.worth_showing))
        shorter = model.suggested_motif_length_ < model.parameters.motif_length
        form.settings.suggest_length(model.suggested_motif_length_, significant and shorter)
        if significant:
            form.sections["activations"].set_expanded(True)
        self._on_cells()
        self._on_step()
        self._update()

    def _on_whole(self) -> None:
        if self._whole is not None:
            self._show(self._whole)

    def _on_view(self, view: str) -> None:
        self.player.stop()
        self.layers.set_view(view)

    def _on_order(self, in_order: bool) -> None:
        self.player.stop()
        self.layers.set_in_order(in_order)
        self.form.motifs.set_view(self.layers.view)

    def _on_explained(self, kind: str, wanted: bool) -> None:
        self.player.stop()
        self.layers.show_explained(kind, wanted)
        self.form.motifs.set_view(self.layers.view)
        self._on_removed()

    def _on_ticked(self, motif: int, ticked: bool) -> None:
        self.player.stop()
        self.layers.set_ticked(motif, ticked)

    def _on_play(self, motif: int) -> None:
        self.layers.finish()
        film = self.layers.film(motif) if motif >= 0 else None
        self.player.stop()
        if film is not None and self.found is not None:
            self.player.play(film, self.found.frame_rate)
            self.form.motifs.table.set_playing(motif)

    def _on_stopped(self) -> None:
        self.form.motifs.table.set_playing(None)

    # ---- cells

    def _on_cells(self, _layer: object = None) -> None:
        """Show which of the chosen cells belong to which motif; find it out where it is not known yet."""
        self._cells_late = False
        self.form.cells_said.clear()
        if self.shown is None:
            self._clear_cells()
            return
        found, cells = self.shown.found, self.bench.cells(self.shown.source)
        if cells is not None and found.cells is not None and np.array_equal(cells, found.cells):
            self._show_cells(found, cells)
            return
        # What is known is about other cells: it must be neither shown nor exported as if it were about these.
        if found.cells is not None:
            self._replace_found(replace(found, orders=(), cells=None))
        self._clear_cells()
        if cells is not None:
            self._order(self.shown, cells)

    def _order(self, shown: Shown, cells: NDArray[Any]) -> None:
        """Find out which cells belong to which motif, as soon as nothing else runs."""

        def ordered(found: Found) -> None:
            if self.shown is shown:
                self._replace_found(found)
                self._on_cells()  # others may have been chosen since

        if self.runner.busy:
            self._cells_late = True
        else:
            self.bench.start(partial(work.order, shown.found, cells), "Order cells", on_result=ordered)

    def _replace_found(self, found: Found) -> None:
        """Put the shown result, with other cells, in its own place."""
        assert self.shown is not None
        self.shown = replace(self.shown, found=found)
        if found.crop is None:
            self._whole = self.shown

    def _clear_cells(self) -> None:
        self.form.cells.clear()
        self.layers.remove_cells()

    def _show_cells(self, found: Found, cells: NDArray[Any]) -> None:
        form, model = self.form, found.model
        self.layers.show_cells(found, cells)
        form.cells.show_cells(found.orders, found.colors, model.motifs_.shape[1], found.frame_rate)
        members = {int(c) for o in found.orders if found.worth_showing[o.motif] for c in o.labels}
        part = part_of(cells, found.crop)
        n_cells, preview = len(np.unique(part[part > 0])), found.crop is not None
        form.cells_said.setText(cells_found_in_words(len(members), n_cells, preview=preview))

    # ---- following the viewer and the form

    def _on_video(self) -> None:
        form = self.form
        form.settings.set_frame_rate(form.video.frame_rate)
        if form.video.layer.layer is None:
            form.say("Open a video first: File > Open, or drop one on the window.")
        else:
            form.say(form.video.problem or "Press Find motifs, or Preview for a first look.")
        self._update()

    def _on_plane(self) -> None:
        layer = self.form.video.layer.layer
        if layer is None:
            return
        try:
            plane = plane_in_view(layer, self.viewer)
        except SegmotifError as error:
            self.bench.warn(str(error))
            return
        layer.visible = False
        self.viewer.add_layer(plane)
        self.form.video.layer.choose(plane)

    def _on_step(self, _event: object = None) -> None:
        frame = None if self.shown is None else current_frame(self.viewer, self.shown.source)
        if frame is not None:
            self.form.activations.set_current_frame(frame)

    def _on_removed(self, _event: object = None) -> None:
        self.form.motifs.set_explained(self.layers.has("reconstruction"), self.layers.has("residual"))

    def _update(self, *_: object) -> None:
        """Enable what can be done now, say why of the rest, and write the summaries."""
        form, found, source = self.form, self.found, self.form.video.source
        problem = self.bench.problem()
        form.settings.set_available(
            problem or ("wait until what is running is done." if self.runner.busy else "")
        )
        form.motifs.set_loadable("" if source is not None else "open a video first.")
        form.export.set_available("" if found is not None else "find motifs first.")
        rate, length = form.video.frame_rate, form.settings.motif_length
        duration = "" if source is None or rate <= 0 else f" · {seconds_in_words(source.shape[0], rate)}"
        form.sections["video"].set_summary(f"{source.name}{duration}" if source else "no video")
        form.sections["find"].set_summary(f"up to {seconds_in_words(length, rate)} long" if rate > 0 else "")
        form.sections["motifs"].set_summary("" if found is None else summary_in_words(found.model))
        form.sections["activations"].set_summary(
            "" if found is None else count(len(found.model.occurrences_), "occurrence")
        )

    def _close_down(self) -> None:
        self._cells_late = False
        self.runner.close()
        self.player.close_down()
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.viewer.dims.events.current_step.disconnect(self._on_step)
        self.form.close_down()
        self.layers.close_down()
        self.shown = self._whole = None
