"""Was this classifier trained on texts that a language model wrote?"""

from __future__ import annotations

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import classifier_audit
from builtin_checks.synthetic_artifacts.references import Recipe
from builtin_checks.synthetic_artifacts.roles import REAL, REFERENCES, SYNTHETIC

REFERENCE = "Wu, Yang, Shen, Backes, Zhang, USENIX Security 2025, arXiv 2502.00808, auditing of classifiers"


@tm.check(
    id="synthetic_artifacts.classifier",
    version=1,
    needs=[tm.Classifier],
    data={"real": REAL, "synthetic": SYNTHETIC, "models": REFERENCES},
    companions={"base": "base_model"},
    limit={"evidence_against_declaration": tm.AtMost(0.05)},
    min_n=19,
    cost="hours",
    reference=REFERENCE,
)
def classifier(
    trust: tm.Trust,
    model: tm.Subject,
    real: tm.Dataset,
    synthetic: tm.Dataset,
    models: tm.Dataset | None = None,
    base: tm.Subject | None = None,
    *,
    declared: str = "real",
    method: str = "metric",
    metric: str = "confidence",
    queries: int = 200,
    query_kind: str = "synthetic",
    scenario: str = "pure",
    references: int = 20,
    training_texts: int = 0,
    recipe: str = "auto",
    epochs: int = 5,
    batch_size: int = 16,
    learning_rate: float = 0.0,
) -> list[tm.Measurement]:
    """Evidence that a classifier learnt from other texts than it is declared to: from machine-written ones, or people's.

    What it measures
        Texts that a language model writes for a class are easier to tell apart than what people write. A classifier that learnt
        from them is more at home on such texts. How much so is compared with reference classifiers trained here, or given, on
        texts of known origin: the model's score is ranked among theirs. Both ranks are conformal p-values. PASS for
        ``declared = "real"``: synthetic references hardly ever score so low, at most 5 %; FAIL: real ones hardly ever score so
        high. ``auditor_accuracy``, ``detection_rate`` and ``accusation_rate`` tell how well all this works on the references
        themselves, each audited by the others.
    What a high value means
        The model is consistent with synthetic training data (``declared = "synthetic"``: with real data). It is no proof.
    What it does not show
        Which texts were used. Another architecture, far more or less training, label smoothing, distillation or a changed
        temperature move the scores, too: references have to be the model's like. Accuracy, which no temperature moves, must not
        point the other way. A language model that writes unlike the auditor's may leave no trace.
    Smallest sensible n
        19 references per side; fewer decide nothing at 5 %. 20 leave 19 when each is audited by the others. 200 queries.
    Cost
        One pass over the queries for the model and for each reference; and the training of 2 x ``references`` models, which
        prints its cost before it starts, is kept, and goes on where it was killed.
    Controls
        INVALID if the model does no better than guessing (a constant or blank one; classes in another order), if references do
        not, if they cannot be told apart by their scores, or if the model looks like neither kind.
    How it differs from the paper
        Ranks take the place of a bare threshold, whose accuracy on its own references is above chance without any effect. The
        references of a side draw their texts from one pool and are more alike than a model with texts of its own: their spread
        is widened by what they lack. Of several metrics one that is named beforehand decides.

    Parameters
    ----------
    declared : str
        ``real`` or ``synthetic``: what the release says its training texts are.
    method : str
        ``metric`` asks texts. ``tuning`` needs the weights: made-up inputs are learnt on half as many further references.
    metric : str
        ``confidence``, ``accuracy``, ``entropy`` or ``modified_entropy``. All are shown.
    queries : int
        Texts that are asked about, as many of each class; with ``tuning`` also the number of made-up inputs.
    query_kind : str
        ``synthetic`` texts, ``real`` ones, or ``both``: half of each, the score is then the difference of their means.
    scenario : str
        What synthetic references learn from: ``pure``, ``mixed`` (shares from 0.1 to 1) or ``several`` (several language
        models, by the column ``generator``). With the latter two ``synthetic_share`` is reported: it may be given a limit.
    references : int
        Reference classifiers per side.
    training_texts : int
        Texts that each learns from; as many as the audited model, within a factor of two. 0: half of the smaller pool.
    recipe : str
        ``finetune`` (from the base model's weights, or from random ones of the model's configuration without a base model),
        ``head`` (on the base model's encoder), ``linear`` (TF-IDF and logistic regression); ``auto`` looks at the model.
    epochs, batch_size, learning_rate
        How references are trained; as the audited model was. A learning rate of 0 is 2e-5 from a base model, 1e-3 otherwise.

    Data
        ``reference_models`` names trained models (columns spec, origin, optionally share) and takes the place of training.

    References
    ----------
    Wu et al., USENIX Security 2025, arXiv 2502.00808. Song and Mittal, USENIX Security 2021 (modified entropy). Vovk, Gammerman
    and Shafer 2005 (conformal p-values). Nadeau and Bengio, Machine Learning 52 (2003) (overlapping training sets).
    """
    how = Recipe(recipe, scenario, references, training_texts, epochs, batch_size, learning_rate)
    asked = classifier_audit.Asked(declared, method, metric, queries, query_kind).checked()
    return classifier_audit.audit_classifier(trust, model, base, real, synthetic, models, asked, how)
