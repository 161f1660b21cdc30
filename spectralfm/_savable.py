"""Estimators that save themselves in a model file and come back from one."""

import os
from typing import Self

from numpy.typing import ArrayLike


class SavableMixin:
    """Has ``save`` and ``load``, those of `spectralfm.deployment`."""

    def save(self, path: str | os.PathLike[str], X_check: ArrayLike | None = None) -> None:
        """Save the fitted estimator in one file that holds no code.

        Parameters
        ----------
        path : str or path-like
            The file.
        X_check : array-like of shape (n_spectra, n_channels), optional
            Spectra for the self-test; see `spectralfm.save`.
        """
        from .deployment import save

        save(self, path, X_check)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str = "auto") -> Self:
        """Load an estimator of this class from a file that ``save`` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.
        device : str, default="auto"
            Where networks run: "cpu", "cuda", or CUDA if there is one.

        Returns
        -------
        estimator
            The fitted estimator; see `spectralfm.load`.

        Raises
        ------
        ValueError
            If the file holds an estimator of another class, or is damaged.
        """
        from .deployment import load

        model = load(path, device)
        if not isinstance(model, cls):
            raise ValueError(
                f"{path} holds a {type(model).__name__}, not a {cls.__name__}: use "
                "spectralfm.load, which loads any."
            )
        return model
