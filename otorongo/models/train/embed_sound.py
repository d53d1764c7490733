"""Give a sound network a second output, `embedding`: 64 bytes that lie near those of a window that sounds alike.

    python -m otorongo.models.train.embed_sound --data var/train
    python -m otorongo.models.train.embed_sound --data var/train --in model.onnx --out model.onnx

The network's pooled features (mean and maximum of every channel, before the fully connected layers) are reduced by a
fixed projection: the principal components of training mixtures, each divided by the fourth root of its variance
(half-way to whitening: the loudest differences count less, noise is not blown up), rounded to int8 on one common scale,
so that a dot product of two embeddings is one of the features. It lies in the network's own file: one digest, one
space. The logits stay what they were, bit for bit, and that is checked on every test window; what the reduction costs
is measured there too (`threats-embedding.json`, for the card).
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tqdm import tqdm

from otorongo.models.mel import Spectrogram
from otorongo.models.train.chunks import as_input, load_chunks
from otorongo.models.train.embed_figures import SIZE, fit, retrieval
from otorongo.models.train.evaluate_sound import windows
from otorongo.models.train.mixtures import INPUT

OUTPUT = "embedding"
FITTED_ON = 4000
"""Training mixtures, spread over all chunks."""


def features(model: onnx.ModelProto) -> str:
    """Name of the pooled features: what goes into the first fully connected layer."""
    return next(node for node in model.graph.node if node.op_type == "Gemm").input[0]


def add(model: onnx.ModelProto, weights: np.ndarray, bias: np.ndarray) -> onnx.ModelProto:
    """The network with the output; one that it had before is replaced.

    The weights are float16 in the file and float32 at work: sums of 8-bit weights would differ between processors.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    graph = out.graph
    for parts in (graph.node, graph.initializer, graph.output):
        for part in [each for each in parts if each.name.startswith(OUTPUT)]:
            parts.remove(part)
    names = {role: f"{OUTPUT}.{role}" for role in ("half", "weight", "bias", "low", "high", "real", "round", "cut")}
    for role, values in (
        ("half", weights.astype(np.float16)), ("bias", bias.astype(np.float32)),
        ("low", np.float32(-127)), ("high", np.float32(127)),
    ):  # fmt: skip
        graph.initializer.append(numpy_helper.from_array(np.asarray(values), names[role]))
    steps: tuple[tuple[str, list[str], str, dict[str, Any]], ...] = (
        ("Cast", ["half"], "weight", {"to": TensorProto.FLOAT}),
        ("Gemm", ["weight", "bias"], "real", {}),
        ("Round", ["real"], "round", {}),
        ("Clip", ["round", "low", "high"], "cut", {}),
    )
    for kind, inside, outside, extra in steps:
        sources = [names[role] for role in inside]
        sources = [features(model), *sources] if kind == "Gemm" else sources
        graph.node.append(helper.make_node(kind, sources, [names[outside]], name=f"{OUTPUT}/{kind}", **extra))
    graph.node.append(helper.make_node("Cast", [names["cut"]], [OUTPUT], name=f"{OUTPUT}/int8", to=TensorProto.INT8))
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.INT8, [1, weights.shape[1]]))
    onnx.checker.check_model(out)
    return out


def session(model: onnx.ModelProto, *more: str) -> onnxruntime.InferenceSession:
    """The network at work, with more of its inner values as outputs, as the station's session computes it."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    for name in more:
        opened.graph.output.append(helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(opened: onnxruntime.InferenceSession, tensors: Any, name: str) -> np.ndarray:
    """One output (n, ...) over tensors."""
    feed = opened.get_inputs()[0].name
    return np.concatenate([opened.run([name], {feed: each})[0] for each in tqdm(tensors, desc=name, mininterval=5)])


def main() -> None:
    """Fit, add, prove, measure, write."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.embed_sound", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--name", default="threats")
    parser.add_argument("--in", dest="source", type=Path, help="network (NAME-int8.onnx of the data)")
    parser.add_argument("--out", type=Path, help="where it is written; left out: over the one that was read")
    given = parser.parse_args()
    source = given.source or given.data / f"{given.name}-int8.onnx"
    model = onnx.load(source)
    mel, _ = load_chunks(given.data / "mixtures-train")
    some = [as_input(row[None]) for row in mel[:: max(1, len(mel) // FITTED_ON)][:FITTED_ON]]
    inner = features(model)
    weights, bias = fit(run(session(model, inner), some, inner))
    changed = add(model, weights, bias)
    store = np.load(given.data / "sounds.npy", mmap_mode="r")
    rows = [row for row in json.loads((given.data / "catalogue.json").read_text()) if row["split"] == "test"]
    sounds = [windows(store[row["start"] : row["start"] + row["count"]]) for row in rows]
    owner = np.repeat(np.arange(len(rows)), [len(each) for each in sounds])
    front = Spectrogram(INPUT)
    tensors = [front.tensor(window) for each in sounds for window in each]
    logits = model.graph.output[0].name
    before, after = (run(session(each), tensors, logits) for each in (model, changed))
    if not np.array_equal(before, after):
        raise SystemExit(f"{source}: its logits change with the new output; nothing was written")
    recording, label = (np.array([rows[each][key] for each in owner]) for key in ("recording", "label"))
    report: dict[str, Any] = {
        "size": SIZE, "fitted_on": len(some), "equal_logits": len(tensors),
        "full": retrieval(run(session(model, inner), tensors, inner), recording, label),
        "reduced": retrieval(run(session(changed), tensors, OUTPUT).astype(np.float32), recording, label),
    }  # fmt: skip
    target = given.out or source
    onnx.save(changed, target)
    (given.data / f"{given.name}-embedding.json").write_text(json.dumps(report, indent=1))
    print(f"{target}: {target.stat().st_size} B, logits of {len(tensors)} windows as before")
    for name in ("full", "reduced"):
        told = {key: value for key, value in report[name].items() if key != "by_label"}
        print(name, told)


if __name__ == "__main__":
    main()
