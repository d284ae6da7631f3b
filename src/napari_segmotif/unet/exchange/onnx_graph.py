"""The U-Net of `torch_network`, written down as an ONNX graph operator by operator.

Simple enough to need no compiler: it takes milliseconds, and the file has the names of our layers. Whether it
is the same network is not left to this module: `export_onnx` compares the two before a file is written.

Importing this needs the extra "export".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
"""Version of the ONNX operators; onnxruntime 1.12 and newer know it."""
_IR_VERSION = 8  # that belongs to this opset: by default it would be one that older runtimes refuse

_SLOPE, _COMPRESSION, _COMPRESSED_RANGE = 0.01, 20.0, 3.7  # as in torch_network
_EPSILON = 1e-5
_SPATIAL = "zyx"

Arrays = Mapping[str, NDArray[Any]]


def onnx_graph(arguments: Mapping[str, Any], weights: Arrays, properties: Mapping[str, str]) -> bytes:
    """Write a network as an ONNX file.

    Parameters
    ----------
    arguments
        What the network is built with; see `trained.network_arguments`.
    weights
        Its weights by name.
    properties
        Texts to keep in the file.

    Returns
    -------
    bytes
        The input "image" is (B, C, *spatial) float32, the output "maps" (B, n_maps, *spatial) float32, after
        activation; B and the spatial sizes are free, as long as the total stride divides the sizes.
    """
    graph = _Graph(arguments, weights)
    graph.add("Identity", [_activated(graph, _raw(graph, "image"))], "maps")
    letters = _SPATIAL[-arguments["dimensions"] :]
    n_maps = len(weights["head.bias"])
    described = helper.make_graph(
        graph.nodes,
        "U-Net",
        [_value("image", arguments["n_channels"], letters)],
        [_value("maps", n_maps, letters)],
        graph.constants,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(
        described, producer_name="napari-segmotif", opset_imports=[opset], ir_version=_IR_VERSION
    )
    helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class _Graph:
    """Operators and constants, as they are added."""

    def __init__(self, arguments: Mapping[str, Any], weights: Arrays) -> None:
        self.arguments = arguments
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, inputs: Sequence[str], name: str, **settings: Any) -> str:
        """Add an operator; its output has the same name."""
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **settings))
        return name

    def constant(self, name: str, value: Any) -> str:
        """Add a constant."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name: str) -> str:
        """Add a weight of the network."""
        return self.constant(name, np.asarray(self.weights[name], np.float32))


def _raw(graph: _Graph, image: str) -> str:
    """Everything up to the raw outputs: `torch_network.UNet.forward`."""
    strides, kernels = graph.arguments["strides"], graph.arguments["kernels"]
    factor = graph.constant("compression", np.float32(_COMPRESSION))
    rise = graph.add("Asinh", [graph.add("Mul", [image, factor], "brightened")], "asinh")
    flat = graph.add("Div", [rise, graph.constant("range", np.float32(_COMPRESSED_RANGE))], "compressed")
    x = graph.add("Concat", [image, flat], "channels", axis=1)
    skipped = []
    for i, kernel in enumerate(kernels):
        if i:
            step = list(strides[i - 1])
            x = graph.add("MaxPool", [x], f"pools.{i - 1}", kernel_shape=step, strides=step)
        x = _stage(graph, x, f"down.{i}", kernel)
        skipped.append(x)
    for i in reversed(range(len(strides))):
        step = list(strides[i])
        inputs = [x, graph.weight(f"up.{i}.weight"), graph.weight(f"up.{i}.bias")]
        risen = graph.add("ConvTranspose", inputs, f"up.{i}", kernel_shape=step, strides=step)
        x = graph.add("Concat", [risen, skipped[i]], f"merge.{i}.both", axis=1)
        x = _stage(graph, x, f"merge.{i}", kernels[i])
    return graph.add("Conv", [x, graph.weight("head.weight"), graph.weight("head.bias")], "head")


def _stage(graph: _Graph, x: str, name: str, kernel: Sequence[int]) -> str:
    """Two convolutions, each normalised and rectified: `torch_network.Stage.forward`."""
    pads = [n // 2 for n in kernel] * 2
    y = graph.add("Conv", [x, graph.weight(f"{name}.conv1.weight")], f"{name}.conv1", pads=pads)
    y = _normalised(graph, y, f"{name}.norm1")
    y = graph.add("LeakyRelu", [y], f"{name}.act1", alpha=_SLOPE)
    y = graph.add("Conv", [y, graph.weight(f"{name}.conv2.weight")], f"{name}.conv2", pads=pads)
    y = _normalised(graph, y, f"{name}.norm2")
    if graph.arguments["residual"]:
        if f"{name}.shortcut.weight" in graph.weights:
            x = graph.add("Conv", [x, graph.weight(f"{name}.shortcut.weight")], f"{name}.shortcut")
        y = graph.add("Add", [y, x], f"{name}.sum")
    return graph.add("LeakyRelu", [y], f"{name}.act2", alpha=_SLOPE)


def _normalised(graph: _Graph, x: str, name: str) -> str:
    inputs = [x, graph.weight(f"{name}.weight"), graph.weight(f"{name}.bias")]
    if graph.arguments["normalization"] == "instance":
        return graph.add("InstanceNormalization", inputs, name, epsilon=_EPSILON)
    inputs += [graph.weight(f"{name}.running_mean"), graph.weight(f"{name}.running_var")]
    return graph.add("BatchNormalization", inputs, name, epsilon=_EPSILON)


def _activated(graph: _Graph, raw: str) -> str:
    """Probabilities, and offsets in pixels: `torch_network.activate`."""
    if not graph.arguments["objects"]:
        return graph.add("Softmax", [raw], "classes", axis=1)
    sizes = [graph.arguments["n_classes"], 1, graph.arguments["dimensions"]]
    parts = ["class_logits", "boundary_logit", "raw_offsets"]
    split = graph.constant("parts", np.array(sizes, np.int64))
    graph.nodes.append(helper.make_node("Split", [raw, split], parts, name="split", axis=1))
    scale = graph.constant("offset_scale", np.float32(graph.arguments["offset_scale"]))
    together = [
        graph.add("Softmax", [parts[0]], "classes", axis=1),
        graph.add("Sigmoid", [parts[1]], "boundary"),
        graph.add("Mul", [parts[2], scale], "offsets"),
    ]
    return graph.add("Concat", together, "together", axis=1)


def _value(name: str, n_channels: int, letters: str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", n_channels, *letters])
