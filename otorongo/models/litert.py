"""The second kind of session: networks in TensorFlow Lite's format, by LiteRT. Only bundles that were added need it."""

import logging
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models.errors import BundleError
from otorongo.native import overheard

_NEWS: Final = "INFO:"
"""So begins what LiteRT says of itself where all is well, such as that it takes XNNPACK."""

log = logging.getLogger(__name__)


class LiteSession:
    """One .tflite network, run one input after the other on `threads` threads; integers come out as real numbers."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        interpreter = _interpreter(path)
        try:
            with overheard() as said:
                self._net = interpreter(model_path=str(path), num_threads=threads)
                self._net.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            why = "; ".join([str(error), *said])
            raise BundleError(say("{path}: LiteRT cannot load it: {error}", path=path, error=why)) from error
        if doubts := [line for line in said if not line.startswith(_NEWS)]:
            log.warning("%s: LiteRT says: %s", path, "; ".join(doubts))
        self._input = self._net.get_input_details()[0]["index"]
        self._details: list[dict[str, Any]] = self._net.get_output_details()
        self.inputs: dict[str, list[Any]] = {each["name"]: _shape(each) for each in self._net.get_input_details()}
        self.outputs: dict[str, list[Any]] = {each["name"]: _shape(each) for each in self._details}

    def run(self, tensor: NDArray[Any], *names: str) -> list[NDArray[Any]]:
        """Feed the first input; the outputs of these names, else all in order, as float32."""
        self._net.set_tensor(self._input, tensor)
        self._net.invoke()
        by_name = {each["name"]: each for each in self._details}
        wanted = [by_name[name] for name in names] or self._details
        return [_real(self._net.get_tensor(each["index"]), each["quantization"]) for each in wanted]


def _interpreter(path: Path) -> Any:
    """LiteRT's class. Raises BundleError with the command that installs it."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise BundleError(
            say(
                "{path}: needs LiteRT, which is not installed here ({error}): {executable} -m pip install "
                "'otorongo[litert]'",
                path=path,
                error=error,
                executable=sys.executable,
            )
        ) from error
    return Interpreter


def _shape(details: dict[str, Any]) -> list[int]:
    return [int(each) for each in details["shape"]]


def _real(values: NDArray[Any], quantization: tuple[float, int]) -> NDArray[Any]:
    """A tensor in real numbers: quantized ones hold steps of `scale` from `zero`."""
    scale, zero = quantization
    if np.issubdtype(values.dtype, np.integer) and scale:
        return (values.astype(np.float32) - np.float32(zero)) * np.float32(scale)
    return values
