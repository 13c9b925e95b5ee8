"""Device, precision and torch's switches: chosen, told, and set back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import torch

from clsfw.errors import HostError
from clsfw.report.display import Quiet
from clsfw_torch import target as module
from clsfw_torch.settings import TorchTrainerSettings
from clsfw_torch.target import Target, choose_target, memory_advice, require_device

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none_says_which_torch_is_installed() -> None:
    with pytest.raises(HostError, match=f"torch {torch.__version__}".replace("+", r"\+")):
        choose_target(TorchTrainerSettings(device="cuda"), Quiet())


def test_tf32_on_the_cpu_is_refused() -> None:
    with pytest.raises(HostError, match="'tf32' is a format of NVIDIA GPUs"):
        choose_target(TorchTrainerSettings(device="cpu", precision="tf32"), Quiet())


def test_emulated_bf16_is_chosen_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(module, "_cpu_has_bf16", lambda: False)

    assert choose_target(TorchTrainerSettings(device="cpu"), Quiet()).precision == "fp32"
    with pytest.warns(UserWarning, match="slower here than 'fp32'"):
        assert choose_target(TorchTrainerSettings(device="cpu", precision="bf16"), Quiet()).precision == "bf16"


def test_torch_switches_are_set_back() -> None:
    target = choose_target(TorchTrainerSettings(device="cpu", full_determinism=True), Quiet())
    before = (torch.get_num_threads(), torch.get_deterministic_debug_mode())

    with target.applied():
        assert torch.are_deterministic_algorithms_enabled()

    assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == before


def test_a_caller_who_wants_warnings_only_keeps_them() -> None:
    target = choose_target(TorchTrainerSettings(device="cpu", full_determinism=True), Quiet())
    torch.set_deterministic_debug_mode("warn")
    try:
        with target.applied():
            assert torch.get_deterministic_debug_mode() == 2
        assert torch.get_deterministic_debug_mode() == 1
    finally:
        torch.set_deterministic_debug_mode("default")


def test_a_process_makes_its_own_gpu_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[torch.device] = []

    @contextlib.contextmanager
    def current(device: torch.device) -> Iterator[None]:
        entered.append(device)
        yield

    monkeypatch.setattr(torch.cuda, "device", current)
    target = Target(torch.device("cuda", 1), "bf16", 1, deterministic=False)
    with target.applied():
        assert entered == [torch.device("cuda", 1)]


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory: 8 GB")]
)
def test_memory_that_runs_out_becomes_advice(error: Exception) -> None:
    target = choose_target(TorchTrainerSettings(device="cpu", precision="fp32"), Quiet())

    with (
        pytest.raises(HostError, match="out of memory on cpu with 5 texts"),
        memory_advice(target, lambda: "with 5 texts"),
    ):
        raise error


def test_other_errors_are_not_about_memory() -> None:
    target = choose_target(TorchTrainerSettings(device="cpu", precision="fp32"), Quiet())

    with pytest.raises(RuntimeError, match="shapes"), memory_advice(target, lambda: "with 5 texts"):
        raise RuntimeError("shapes do not fit")


@pytest.mark.parametrize(
    ("asked", "capability", "expected"),
    [
        ("auto", (8, 0), "bf16"), ("auto", (7, 5), "fp32"), ("bf16", (9, 0), "bf16"), ("tf32", (8, 0), "tf32"),
        ("fp32", (9, 0), "fp32"),
    ],
)  # fmt: skip
def test_precision_on_a_gpu(monkeypatch: pytest.MonkeyPatch, asked: Any, capability: Any, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setenv("LOCAL_RANK", "3")

    assert require_device(TorchTrainerSettings(precision=asked)) == (torch.device("cuda", 1), expected)


@pytest.mark.parametrize("asked", ["bf16", "tf32"])
def test_an_old_gpu_has_fp32_alone(monkeypatch: pytest.MonkeyPatch, asked: Any) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))

    with pytest.raises(HostError, match=f"precision '{asked}' needs an NVIDIA GPU of 2020 or later; use 'fp32'"):
        require_device(TorchTrainerSettings(precision=asked))


def test_facts_hold_what_the_bits_hang_on() -> None:
    target = Target(torch.device("cpu"), "fp32", 1, deterministic=False)

    assert target.facts() == {
        "device": "cpu", "precision": "fp32", "threads": 1, "deterministic": True,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }  # fmt: skip


class Told(Quiet):
    """Keeps notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize(
    ("asked", "begun", "threads", "words"),
    [
        ("", {}, 3, "3 threads of 8, as others keep the rest busy (set OMP_NUM_THREADS to choose), in fp32"),
        ("", {"threads": 5}, 5, "5 threads as before, in fp32"),
        ("", {"threads": 64}, 8, "8 threads as before, in fp32"),
        ("1", {"threads": 5}, 1, "1 thread, in fp32"),
        ("64", {}, 8, "8 threads, in fp32"),
    ],
)
def test_threads_are_chosen_by_the_user_the_run_before_or_what_is_free(
    monkeypatch: pytest.MonkeyPatch, asked: str, begun: dict[str, object], threads: int, words: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr(module, "allowed_threads", lambda: 8)
    monkeypatch.setattr(module, "free_threads", lambda: 3)
    told = Told()

    target = choose_target(TorchTrainerSettings(device="cpu", precision="fp32"), told, begun)

    assert (target.threads, told.notes) == (threads, [f"computing on cpu, {words}"])


def test_nothing_is_said_of_others_where_all_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    monkeypatch.setattr(module, "allowed_threads", lambda: 8)
    monkeypatch.setattr(module, "free_threads", lambda: 8)
    told = Told()

    choose_target(TorchTrainerSettings(device="cpu", precision="fp32"), told)

    assert told.notes == ["computing on cpu, 8 threads, in fp32"]


def test_torch_computes_on_so_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()

    with Target(torch.device("cpu"), "fp32", 3, deterministic=False).applied():
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before
