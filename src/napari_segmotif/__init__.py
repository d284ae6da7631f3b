"""Segment bio-images by painting: the public names of napari-segmotif.

Every name is imported when it is first used, so that `import napari_segmotif` costs next to nothing and
loads neither torch nor Qt.

Examples
--------
>>> import napari_segmotif as segmotif
>>> sample = segmotif.simulate_tissue(shape=(128, 128))
>>> classifier = segmotif.PixelClassifier().fit(sample.image, sample.annotation)  # doctest: +SKIP
>>> classes = classifier.predict(sample.image)  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .common.axes import ImageSource
    from .common.image_io import ImageWriter, OpenedImage, find_images, open_image, write_image
    from .common.metrics import ClassificationScores, confusion_matrix, mean_iou
    from .common.object_metrics import ObjectScores, match_objects
    from .common.objects import make_objects
    from .common.progress import CancelToken, Progress, run_job
    from .common.scribbles import simulate_scribbles
    from .common.simulation import (
        SimulatedImage,
        simulate_nuclei_2d,
        simulate_nuclei_3d,
        simulate_tissue,
    )
    from .errors import (
        AnnotationError,
        AxesError,
        DeviceMemoryError,
        ImageFileError,
        InputError,
        JobCancelled,
        MissingExtraError,
        ModelFileError,
        ModelMismatchError,
        NotFittedError,
        SegmotifError,
        StorageError,
    )
    from .explore.classifying.object_classifier import ObjectClassifier
    from .explore.classifying.object_validation import ObjectValidation
    from .explore.clusters.clustering import Clustering
    from .explore.clusters.stability import StabilityReport, cluster_stability
    from .explore.correlation import Pruning, prune_correlated
    from .explore.explaining.explanation import Explanation, explain
    from .explore.mapping.embedding import Embedding
    from .explore.mapping.neighbourhood_overlap import EmbeddingOverlap, embedding_overlap
    from .explore.measuring.measurement import measure_objects
    from .explore.table_files import read_table, write_table
    from .explore.table_simulation import simulate_blobs, simulate_planted
    from .explore.tables import TableInfo, join_tables, table_info
    from .explore.typicality import typical_objects
    from .motifs.lemonade import LeMoNADe
    from .motifs.results.cells import MotifCells, order_cells
    from .motifs.results.export import write_results
    from .motifs.results.findings import Occurrence
    from .motifs.results.similarity import MotifMatch, motif_similarity
    from .motifs.simulating.simulation import SimulatedVideo, simulate_video
    from .motifs.traces_model import SparseConvolutionalCoding
    from .pixel.classifier import PixelClassifier
    from .pixel.filtering.features import PixelFeatures
    from .pixel.prediction import Prediction
    from .pixel.reviewing.suggestion import Suggestion
    from .pixel.reviewing.validation import ValidationReport
    from .unet.inference.prediction import UNetPrediction
    from .unet.learning.reports import EpochReport, ExamplePrediction
    from .unet.learning.validation import ValidationTable
    from .unet.segmenter import UNetSegmenter

    __version__: str

__all__ = [
    "AnnotationError",
    "AxesError",
    "CancelToken",
    "ClassificationScores",
    "Clustering",
    "DeviceMemoryError",
    "Embedding",
    "EmbeddingOverlap",
    "EpochReport",
    "ExamplePrediction",
    "Explanation",
    "ImageFileError",
    "ImageSource",
    "ImageWriter",
    "InputError",
    "JobCancelled",
    "LeMoNADe",
    "MissingExtraError",
    "ModelFileError",
    "ModelMismatchError",
    "MotifCells",
    "MotifMatch",
    "NotFittedError",
    "ObjectClassifier",
    "ObjectScores",
    "ObjectValidation",
    "Occurrence",
    "OpenedImage",
    "PixelClassifier",
    "PixelFeatures",
    "Prediction",
    "Progress",
    "Pruning",
    "SegmotifError",
    "SimulatedImage",
    "SimulatedVideo",
    "SparseConvolutionalCoding",
    "StabilityReport",
    "StorageError",
    "Suggestion",
    "TableInfo",
    "UNetPrediction",
    "UNetSegmenter",
    "ValidationReport",
    "ValidationTable",
    "__version__",
    "cluster_stability",
    "confusion_matrix",
    "embedding_overlap",
    "explain",
    "find_images",
    "join_tables",
    "make_objects",
    "match_objects",
    "mean_iou",
    "measure_objects",
    "motif_similarity",
    "open_image",
    "order_cells",
    "prune_correlated",
    "read_table",
    "run_job",
    "simulate_blobs",
    "simulate_nuclei_2d",
    "simulate_nuclei_3d",
    "simulate_planted",
    "simulate_scribbles",
    "simulate_tissue",
    "simulate_video",
    "table_info",
    "typical_objects",
    "write_image",
    "write_results",
    "write_table",
]

# Which module has which public names; a test compares it with the imports above and with __all__.
_PUBLIC = {
    "common.axes": "ImageSource",
    "common.image_io": "ImageWriter OpenedImage find_images open_image write_image",
    "common.metrics": "ClassificationScores confusion_matrix mean_iou",
    "common.object_metrics": "ObjectScores match_objects",
    "common.objects": "make_objects",
    "common.progress": "CancelToken Progress run_job",
    "common.scribbles": "simulate_scribbles",
    "common.simulation": "SimulatedImage simulate_nuclei_2d simulate_nuclei_3d simulate_tissue",
    "errors": "AnnotationError AxesError DeviceMemoryError ImageFileError InputError JobCancelled "
    "MissingExtraError ModelFileError ModelMismatchError NotFittedError SegmotifError StorageError",
    "explore.clusters.clustering": "Clustering",
    "explore.correlation": "Pruning prune_correlated",
    "explore.mapping.embedding": "Embedding",
    "explore.explaining.explanation": "Explanation explain",
    "explore.measuring.measurement": "measure_objects",
    "explore.mapping.neighbourhood_overlap": "EmbeddingOverlap embedding_overlap",
    "explore.classifying.object_classifier": "ObjectClassifier",
    "explore.classifying.object_validation": "ObjectValidation",
    "explore.clusters.stability": "StabilityReport cluster_stability",
    "explore.table_files": "read_table write_table",
    "explore.table_simulation": "simulate_blobs simulate_planted",
    "explore.tables": "TableInfo join_tables table_info",
    "explore.typicality": "typical_objects",
    "motifs.results.cells": "MotifCells order_cells",
    "motifs.results.export": "write_results",
    "motifs.results.findings": "Occurrence",
    "motifs.lemonade": "LeMoNADe",
    "motifs.results.similarity": "MotifMatch motif_similarity",
    "motifs.simulating.simulation": "SimulatedVideo simulate_video",
    "motifs.traces_model": "SparseConvolutionalCoding",
    "pixel.classifier": "PixelClassifier",
    "pixel.filtering.features": "PixelFeatures",
    "pixel.prediction": "Prediction",
    "pixel.reviewing.suggestion": "Suggestion",
    "pixel.reviewing.validation": "ValidationReport",
    "unet.inference.prediction": "UNetPrediction",
    "unet.learning.reports": "EpochReport ExamplePrediction",
    "unet.segmenter": "UNetSegmenter",
    "unet.learning.validation": "ValidationTable",
}
_HOME = {name: module for module, names in _PUBLIC.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name == "__version__":
        value: Any = import_module("importlib.metadata").version("napari-segmotif")
    elif name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
