"""What the report shows: how many pictures survive each round, who was lost, how one picture gave away the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking.audit import Audit
from builtin_checks.face_tracking.diversity import mean_cosine, vendi_score
from builtin_checks.face_tracking.reruns import Rerun
from builtin_checks.face_tracking.score import nearest_other


def show_survival(trust: tm.Trust, found: Audit) -> tm.Evidence:
    """Share of pictures that the tracker does not know, round by round."""
    most = max(found.run.last_round, found.clean.last_round, 1)
    rounds = list(range(most + 1))
    runs = {"protected": found.run, "unprotected": found.clean}
    series = {name: (rounds, run.survival(most)) for name, run in runs.items() if len(run.rows)}
    if found.stream.codes.get("strangers") is not None and len(found.run.strangers):
        taken = found.run.strangers
        series["strangers"] = (rounds, [float(np.mean((taken == 0) | (taken > done))) for done in rounds])
    return trust.curve(
        series, "rounds in which the tracker added what it recognised", "share of pictures not recognised",
        caption="Survival of pictures while the tracker's gallery grows. The first round is a tracker whose gallery does not",
    )  # fmt: skip


def show_growth(trust: tm.Trust, found: Audit) -> tm.Evidence:
    """The same against the size of the gallery: how many pictures of a person it takes to know how many."""
    series = {}
    for name, run in (("protected", found.run), ("unprotected", found.clean)):
        if not len(run.rows):
            continue
        people = len(run.by_person())
        rounds = range(run.last_round + 1)
        added = [found.mode.anchors + float(((run.rounds > 0) & (run.rounds <= done)).sum()) / people for done in rounds]
        series[name] = (added, run.survival(run.last_round))
    return trust.curve(
        series, "pictures of each person in the tracker's gallery (mean)", "share of pictures not recognised",
        caption="Survival over the growth of the gallery: one point for each round",
    )  # fmt: skip


def show_trackers(trust: tm.Trust, runs: Sequence[Rerun], anchors: Sequence[Sequence[object]]) -> tuple[tm.Evidence, ...]:
    """Other trackers and other anchors."""
    columns = ["tracker", "pictures", "static tracking rate", "dynamic tracking rate", "rounds", "precision of the gallery"]
    return (
        trust.table(columns, [run.row() for run in runs], caption="The same pictures under other trackers"),
        trust.table(
            ["anchors of each person", "draws", "mean dynamic tracking rate", "lowest", "highest"],
            anchors,
            caption="What it depends on which clean pictures, and how many, the tracker knows to begin with",
        ),
    )


def show_people(trust: tm.Trust, found: Audit) -> tm.Evidence:
    """The people, those who are tracked best first, with how alike their protected pictures are."""
    codes, clean = found.stream.codes["protected"], found.stream.codes["clean"]
    known = {person.name: person for person in found.stream.people.persons}
    rows: list[list[object]] = []
    for name, places in found.run.by_person().items():
        own, before = codes[found.run.rows[places]], clean[known[name].clean]
        several = len(own) > 1
        rows.append(
            [
                name, len(places), float(found.run.static[places].mean()), float(found.run.dynamic[places].mean()),
                int(found.run.rounds[places].max()), float(found.run.risk[places].mean()),
                mean_cosine(own) if several else "undefined", float(nearest_other(own).mean()) if several else "undefined",
                vendi_score(own), mean_cosine(before) if len(before) > 1 else "undefined",
            ]
        )  # fmt: skip
    rows.sort(key=lambda row: (-row[3], -row[2], row[0]))
    columns = [
        "person", "pictures", "static", "dynamic", "rounds", "at risk", "mean cosine", "nearest cosine", "Vendi score",
        "mean cosine of clean pictures",
    ]  # fmt: skip
    return trust.table(
        columns,
        rows,
        caption="Each person's pictures: tracked at once, in the end, given away by another one, and how alike they are",
        sensitive=True,
    )


def show_chain(trust: tm.Trust, found: Audit, top: int) -> tuple[tm.Evidence, ...]:
    """How the tracker went from picture to picture of the person whom it followed over most rounds."""
    protected = found.sets["protected"]
    if not top or "image" not in protected.columns or not found.run.dynamic.any():
        return ()
    people = found.run.by_person()
    name = max(people, key=lambda who: (found.run.rounds[people[who]].max(), found.run.dynamic[people[who]].sum(), who))
    places = people[name]
    person = next(one for one in found.stream.people.persons if one.name == name)
    known, anchors = found.stream.anchors(person, found.mode)
    items = []
    pool = found.sets[person.pool_set]
    if "image" in pool.columns:
        items += [(pool.column("image")[int(row)], "known to begin with") for row in known]
    codes, rounds = found.stream.codes["protected"], found.run.rounds[places]
    images = protected.column("image")
    order = np.argsort(np.where(rounds > 0, rounds, rounds.max() + 1), kind="stable")[:top]
    for place in places[order]:
        row, turn = int(found.run.rows[place]), int(found.run.rounds[place])
        if not turn:
            items.append((images[row], "never recognised"))
            continue
        before = places[(found.run.rounds[places] > 0) & (found.run.rounds[places] < turn)]
        entries = np.concatenate([anchors, codes[found.run.rows[before]]])
        similar = entries @ codes[row]
        best = int(similar.argmax())
        by = (
            "a clean picture"
            if best < len(anchors)
            else f"a picture of round {int(found.run.rounds[before[best - len(anchors)]])}"
        )
        items.append((images[row], f"round {turn}: given away by {by}, cosine {similar[best]:.3f}"))
    return (
        trust.gallery(
            items, caption="One person, followed over most rounds: each picture and the one that gave it away", sensitive=True
        ),
    )


def show_diversity(trust: tm.Trust, found: Audit) -> tm.Evidence:
    """Where the nearest other picture of the person lies, and where the nearest impostor: what lies above it is at risk."""
    codes = found.stream.codes["protected"]
    impostor = found.stream.impostor("protected", found.mode.rank)
    nearest = np.concatenate([nearest_other(codes[found.run.rows[rows]]) for rows in found.run.by_person().values()])
    there = np.isfinite(nearest) & np.isfinite(impostor[found.run.rows])
    edges = np.linspace(-1, 1, 41)
    middles = ((edges[1:] + edges[:-1]) / 2).tolist()
    series = {}
    for name, values in (("nearest other picture of the person", nearest), ("nearest impostor", impostor[found.run.rows])):
        counts = np.histogram(np.clip(values[there], -1, 1), edges)[0]
        series[name] = (middles, (counts / max(1, counts.sum())).tolist())
    return trust.curve(
        series, "cosine", "share of protected pictures",
        caption="Protected pictures that are nearer to each other than to any impostor give each other away",
    )  # fmt: skip
