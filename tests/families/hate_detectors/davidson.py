"""Detectors trained on published tweets, where these are at hand: a bag of words as a factory, and a tiny BERT on disk."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np

import pytest_trustml as tm

SHARED = Path(__file__).parents[4] / "shared" / "data"
TWEETS = SHARED / "davidson" / "davidson.csv.gz"
HATECHECK = SHARED / "hatecheck" / "hatecheck.csv"
TRAINING, HELD_OUT = 8000, 2000
TASKS = {"hate or offensive": "0,1", "hate": "0"}


def tweets():
    """Training and held-out rows, (text, class), dealt out by a fixed seed."""
    with gzip.open(TWEETS, "rt", encoding="utf-8", newline="") as file:
        rows = [(row["tweet"], row["class"]) for row in csv.DictReader(file)]
    order = np.random.default_rng(0).permutation(len(rows))
    chosen = [rows[i] for i in order[: TRAINING + HELD_OUT]]
    return chosen[:TRAINING], chosen[TRAINING:]


def held_out():
    rows = tweets()[1]
    return tm.Dataset({"text": [text for text, _ in rows], "label": [label for _, label in rows]}, spec="davidson")


class BagOfWords:
    """TF-IDF of words and pairs of words with a balanced logistic regression."""

    labels = ("neither", "hateful")

    def __init__(self, task):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        self.fingerprint = f"tfidf-{task}-{TRAINING}"
        texts, labels = zip(*tweets()[0], strict=True)
        hateful = np.isin(labels, TASKS[task].split(","))
        self.pipeline = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            LogisticRegression(C=4.0, max_iter=1000, class_weight="balanced"),
        ).fit(texts, hateful)

    def predict_proba(self, texts):
        return self.pipeline.predict_proba(list(texts))


def bag_of_words():
    """``py:tests.families.hate_detectors.davidson:bag_of_words``"""
    return BagOfWords("hate or offensive")


def bag_of_words_of_hate():
    """``py:tests.families.hate_detectors.davidson:bag_of_words_of_hate``"""
    return BagOfWords("hate")


def save_bert(folder, task, steps=500):
    """A tiny BERT on whole words, both classes equally often in training."""
    from builtin_checks.hate_detectors.training import Recipe, fit, make_model, make_tokenizer

    texts, labels = zip(*tweets()[0], strict=True)
    hateful = np.isin(labels, TASKS[task].split(","))
    rarer = min(hateful.sum(), (~hateful).sum())
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.choice(np.flatnonzero(side), rarer, replace=False) for side in (hateful, ~hateful)])
    recipe = Recipe(steps=steps, batch=32, rate=1e-3, width=64, layers=2)
    tokenizer = make_tokenizer(texts, recipe)
    model = make_model(len(tokenizer), recipe, seed=0)
    fit(model, tokenizer, [texts[row] for row in rows], hateful[rows].tolist(), recipe, 0, lambda done: None)
    tm.save_model(folder, model, tokenizer)
