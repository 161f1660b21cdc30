r"""Physics: what a reconstruction must be, whatever the network thinks.

Five terms, each a ratio of sums of squares within one spectrum: free of units, about 1 for a
reconstruction that knows nothing, and at most a few. With :math:`\rho(a, b) = |a - b|^2 / (|a|^2 +
|b|^2)`:

1. linearity, Beer-Lambert [1]_: the reconstruction of a mixture is the mixture of reconstructions,
   :math:`\rho(\hat x(F x), F \hat x(x))`;
2. smoothness: second differences over those of white noise of the same variance [2]_,
   :math:`|\Delta^2 \hat x|^2 / (6 |\hat x - \bar{\hat x}|^2)`;
3. non-negativity of absorbance, :math:`|\min(\hat x, 0)|^2 / |\hat x|^2`;
4. peak shape: curvature where the target has a band,
   :math:`\rho(p \Delta_h^2 \hat x, p \Delta_h^2 x)`, p its negative curvature;
5. derivative, :math:`\rho(\Delta \hat x, \Delta x)`.

References
----------
.. [1] Mayerhofer, T. G., Pahlow, S., & Popp, J. (2020). The Bouguer-Beer-Lambert law: shining light
   on the obscure. ChemPhysChem, 21(18), 2029-2046. https://doi.org/10.1002/cphc.202000464
.. [2] von Neumann, J. (1941). Distribution of the ratio of the mean square successive difference to
   the variance. Annals of Mathematical Statistics, 12(4), 367-395.
   https://doi.org/10.1214/aoms/1177731677
"""

import torch
from torch import Tensor


def physics_loss(
    reconstruction: Tensor,
    target: Tensor,
    *,
    mixed: Tensor | None = None,
    fractions: Tensor | None = None,
    measured: Tensor | None = None,
    linearity: float = 1.0,
    smoothness: float = 1.0,
    non_negativity: float = 1.0,
    peak_shape: float = 1.0,
    derivative: float = 1.0,
    lag: int = 4,
    weight: float = 1.0,
) -> Tensor:
    """Add up the five terms for reconstructed spectra.

    Parameters
    ----------
    reconstruction : Tensor of shape (B, L)
        Reconstructed spectra in their own units: absorbance, or another quantity that is linear in
        concentration and not negative. Every term acts on it.
    target : Tensor of shape (B, L)
        The spectra reconstructed, finite; they get no gradient.
    mixed : Tensor of shape (C, L), optional
        Reconstructions of the mixtures ``fractions @ spectra``; without them there is no linearity.
    fractions : Tensor of shape (C, B), optional
        Fraction of every spectrum in every mixture.
    measured : bool Tensor of shape (B, L), optional
        True at channels that were measured; others are left out. A mixture counts where all of its
        parts were measured.
    linearity, smoothness, non_negativity, peak_shape, derivative : float
        Factors of the terms, at least 0; 0 leaves a term out.
    lag : int
        Channels between the points of the curvature of bands, at least 1: wider than the noise,
        narrower than a band.
    weight : float
        Factor of the sum, at least 0; 0 returns an exact zero without a graph.

    Returns
    -------
    Tensor of shape ()
        The loss.

    Raises
    ------
    ValueError
        If ``lag`` is below 1 or the spectra have no more than ``2 * lag`` channels.

    Notes
    -----
    Leave non-negativity out for spectra that were centred, normalised or differentiated. Smoothness
    alone would flatten everything: keep it small beside a reconstruction loss.

    Examples
    --------
    >>> import torch
    >>> x = torch.linspace(-3, 3, 200).square().neg().exp()[None]
    >>> physics_loss(x, x).item() < 1e-4
    True
    """
    if weight == 0:
        return reconstruction.new_zeros(())
    if not 1 <= lag < target.shape[1] / 2:
        raise ValueError(f"lag = {lag} does not fit spectra of {target.shape[1]} channels")
    target = target.detach()
    if measured is None:
        measured = torch.ones_like(target, dtype=torch.bool)
    total = reconstruction.new_zeros(())
    if linearity and mixed is not None and fractions is not None:
        parts = fractions @ torch.where(measured, reconstruction, 0)  # (C, L)
        missing = (fractions != 0).to(parts.dtype) @ (~measured).to(parts.dtype)  # (C, L)
        seen = missing == 0
        # Offsets count too, but do not hide a difference in the bands.
        level = _mean(parts.detach(), seen)
        total = total + linearity * _relative(mixed - level, parts - level, seen)
    if smoothness:
        bends, inside = _second_difference(reconstruction, measured, 1)
        centred = torch.where(measured, reconstruction - _mean(reconstruction, measured), 0)
        energy = torch.where(inside, bends, 0).square().sum(1)  # (B,)
        total = total + smoothness * (energy / (6 * _energy(centred))).mean()
    if non_negativity:
        values = torch.where(measured, reconstruction, 0)
        total = (
            total + non_negativity * (values.clamp(max=0).square().sum(1) / _energy(values)).mean()
        )
    if peak_shape:
        bends, inside = _second_difference(reconstruction, measured, lag)
        expected, _ = _second_difference(target, measured, lag)
        bands = (-expected).clamp(min=0)  # (B, L - 2 lag)
        total = total + peak_shape * _relative(bands * bends, bands * expected, inside)
    if derivative:
        inside = measured[:, 1:] & measured[:, :-1]  # (B, L - 1)
        total = total + derivative * _relative(reconstruction.diff(), target.diff(), inside)
    return weight * total


def _second_difference(x: Tensor, measured: Tensor, lag: int) -> tuple[Tensor, Tensor]:
    """Return (B, L - 2 lag) second differences, and where all their points were measured."""
    middle = slice(lag, -lag)
    bends = x[:, 2 * lag :] - 2 * x[:, middle] + x[:, : -2 * lag]
    inside = measured[:, 2 * lag :] & measured[:, middle] & measured[:, : -2 * lag]
    return bends, inside


def _relative(a: Tensor, b: Tensor, where: Tensor) -> Tensor:
    """Mean over rows of |a - b|^2 / (|a|^2 + |b|^2), in [0, 2]."""
    a, b = torch.where(where, a, 0), torch.where(where, b, 0)
    # Rows are scaled first: products of small differences would underflow when squared.
    size = torch.maximum(a.abs().amax(1), b.abs().amax(1)).detach().clamp(min=1e-30)[:, None]
    a, b = a / size, b / size
    return ((a - b).square().sum(1) / _energy(a, b)).mean()


def _energy(*parts: Tensor) -> Tensor:
    """Sum of squares of every row, kept above zero."""
    return torch.stack([part.square().sum(1) for part in parts]).sum(0).clamp(min=1e-12)


def _mean(x: Tensor, where: Tensor) -> Tensor:
    """Mean (rows, 1) over the channels that count."""
    return torch.where(where, x, 0).sum(1, keepdim=True) / where.sum(1, keepdim=True).clamp(min=1)
