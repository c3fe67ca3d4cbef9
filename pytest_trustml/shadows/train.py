"""Training shadow models: in groups that are kept, so that a run that was killed goes on where it was."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_trustml.data.dataset import Dataset
from pytest_trustml.errors import UsageError
from pytest_trustml.shadows import cost
from pytest_trustml.shadows.groups import Groups, Source
from pytest_trustml.shadows.processes import LABEL, cores, keep, train_apart, worth
from pytest_trustml.shadows.shadows import Shadows
from pytest_trustml.shadows.training import Training
from pytest_trustml.subjects.device import choose_device
from pytest_trustml.subjects.fingerprint import fingerprint_directory
from pytest_trustml.work.builds import built_place
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.keys import digest_key
from pytest_trustml.work.progress import Progress
from pytest_trustml.work.sources import code_digest, engine


def train_shadows(
    training: Training,
    dataset: Dataset,
    members: Sequence[Any],
    *,
    seeds: Sequence[int],
    cache: Cache,
    progress: Progress | None = None,
    text: str = "text",
    label: str = "label",
    prompt: str = "prompt",
    group: int = 10,
    device: str | None = "auto",
    processes: int = 0,
) -> Shadows:
    """Train many models alike on different rows of one data set, and keep them.

    Parameters
    ----------
    training : Training
    dataset : Dataset
        Columns ``text`` (texts or pictures) and ``label``; of language models ``text`` and, if there is one, ``prompt``.
    members : sequence of K arrays
        Row numbers, or truth values, of each model's training set.
    seeds : sequence of K int
        Initial weights and order of the rows. A model depends on nothing but its training set and its seed.
    cache : Cache
    progress : Progress, optional
        Is told the cost before training begins, and every step.
    group : int
        Models that are trained side by side and kept together: what a killed run loses at most.
    device : str or None
    processes : int
        In how many processes groups are trained; 0: one per core, where that saves more than it takes to start them. The models
        are the same.

    Returns
    -------
    Shadows

    Raises
    ------
    UsageError, DataError
        If the training cannot be meant, or rows, classes or seeds do not fit.

    Notes
    -----
    Models are trained in one vectorised pass where the architecture allows it and training draws no random numbers
    (dropout); otherwise one after the other, by the same rule and to the same numbers up to rounding. The note that
    ``progress`` shows, and `Shadows.how`, say which. Models of less than two million parameters are trained on one thread, on
    which they are fastest, and where it is worth it in one process per core; larger ones on all threads. ``OMP_NUM_THREADS``
    limits both.

    Examples
    --------
    >>> import tempfile
    >>> texts = ["good and fine", "bad and sad", "fine and good", "sad and bad"] * 3
    >>> data = Dataset({"text": texts, "label": ["pos", "neg"] * 6})
    >>> linear = Training(architecture="linear", labels=("neg", "pos"))
    >>> with Cache("unused", "off") as cache:
    ...     shadows = train_shadows(linear, data, [range(8), range(4, 12)], seeds=[0, 1], cache=cache)
    ...     shadows.logits(data.take([0, 1])).argmax(-1).tolist()
    [[1, 0], [1, 0]]
    """
    from pytest_trustml.shadows.material import check_members

    training = training.checked()
    if group < 1 or processes < 0:
        raise UsageError(
            f"group is {group} and processes {processes}. The first counts models that are trained side by side, 1 at least; "
            "the second is 1 at least, or 0 to let the cost decide."
        )
    rows = check_members(members, seeds, len(dataset))
    chosen = choose_device(device)
    store = cache.private() if cache.mode == "refresh" else cache
    names = dataset.keys
    start = "" if training.linear else fingerprint_directory(Path(training.start), weights=training.pretrained)
    columns = {"text": text, "label": label, "prompt": prompt if prompt in dataset.columns else ""}
    about = {
        "training": {**msgspec.to_builtins(training), "start": start}, "columns": columns, "device": chosen.partition(":")[0],
        "code": code_digest(sys.modules[__name__]), **engine(),
    }  # fmt: skip
    keys = [
        digest_key({**about, "seed": int(seed), "rows": [names[row] for row in own]})
        for own, seed in zip(rows, seeds, strict=True)
    ]
    home = store.folder / "shadows"
    work = Groups(
        training, rows, [int(seed) for seed in seeds], chosen, progress or Progress(),
        lambda: _source(training, dataset, columns, chosen),
    )  # fmt: skip
    parts = [range(first, min(first + group, len(rows))) for first in range(0, len(rows), group)]
    names_of = [[keys[place] for place in part] for part in parts]
    _apart(work, list(zip(parts, names_of, strict=True)), home, processes)
    folders = [keep(work, part, home, own) for part, own in zip(parts, names_of, strict=True)]
    return Shadows(training, folders, digest_key({"models": keys}), store, chosen)


def _apart(work: Groups, groups: Sequence[tuple[range, list[str]]], home: Path, processes: int) -> None:
    """Tell the cost of the groups that are missing, and train them in several processes if that is worth it."""
    missing = [(part, own) for part, own in groups if not built_place(home, LABEL, own).is_dir()]
    if not missing:
        return
    parts = [part for part, _ in missing]
    seconds, how, one_thread = work.cost(parts)
    count = min(processes, len(parts))
    if not processes:
        # Larger models, and those on an accelerator, use the whole machine already.
        most = cores() if one_thread and work.device == "cpu" else 1
        count = worth(len(parts), seconds, linear=work.training.linear, most=most)
    sizes = [len(own) for own in work.rows]
    words = cost.in_words(work.training, sizes, seconds * -(-len(parts) // count) / len(parts), processes=count)
    work.progress.note(f"Training shadow models ({how}): {words}.")
    if count > 1:
        train_apart(work, parts, home, [own for _, own in missing], count)


def _source(training: Training, dataset: Dataset, columns: dict[str, str], device: str) -> Source:
    """Texts of linear models; of networks blueprint, encoded rows and, for a frozen encoder, what its head reads."""
    from pytest_trustml.shadows.material import read_targets

    if training.linear:
        texts = [str(text) for text in dataset.column(columns["text"])]
        return Source(texts=texts, targets=read_targets(dataset, columns["label"], training.labels))
    from pytest_trustml.shadows.heads import encodings
    from pytest_trustml.shadows.material import Material, inputs_of, lessons_of
    from pytest_trustml.shadows.networks import Blueprint

    blueprint = Blueprint(training, device)
    _ = blueprint.kind
    if training.labels:
        inputs, pad = inputs_of(blueprint, dataset, columns["text"])
        material = Material(inputs, read_targets(dataset, columns["label"], training.labels), pad)
    else:
        inputs, given, pad = lessons_of(blueprint, dataset, columns["text"], columns["prompt"] or "prompt")
        material = Material(inputs, given, pad)
    read = encodings(blueprint, material) if blueprint.head is not None else None
    return Source(blueprint, material, None if read is None else Material(read, material.targets))
