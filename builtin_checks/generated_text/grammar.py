"""Made-up letters from a small town: the human texts of the demo release, put together from phrases by a random choice."""

from __future__ import annotations

import numpy as np

PEOPLE = (
    "my sister|the baker|our neighbour|an old friend of mine|the woman from the post office|the new teacher|a fisherman|"
    "the man who mends the clocks|her youngest son|the choir|someone from the council|the girl with the red bicycle|"
    "nobody I know|the doctor's brother|a pair of tourists|the retired engine driver|my aunt in the valley|the twins"
)
THINGS = (
    "a sack of apples|the broken gate|two letters|an umbrella with no handle|the key to the boathouse|a map from 1911|"
    "the last loaf|a basket of mushrooms|the accordion|a jar of plum jam|some wet firewood|the church ladder|a stray kitten|"
    "three pounds of nails|the wrong parcel|an armful of nettles|the good scissors|a bucket of paint|half a cheese"
)
PLACES = (
    "behind the station|down by the weir|at the market|in the old brewery|under the chestnut trees|on the way to chapel|"
    "outside the library|near the second bridge|in our kitchen|at the foot of the quarry|along the towpath|by the bus shelter|"
    "up at the reservoir|in the back room of the inn|next to the allotments"
)
ACTS = (
    "lost|found|carried|sold|forgot|hid|borrowed|mended|painted|dropped|swapped|weighed|stole|gave away|wrapped|left|"
    "photographed|argued over|kept|burned"
)
TIMES = (
    "yesterday|on Tuesday|before breakfast|last autumn|just after the rain|at noon|while it snowed|late on Sunday|"
    "a week ago|around six|the morning after the fair|during the strike|in March"
)
MOODS = "cheerful|cross|damp|tired|proud|puzzled|hungry|quiet|sunburnt|late|sorry|stubborn|relieved|pale|amused|giddy"
WEATHER = (
    "fog lay on the fields|the wind took two slates|it drizzled and drizzled|frost got into the beans|the river rose a foot|"
    "the sun came out for once|hail broke the glasshouse|swallows sat on every wire|the moon looked like a coin"
)
OPINIONS = (
    "I would not bet on it|which is more than I can say for the mayor|and that was that|though I may be wrong|so they say|"
    "and who could blame them|if you ask me|not that it matters|and I have the bruises to prove it|as usual"
)
REASONS = (
    "because the cellar flooded|since nobody had any change|for want of a better plan|out of plain spite|to settle a bet|"
    "as the ferry was late|after the second verse|without asking anybody|in spite of the smell|thanks to the goat"
)
FORMS = (
    "{Time} {person} {act} {thing} {place}.",
    "{Person} {act} {thing} {reason}, {opinion}.",
    "{Weather}, and {person} was {mood} about it.",
    "{Weather}.",
    "Did I tell you that {person} {act} {thing}?",
    "{Person} and {person} met {place} {time}; both were {mood}, {opinion}.",
    "{Name} says {person} {act} {thing} {place} {reason}.",
    "We were {mood}.",
    "I saw {name} {place} {time}, rather {mood}, with {thing} and {thing}.",
    "{Time}, {reason}, {person} {act} {thing}, and {weather} before {name} could say a word.",
    "Not {mood}, only {mood}.",
    "Between {number} and {number} people came {place}, {opinion}.",
    "If {person} had not {act} {thing}, {name} would still be {mood}.",
    "{Name}!",
)
_WORDS = {
    "person": PEOPLE, "thing": THINGS, "place": PLACES, "act": ACTS, "time": TIMES, "mood": MOODS, "weather": WEATHER,
    "opinion": OPINIONS, "reason": REASONS,
}  # fmt: skip
_CHOICES = {name: words.split("|") for name, words in _WORDS.items()}
_STARTS = "B Br C D F G H K L M N P R S T V W".split()
_MIDDLES = "a e i o u ea ou".split()
_ENDS = "bbin lda mund nny rrick ss tley vers xton ddle gham lo rwen sker".split()


def letters(n: int, rng: np.random.Generator, least: int = 90) -> list[str]:
    """``n`` different letters of at least ``least`` words each.

    Examples
    --------
    >>> found = letters(2, np.random.default_rng(0), least=20)
    >>> [len(text.split()) >= 20 for text in found]
    [True, True]
    """
    found: dict[str, None] = {}
    while len(found) < n:
        found.setdefault(letter(rng, least))
    return list(found)


def letter(rng: np.random.Generator, least: int) -> str:
    """Sentences until there are enough words."""
    text: list[str] = []
    while sum(len(sentence.split()) for sentence in text) < least:
        text.append(sentence(rng))
    return " ".join(text)


def sentence(rng: np.random.Generator) -> str:
    """One sentence; every slot of its form is filled anew."""
    form = FORMS[rng.integers(len(FORMS))]
    while "{" in form:
        start, end = form.index("{"), form.index("}")
        slot = form[start + 1 : end]
        filled = _fill(slot.lower(), rng)
        if slot[0].isupper():
            filled = filled[0].upper() + filled[1:]
        form = form[:start] + filled + form[end + 1 :]
    return form


def _fill(slot: str, rng: np.random.Generator) -> str:
    if slot == "number":
        return str(int(rng.integers(2, 400)))
    if slot == "name":
        parts = (_STARTS, _MIDDLES, _ENDS)
        return "".join(part[rng.integers(len(part))] for part in parts)
    choices = _CHOICES[slot]
    return choices[rng.integers(len(choices))]
