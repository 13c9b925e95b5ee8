"""Writes the OpenVINO model, whole or in 8-bit numbers, and runs it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import openvino

from clsfw import ModelError, TorchClassifier
from clsfw_runtime.parts import parts
from clsfw_runtime.predictor import TokenPredictor, read_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from clsfw import Labels, Reporter
    from clsfw_openvino import OpenvinoSettings

    Ints = NDArray[np.int64]

MODEL = "model.xml"
_CALIBRATION = 256  # texts
_CALIBRATION_TOKENS = 1024  # at a time


class OpenvinoExporter:
    """Satisfies `Exporter` and `HasProvenance`."""

    needs: ClassVar[type[Any]] = TorchClassifier

    def __init__(self, settings: OpenvinoSettings) -> None:
        self._settings = settings

    def export(self, model: TorchClassifier, directory: Path, texts: Sequence[str], reporter: Reporter) -> None:
        """Write the model and its tokenizer."""
        from clsfw_runtime.capture import capture, quiet, write_tokenization

        write_tokenization(model, directory, texts)
        program = capture(model)
        with quiet(), untold():
            converted = openvino.convert_model(program)
            for node, name in zip(converted.inputs, ("input_ids", "attention_mask"), strict=True):
                node.get_tensor().set_names({name})
            if self._settings.precision == "int8":
                converted = _quantized(converted, directory, texts)
            openvino.save_model(converted, directory / MODEL, compress_to_fp16=False)

    def load(self, directory: Path, labels: Labels) -> TokenPredictor:
        """Open the model on the CPU."""
        kind = "bf16" if self._settings.precision == "bf16" else "f32"
        try:
            compiled = openvino.Core().compile_model(
                str(directory / MODEL), "CPU", {"INFERENCE_PRECISION_HINT": kind, "PERFORMANCE_HINT": "LATENCY"}
            )
        except Exception as exc:  # the library raises bare RuntimeErrors
            said = " ".join(str(exc).split())[:300]
            raise ModelError(f"{directory / MODEL} cannot be opened: {said}") from exc

        def logits(ids: Ints, mask: Ints) -> NDArray[np.float32]:
            result: NDArray[np.float32] = compiled({"input_ids": ids, "attention_mask": mask})[0].copy()
            return result

        return TokenPredictor(directory, labels, logits)

    def provenance(self) -> Mapping[str, str]:
        """Name the library that runs the model."""
        return {"openvino": openvino.__version__}


@contextmanager
def untold() -> Iterator[None]:
    """Keep the libraries from reporting every use to their makers over the network, which they do except in a CI."""
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before


def _quantized(model: Any, directory: Path, texts: Sequence[str]) -> Any:
    """Choose the scales of weights and activations by what training texts make of them."""
    import nncf

    source = read_input(directory)
    some, _ = source.pieces(source.tokenization.tokenize(list(texts[:_CALIBRATION])).ids)
    given = [
        {"input_ids": ids, "attention_mask": mask}
        for _, ids, mask in parts(some, source.pad, budget=_CALIBRATION_TOKENS)
    ]
    return nncf.quantize(model, nncf.Dataset(given), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(given))
