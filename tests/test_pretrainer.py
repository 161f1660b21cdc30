"""The pretrainer learns, resumes exactly, and every loss reaches the network."""

import inspect
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone

from spectralfm._net import isolated
from spectralfm.foundation import (
    SpectraGroup,
    SpectralFMEncoder,
    SpectralFMPretrainer,
    pretrain,
)
from spectralfm.foundation._pretraining_losses import pretraining_losses
from spectralfm.foundation._pretraining_parameters import LOSSES, SIZES, TRAINING
from spectralfm.foundation._simulated_views import ViewSimulator, parameter_names
from spectralfm.nn.encoder import SpectralEncoder
from spectralfm.nn.pretraining import PretrainingModel

TINY = {
    "d_model": 16, "n_mamba_layers": 1, "n_transformer_layers": 1, "n_heads": 2, "n_chem": 8,
    "n_inst": 6, "fno_modes": 4, "fno_width": 8, "fno_layers": 1, "n_grid": 256,
}  # fmt: skip
AXIS = np.linspace(1100.0, 2500.0, 120)


def spectra(n=32, seed=0, axis=AXIS):
    """Mixtures of three substances of a few bands each."""
    rng = np.random.default_rng(seed)
    centres, widths = rng.uniform(axis[0], axis[-1], (2, 9)), rng.uniform(30, 120, 9)
    bands = np.exp(-(((axis[:, None] - centres[0]) / widths) ** 2)).T.reshape(3, 3, -1).sum(1)
    return rng.dirichlet(np.ones(3), n) @ bands + 0.2


def pretrainer(**arguments):
    defaults = {"wavelengths": AXIS, "batch_size": 16, "random_state": 0, "max_steps": 4}
    return SpectralFMPretrainer(**{**TINY, **defaults, **arguments})


def batch(n=16, n_instruments=0):
    with isolated(0):
        model = PretrainingModel(SpectralEncoder(**TINY), len(parameter_names()), n_instruments)
    x = torch.tensor(spectra(n), dtype=torch.float32)
    axis = torch.tensor(1e7 / AXIS)
    views = ViewSimulator("NIR")(x, axis, torch.Generator().manual_seed(0))
    return model, x, axis, torch.tensor(1), views


def losses(seed=1, n_instruments=0, instruments=None, **weights):
    model, *rest = batch(n_instruments=n_instruments)
    with isolated(seed):
        return model, pretraining_losses(model, *rest, instruments, **weights)


def test_training_lowers_the_validation_loss():
    fitted = pretrainer(max_steps=30, learning_rate=1e-2, evaluate_every=3).fit(spectra(64))
    first, last = fitted.history_[0], fitted.history_[-1]
    assert fitted.validation_loss_ < 0.9 * first["valid_loss"]
    assert last["valid_latent"] < 0.8 * first["valid_latent"]
    assert fitted.validation_loss_ == min(record["valid_loss"] for record in fitted.history_)


TERMS = (
    "masked", "contrastive", "denoising", "latent", "physics", "bottleneck", "balance", "transport",
    "transfer",
)  # fmt: skip


def test_every_loss_starts_near_one_and_reaches_the_encoder():
    for name in TERMS:
        weights = {f"{other}_weight": float(other == name) for other in TERMS}
        model, terms = losses(**weights)
        assert terms.keys() == {name}
        assert 1e-3 < terms[name].item() < 20, name
        terms[name].backward()
        if name == "transfer":  # at the start the operator is the identity
            assert terms[name].item() == pytest.approx(1.0)
            assert model.encoder.operator.amplitude.weight.grad.abs().sum() > 0
        else:
            assert model.encoder.embed.patch_proj.weight.grad.abs().sum() > 0, name
        assert all(p.grad is None for p in model.target_encoder.parameters())


def test_every_argument_is_checked_and_goes_somewhere():
    """Sizes to the network, weights to the losses, the rest to the training or to the axis."""
    given = set(SpectralFMPretrainer().get_params())
    parts = [set(SIZES), set(LOSSES), set(TRAINING), {"wavelengths", "wavenumbers", "modality"}]
    assert given == set().union(*parts) == set(SpectralFMPretrainer._parameter_constraints)
    assert sum(map(len, parts)) == len(given)
    named = inspect.signature(pretraining_losses).parameters
    weights = {name for name in named if name.endswith("_weight")} | {"mask_ratio"}
    assert weights == set(LOSSES)
    defaults = SpectralFMPretrainer().get_params()
    assert {name: named[name].default for name in LOSSES} == {n: defaults[n] for n in LOSSES}
    with pytest.raises(ValueError, match="latent_weight"):
        pretrainer(latent_weight=-1.0).fit(spectra())


def test_weights_scale_their_term_only():
    _, once = losses(masked_weight=1.0, transfer_weight=1.0)
    _, twice = losses(masked_weight=2.0, transfer_weight=3.0)
    factors = {"masked": 2.0, "transfer": 3.0}
    for name, term in once.items():
        torch.testing.assert_close(twice[name], factors.get(name, 1.0) * term)


def test_hidden_values_reach_no_token():
    """Changing the first view where it is hidden changes targets, not what the network says."""
    model, x, axis, modality, _ = batch()
    model.eval()
    mask = torch.zeros(len(x), model.encoder.embed.n_tokens, dtype=torch.bool)
    mask[:, 4:9] = True
    low, high = model.encoder.embed.grid(x, axis).axis[0][[4 * 16 + 12, 8 * 16 + 19]]
    hidden = (axis > low) & (axis < high)
    assert hidden.sum() > 20
    changed = x + hidden * torch.randn(len(axis), generator=torch.Generator().manual_seed(0))
    first, second = (model(value, axis, modality, mask).patches for value in (x, changed))
    torch.testing.assert_close(first, second)


def test_known_instruments_are_read_beside_simulated_ones():
    known = torch.arange(16) % 3 - 1
    model, with_labels = losses(n_instruments=2, instruments=known)
    with_labels["bottleneck"].backward()
    assert all(p.grad.abs().sum() > 0 for p in model.label_reader.parameters())
    _, without = losses(n_instruments=2, instruments=torch.full((16,), -1))
    assert with_labels["bottleneck"] > without["bottleneck"]


def test_views_differ_in_instrument_and_share_the_sample():
    _, x, axis, _, views = batch(64)
    again = ViewSimulator("NIR")(x, axis, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(views, again, strict=True))
    assert views.parameters.shape == (64, len(views.columns))

    def matches(a, b):
        a, b = (view - view.mean(1, keepdim=True) for view in (a, b))
        distance = torch.cdist(a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True))
        return (distance.argmin(1) == torch.arange(len(a))).float().mean()

    assert matches(views.first_smooth, views.second) > 0.2  # by chance: 1 / 64
    assert not torch.allclose(views.first_smooth, views.second)
    noise, signal = views.first - views.first_smooth, views.first_smooth
    assert 0 < noise.std() < 0.5 * signal.std()


def test_separation_is_that_of_a_linear_discriminant_and_ignores_scales():
    torch.manual_seed(0)
    model, *_ = batch()
    model.eval()
    label = torch.arange(24) % 3
    chem = torch.randn(24, 8)
    told = chem.clone()
    told[:, 0] = 0.01 * told[:, 0] + 0.05 * label  # small, but it tells the instruments
    within = torch.cov(torch.cat([told[label == k] - told[label == k].mean(0) for k in range(3)]).T)
    model.spread.copy_(within)
    centroids = torch.stack([told[label == k].mean(0) - told.mean(0) for k in range(3)])
    level = 1e-3 * within.diagonal().mean() * torch.eye(8)
    squares = (centroids @ torch.linalg.inv(within + level) * centroids).sum(1)
    expected = (8 * squares).mean().div(8).log1p()  # 8 spectra of each, 8 dimensions
    torch.testing.assert_close(model.separation(told, label), expected)
    model.spread.copy_(torch.cov(chem.T))
    assert model.separation(chem, label) < 1.0 < expected
    model.train()
    before = model.spread.clone()
    model.separation(chem, label)
    assert not torch.equal(model.spread, before)


def test_target_follows_and_gives_means():
    model, x, axis, modality, _ = batch()
    model.train()
    one, two = model.target(x, axis, modality), model.target(x, axis, modality)
    assert torch.equal(one.projection, two.projection) and not one.projection.requires_grad
    assert not torch.equal(model(x, axis).encoding.chem, model(x, axis).encoding.chem)
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter += 1
    before = model.target_encoder.embed.cls_token.clone()
    model.update(0.75)
    torch.testing.assert_close(model.target_encoder.embed.cls_token, before + 0.25)


def test_the_encoder_estimator_takes_it(tmp_path):
    X = spectra()
    fitted = pretrainer().fit(X)
    from_memory = SpectralFMEncoder(fitted, wavelengths=AXIS).fit(X).transform(X)
    path = tmp_path / "tiny.safetensors"
    fitted.save(path, provenance={"data": "simulated"})
    np.testing.assert_array_equal(
        SpectralFMEncoder(path, wavelengths=AXIS).fit(X).transform(X), from_memory
    )
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(
        SpectralFMEncoder(copy, wavelengths=AXIS).fit(X).transform(X), from_memory
    )
    assert len(pickle.dumps(fitted)) < 1.1 * len(fitted.weights_) + 10_000
    assert len(pickle.dumps(clone(fitted))) < 5_000


def test_equal_seeds_give_equal_weights():
    X = spectra()
    first, second = pretrainer().fit(X), pretrainer().fit(X)
    assert first.weights_ == second.weights_
    assert pretrainer(random_state=1).fit(X).weights_ != first.weights_


def test_instruments_by_name_and_too_few_of_them():
    X = spectra()
    pretrainer(max_steps=1).fit(X, instruments=np.repeat(["a", "b"], 16))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        pretrainer().fit(X, instruments=[0, 1])


def test_groups_on_axes_of_their_own():
    rng = np.random.default_rng(0)
    raman = np.linspace(200.0, 3000.0, 90)
    rows = np.linspace(650.0, 4000.0, 70) + rng.uniform(0, 30, (20, 1))
    groups = [
        SpectraGroup(spectra(20), 1e7 / AXIS, "NIR", np.repeat([0, 1], 10)),
        SpectraGroup(1e3 * spectra(10, axis=raman), raman, "Raman"),
        SpectraGroup(np.abs(rng.standard_normal((20, 70))).cumsum(1), rows, "MIR"),
    ]
    with isolated(0):
        encoder = SpectralEncoder(**TINY)
    fit = pretrain(groups, encoder, max_steps=6, batch_size=8, random_state=0)
    assert fit.n_steps == 6 and np.isfinite(fit.validation_loss)
    with pytest.raises(ValueError, match="groups is empty"):
        pretrain([], encoder, max_steps=1)


def test_a_failed_refit_leaves_nothing_behind():
    fitted = pretrainer(max_steps=1).fit(spectra())
    fitted.set_params(learning_rate=1e29, max_steps=20, clip=None)
    with pytest.raises(ValueError, match="Lower learning_rate"):
        fitted.fit(spectra())
    assert not hasattr(fitted, "weights_") and not hasattr(fitted, "encoder_")


RUN = """
import sys
sys.path.insert(0, {tests!r})
from test_pretrainer import pretrainer, spectra
pretrainer(max_steps=12, checkpoint_dir={folder!r}, checkpoint_every=1).fit(spectra())
"""


def test_killed_and_resumed_is_bit_equal(tmp_path):
    folder = tmp_path / "run"
    code = RUN.format(tests=str(Path(__file__).parent), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code])
    started = time.monotonic()
    while len(list(folder.glob("step-*"))) < 2 and time.monotonic() < started + 60:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    saved = max(int(path.stem.split("-")[1]) for path in folder.glob("step-*"))
    assert 0 < saved < 12
    resumed = pretrainer(max_steps=12, checkpoint_dir=folder).fit(spectra())
    assert resumed.weights_ == pretrainer(max_steps=12).fit(spectra()).weights_
