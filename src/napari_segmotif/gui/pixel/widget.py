"""The Pixel classifier: the docked widget. It connects the form to the jobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Labels
from qtpy.QtWidgets import QApplication, QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from ...errors import SegmotifError
from ...pixel.classifier import PixelClassifier
from ..classes.entries import (
    METADATA_KEY,
    ClassEntry,
    colors_of,
    from_metadata,
    starting_classes,
    to_metadata,
)
from ..data_panel import PairOfLayers
from ..results import add_annotation
from ..runner import JobRunner
from ..section import enable
from ..teardown import teardown_on_close
from .checks import Checks, Importances
from .following import Following
from .form import PixelForm
from .jobs import IN_MEMORY_BYTES, Jobs
from .keeping import Keeping, in_words
from .live import LiveListener
from .next_region import NextRegions
from .object_jobs import ObjectJobs, Objects
from .outputs import OutputLayers, color
from .panels.feature_text import in_plain_names
from .panels.model_panel import LayerDialog
from .session import Session
from .warm_up import is_warm, warm_up
from .workbench import Workbench

_SUGGESTIONS = 5


class PixelClassifierWidget(QWidget):
    """Paint a few strokes, see the image follow, check it, keep it, use it.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session = Session()
        self.runner = JobRunner(self, napari_viewer)
        self.form = PixelForm(napari_viewer, self.runner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        # Else napari puts a stretch below the form, which would take half of the dock.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        form = self.form
        self.outputs = OutputLayers(napari_viewer)
        self.regions = NextRegions(napari_viewer)
        self.listener = LiveListener(napari_viewer, self)
        self.bench = Workbench(
            napari_viewer,
            self.session,
            self.runner,
            self.outputs,
            form.data,
            form.table,
            form.grid,
            form.train,
            form.say,
        )
        self.following = Following(self.bench, self._on_trained, self)
        self.jobs = Jobs(self.bench, self.following, self._on_trained)
        self.object_jobs = ObjectJobs(self.bench)
        self.checks = Checks(self.bench)
        self.keeping = Keeping(self.bench, form.model, self._take_over)
        self._annotation: Labels | None = None
        self._pair: PairOfLayers | None = None
        self._known_classes: tuple[ClassEntry, ...] = ()  # a second image is painted with the same classes
        self._connect()
        teardown_on_close(self, napari_viewer, self._close_down)
        self._on_data()
        self._warmer = JobRunner(self, None)
        if not is_warm():
            self._warmer.start(warm_up, name="Warm up", on_error=lambda _error: True)

    # ---- what scripts and the demo call

    def new_annotation(self) -> Labels | None:
        """Make an annotation layer for the chosen image, ready to be painted on."""
        try:
            source = self.bench.source()
            entries = self._known_classes or starting_classes()
            shortest = min(source.output_shape[-2:])
            layer = add_annotation(
                self.viewer,
                source,
                name=f"{source.name} · annotation",
                colors=colors_of(entries),
                brush_size=max(3, min(12, round(shortest / 60))),
            )
        except SegmotifError as error:
            self.bench.warn(str(error))
            return None
        layer.metadata[METADATA_KEY] = to_metadata(entries)
        self.form.data.annotation.choose(layer)
        self._read_classes()
        self.form.say("Paint a few strokes of each class; pick the class in the table.", "info")
        return layer

    def set_classes(self, entries: tuple[ClassEntry, ...]) -> None:
        """Name and colour the classes of the chosen annotation."""
        self.form.table.set_entries(entries)
        self._on_classes()

    def wait(self, timeout_s: float = 60.0) -> bool:
        """Process events until nothing runs or is due, for scripts; False if the time ran out first."""
        deadline = time.monotonic() + timeout_s
        while self.listener.pending or self.runner.busy:
            if time.monotonic() > deadline:
                return False
            QApplication.processEvents()
            time.sleep(0.002)
        return True

    # ---- wiring

    def _connect(self) -> None:
        form = self.form
        form.data.changed.connect(self._on_data)
        form.data.annotation_wanted.connect(self.new_annotation)
        form.table.changed.connect(self._on_classes)
        form.table.selected.connect(self._on_class_selected)
        form.table.removed.connect(self._on_class_removed)
        form.grid.changed.connect(self._on_features)
        form.train.live_toggled.connect(self._on_live)
        form.train.train_clicked.connect(self.jobs.train)
        form.train.predict_clicked.connect(self._on_predict)
        form.train.outputs_changed.connect(self.listener.look)
        form.train.forest_changed.connect(self._on_features)
        form.validation.wanted.connect(self._on_validate)
        form.importance.wanted.connect(self._on_importances)
        form.next.wanted.connect(self._on_suggest)
        form.next.moved.connect(self._on_step)
        form.select.clicked.connect(
            lambda _checked=False: self.checks.select(form.n_best.value(), self._on_selected)
        )
        form.objects.wanted.connect(lambda options: self.object_jobs.make(options, self._on_objects))
        form.model.save_wanted.connect(self.keeping.save)
        form.model.load_wanted.connect(self.keeping.load)
        form.model.apply_wanted.connect(self._on_apply)
        form.model.copy_wanted.connect(self.keeping.copy_as_python)
        self.listener.annotation_changed.connect(self.following.follow)
        self.listener.view_changed.connect(self.following.look)
        self.listener.selection_changed.connect(self._on_layer_selection)
        self.runner.busy_changed.connect(self._update)

    def _on_data(self) -> None:
        form = self.form
        source, pair = form.data.source, form.data.current_pair
        annotation = pair.annotation if pair else None
        if annotation is not self._annotation:
            self._keep_training_on(self._pair, pair)
            self._annotation, self._pair = annotation, pair
            self.listener.listen_to(annotation)
            form.table.set_counts({})
            self._read_classes()
            self.bench.keep_adopted()
            if annotation is not None:
                self.listener.touch()
        if source is not None:
            sizes = dict(zip(source.axes, source.shape, strict=True))
            unit = None if source.spacing is None else (source.units[-1] if source.units else "units")
            form.grid.set_image(n_channels=sizes.get("C", 1), has_z="Z" in sizes, unit=unit)
        if source is None:
            form.say("Open an image first: File > Open, or drop one on the window.", "info")
        elif pair is None:
            form.say(
                form.data.problem() or "Press New annotation, and paint a few strokes of each class.", "info"
            )
        self._update()

    def _keep_training_on(self, before: PairOfLayers | None, now: PairOfLayers | None) -> None:
        """Keep the image before in the training set: going to another one does not lose its strokes."""
        if before is None or (now is not None and now.image is before.image) or not self._n_painted():
            return
        self.form.data.keep(before)

    def _n_painted(self) -> int:
        return sum(count.pixels for count in self.form.table.counts.values())

    def _read_classes(self) -> None:
        """Show the classes that the annotation layer brings along; painted labels are added when counted.

        A layer that brings none is painted with those of the image before. They are written into it, in
        names and colours, once its labels are counted: it may turn out to hold objects.
        """
        layer = self._annotation
        own = from_metadata(layer.metadata) if layer is not None else ()
        self.form.table.set_entries(own or (self._known_classes if layer is not None else ()))
        if layer is not None and own:
            self._known_classes = own
            color(layer, own)
        self._on_layer_selection()

    def _on_classes(self) -> None:
        entries = self.form.table.entries
        self._known_classes = entries
        for pair in self.form.data.pairs:
            pair.annotation.metadata[METADATA_KEY] = to_metadata(entries)
            color(pair.annotation, entries)
        self.session.rename(entries)
        if self.form.data.source is not None:
            self.outputs.recolor(self.form.data.source, entries)
        self._update()

    def _on_class_selected(self, label: int) -> None:
        layer = self._annotation
        if layer is None or not label:
            return
        layer.selected_label = label
        self.viewer.layers.selection.active = layer
        if layer.mode not in ("paint", "fill", "polygon"):
            layer.mode = "paint"

    def _on_layer_selection(self) -> None:
        if self._annotation is not None:
            self.form.table.select(int(self._annotation.selected_label))

    def _on_class_removed(self, label: int) -> None:
        erased = self.bench.erase(label)
        if erased:
            names = ", ".join(erased)
            self.form.say(f"Erased in {names}. Undo (Ctrl-Z) on the layer brings its strokes back.", "info")
            self.listener.touch()  # an annotation that is not in view does not tell

    def _on_features(self) -> None:
        self.form.correlations.hide()
        self._update()
        if self.form.train.live:
            self.listener.touch()

    def _on_live(self, live: bool) -> None:
        if live:
            self.following.follow()
        elif self.runner.running_name is not None and self.runner.running_name == "Live":
            self.runner.cancel()

    def _on_predict(self) -> None:
        self._with_room(self.jobs.size_of_result(), self.jobs.predict_all)

    def _with_room(self, n_bytes: int, start: Callable[[Path | None], object]) -> None:
        """Start a job, with a new folder for its results where memory would not do; not without one then."""
        store = None
        if n_bytes > IN_MEMORY_BYTES:
            chosen, _ = QFileDialog.getSaveFileName(
                self, "The result is large: choose a new folder for it", "segmentation"
            )
            if not chosen:
                return
            store = Path(chosen)
        start(store)

    def _on_trained(self) -> None:
        classifier = self.session.require()
        self.form.validation.clear()
        self.form.importance.clear()
        self.form.say(f"Trained on {in_words(classifier)}.", "info")
        self._update()

    def _on_validate(self, method: str) -> None:
        self.checks.validate(
            method, lambda report: self.form.validation.show_report(report, self.form.table.entries)
        )

    def _on_importances(self, method: str) -> None:
        def show(found: Importances) -> None:
            self.form.importance.show_importances(found.values, found.method)
            self.form.importance.show_warning(found.warning)
            self.form.correlations.setText(in_plain_names(found.warning))
            self.form.correlations.setVisible(bool(found.warning))

        self.checks.importances(method, show)

    def _on_selected(self, classifier: PixelClassifier) -> None:
        self.session.adopt(classifier, same_strokes=True)
        self._take_over(classifier)
        self.form.say(f"Trained with the best features only: {in_words(classifier)}.", "info")

    def _on_suggest(self) -> None:
        def show(source: Any, found: Any) -> None:
            self.regions.show(source, found)
            self._show_position()
            if self._annotation is not None:
                self.viewer.layers.selection = {self._annotation}

        self.checks.suggest(_SUGGESTIONS, show)

    def _on_step(self, by: int) -> None:
        self.regions.step(by)
        self._show_position()

    def _show_position(self) -> None:
        current = self.regions.current
        self.form.next.set_position(self.regions.index, self.regions.n, current.reason if current else "")

    def _on_objects(self, objects: Objects) -> None:
        text = (
            f"{objects.n:,} objects, median size {objects.median_size:,.0f} px."
            if objects.n
            else "No objects: lower the threshold."
        )
        self.form.objects.show_text(text)
        self.form.say(text, "info")

    def _on_apply(self) -> None:
        layers = self.form.data.image.layers
        dialog = LayerDialog([layer.name for layer in layers], self)
        if dialog.exec():
            ticked = [layers[i] for i in dialog.ticked]
            self._with_room(self.jobs.size_of_results(ticked), partial(self.jobs.apply, ticked))

    # ---- state

    def _take_over(self, classifier: PixelClassifier) -> None:
        """Show a classifier that was not trained from this form in the form."""
        form = self.form
        form.grid.set_features(classifier.features)
        form.train.set_forest(classifier.parameters)
        known = {entry.label: entry for entry in form.table.entries}
        for label in self.session.classes:
            name = classifier.class_names_.get(label, f"Class {label}")
            color = classifier.class_colors_.get(label, known[label].color if label in known else "#ffb000")
            known[label] = ClassEntry(label, name, color)
        form.table.set_entries(tuple(known[label] for label in sorted(known)))
        self._on_classes()
        self.bench.keep_adopted()
        form.validation.clear()
        form.importance.clear()
        self._update()
        self.listener.look()

    def _update(self, *_: object) -> None:
        """Enable what can be done now, say why of the rest, and write the summaries."""
        form = self.form
        source, pair = form.data.source, form.data.current_pair
        no_image = "" if source is not None else "open an image first."
        no_pair = no_image or (
            "" if pair else "choose an annotation that fits the image, or press New annotation."
        )
        no_features = "" if form.grid.pairs else "tick at least one feature."
        not_fitted = "" if self.session.fitted else "train a classifier first."
        form.table.set_available(no_pair)
        form.train.set_available(no_training=no_pair or no_features, no_prediction=no_image or not_fitted)
        for panel in (form.validation, form.importance, form.model):
            panel.set_available(not_fitted)
        form.next.set_available(no_pair or not_fitted)
        form.objects.set_available(no_image or not_fitted)
        enable(
            form.select,
            not_fitted,
            "Keep the most useful features that do not repeat each other: faster, and often as good.",
        )
        form.objects.set_classes(
            [e for e in form.table.entries if not self.session.fitted or e.label in self.session.classes]
        )
        form.sections["data"].set_summary(source.name if source else "no image")
        form.sections["classes"].set_summary(", ".join(e.name for e in form.table.entries))
        form.sections["features"].set_summary(form.grid.summary)
        form.sections["train"].set_summary("trained" if self.session.fitted else "not trained yet")

    def _close_down(self) -> None:
        self.runner.close()
        self._warmer.close()
        self.listener.close_down()
        self.form.data.close_down()
        self.outputs.forget()
        self.bench.copies.clear()
        self._annotation = self._pair = None
