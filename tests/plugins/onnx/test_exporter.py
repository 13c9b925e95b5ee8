"""The exporter `onnx` in int8, and without a tokenizer; in full precision it is tried with all bundled plugins."""

from __future__ import annotations

import pytest
from support.encoders import EXPORTABLE

from clsfw.testing import ContractError, checks

INT8 = checks("onnx", {"model": EXPORTABLE, "exporter": {"onnx": {"precision": "int8"}}})


@pytest.mark.parametrize("check", [check for check in INT8 if check.name == "what-it-exports-predicts"], ids=str)
def test_contract_in_int8(check):
    check()


def test_a_model_without_a_tokenizer_file_is_refused():
    (check,) = [check for check in checks("onnx") if check.name == "what-it-exports-predicts"]

    with pytest.raises(ContractError, match=r"the model saves no tokenizer\.json"):
        check()
