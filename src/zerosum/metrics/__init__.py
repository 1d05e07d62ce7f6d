"""Honest metrics: each a function, each result a card with its spread, its n and the floor that real data reaches.

cards = metrics.evaluate(engine.sample, data)
print(metrics.table(cards))
"""

from .cards import Card, table, to_json
from .divergences import histograms, jsd, jsd_monte_carlo, kl, kl_monte_carlo, total_variation
from .evaluation import evaluate, nearest
from .events import amplification, chi2, fpd, invalid, kolmogorov, kpd
from .features import FeatureNet, Features, from_module, of_data
from .frechet import frechet_distance, frechet_of_moments
from .kernels import energy_distance, kernel_distance, median_distance, mmd2
from .manifold import density_coverage, precision_recall
from .modes import Modes, mode_coverage
from .neighbours import Copying, data_copying, nearest_neighbours
from .parzen import Parzen, parzen_log_likelihood
from .scores import class_shares, inception_score
from .similarity import psnr, sharpness, ssim
from .translations import evaluate_joint, evaluate_translations
from .transport import optimal_transport, sliced_wasserstein, wasserstein_1d, wasserstein_columns
from .twosample import TwoSample, two_sample_auc, two_sample_test

__all__ = [
    "Card",
    "Copying",
    "FeatureNet",
    "Features",
    "Modes",
    "Parzen",
    "TwoSample",
    "amplification",
    "chi2",
    "class_shares",
    "data_copying",
    "density_coverage",
    "energy_distance",
    "evaluate",
    "evaluate_joint",
    "evaluate_translations",
    "fpd",
    "frechet_distance",
    "frechet_of_moments",
    "from_module",
    "histograms",
    "inception_score",
    "invalid",
    "jsd",
    "jsd_monte_carlo",
    "kernel_distance",
    "kl",
    "kl_monte_carlo",
    "kolmogorov",
    "kpd",
    "median_distance",
    "mmd2",
    "mode_coverage",
    "nearest",
    "nearest_neighbours",
    "of_data",
    "optimal_transport",
    "parzen_log_likelihood",
    "precision_recall",
    "psnr",
    "sharpness",
    "sliced_wasserstein",
    "ssim",
    "table",
    "to_json",
    "total_variation",
    "two_sample_auc",
    "two_sample_test",
    "wasserstein_1d",
    "wasserstein_columns",
]
