"""Was this text generator trained on summaries that a language model wrote?"""

from __future__ import annotations

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import generator_audit, writers
from builtin_checks.synthetic_artifacts.generators import Wording, set_task
from builtin_checks.synthetic_artifacts.roles import REAL_PAIRS, REFERENCES, SYNTHETIC_PAIRS
from builtin_checks.synthetic_artifacts.verdict import undecided

REFERENCE = "Wu, Yang, Shen, Backes, Zhang, USENIX Security 2025, arXiv 2502.00808, metric-based auditing of generators"


@tm.check(
    id="synthetic_artifacts.generator",
    version=1,
    needs=[tm.TextModel],
    data={"real": REAL_PAIRS, "synthetic": SYNTHETIC_PAIRS, "models": REFERENCES},
    companions={"base": "base_model"},
    limit={"evidence_against_declaration": tm.AtMost(0.05)},
    min_n=19,
    cost="hours",
    reference=REFERENCE,
)
def generator(
    trust: tm.Trust,
    model: tm.Subject,
    real: tm.Dataset,
    synthetic: tm.Dataset | None = None,
    models: tm.Dataset | None = None,
    base: tm.Subject | None = None,
    *,
    declared: str = "real",
    metric: str = "rougeL",
    stemmed: bool = False,
    encoder: str = "",
    queries: int = 200,
    scenario: str = "pure",
    references: int = 20,
    training_pairs: int = 0,
    epochs: int = 3,
    batch_size: int = 16,
    learning_rate: float = 0.0,
    weight_decay: float = 0.01,
    max_tokens: int = 512,
    template: str = "{document}\n\nSummary:",
    document_words: int = 300,
    max_new_tokens: int = 128,
    chat: bool = False,
) -> list[tm.Measurement]:
    """Evidence that a text generator learnt from other summaries than it is declared to: from a machine's, or from people's.

    What it measures
        The generator summarises documents of which a person's summary is known. So do reference generators that were trained on
        people's summaries and others that were trained on a language model's. A generator that learnt from people writes more
        like people: its overlap with the human summaries is ranked among that of the references. Both ranks are conformal
        p-values, valid whatever the scores look like. Only answers are needed, no weights.
    What a high value means
        The generator writes as far from people as those that learnt from machines, and farther than those that learnt from
        people: it is consistent with synthetic training data (``declared = "synthetic"``: with real data). It is no proof.
    What it does not show
        Why it writes so. A generator trained on much less data, for another length or another style of summary, or asked by
        another template than it was trained with may look synthetic: references have to be its like. One that knows the
        summaries of the queries by heart looks real: take pairs that its owner cannot have had. A generator whose owner had
        the summaries written by a language model that writes unlike the auditor's may look like neither.
    Smallest sensible n
        19 references per side; fewer decide nothing at 5 %. 20 leave 19 when each is audited by the others. 200 queries.
    Cost
        One answer per query of the generator and of every reference, all kept; and, unless models are given as references,
        the training of 2 x ``references`` models, which prints its cost before it starts and goes on where it was killed.
    Controls
        INVALID if the answers are blank, alike, no closer to the summary of their document than to another one's, echoes of the
        document, or of another length than all references'; if the references do not summarise, or cannot be told apart; and
        if the generator looks like neither kind.
    How it differs from the paper
        Decoding is greedy (theirs: 4 beams), ROUGE stems only if it is asked to, BERTScore takes an encoder of yours, its last
        layer and no weights or baseline. All metrics are shown, one that is named beforehand decides.

    Parameters
    ----------
    declared : str
        ``real`` or ``synthetic``: what the release says its training summaries are.
    metric : str
        ``rougeL``, ``rouge1``, ``rouge2``, ``rougeLsum`` (F-measures, mean over the queries) or ``bleu`` (of the corpus); with
        an encoder also ``bertscore``, ``bertscore_precision``, ``bertscore_recall``. Two metrics are never combined: name one
        before you look.
    stemmed : bool
        Compare the stems of English words in ROUGE, as the authors do (Porter).
    encoder : str
        The directory of a text encoder whose token vectors BERTScore compares, relative to the folder of the model; none
        without it.
    queries : int
        Documents to summarise, drawn from the real pairs; at most half of them where references are trained.
    scenario : str
        What synthetic references learn from: ``pure``, ``mixed`` (shares from 0.1 to 1) or ``several`` (several language
        models, by the column ``generator``). With the latter two ``synthetic_share`` is reported: it may be given a limit.
    references : int
        Reference generators per side.
    training_pairs : int
        Pairs that each of them learns from; as many as the audited generator, within a factor of two. 0: half of the smaller
        pool.
    epochs, batch_size, learning_rate, weight_decay, max_tokens
        How references are trained; as the audited generator was. They begin with the weights of the base model or, without
        one, with random weights of the generator's configuration. A learning rate of 0 is 2e-5 and 1e-3 respectively.
    template : str
        How a document becomes a prompt; one ``{document}``. As the audited generator was trained.
    document_words : int
        Documents are cut after so many words, for all generators alike.
    max_new_tokens : int
        Longest answer.
    chat : bool
        Put prompts into the chat template. Only for references that are given as models.

    Data
        ``reference_models`` names trained models (columns spec, origin, optionally share) and takes the place of training.

    References
    ----------
    Wu et al., USENIX Security 2025, arXiv 2502.00808. Lin 2004 (ROUGE). Porter 1980. Papineni et al. 2002 (BLEU). Zhang et al.
    2020 (BERTScore). Vovk, Gammerman and Shafer 2005.
    """
    generator_audit.check_words(declared=declared, metric=metric, encoder=encoder)
    wording = Wording(template, document_words, max_new_tokens, chat).checked()
    task = set_task(real, synthetic, queries, wording, trust.rng, train=models is None)
    if isinstance(task, str):
        return undecided(task)
    if models is not None:
        found = writers.given(trust, models, model, task.queries, wording)
    elif synthetic is None:
        return undecided("there are neither synthetic_pairs to train references on nor reference_models")
    else:
        if chat:
            raise tm.UsageError(
                "References are trained without a chat template, so the generator must be asked without one: set chat to false,"
                " or give reference_models that were trained with the template."
            )
        recipe = writers.Recipe(
            scenario, references, training_pairs, epochs, batch_size, learning_rate, weight_decay, max_tokens
        )
        found = writers.trained(trust, task, writers.training_of(model, base, recipe), recipe, wording)
    return generator_audit.audit_generator(
        trust, model, task, found, wording, metric=metric, declared=declared, stemmed=stemmed, encoder=encoder
    )
