"""Export a trained network to ONNX and quantize it to INT8 (QDQ, per channel, static).

    python -m otorongo.models.train.quantize --data var/train

Writes `threats-float.onnx` and `threats-int8.onnx`. Weights use 7 bits (`reduce_range`): u8 times s8 saturates on x86
without VNNI (there the logits of 8-bit weights were 0.43 off the float ones on average, of 7-bit weights 0.11), and a
hub or a desk must compute what the station does. What rounding shifts on average is taken out afterwards: the last
layer stays float, and its slope and offset per class are fitted to follow the float network's logits (`straighten`).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from tqdm import tqdm

from otorongo.models.runtime import Session
from otorongo.models.train.chunks import as_input, load_chunks

SAMPLES = 512
FLOAT_CONVOLUTIONS = 9
"""The first ones, four in a hundred weights: on the calibration mixtures rounding then adds 0.03 to the logits of
version 5 (standard deviation; 0.04 with five). The gate asked for them: on test recordings engines lost 1.8 points of
recall with five, and the only voice 1.1 with seven."""
STRAIGHTEN = 2000
"""Training mixtures on which the last layer is fitted."""


class Mixtures(CalibrationDataReader):
    """Training mixtures, one at a time, from which the ranges of the activations are read."""

    def __init__(self, mel: np.ndarray) -> None:
        self._rows: Iterator[np.ndarray] = iter(tqdm(mel, desc="ranges", mininterval=5))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next input, None at the end."""
        row = next(self._rows, None)
        return None if row is None else {"log_mel": as_input(row[None])}


def quantize(source: Path, target: Path, mel: np.ndarray, *, reduce_range: bool = True) -> None:
    """Static quantization of `source` by the ranges seen on `mel` u8 (n, n_mels, frames)."""
    prepared = source.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared), str(target), Mixtures(mel), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, reduce_range=reduce_range,
        calibrate_method=CalibrationMethod.MinMax, extra_options={"ActivationSymmetric": False},
        nodes_to_exclude=kept_float(onnx.load(prepared)),
    )  # fmt: skip
    prepared.unlink()


def kept_float(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that are not quantized."""
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    return [*convolutions[:FLOAT_CONVOLUTIONS], last_layer(model).name]


def last_layer(model: onnx.ModelProto) -> onnx.NodeProto:
    """The node that gives the logits."""
    return next(node for node in model.graph.node if model.graph.output[0].name in node.output)


def straighten(source: Path, target: Path, mel: np.ndarray) -> None:
    """Fit the last layer of `target` so that, on `mel` u8 (n, n_mels, frames), its logits follow those of `source`.

    A class's highest tenth counts as much as all the rest: there are the thresholds.
    """
    exact, rounded = (_logits(path, mel, words) for path, words in ((source, "float"), (target, "int8")))
    weight = np.where(exact >= np.quantile(exact, 0.9, axis=0), 9.0, 1.0)
    weight /= weight.sum(0)
    centre, aim = (weight * rounded).sum(0), (weight * exact).sum(0)
    slope = (weight * (rounded - centre) * (exact - aim)).sum(0) / (weight * (rounded - centre) ** 2).sum(0)
    offset = aim - slope * centre
    model = onnx.load(target)
    _, weights, biases = last_layer(model).input
    for each in model.graph.initializer:
        if each.name == weights:
            each.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(each) * slope[:, None]).astype("f4"), weights))
        elif each.name == biases:
            each.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(each) * slope + offset).astype("f4"), biases))
    onnx.save(model, target)


def _logits(path: Path, mel: np.ndarray, words: str) -> np.ndarray:
    session = Session(path)
    rows = tqdm(mel, desc=words, mininterval=5)
    return np.concatenate([session.run(as_input(row[None]))[0] for row in rows]).astype(np.float64)


def main() -> None:
    """Write both networks and say their sizes."""
    from otorongo.models.train.sound_net import export, load, parameters  # the only part that needs torch

    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.quantize", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--name", default="threats")
    given = parser.parse_args()
    net = load(given.data / f"{given.name}.pt")
    mel, _ = load_chunks(given.data / "mixtures-train", limit=10)
    as_float, as_int8 = (given.data / f"{given.name}-{kind}.onnx" for kind in ("float", "int8"))
    export(net, as_float)
    quantize(as_float, as_int8, mel[:: max(1, len(mel) // SAMPLES)])
    straighten(as_float, as_int8, mel[1 :: max(1, len(mel) // STRAIGHTEN)])
    print(f"{parameters(net)} parameters, float {as_float.stat().st_size} B, int8 {as_int8.stat().st_size} B")


if __name__ == "__main__":
    main()
