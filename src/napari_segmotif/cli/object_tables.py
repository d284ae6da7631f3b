"""What `segmotif objects` does with tables: maps, clusters, explanations, classes."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .arguments import flat, ready_model, tell
from .progress import run_with_bar

if TYPE_CHECKING:
    import pandas as pd

    from ..explore.classifying.object_classifier import ObjectClassifier


_MOST_CLUSTERS = 10


def embed(options: argparse.Namespace) -> int:
    """Add the axes of a map."""
    from ..explore.mapping.embedding import Embedding

    table = _opened(options)
    columns = _features(table, options)
    settings = {
        "n_neighbors": options.neighbors,
        "min_dist": options.min_dist,
        "perplexity": options.perplexity,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    made = Embedding(options.method, options.components, random_state=options.random_state, **given)
    run_with_bar(made.fit_job(table, columns), options.method, options.progress)
    _say(made.messages_)
    if made.explained_variance_ratio_ is not None:
        shares = ", ".join(f"{share:.0%}" for share in made.explained_variance_ratio_)
        print(f"variance along the axes: {shares}")
    if options.overlap:
        from ..explore.mapping.neighbourhood_overlap import embedding_overlap_job

        job = embedding_overlap_job(
            table, options.method, columns=columns, random_state=options.random_state, **given
        )
        print(run_with_bar(job, "other seeds", options.progress).verdict)
    axes = {name: made.embedding_[:, k] for k, name in enumerate(made.names_)}
    return _written(table, axes, options.output)


def cluster(options: argparse.Namespace) -> int:
    """Add clusters."""
    from ..explore.clusters.clustering import Clustering

    _check_clustering(options)
    table = _opened(options)
    columns = _features(table, options)
    n_clusters = options.clusters
    if n_clusters is None:
        from ..explore.clusters.stability import cluster_stability_job

        most = min(options.most or _MOST_CLUSTERS, max(1, len(table) - 1))
        numbers = None if options.method == "hdbscan" else tuple(range(1, most + 1))
        job = cluster_stability_job(
            table, options.random_state, method=options.method, n_clusters=numbers, columns=columns
        )
        report = run_with_bar(job, "how many clusters", options.progress)
        print(report.verdict)
        _say(report.messages)
        found = {"cluster": report.labels, "confidence": report.confidence}
        return _written(table, found, options.output)
    space = options.space or "features"
    made = Clustering(options.method, n_clusters, space=space, random_state=options.random_state)
    run_with_bar(made.fit_job(table, columns), options.method, options.progress)
    _say(made.messages_)
    print(f"{made.n_clusters_} clusters")
    return _written(table, {"cluster": made.labels_}, options.output)


def _check_clustering(options: argparse.Namespace) -> None:
    """Refuse options that the chosen way would not heed."""
    if options.method == "hdbscan":
        for name in ("clusters", "most"):
            if (value := getattr(options, name)) is not None:
                raise InputError(
                    f"HDBSCAN finds by itself how many clusters there are: leave out --{name} (got {value})"
                )
    if options.clusters is None and options.space is not None:
        advice = "leave it out" if options.method == "hdbscan" else "add --clusters or leave it out"
        raise InputError(f"--space goes with a number of clusters: {advice} (got --space {options.space})")


def explain(options: argparse.Namespace) -> int:
    """Say which features tell groups apart."""
    from ..common.atomic import make_ready, write_atomically
    from ..explore.explaining.explanation import explain_job

    table = _opened(options)
    columns = _features(table, options)
    group = _chosen(table, options.group)
    other = None if options.other is None else _chosen(table, options.other)
    if options.output is not None:
        make_ready(options.output)  # not only when all is computed
    job = explain_job(table, group, other, columns=columns, random_state=options.random_state)
    found = run_with_bar(job, "explain", options.progress)
    print(found.summary())
    if options.output is not None:
        with write_atomically(options.output) as temporary:
            found.features.to_csv(temporary, index=False)
        print(options.output)
    return 0


def classify(options: argparse.Namespace) -> int:
    """Train a classifier and say how good it is, or apply one."""
    from ..batch.object_files import classify_job
    from ..explore.classifying.object_classifier import ObjectClassifier

    if options.output is None and options.save is None:
        raise InputError("say what is to be written: -o for classes, --save for the classifier (got neither)")
    if options.model is not None and options.save is not None:
        raise InputError(
            f"a classifier that is applied is not trained: leave out --save (got {options.save})"
        )
    table = _opened(options)
    if options.model is not None:
        classifier = ObjectClassifier.load(options.model)
        _say(classifier.check(table))
    else:
        classifier = _trained(table, options)
    if options.output is None:
        return 0
    told = run_with_bar(classify_job(classifier, table), "classify", options.progress)
    names = ("predicted_class", "predicted_class_name", "confidence")
    return _written(table, {name: told[name].to_numpy() for name in names}, options.output)


def _trained(table: pd.DataFrame, options: argparse.Namespace) -> ObjectClassifier:
    from ..explore.classifying.object_classifier import ObjectClassifier

    classes = _classes(table, options.classes)
    target = None if options.save is None else ready_model(options.save)
    classifier = ObjectClassifier(options.method, random_state=options.random_state)
    job = classifier.fit_job(
        table,
        classes,
        columns=_features(table, options),
        class_names=options.names,
        from_clusters=options.from_clusters,
    )
    run_with_bar(job, "train", options.progress)
    _say(classifier.messages_)
    if options.validate_by != "none":
        job_of_validation = classifier.validate_job(by=options.validate_by)
        print(run_with_bar(job_of_validation, "validate", options.progress).summary())
    if options.suggest:
        rows = classifier.suggest(table, options.suggest)
        key = [name for name in ("roi_id", "frame", "label") if name in table.columns]
        print("worth a look next:")
        print(table.iloc[rows][key].to_string(index=False))
    if target is not None:
        print(classifier.save(target))
    return classifier


def _classes(table: pd.DataFrame, given: str) -> Any:
    """A column of the table as it is, or of another table joined by object."""
    import pandas as pd

    if given in table.columns:
        return pd.to_numeric(table[given], errors="coerce").fillna(0).to_numpy()
    if not Path(given).is_file():
        raise InputError(
            f"--classes is a column of the table or a file with the columns label and class (got {given!r})"
        )
    from ..explore.table_files import read_table
    from ..explore.tables import KEY, identified

    objects = identified(table)
    picked = identified(_of_one_image(read_table(given), objects))
    if "class" not in picked.columns:
        raise InputError(f"the table of classes needs a column 'class' (got {', '.join(picked.columns)})")
    known = picked.dropna(subset="class").set_index(list(KEY))["class"]
    there = known.index.isin(pd.MultiIndex.from_frame(objects[list(KEY)]))
    if len(known) and not there.any():
        raise InputError(
            f"the classes belong to other objects than those of the table: {', '.join(KEY)} must agree (got "
            f"{len(known)} classes, the first of {_key(known.index[0])}, where the table begins with "
            f"{_key(objects[list(KEY)].iloc[0])})"
        )
    if not there.all():
        n_lost = len(known) - int(there.sum())
        tell(f"{n_lost} of {len(known)} classes are of objects that are not in the table")
    return known


def _of_one_image(picked: pd.DataFrame, objects: pd.DataFrame) -> pd.DataFrame:
    """Picks that do not say of which image or frame they are belong to the only one of the table."""
    for name in ("roi_id", "frame"):
        silent = name not in picked.columns or (name == "roi_id" and (picked[name] == "").all())
        if silent and objects[name].nunique() == 1:
            picked = picked.assign(**{name: objects[name].iloc[0]})
    return picked


def _key(values: Any) -> tuple[str, int, int]:
    roi_id, frame, label = values
    return str(roi_id), int(frame), int(label)


def _opened(options: argparse.Namespace) -> pd.DataFrame:
    from ..common.atomic import make_ready
    from ..explore.table_files import check_suffix, read_table

    output = options.output
    if output is None or options.run is explain:
        return read_table(options.table)
    check_suffix(output)  # not only when all is computed
    table = read_table(options.table)
    make_ready(output)
    return table


def _features(table: pd.DataFrame, options: argparse.Namespace) -> list[str] | None:
    """Features to use: those asked for, without those that others stand for."""
    columns = None if options.columns is None else flat(options.columns)
    if options.prune is None:
        return columns
    from ..explore.correlation import prune_correlated

    pruning = prune_correlated(table, options.prune, columns=columns)
    tell(pruning.summary())
    return list(pruning.kept)


def _chosen(table: pd.DataFrame, text: str) -> Any:
    """Which objects COLUMN=VALUE means."""
    name, equals, value = text.partition("=")
    if not equals or name not in table.columns:
        raise InputError(
            f"write a group as COLUMN=VALUE with a column of the table, as in cluster=2 (got {text!r})"
        )
    mask = (table[name].astype(str) == value).to_numpy()
    if not mask.any():
        import pandas as pd

        number = pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0]
        mask = (table[name] == number).to_numpy() if number == number else mask
    if not mask.any():
        raise InputError(f"choose a value that occurs (got {text!r}, which no object has)")
    return mask


def _written(table: pd.DataFrame, columns: dict[str, Any], output: Path) -> int:
    from ..explore.table_files import write_table

    whole = table.assign(**columns)
    whole.attrs = dict(table.attrs)
    print(f"{write_table(whole, output)}: {len(whole)} objects, with {', '.join(columns)}")
    return 0


def _say(messages: Iterable[str]) -> None:
    for message in messages:
        tell(message)
