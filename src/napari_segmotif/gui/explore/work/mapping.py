"""Maps of the objects, and how much of each chance decides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ....common.words import count
from .. import jobs
from ..bench import Bench
from ..findings import channels_of
from ..words import EMBEDDINGS, feature_in_words, first_sentence, marked, share

if TYPE_CHECKING:
    from ....explore.mapping.embedding import Embedding

_LOADINGS = 3


class Mapping:
    """Starts the jobs behind the section of maps."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        panel = bench.form.embedding
        panel.map_clicked.connect(self.make)
        panel.trust_clicked.connect(self.trust)
        panel.method_changed.connect(self._on_method)

    def take(self, embedding: Embedding | None) -> None:
        """Show the map that came with the table, if there is one."""
        if embedding is not None:
            self._show(embedding, self._bench.found.columns(self._bench.table()))
        self.update()

    def make(self) -> None:
        """Make the map that is chosen."""
        bench, panel = self._bench, self._bench.form.embedding
        method, settings = panel.method.key, panel.settings
        table = bench.table()

        def done(embedding: Embedding) -> None:
            bench.found.map_settings.pop(method, None)  # the last made is the last in a script
            bench.found.map_settings[method] = settings
            self._show(embedding, columns)
            title = EMBEDDINGS[method][0]
            bench.say_all(f"{title}: the plot below shows the map.", embedding.messages_)

        columns = bench.found.columns(table)
        bench.start(
            partial(jobs.embed, table, method, settings, columns), EMBEDDINGS[method][0], on_result=done
        )

    def trust(self) -> None:
        """Find out how much of the chosen map stays from seed to seed."""
        bench, panel = self._bench, self._bench.form.embedding
        method, table = panel.method.key, bench.table()
        settings = panel.settings

        def done(overlap: Any) -> None:
            bench.found.trusts[method] = overlap
            bench.found.made_with[f"trust:{method}"] = tuple(columns)
            self._describe()
            bench.say(first_sentence(overlap.verdict))

        columns = bench.found.columns(table)
        job = partial(jobs.overlap, table, method, settings, columns)
        bench.start(job, "Is it trustworthy?", on_result=done)

    def update(self) -> None:
        """Enable the buttons, or say why not."""
        bench, panel = self._bench, self._bench.form.embedding
        no_map = bench.busy or bench.no_table() or self._too_few()
        no_trust = no_map or ("PCA does not depend on chance." if panel.method.key == "pca" else "")
        panel.set_available(no_map, no_trust)
        self._describe()

    def _too_few(self) -> str:
        bench = self._bench
        if bench.session.n < 3:
            return f"a map needs at least three objects (got {bench.session.n})."
        if len(bench.found.columns(bench.table())) < 2:
            return "a map needs at least two features: measure more."
        return ""

    def _show(self, embedding: Embedding, columns: Sequence[str]) -> None:
        bench = self._bench
        method = embedding.parameters.method
        bench.found.take_map(embedding, columns)
        places = np.asarray(embedding.embedding_, dtype=np.float64)
        for k, name in enumerate(embedding.names_):
            bench.session.set_column(name, places[:, k])
        bench.views.show_columns(*embedding.names_[:2])
        bench.form.embedding.method.choose(method)
        self._describe()

    def _on_method(self) -> None:
        """Show the map that is chosen where it was made before."""
        bench, method = self._bench, self._bench.form.embedding.method.key
        made = bench.found.embeddings.get(method)
        if made is not None and bench.session.table is not None:
            bench.views.show_columns(*made.names_[:2])
        self.update()

    def _describe(self) -> None:
        bench, panel = self._bench, self._bench.form.embedding
        method = panel.method.key
        made = bench.found.embeddings.get(method)
        trust = bench.found.trusts.get(method)
        text = "" if made is None else self._in_words(made)
        found, table = bench.found, bench.session.table
        said = "" if trust is None else trust.verdict
        panel.say(
            marked(text, found.made_otherwise(f"map:{method}", table)),
            marked(said, found.made_otherwise(f"trust:{method}", table)),
        )
        made_titles = [
            marked(EMBEDDINGS[one][0], found.made_otherwise(f"map:{one}", table)) for one in found.embeddings
        ]
        bench.form.sections["embedding"].set_summary(" · ".join(made_titles) or "no map yet")

    def _in_words(self, embedding: Embedding) -> str:
        n = len(embedding.columns_)
        if embedding.explained_variance_ratio_ is None or embedding.loadings_ is None:
            return f"Made from {count(n, 'feature')}."
        shares = np.asarray(embedding.explained_variance_ratio_)[:2]
        channels = channels_of(self._bench.session.table)
        said = [
            f"The first two directions show {share(float(shares.sum()))} of the differences in {n} features."
        ]
        for axis, part in zip(embedding.names_[:2], shares, strict=False):
            weights = embedding.loadings_[axis]
            largest = weights.abs().sort_values(ascending=False, kind="stable").index[:_LOADINGS]
            names = ", ".join(feature_in_words(str(name), channels) for name in largest)
            said.append(f"{axis} ({share(float(part))}): {names}.")
        return " ".join(said)
