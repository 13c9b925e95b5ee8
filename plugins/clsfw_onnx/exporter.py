"""Writes the ONNX model, whole or with its weights as 8-bit numbers, and runs it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import onnxruntime

from clsfw import ModelError, TorchClassifier
from clsfw_runtime.predictor import TokenPredictor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from clsfw import Labels, Reporter
    from clsfw_onnx import OnnxSettings

    Ints = NDArray[np.int64]

MODEL = "model.onnx"


class OnnxExporter:
    """Satisfies `Exporter` and `HasProvenance`."""

    needs: ClassVar[type[Any]] = TorchClassifier

    def __init__(self, settings: OnnxSettings) -> None:
        self._settings = settings

    def export(self, model: TorchClassifier, directory: Path, texts: Sequence[str], reporter: Reporter) -> None:
        """Write the model and its tokenizer."""
        from clsfw_runtime.capture import write_tokenization

        write_tokenization(model, directory, texts)
        if self._settings.precision == "fp32":
            _write(model, directory / MODEL)
            return
        with tempfile.TemporaryDirectory(prefix="clsfw-") as folder:
            whole = Path(folder) / MODEL
            _write(model, whole)
            _quantize(whole, directory / MODEL)

    def load(self, directory: Path, labels: Labels) -> TokenPredictor:
        """Open the model on the CPU."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(directory / MODEL), options, providers=["CPUExecutionProvider"])
        except Exception as exc:  # the library has an error of its own for each of its parts
            said = " ".join(str(exc).split())[:300]
            raise ModelError(f"{directory / MODEL} cannot be opened: {said}") from exc

        def logits(ids: Ints, mask: Ints) -> NDArray[np.float32]:
            result: NDArray[np.float32] = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
            return result

        return TokenPredictor(directory, labels, logits)

    def provenance(self) -> Mapping[str, str]:
        """Name the library that runs the model."""
        return {"onnxruntime": onnxruntime.__version__}


def _write(model: TorchClassifier, file: Path) -> None:
    import torch

    from clsfw_runtime.capture import capture, quiet

    program = capture(model)
    with quiet():
        written: Any = torch.onnx.export(
            program,
            (),
            dynamo=True,
            verbose=False,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
        )
        written.save(file, external_data=False)


def _quantize(whole: Path, file: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from clsfw_runtime.capture import quiet

    with quiet():
        quantize_dynamic(
            whole, file, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, weight_type=QuantType.QInt8
        )
