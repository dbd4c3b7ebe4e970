"""What can be read from features of a frozen network: two probes."""

import warnings
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cds_mm.errors import UserError
from cds_mm.optional import extra

# Of the neighbours' votes, as in the paper that introduced them.
TEMPERATURE = 0.07

# Of scikit-learn: the factor on the summed cross entropy, beside half of the
# squared weights.  One value for every stage, so that none is tuned.
INVERSE_PENALTY = 1.0

_GRADIENT = 1e-6  # at which the mean cross entropy counts as minimal
_MOST_STEPS = 20_000
_CELLS = 2**25  # similarities at once, 128 MiB of them


class Labelled(NamedTuple):
    """Features with their labels.

    Attributes:
        features: (N, C) floating point.
        labels: (N,) int64, none unknown.
    """

    features: Tensor
    labels: Tensor


class LinearProbe(NamedTuple):
    """What a linear classifier on frozen features reaches.

    Attributes:
        top1: accuracy in percent on the test features.
        train_top1: the same on the features that it was fitted on.
        converged: whether the fit reached its minimum.
    """

    top1: float
    train_top1: float
    converged: bool


def linear_probe(train: Labelled, test: Labelled) -> LinearProbe:
    """Fit multinomial logistic regression, measure it (Alain & Bengio, 2016).

    Each feature is standardised by the training features' mean and standard
    deviation, so that one penalty suits all stages.  The problem is convex
    and solved to its minimum in float64: no seed, no schedule.

    Args:
        train: what it is fitted on.
        test: of the same width.

    Raises:
        UserError: scikit-learn is missing, there is one class alone, or a
            feature is not finite.
    """
    check_features(train)
    check_features(test)
    scaler = extra('sklearn.preprocessing').StandardScaler()
    fitted = scaler.fit_transform(train.features.double().numpy())
    tested = scaler.transform(test.features.double().numpy())
    probe = fit_logistic(fitted, train.labels.numpy())
    return LinearProbe(
        100 * float(probe.score(tested, test.labels.numpy())),
        100 * float(probe.score(fitted, train.labels.numpy())),
        bool((probe.n_iter_ < _MOST_STEPS).all()),
    )


def fit_logistic(features, labels):
    """Scikit-learn's fitted LogisticRegression.

    Args:
        features: (N, C) float64 array.
        labels: (N,) array of two classes or more.
    """
    model = extra('sklearn.linear_model').LogisticRegression(
        C=INVERSE_PENALTY, tol=_GRADIENT, max_iter=_MOST_STEPS
    )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # `n_iter_` tells the same
        return model.fit(features, labels)


def knn_predict(
    train: Labelled,
    features: Tensor,
    neighbors: int = 20,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """Classes by weighted votes of the nearest, Wu et al., CVPR 2018.

    The ``neighbors`` of highest cosine similarity s vote for their class
    with exp(s / temperature); the votes' highest sum wins, and of equal ones
    the lowest label.

    Args:
        train: the neighbours to be.
        features: (M, C).
        neighbors: k.
        temperature: of the votes.

    Returns:
        Tensor: (M,) int64.

    Raises:
        UserError: there are not as many neighbours.
    """
    check_neighbors(train, neighbors)
    units = F.normalize(train.features)
    rows = max(1, _CELLS // len(units))
    classes = int(train.labels.max()) + 1
    found = []
    for part in F.normalize(features).split(rows):
        nearest, who = (part @ units.T).topk(neighbors)
        # Less the highest, which changes no winner and cannot overflow.
        weights = ((nearest - nearest[:, :1]) / temperature).exp()
        votes = weights.new_zeros(len(part), classes)
        votes.scatter_add_(1, train.labels[who], weights)
        found.append(votes.argmax(1))
    return torch.cat(found)


def knn_top1(train: Labelled, test: Labelled, neighbors: int = 20) -> float:
    """Accuracy of :func:`knn_predict` in percent."""
    predicted = knn_predict(train, test.features, neighbors)
    return 100 * (predicted == test.labels).double().mean().item()


def check_neighbors(train: Labelled, neighbors: int) -> None:
    """Raise a UserError where there are not as many neighbours."""
    if not 1 <= neighbors <= len(train.labels):
        raise UserError(
            f'{neighbors} neighbors of {len(train.labels)} training images; '
            'choose fewer with --neighbors, and at least 1'
        )


def check_features(given: Labelled) -> None:
    """Look at features before anything is fitted.

    Raises:
        UserError: one is not finite, or there is one class alone.
    """
    if not given.features.isfinite().all():
        raise UserError(
            'a feature is not finite: the training of this checkpoint has '
            'diverged; choose an earlier one'
        )
    if given.labels.unique().numel() < 2:
        raise UserError(
            'all images have the same label, which anything can tell; give '
            'two classes or more'
        )
