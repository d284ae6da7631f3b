"""What can be done with the present network: connects the panels to the jobs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ...errors import SegmotifError
from . import applying
from .bench import Bench
from .keeping import Keeping
from .outputs import Outputs, class_colors
from .panels import card
from .panels.use_panels import UsePanels
from .predicting import Predicting
from .work import Wish

if TYPE_CHECKING:
    from ...unet.learning.learning_curve import LearningCurve
    from ...unet.segmenter import UNetSegmenter

_NO_MODEL = "train or load a network first."


class Using:
    """Predicting, keeping, explaining, and the learning curve.

    Parameters
    ----------
    bench
        What to work with.
    panels
        The panels.
    model
        Returns the present network, or None.
    take_over
        Called with a network that was loaded.
    """

    def __init__(
        self,
        bench: Bench,
        panels: UsePanels,
        model: Callable[[], UNetSegmenter | None],
        take_over: Callable[[UNetSegmenter], object],
    ) -> None:
        self._bench = bench
        self._panels = panels
        self._model = model
        self.outputs = Outputs(bench.viewer)
        self.keeping = Keeping(bench, panels.keep, panels.predict, self.outputs, model, take_over)
        self.predicting = Predicting(
            bench, panels.predict, panels.explain, self.outputs, model, self.keeping.saved
        )
        panels.predict.predict_clicked.connect(self.predicting.predict)
        panels.explain.explain_clicked.connect(self.predicting.explain)
        panels.growth.wanted.connect(self.learn_curve)
        panels.keep.save_wanted.connect(self.keeping.save)
        panels.keep.load_wanted.connect(self.keeping.load)
        panels.keep.import_wanted.connect(self.keeping.take_in)
        panels.keep.export_wanted.connect(self.keeping.export)
        panels.keep.script_wanted.connect(self.keeping.copy_as_python)
        panels.keep.recipe_wanted.connect(self.keeping.copy_recipe)
        bench.form.data.layers.image.chosen.connect(self._follow)
        self._follow(bench.form.data.layers.image.layer)

    def show_model(self) -> None:
        """Show the present network in all panels: there is another one, or it was trained further."""
        segmenter, panels = self._model(), self._panels
        if segmenter is None:
            panels.card.clear()
            panels.sections["card"].set_summary("")
            return
        model = segmenter.model_
        panels.card.show_model(model)
        panels.sections["card"].set_summary(card.summary(model))
        panels.predict.set_model(
            objects=model.heads.objects, dropout=model.parameters.dropout > 0, decoder=model.decoder
        )
        panels.predict.show_text("")
        background = model.heads.classes[model.heads.background_index]
        others = [label for label in model.heads.classes if label != background]
        panels.explain.set_classes((*others, background), model.class_names, class_colors(model))
        panels.explain.show_text("")
        panels.keep.show_text("")

    def update(self, busy: str) -> None:
        """Enable what can be done now; `busy` is why nothing can, or ""."""
        panels = self._panels
        no_model = busy or ("" if self._model() is not None else _NO_MODEL)
        panels.predict.set_available(no_model)
        panels.explain.set_available(
            no_model or ("" if panels.predict.image.layer is not None else "open an image first.")
        )
        panels.keep.set_available(no_model, no_loading=busy)
        panels.growth.set_available(busy or self._no_curve())

    def learn_curve(self) -> None:
        """Train on more and more of the images that are chosen, and show how the quality grows."""
        bench, growth = self._bench, self._panels.growth
        try:
            form = bench.form
            wish = Wish(form.settings.parameters(), form.data.annotation, form.data.examples())
        except SegmotifError as error:
            bench.warn(str(error))
            return

        def done(curve: LearningCurve) -> None:
            growth.show_curve(curve)
            bench.say(curve.verdict or "The learning curve has too few points to say anything.")

        started = bench.start(
            partial(applying.learn_curve, wish),
            "Learning curve",
            on_partial=growth.show_curve,
            on_result=done,
            layers=bench.form.data.training_layers(),
        )
        if started:
            growth.clear()

    def close_down(self) -> None:
        """Let go of everything; the layers stay with the viewer."""
        self.outputs.forget()
        self._panels.close_down()

    def _follow(self, layer: object) -> None:
        """Offer the image that was chosen to train on; what is chosen to predict later stays."""
        image = self._panels.predict.image
        chosen = next((one for one in image.layers if one is layer), None)
        if chosen is not None:
            image.choose(chosen)

    def _no_curve(self) -> str:
        from ...unet.learning.learning_curve import FEWEST_IMAGES

        data = self._bench.form.data
        problem = data.problem()
        if problem:
            return problem
        if data.from_folders:
            n_images = 0 if data.folders.examples is None else len(data.folders.examples.pairs)
        else:
            n_images = len(data.layers.pairs)
        if n_images < FEWEST_IMAGES:
            return f"at least {FEWEST_IMAGES} annotated images are needed (got {n_images})."
        return ""
