"""Classifier two-sample test (Lopez-Paz & Oquab 2017): can a classifier tell two samples apart?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import InputError
from .points import Array, pair

Classifier = Literal["knn", "logistic", "mlp"]


@dataclass(frozen=True)
class TwoSample:
    """How well a classifier tells two samples apart."""

    accuracy: float  # cross-validated; 0.5 is chance
    p_value: float  # of an accuracy at least this high if both samples were of one distribution


def two_sample_test(x: Array, y: Array, *, classifier: Classifier = "knn", folds: int = 5, seed: int = 0) -> TwoSample:
    """`[n, d]` against `[m, d]`; the larger is cut to the size of the smaller, so that chance is 0.5.

    Columns are standardised. Every point is judged once, by a classifier trained on the other folds. The p-value is
    that of the binomial distribution: exact if judgements were independent, which across folds they are nearly. "knn"
    has k = sqrt(n) neighbours as in the paper, "mlp" one hidden layer of 20 as there.
    """
    from scipy.stats import binom
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    x, y = pair(x, y, least=2 * folds)
    n = min(len(x), len(y))
    points = np.concatenate([x[:n].cpu().numpy(), y[:n].cpu().numpy()])
    labels = np.repeat([0, 1], n)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    guesses = cross_val_predict(_classifier(classifier, n, seed), points, labels, cv=split)
    right = int((np.asarray(guesses) == labels).sum())
    return TwoSample(right / (2 * n), float(binom.sf(right - 1, 2 * n, 0.5)))


def two_sample_auc(x: Array, y: Array, *, folds: int = 3, seed: int = 0) -> float:
    """Area under the ROC curve of boosted trees that tell `[n, d]` from `[m, d]`, 0.5 for chance; the larger is cut to
    the size of the smaller. Every point is judged once, by trees grown on the other folds."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    x, y = pair(x, y, least=2 * folds)
    n = min(len(x), len(y))
    points = np.concatenate([x[:n].cpu().numpy(), y[:n].cpu().numpy()])
    labels = np.repeat([0, 1], n)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    made: Any = HistGradientBoostingClassifier  # its own types leave False out
    trees = made(early_stopping=False, random_state=seed)
    scores = cross_val_predict(trees, points, labels, cv=split, method="predict_proba")
    return float(roc_auc_score(labels, np.asarray(scores)[:, 1]))


def significant_accuracy(n: int, level: float = 0.01) -> float:
    """The accuracy on n + n points that equal distributions exceed with probability `level` at most."""
    from scipy.stats import binom

    return float(binom.isf(level, 2 * n, 0.5)) / (2 * n)


def _classifier(kind: str, n: int, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kinds = {
        "knn": lambda: KNeighborsClassifier(int(n**0.5) | 1),
        "logistic": lambda: LogisticRegression(max_iter=1000),
        "mlp": lambda: MLPClassifier(
            (20,), learning_rate_init=0.01, max_iter=300, early_stopping=True, n_iter_no_change=20, random_state=seed
        ),
    }
    if kind not in kinds:
        raise InputError(f"the classifier is one of {', '.join(kinds)}, not {kind!r}")
    return make_pipeline(StandardScaler(), kinds[kind]())
