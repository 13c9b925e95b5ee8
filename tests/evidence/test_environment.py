"""What is recorded of the machine: what the bits of a result hang on, and nothing that tells whose machine it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from clsfw.evidence.environment import environment

CODE = "import json; from clsfw.evidence.environment import environment; print(json.dumps(environment()))"


def recorded(**variables):
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env={**os.environ, **variables}
    )
    return json.loads(done.stdout)


def test_the_matrix_library_is_recorded_with_its_kernel_and_threads():
    blas = recorded(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")["blas"]
    if blas.get("library") != "openblas":
        pytest.skip("numpy's matrices are multiplied by another library here")
    assert {"library", "version", "kernel", "threads"} == set(blas)
    assert blas["threads"] == 1


def test_another_kernel_is_another_environment():
    if recorded()["blas"].get("library") != "openblas" or os.uname().machine != "x86_64":
        pytest.skip("the kernel can be chosen by a variable with OpenBLAS on x86 only")
    assert recorded(OPENBLAS_CORETYPE="Prescott")["blas"] != recorded(OPENBLAS_CORETYPE="Haswell")["blas"]


def test_it_does_not_depend_on_what_else_is_loaded():
    code = f"import sklearn.linear_model; {CODE}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == recorded()


def test_variables_that_choose_instructions_are_recorded(monkeypatch):
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    monkeypatch.setenv("SOME_SECRET", "x")
    assert environment()["kernels"] == {"ATEN_CPU_CAPABILITY": "default"}
