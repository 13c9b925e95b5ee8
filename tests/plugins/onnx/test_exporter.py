"""The exporter `onnx` keeps the contract of exporters, in each precision."""

from __future__ import annotations

import pytest

from clsfw.testing import ContractError, checks

SIZES = {
    "vocab_size": 120,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
MODEL = {"hf-encoder": {"max_length": 24, "scratch": SIZES}}
FP32 = checks("onnx", {"model": MODEL})
INT8 = checks("onnx", {"model": MODEL, "exporter": {"onnx": {"precision": "int8"}}})


@pytest.mark.parametrize("check", FP32, ids=str)
def test_contract(check):
    check()


@pytest.mark.parametrize("check", [check for check in INT8 if check.name == "what-it-exports-predicts"], ids=str)
def test_contract_in_int8(check):
    check()


def test_a_model_without_a_tokenizer_file_is_refused():
    (check,) = [check for check in checks("onnx") if check.name == "what-it-exports-predicts"]

    with pytest.raises(ContractError, match=r"the model saves no tokenizer\.json"):
        check()
