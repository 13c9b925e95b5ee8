"""Linear layers with bf16 copies of their weights compute what autocast computes, with its gradients."""

import pytest
import torch
from torch import nn

from clsfw_torch.half import HalfLinears, trained_in_half


class Attention(nn.Module):
    """Three layers of one input, named as BERT names them, and one of another."""

    def __init__(self, *, bias: bool = True) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(32, 48, bias=bias) for _ in range(3))
        self.out = nn.Linear(48, 32)
        self.norm = nn.LayerNorm(32)

    def forward(self, states, first=None):
        states = self.norm(states)
        asked = states if first is None else states[:, first]
        query, key, value = self.query(asked), self.key(states), self.value(states)
        weights = (query.float() @ key.float().mT).softmax(-1)
        return self.out(weights @ value.float()).float() + asked


@pytest.fixture
def module():
    torch.manual_seed(0)
    return Attention().eval()


STATES = torch.randn(1, 40, 32, generator=torch.Generator().manual_seed(1))


def under_autocast(module, *arguments):
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        return module(*arguments)


@pytest.mark.parametrize("first", [None, torch.tensor([0, 7, 20])], ids=["all tokens", "queries of first tokens alone"])
@pytest.mark.parametrize("bias", [True, False])
def test_what_is_computed_is_what_autocast_computes(bias, first):
    torch.manual_seed(0)
    module = Attention(bias=bias).eval()
    expected = under_autocast(module, STATES, first)
    with HalfLinears(module).applied():
        found = under_autocast(module, STATES, first)
    # One product of three layers may add in another order than three products: the last bit of bf16 has 8.
    torch.testing.assert_close(found, expected, rtol=2**-8, atol=2**-8)
    exact = module(STATES, first)
    assert (found - exact).abs().max() > 1e-4  # it was in bf16


def test_layers_of_one_input_are_one_product(module, monkeypatch):
    shapes = []
    product = torch.nn.functional.linear

    def noted(given, weight, bias):
        shapes.append(tuple(weight.shape))
        return product(given, weight, bias)

    monkeypatch.setattr("clsfw_torch.half._can_lay_out", lambda: False)
    monkeypatch.setattr("clsfw_torch.half.linear", noted)
    linears = HalfLinears(module)
    with linears.applied():
        under_autocast(module, STATES)
        assert shapes == [(144, 32), (32, 48)]
        shapes.clear()
        under_autocast(module, STATES, torch.tensor([0]))
    assert shapes == [(144, 32), (96, 32), (32, 48)]  # key and value read more than the query


def test_a_layer_that_is_called_twice_computes_twice(module):
    with HalfLinears(module).applied(), torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        first, again = module.query(STATES), module.query(STATES)
        other = module.key(STATES + 1)
    assert torch.equal(first, again)
    assert not torch.equal(other, under_autocast(module.key, STATES))


def test_the_module_is_left_as_it_was(module):
    before = module(STATES)
    with pytest.raises(ZeroDivisionError), HalfLinears(module).applied():
        raise ZeroDivisionError
    assert torch.equal(module(STATES), before)
    assert not any("forward" in vars(part) for part in module.modules())


@pytest.mark.parametrize(
    "change",
    [
        lambda module: torch.optim.AdamW(module.parameters()).step(),
        lambda module: torch.optim.AdamW(module.parameters(), fused=True).step(),
        lambda module: module.load_state_dict({k: v + 1 for k, v in module.state_dict().items()}),
        lambda module: setattr(module.key, "weight", nn.Parameter(module.key.weight.detach() * 2)),
    ],
    ids=["optimizer", "fused optimizer", "loaded weights", "another parameter"],
)
def test_copies_are_not_used_when_a_weight_has_changed(module, change):
    linears = HalfLinears(module)
    assert linears.serves(module)
    assert not linears.serves(Attention())
    module(STATES).sum().backward()
    change(module)
    assert not linears.serves(module)


def test_layers_of_another_class_or_dtype_are_left_alone():
    class Own(nn.Linear):
        def forward(self, given):
            return super().forward(given) * 2

    module = nn.Sequential(Own(32, 32), nn.Linear(32, 8, dtype=torch.float64), nn.Linear(8, 8))
    with HalfLinears(module).applied():
        assert ["forward" in vars(part) for part in module] == [False, False, True]


def gradients(module, states, first=None):
    """Return the output of a step under autocast, and the gradients of parameters and input."""
    for parameter in module.parameters():
        parameter.grad = None
    states = states.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        output = module(states, first)
    (output * torch.linspace(-1, 1, 32)).sum().backward()
    return output.detach(), {"states": states.grad, **{name: own.grad for name, own in module.named_parameters()}}


@pytest.mark.parametrize("first", [None, torch.tensor([0, 7, 20])], ids=["all tokens", "queries of first tokens alone"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("fast", [True, False], ids=["as this torch can", "without oneDNN's operations"])
def test_gradients_are_those_of_autocast_in_float32(bias, first, fast, monkeypatch):
    if not fast:
        monkeypatch.setattr("clsfw_torch.half._can_lay_out", lambda: False)
    torch.manual_seed(0)
    module = Attention(bias=bias)
    expected, wanted = gradients(module, STATES, first)
    with trained_in_half(module):
        output, found = gradients(module, STATES, first)
    torch.testing.assert_close(output, expected, rtol=2**-8, atol=2**-8)
    assert found.keys() == wanted.keys()
    for name, gradient in found.items():
        assert gradient.dtype == torch.float32
        # Each is a sum of products that were rounded to bf16.
        assert (gradient - wanted[name]).norm() <= 2**-7 * wanted[name].norm(), name


def test_what_is_frozen_gets_no_gradient_and_the_rest_the_same(module):
    module.key.requires_grad_(False)
    module.out.weight.requires_grad_(False)
    with trained_in_half(module):
        _, found = gradients(module, STATES)
    module.requires_grad_(True)
    with trained_in_half(module):
        _, every = gradients(module, STATES)
    assert {name for name, gradient in found.items() if gradient is None} == {"key.weight", "key.bias", "out.weight"}
    assert all(torch.equal(gradient, every[name]) for name, gradient in found.items() if gradient is not None)


def test_each_step_is_computed_with_the_weights_of_that_step(module):
    with trained_in_half(module):
        before, _ = gradients(module, STATES)
    torch.optim.AdamW(module.parameters(), lr=0.1, fused=True).step()
    with trained_in_half(module):
        after, _ = gradients(module, STATES)
    assert (after - before).abs().max() > 0.1
    torch.testing.assert_close(after, gradients(module, STATES)[0], rtol=2**-7, atol=2**-7)


def test_where_autocast_is_off_layers_stay_in_float32(module):
    expected = module(STATES)
    for context in (trained_in_half(module), HalfLinears(module).applied()):
        with context:
            assert torch.equal(module(STATES), expected)


@pytest.mark.parametrize("shape", [(32,), (5, 32), (2, 3, 5, 32)])
def test_vectors_may_come_in_any_number_of_dimensions(module, shape):
    given = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", torch.bfloat16):
        expected = module.query(given)
    with trained_in_half(module), torch.autocast("cpu", torch.bfloat16):
        found = module.query(given)
    found.sum().backward()
    torch.testing.assert_close(found, expected, rtol=2**-8, atol=2**-8)
    expected = given.reshape(-1, 32).sum(0).expand(48, 32)
    torch.testing.assert_close(module.query.weight.grad, expected, rtol=2**-6, atol=2**-6)
