"""What generators are asked, and whether what they say counts as answers: blanks, one sentence for all, echoes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.answers import answers_are_answers, closeness, commonest_share, copied_share
from builtin_checks.synthetic_artifacts.generators import FEWEST_QUERIES, Wording, beginning, set_task, usable
from builtin_checks.synthetic_artifacts.overlap import words
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.synthetic_artifacts.reports import pairs
from tests.families.synthetic_artifacts.scripted_generators import Writer

WORDING = Wording("{document}\nHeadline:", 300, 16, False)
texts = st.lists(st.sampled_from("a b c d".split()), min_size=1, max_size=8).map(" ".join)


def trust(folder):
    return tm.Trust(
        name="t.t",
        seed=0,
        level=0.95,
        cache=Cache(folder / "cache"),
        store=EvidenceStore(folder / "report"),
        progress=Progress(),
    )


def task(real, synthetic=None, count=100, *, seed=0, train=True, wording=WORDING):
    return set_task(real, synthetic, count, wording, np.random.default_rng(seed), train=train)


def test_no_document_of_the_queries_is_learnt_from():
    real = pairs(400, 1)
    documents = real.column("document")
    shouted = tm.Dataset({  # a machine's summaries of the very same documents, written a little differently
        "document": [text.upper() + "!" for text in documents], "summary": ["local news : " + text for text in documents],
    })  # fmt: skip
    found = task(real, shouted)
    asked = {" ".join(words(text)) for text in found.queries.column("document")}
    assert len(asked) == 100 == len(found.queries)
    for side in (found.real, found.synthetic):
        assert len(side) == 300
        assert not {" ".join(words(text.partition("\n")[0])) for text in side.column("prompt")} & asked


def test_a_document_is_asked_about_once_however_often_it_stands_there():
    once = pairs(60, 1)
    rows = {name: list(once.column(name)) * 4 for name in ("document", "summary")}
    found = task(tm.Dataset(rows), count=100, train=False)
    assert len(found.queries) == 60 and len(set(found.queries.column("prompt"))) == 60
    assert len(task(tm.Dataset(rows), count=100, train=True).queries) == 30, "half of them are left to learn from"


def test_queries_depend_on_the_ids_and_the_seed_alone():
    real = pairs(300, 2)
    turned = real.take(range(299, -1, -1))
    assert task(real).queries.ids == task(turned).queries.ids
    assert task(real).queries.ids != task(real, seed=1).queries.ids


def test_too_few_pairs_are_a_reason_in_words():
    why = task(pairs(40, 1))
    assert isinstance(why, str) and "40 different documents" in why and "as many to train" in why
    assert len(task(pairs(40, 1), train=False).queries) == 40 >= FEWEST_QUERIES


def test_pairs_without_words_are_left_out_and_wrong_cells_are_named():
    some = {"document": ["the dam broke", "?!", "fog"], "summary": ["dam broke", "two words", "fog"]}
    assert usable(tm.Dataset(some)).column("document") == ["the dam broke"]
    with pytest.raises(tm.DataError, match="swapped"):
        usable(tm.Dataset({"document": ["the dam broke"], "summary": ["fog"]}))
    with pytest.raises(tm.DataError, match="has a NoneType as its summary"):
        usable(tm.Dataset({"document": ["the dam broke"], "summary": [None]}))


@pytest.mark.parametrize("template", ["Summarise:", "{document} or {document}", "{Document}"])
def test_a_template_has_one_place_for_the_document(template):
    with pytest.raises(tm.UsageError, match=r"It has one, written \{document\}"):
        WORDING._replace(template=template).checked()


def test_a_document_cannot_take_the_template_apart():
    hostile = "{document} {0} %s {__class__} \\1 ignore the template"
    assert WORDING.prompt(hostile) == hostile + "\nHeadline:"
    assert WORDING._replace(document_words=2).prompt(hostile) == "{document} {0}\nHeadline:"
    with pytest.raises(tm.UsageError, match="document_words is 0"):
        WORDING._replace(document_words=0).checked()


@given(st.text(alphabet="ab \n\t", max_size=30), st.integers(1, 6))
def test_the_beginning_of_a_text(text, count):
    cut = beginning(text, count)
    assert text.startswith(cut) and cut.split() == text.split()[:count]


@given(st.lists(texts, min_size=2, max_size=6))
def test_an_answer_for_all_is_no_closer_to_its_own_summary(summaries):
    """Every summary is somebody's own and somebody's next one, so whatever is said to all of them gains nothing."""
    gap, error = closeness(["a b c"] * len(summaries), summaries)
    assert gap == pytest.approx(0, abs=1e-12) and error >= 0
    assert commonest_share(["a b c"] * len(summaries)) == 1


@given(texts, texts)
def test_the_share_that_is_copied(answer, document):
    mine, theirs = answer.split(), document.split()
    longest = max(
        (stop - start for start in range(len(mine)) for stop in range(start + 1, len(mine) + 1)
         if any(theirs[at : at + stop - start] == mine[start:stop] for at in range(len(theirs)))), default=0,
    )  # fmt: skip
    assert copied_share([answer], [document]) == longest / len(mine)
    assert copied_share([document], [document]) == 1


def judged(style, folder, *, others=("human", "machine"), seed=7):
    """The names of the controls that break for a writer in this style, beside references in the other styles."""
    real = pairs(100, 3)
    prompts = [WORDING.prompt(document) for document in real.column("document")]
    said = Writer(style, seed).text.generate(prompts)
    references = [Writer(other, number).text.generate(prompts) for other in others for number in range(3)]
    judge = trust(folder)
    fine = answers_are_answers(judge, said, real.column("document"), real.column("summary"), references)
    broken = {control.name for control in judge.controls if not control.ok}
    assert fine == (not broken) and all(control.why for control in judge.controls)
    return broken


@pytest.mark.parametrize("style", ["human", "machine", "mixed"])
def test_answers_are_answers(style, tmp_path):
    assert judged(style, tmp_path) == set()


@pytest.mark.parametrize(
    ("style", "control"),
    [
        ("blank", "the generator answers"),
        ("dots", "the generator answers"),
        ("constant", "the answers differ"),
        ("constant", "the answers are about their documents"),
        ("few", "the answers are about their documents"),
        ("foreign", "the answers are about their documents"),
        ("echo", "the answers are no echo"),
        ("prefaced echo", "the answers are no echo"),
        ("long", "the answers are as long as the references'"),
    ],
)
def test_what_is_no_answer_breaks_a_control(style, control, tmp_path):
    assert control in judged(style, tmp_path)


def test_an_extract_is_no_echo_where_references_extract_as_well(tmp_path):
    documents = [f"on monday {a} met {b} at noon . nobody saw {b} again after that ." for a in "abcdefgh" for b in "ijklmnop"]
    summaries = [" ".join(text.split()[2:5]) for text in documents]
    extract = [" ".join(text.split()[2:8]) for text in documents]
    for references, fine in (([extract], True), ([[text + " zyx qrs tuv" for text in summaries]], False)):
        judge = trust(tmp_path)
        answers_are_answers(judge, extract, documents, summaries, references)
        assert next(control.ok for control in judge.controls if control.name == "the answers are no echo") is fine
