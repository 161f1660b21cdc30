"""The default families of the transfer ensemble, and the network as one more."""

from sklearn.base import TransformerMixin

from ..transfer import DifferencePenalizedRidge, TransferEnsemble
from ..transfer._base import TransferRegressor
from ..transfer._families import CAUTION, FEW_COMPONENTS, Families, cautious_ridge, default_families
from ..transfer._preprocessing import shape_preprocessing

NETWORK_WEIGHT = 0.25
"""Weight of the network before the standards speak."""

RIDGE_WEIGHT = 0.25
"""Weight of the classical ridge beside the network, of 1, where unlabelled spectra alone speak."""

NETWORK_CAUTION = 512.0
"""Factor on the noise floors of the network's ridge where nothing of the target was seen."""


class NetworkEnsemble(TransferEnsemble):
    """Averages the default families and a noise-aware ridge on features of the network.

    Parameters
    ----------
    features : transformer
        Reads the features.
    """

    def __init__(self, features: TransformerMixin) -> None:
        super().__init__()
        self.features = features

    def _default_families(self, n_standards: int, unseen: bool, n_channels: int) -> Families:
        shape = shape_preprocessing(n_channels)
        network = DifferencePenalizedRidge(preprocessing=[*shape, self.features])
        if not n_standards:
            network.set_params(n_components=FEW_COMPONENTS)
        if n_standards or unseen:
            families = default_families(n_standards, unseen, n_channels)
            return [*families, ("network", network, NETWORK_WEIGHT)]
        ridge = DifferencePenalizedRidge(n_components=FEW_COMPONENTS)
        return [("ridge", ridge, RIDGE_WEIGHT), ("network", network, 1.0)]

    def _cautious(self, n_channels: int) -> TransferRegressor:
        """Return the mean of the cautious ridges on spectra and on features of the network."""
        members: list[tuple[str, TransferRegressor]] = [
            ("spectra", cautious_ridge(CAUTION, shape_preprocessing(n_channels))),
            ("network", cautious_ridge(NETWORK_CAUTION, [self.features])),
        ]
        return TransferEnsemble(members, cautious=False)
