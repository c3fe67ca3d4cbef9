"""How sure we are of a number: arrays in, `Measurement` out. Importing it loads numpy and nothing heavier."""

from __future__ import annotations

from pytest_trustml.statistics.agreement import cohen_kappa
from pytest_trustml.statistics.conformal import conformal_p, conformal_threshold
from pytest_trustml.statistics.drift import Drift, drift
from pytest_trustml.statistics.effect import cohen_d, share_above
from pytest_trustml.statistics.means import mean
from pytest_trustml.statistics.multiplicity import benjamini_hochberg, holm, largest
from pytest_trustml.statistics.paired import McNemar, mcnemar, paired_change, paired_mean_difference, paired_rate_difference
from pytest_trustml.statistics.placements import auc_difference, clustered_auc
from pytest_trustml.statistics.power import (
    critical_count,
    detectable_mean,
    detectable_paired_difference,
    detectable_rate,
    mcnemar_n,
    n_for_upper_bound,
    n_to_decide,
)
from pytest_trustml.statistics.prevalence import rogan_gladen
from pytest_trustml.statistics.proportions import proportion, rate_difference
from pytest_trustml.statistics.quantification import Share, adjusted_share, likeliest_share, share_change
from pytest_trustml.statistics.ranking import Roc, auc, roc, tpr_at_fpr
from pytest_trustml.statistics.resampling import bootstrap
from pytest_trustml.statistics.sequential import Sequential, Sprt
from pytest_trustml.statistics.shares import paired_share_difference
from pytest_trustml.statistics.significance import Significance, permutation_test, sign_flip, wilcoxon
from pytest_trustml.statistics.tail import limit_p
from pytest_trustml.statistics.trend import cochran_armitage

__all__ = [
    "Drift",
    "McNemar",
    "Roc",
    "Sequential",
    "Share",
    "Significance",
    "Sprt",
    "adjusted_share",
    "auc",
    "auc_difference",
    "benjamini_hochberg",
    "bootstrap",
    "clustered_auc",
    "cochran_armitage",
    "cohen_d",
    "cohen_kappa",
    "conformal_p",
    "conformal_threshold",
    "critical_count",
    "detectable_mean",
    "detectable_paired_difference",
    "detectable_rate",
    "drift",
    "holm",
    "largest",
    "likeliest_share",
    "limit_p",
    "mcnemar",
    "mcnemar_n",
    "mean",
    "n_for_upper_bound",
    "n_to_decide",
    "paired_change",
    "paired_mean_difference",
    "paired_rate_difference",
    "paired_share_difference",
    "permutation_test",
    "proportion",
    "rate_difference",
    "roc",
    "rogan_gladen",
    "share_above",
    "share_change",
    "sign_flip",
    "tpr_at_fpr",
    "wilcoxon",
]
