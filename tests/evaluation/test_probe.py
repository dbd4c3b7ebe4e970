"""Probes against naive loops, a second library and the optimum itself."""

import sys

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from cds_mm.errors import UserError
from cds_mm.evaluation import probe
from cds_mm.evaluation.probe import (
    INVERSE_PENALTY,
    Labelled,
    fit_logistic,
    knn_predict,
    knn_top1,
    linear_probe,
)
from cds_mm.testing import fresh_generator


def random_features(rows, width, classes, generator):
    features = torch.randn(
        rows, width, generator=generator, dtype=torch.float64
    )
    # All classes are there, whatever is drawn.
    labels = torch.arange(rows) % classes
    return Labelled(features, labels)


def naive_knn(train, features, neighbors, temperature):
    found = []
    for row in features:
        pairs = []
        for other, label in zip(*train, strict=True):
            cosine = (row @ other / row.norm() / other.norm()).item()
            pairs.append((cosine, int(label)))
        votes = {}
        for cosine, label in sorted(pairs, reverse=True)[:neighbors]:
            vote = np.exp(cosine / temperature)
            votes[label] = votes.get(label, 0) + vote
        found.append(max(votes, key=votes.get))
    return torch.tensor(found)


@pytest.mark.parametrize('cells', [1, 200, 2**25], ids=lambda n: f'{n} cells')
def test_knn_is_the_double_loop(monkeypatch, cells):
    generator = fresh_generator()
    train = random_features(60, 5, 4, generator)
    features = torch.randn(33, 5, generator=generator, dtype=torch.float64)
    monkeypatch.setattr(probe, '_CELLS', cells)
    for neighbors, temperature in ((1, 0.07), (7, 0.07), (60, 0.5)):
        predicted = knn_predict(train, features, neighbors, temperature)
        wanted = naive_knn(train, features, neighbors, temperature)
        assert predicted.equal(wanted)


def test_knn_is_that_of_scikit_learn():
    generator = fresh_generator()
    train = random_features(200, 6, 5, generator)
    test = random_features(100, 6, 5, generator)
    theirs = KNeighborsClassifier(
        20,
        metric='cosine',
        algorithm='brute',
        weights=lambda distance: np.exp((1 - distance) / 0.07),
    ).fit(*(part.numpy() for part in train))
    wanted = theirs.score(*(part.numpy() for part in test))
    assert knn_top1(train, test, 20) == pytest.approx(100 * wanted)


def test_a_far_majority_loses_to_a_near_vote():
    """Cosines 1, 0.8, 0.8: e^(1 / T) is more than 2 e^(0.8 / T) at 0.07."""
    features = torch.tensor([[5.0, 0.0], [4.0, 3.0], [4.0, -3.0]])
    train = Labelled(features, torch.tensor([2, 0, 0]))
    query = torch.tensor([[0.1, 0.0]])
    assert knn_predict(train, query, 3).tolist() == [2]
    assert knn_predict(train, query, 3, temperature=10).tolist() == [0]


@pytest.mark.parametrize('neighbors', [0, 4])
def test_more_neighbors_than_images(neighbors):
    train = random_features(3, 2, 3, fresh_generator())
    with pytest.raises(UserError, match='of 3 training images'):
        knn_predict(train, train.features, neighbors)


@pytest.mark.parametrize('classes', [3, 6])
def test_the_logistic_fit_is_at_its_minimum(classes):
    """The gradient of C * sum(CE) + |W|^2 / 2, by autograd, is zero there."""
    given = random_features(120, 7, classes, fresh_generator())
    model = fit_logistic(given.features.numpy(), given.labels.numpy())
    weight = torch.from_numpy(model.coef_).requires_grad_()
    bias = torch.from_numpy(model.intercept_).requires_grad_()
    logits = given.features @ weight.T + bias
    loss = torch.nn.functional.cross_entropy(
        logits, given.labels, reduction='sum'
    )
    objective = INVERSE_PENALTY * loss + weight.square().sum() / 2
    for gradient in torch.autograd.grad(objective, (weight, bias)):
        # Of a sum over 120 images whose rows have a gradient of about 1.
        assert gradient.abs().max() < 1e-3


def test_the_linear_probe_sees_classes_on_any_scale():
    """Separable in one of two features, which is a millionth of the other."""
    generator = fresh_generator()
    labels = torch.arange(90) % 2

    def features():
        noise = torch.randn(90, 2, generator=generator)
        return torch.stack(
            [
                1e-3 * (labels + 0.02 * noise[:, 0].clamp(-3, 3)),
                1e3 * noise[:, 1],
            ],
            dim=1,
        )

    found = linear_probe(
        Labelled(features(), labels), Labelled(features(), labels)
    )
    assert found == (100, 100, True)


def test_the_linear_probe_has_a_bias_and_survives_a_dead_channel():
    labels = torch.arange(40) % 2
    features = torch.stack([labels + 100.0, torch.zeros(40)], dim=1)
    given = Labelled(features, labels)
    assert linear_probe(given, given).top1 == 100


def test_what_was_not_learned_scores_chance_on_the_test_features():
    """Labels of the test set have nothing to do with those of training."""
    train = random_features(50, 3, 2, fresh_generator())
    mirrored = Labelled(train.features, 1 - train.labels)
    found = linear_probe(train, mirrored)
    assert found.top1 == pytest.approx(100 - found.train_top1)


def test_a_fit_that_was_cut_off_says_so(monkeypatch):
    monkeypatch.setattr(probe, '_MOST_STEPS', 1)
    given = random_features(60, 5, 3, fresh_generator())
    assert not linear_probe(given, given).converged


def test_one_class_alone():
    given = Labelled(torch.rand(4, 2), torch.zeros(4).long())
    with pytest.raises(UserError, match='the same label'):
        linear_probe(given, given)


def test_a_feature_that_is_not_finite():
    given = random_features(6, 2, 3, fresh_generator())
    given.features[3, 1] = float('nan')
    with pytest.raises(UserError, match='has diverged'):
        linear_probe(given, given)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.preprocessing', None)
    given = random_features(6, 2, 3, fresh_generator())
    with pytest.raises(UserError, match=r"scikit-learn is missing; pip.*'c"):
        linear_probe(given, given)
