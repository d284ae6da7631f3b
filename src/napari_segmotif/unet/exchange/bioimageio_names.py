"""What the files in a bioimage.io package of ours are called."""

from __future__ import annotations

DESCRIPTIONS = ("rdf.yaml", "bioimageio.yaml", "model.yaml")
"""Names that the description of a package may have; the first is ours."""

NETWORK, TORCH, ONNX, MODEL = "torch_network.py", "weights.pt", "weights.onnx", "model.segmotif"
TEST_INPUT, TEST_OUTPUT, README = "test_input.npy", "test_output.npy", "README.md"
