"""The fast scan equals a sequential float64 recurrence, in value and in gradient."""

import sys
import types

import pytest
import torch
from torch.nn.functional import softplus

from spectralfm.nn import scan
from spectralfm.nn.scan import selective_scan, selective_scan_reference

torch.set_num_threads(1)


def inputs(n_batch=2, n_steps=37, n_channels=5, n_states=4, dtype=torch.float64, seed=0):
    """u, delta, A, B, C, D as a Mamba layer makes them."""
    g = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)  # noqa: E731
    tensors = (
        normal(n_batch, n_steps, n_channels),
        softplus(normal(n_batch, n_steps, n_channels) - 2),
        -softplus(normal(n_channels, n_states)) * n_states,
        normal(n_batch, n_steps, n_states),
        normal(n_batch, n_steps, n_states),
        normal(n_channels),
    )
    return [tensor.to(dtype).requires_grad_() for tensor in tensors]


def naive(u, delta, A, B, C, D):
    """The recurrence written out with indices, apart from the package's own reference."""
    y = torch.zeros_like(u)
    for b in range(u.shape[0]):
        for d in range(u.shape[2]):
            h = torch.zeros(A.shape[1], dtype=u.dtype)
            for t in range(u.shape[1]):
                h = torch.exp(delta[b, t, d] * A[d]) * h + delta[b, t, d] * B[b, t] * u[b, t, d]
                y[b, t, d] = C[b, t] @ h + D[d] * u[b, t, d]
    return y


def relative(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize("function", [selective_scan, selective_scan_reference])
def test_equals_the_formula(function):
    with torch.no_grad():
        tensors = inputs(n_steps=11)
        torch.testing.assert_close(function(*tensors), naive(*tensors), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_steps", [1, 7, 8, 9, 37])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_equal_autograd(n_steps, reverse):
    tensors = inputs(n_steps=n_steps)
    ours = selective_scan(*tensors, reverse=reverse)
    theirs = selective_scan_reference(*tensors, reverse=reverse)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    seed = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad(ours, tensors, seed),
        torch.autograd.grad(theirs, tensors, seed),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_gradcheck():
    assert torch.autograd.gradcheck(selective_scan, inputs(n_steps=10, n_channels=3, n_states=2))


def test_float32_stays_close_to_float64():
    tensors = inputs(4, 128, 32, 16, torch.float32)
    exact = [tensor.detach().double().requires_grad_() for tensor in tensors]
    ours, theirs = selective_scan(*tensors), selective_scan_reference(*exact)
    assert relative(ours, theirs) < 1e-6
    seed = torch.randn_like(theirs)
    gradients = torch.autograd.grad(ours, tensors, seed.float())
    for a, b in zip(gradients, torch.autograd.grad(theirs, exact, seed), strict=True):
        assert relative(a, b) < 5e-6


def test_stable_for_4096_steps():
    # Decays from almost none to complete: forms that divide by their product overflow here.
    u, delta, A, B, C, D = inputs(1, 4096, 4, 4, torch.float32)
    tensors = [u, delta * 100, A, B, C, D]
    ours = selective_scan(*tensors)
    gradients = torch.autograd.grad(ours.sum(), [u, A, B, C, D])
    assert all(gradient.isfinite().all() for gradient in gradients)
    exact = selective_scan_reference(*(tensor.detach().double() for tensor in tensors))
    assert relative(ours, exact) < 1e-6


def test_reverse_is_the_scan_of_the_flipped_sequence():
    u, delta, A, B, C, D = inputs()
    flipped = selective_scan(u.flip(1), delta.flip(1), A, B.flip(1), C.flip(1), D).flip(1)
    torch.testing.assert_close(selective_scan(u, delta, A, B, C, D, reverse=True), flipped)


def test_gradient_for_some_inputs_only_and_none_without_grad_mode():
    u, delta, A, B, C, _ = (tensor.detach() for tensor in inputs())
    A.requires_grad_()
    y = selective_scan(u, delta, A, B, C)
    assert torch.autograd.grad(y.sum(), A)[0].shape == A.shape
    with torch.no_grad():
        assert selective_scan(u, delta, A, B, C).grad_fn is None
    assert torch.equal(y, selective_scan(u, delta, A.detach(), B, C))


def test_runs_in_float32_under_autocast():
    tensors = inputs(dtype=torch.float32)
    expected = selective_scan(*tensors)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(selective_scan(*tensors), expected)
        halves = [tensor.detach().bfloat16() for tensor in tensors]
        y = selective_scan(*halves)
    assert y.dtype == torch.bfloat16
    single = selective_scan_reference(*(tensor.float() for tensor in halves))
    assert relative(y.float(), single) < 1e-2


def test_kernel_of_mamba_ssm_gets_its_layout(monkeypatch):
    def selective_scan_fn(u, delta, A, B, C, D=None):  # (B, D, L), (B, S, L)
        assert all(tensor.is_contiguous() for tensor in (u, delta, B, C))
        return selective_scan_reference(u.mT, delta.mT, A, B.mT, C.mT, D).mT

    module = types.SimpleNamespace(selective_scan_fn=selective_scan_fn)
    for name in ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.selective_scan_interface"):
        monkeypatch.setitem(sys.modules, name, module)
    scan._cuda_kernel.cache_clear()
    kernel = scan._cuda_kernel()
    scan._cuda_kernel.cache_clear()
    assert kernel is selective_scan_fn
    tensors = inputs()
    for reverse in (False, True):
        torch.testing.assert_close(
            scan._by_kernel(kernel, *tensors, reverse=reverse),
            selective_scan(*tensors, reverse=reverse),
        )


def test_refuses_shapes_that_do_not_fit():
    u, delta, A, B, C, D = inputs()
    with pytest.raises(ValueError, match=r"delta must be \(2, 37, 5\)"):
        selective_scan(u, delta[:, :3], A, B, C, D)
    with pytest.raises(ValueError, match=r"C must be \(2, 37, 4\)"):
        selective_scan(u, delta, A, B, C.mT, D)
    with pytest.raises(ValueError, match=r"A \(D, S\)"):
        selective_scan(u, delta, A[0], B, C, D)
