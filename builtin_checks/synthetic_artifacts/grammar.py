"""Messages to the harbour office of a made-up town, as people write them, and the tray that a clerk put each of them into.

People are wordy or curt, come to the point late, mistype, talk of other things, and a clerk errs now and then. Some phrases are
common and most are rare, so what a reader learns from a few hundred messages stays uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

TOPICS = ("berth", "cargo", "complaint", "lost")
"""The trays: a place for a boat, goods, a complaint, lost property."""
WRONG_TRAY = 0.15
ASIDE, PLAIN = 0.08, 0.33
"""How often a sentence is about another topic, and how often about nothing in particular."""
MISTYPED = 0.045
"""Share of words with a typing error, in the message of a person of average care."""
_TAIL = 0.9
"""Phrases are as common as the rank in their list to the power of minus this."""

_SPOKEN = {
    "berth": (
        "we need a {spot} for {boat} from {day}|is there a {spot} free near {place}|can {boat} stay until {day}|"
        "please extend our {spot} by {few} nights|what does a {spot} cost for {few} days|{boat} draws {few} feet, will that do|"
        "we would arrive {when} and leave on {day}|the {spot} we were given is taken by {boat}|"
        "how deep is it at {place} at low water|"
        "could you move us away from {place}|do you have shore power at {place}|i want to book the winter for {boat}|"
        "we are {few} boats and want to lie together|my mooring lines are too short for {place}|is rafting allowed by {place}|"
        "the swell at {place} is too much for {boat}|our lease for the {spot} ends on {day}|tell me who lies next to {boat}|"
        "kindly keep the {spot} free, {boat} is delayed|we only want to tie up for lunch"
    ),
    "cargo": (
        "when can we unload {goods} from {boat}|{goods} for {boat} came {when}|the {crane} is booked for {day}, still right|"
        "the papers for {goods} are not stamped yet|{few} crates of {goods} are waiting at {place}|who weighs {goods} on {day}|"
        "customs want to see {goods} {when}|please send the {crane} to {place}|the lorry for {goods} comes on {day}|"
        "we are short of {few} pallets of {goods}|may we store {goods} in the shed by {place}|{goods} must be kept cool|"
        "the bill for {goods} names {boat}|is the {crane} strong enough for {few} tons|half of {goods} goes on by rail|"
        "the manifest says {few} barrels, we counted fewer|{boat} will load {goods} {when}|the weighbridge was shut {when}|"
        "what is the fee for {goods}|please confirm the stevedores for {day}"
    ),
    "complaint": (
        "the {nuisance} by {place} kept us awake|nobody does anything about the {nuisance}|{boat} ran its engine {when} again|"
        "this is the {few}th time i write about the {nuisance}|the {nuisance} is a disgrace|your man at {place} was rude|"
        "i want my money back for the {spot}|the stench from {place} is unbearable|somebody paints {boat} on a sunday|"
        "they dump {goods} over the side|i shall go to the council on {day}|the steps at {place} are slippery and broken|"
        "why is there never anyone in the office {when}|the lamp at {place} has been out for {few} weeks|"
        "my {thing} got soot on it|"
        "we pay for the {spot} and get {nuisance}|the showers were filthy {when}|the {crane} starts before six|"
        "{boat} takes the bend far too fast|it is always the same people from {boat}"
    ),
    "lost": (
        "i left my {thing} at {place}|has anybody handed in a {thing}|my {thing} fell overboard off {boat}|"
        "a {thing} was found by {place} {when}|it is {colour} and has my name inside|i last had the {thing} {when}|"
        "the {thing} belonged to my uncle|there is a reward of {few} crowns|please look under the bench at {place}|"
        "we found a {colour} {thing} on {boat}|did someone take my {thing} by mistake|i can fetch the {thing} on {day}|"
        "the {thing} drifted off {when}|my {colour} {thing} is gone|whose {colour} {thing} hangs at {place}|"
        "the boy swears he put the {thing} on {boat}|i would know the {thing} anywhere|one {thing}, {colour}, slightly torn|"
        "the gulls may have had the {thing}|somebody saw it near {place}"
    ),
}  # fmt: skip
_NEUTRAL = (
    "thank you|please answer soon|{boat} was at {place} {when}|i tried to ring {when}|it is about {boat}|"
    "sorry to trouble you again|the wind was {wind} {when}|i will be in the office on {day}|my wife says the same|"
    "i saw {boat} with {goods} by {place}|we spoke {when} about the {thing}|is anybody there on {day}|no hurry|"
    "the {spot} by {place} is fine otherwise|the {crane} stood still {when}|i know you are busy|ask {name}, he was there|"
    "as i told {name}|it was {wind} and nobody saw much|you have my number|there was a {colour} boat too|my {thing} got wet|"
    "{goods} lay about at {place}|we had {few} guests on {boat}|i do not want a quarrel|write to me at the inn|"
    "{name} would not tell me|that is all|maybe {name} knows|the fog came in {when}|never mind the weather|so much for {day}"
)
_HEADS = "hello|good morning|dear sirs|hi|to the harbour office|dear harbour master|good day|once more|moin|urgent|question"
_TAILS = (
    "regards {name}|{name}|yours {name}|thanks {name}|{name} of {boat}|best wishes|greetings from {boat}|thx|{name}, {boat}"
)
_SLOTS = {
    "spot": "berth|place|mooring|spot|slip|box|buoy|corner",
    "place": (
        "the north pier|the old quay|shed four|the fuel dock|the slipway|the ferry steps|gate two|the inner basin|"
        "the fish hall|"
        "the lock|the mole|the weigh house|the ice works|the lighthouse|the bridge|the south wall|the chandler|the sail loft|"
        "the tide gauge|the rope walk|the pilot hut|the customs house|the long jetty|the sand bar"
    ),
    "day": (
        "friday|monday|saturday|the 3rd|sunday|tuesday|the 12th|thursday|wednesday|the 21st|the 9th|new year|easter|the 30th|"
        "st john's|the 17th|market day|the 26th"
    ),
    "when": (
        "yesterday|last night|this morning|on tuesday|at noon|over the weekend|at high water|before dawn|twice this week|"
        "after the storm|on the late tide|all summer|during the regatta|around four|the other day|in the fog|last autumn"
    ),
    "few": "2|3|two|4|five|6|10|eight|12|seven|15|a dozen|20|nine|40",
    "goods": (
        "timber|the fish|salt|coal|the nets|potatoes|wool|the slate|barley|the bricks|apples|the paint|herring|the ice|hay|"
        "the engine parts|cider|the cement|flour|the rope|peat|the bottles|tar|seed|the furniture|the oysters"
    ),
    "crane": "crane|small crane|derrick|forklift|hoist|steam crane|winch",
    "nuisance": (
        "noise|music|smell|wash|smoke|shouting|dirt|hammering|rubbish|oil on the water|barking|engine noise|fish guts|"
        "drunken singing|seagulls|mud|cursing|welding|coal dust"
    ),
    "thing": (
        "bag|coat|oar|dinghy|key|hat|anchor|phone|rope|fender|bicycle|ring|camera|boat hook|lamp|dog|jacket|toolbox|flag|"
        "compass|basket|suitcase|wallet|accordion|pump|oilskin|teapot|cap|barometer"
    ),
    "colour": "red|blue|black|green|brown|yellow|white|grey|striped|rusty|leather|orange|tartan",
    "wind": "strong|northerly|light|foul|westerly|gusty|rising|bitter",
}
_CHOICES = {name: phrases.split("|") for name, phrases in _SLOTS.items()}
_SENTENCES = {topic: phrases.split("|") for topic, phrases in _SPOKEN.items()}
_ANYTHING, _FIRST, _LAST = (phrases.split("|") for phrases in (_NEUTRAL, _HEADS, _TAILS))
_SYLLABLES = "ma ri tho bel ka sun ver no dal gre hil os pe lu war fen jo tas bri ul sko mer an dri".split()
_SHORTENED = {"you": "u", "please": "pls", "thanks": "thx", "tomorrow": "tmrw", "and": "&", "are": "r", "because": "bc"}
_KEYS = "qwertyuiop asdfghjkl zxcvbnm"


class Message(NamedTuple):
    """What somebody wrote, and the tray that it was put into."""

    text: str
    topic: str


def messages(n: int, rng: np.random.Generator) -> list[Message]:
    """``n`` messages of different texts, the four topics equally likely.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    list of Message
        In about one of seven the topic is wrong: the clerk put it into another tray.

    Examples
    --------
    >>> found = messages(400, np.random.default_rng(0))
    >>> len({message.text for message in found}), sorted({message.topic for message in found})
    (400, ['berth', 'cargo', 'complaint', 'lost'])
    """
    found: dict[str, str] = {}
    while len(found) < n:
        meant = TOPICS[rng.integers(len(TOPICS))]
        tray = TOPICS[rng.integers(len(TOPICS))] if rng.random() < WRONG_TRAY * len(TOPICS) / (len(TOPICS) - 1) else meant
        found.setdefault(message(meant, rng), tray)
    return [Message(text, topic) for text, topic in found.items()]


def message(topic: str, rng: np.random.Generator) -> str:
    """The text of one message about a topic; at least one of its sentences is about it."""
    count = 1 + min(int(rng.geometric(0.42)), 6)
    kinds = [_kind(topic, rng) for _ in range(count)]
    if topic not in kinds:
        kinds[rng.integers(count)] = topic
    parts = [_filled(_pick(_SENTENCES.get(kind, _ANYTHING), rng), rng) for kind in kinds]
    if rng.random() < 0.35:
        parts.insert(0, _filled(_pick(_FIRST, rng), rng))
    if rng.random() < 0.4:
        parts.append(_filled(_pick(_LAST, rng), rng))
    return _typed(parts, rng)


def _kind(topic: str, rng: np.random.Generator) -> str:
    """What the next sentence is about: the topic, another one, or nothing in particular."""
    drawn = rng.random()
    if drawn < ASIDE:
        return TOPICS[rng.integers(len(TOPICS))]
    return "" if drawn < ASIDE + PLAIN else topic


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    """One of the choices, the first the most likely (Zipf)."""
    weights = np.arange(1, len(choices) + 1) ** -_TAIL
    return choices[rng.choice(len(choices), p=weights / weights.sum())]


def _filled(form: str, rng: np.random.Generator) -> str:
    """Every slot of the form filled anew."""
    while "{" in form:
        start, end = form.index("{"), form.index("}")
        slot = form[start + 1 : end]
        word = _name(rng) if slot in ("boat", "name") else _pick(_CHOICES[slot], rng)
        if slot == "boat":
            word = ("the " if rng.random() < 0.5 else "") + word
        form = form[:start] + word + form[end + 1 :]
    return form


def _name(rng: np.random.Generator) -> str:
    """A name that few others bear."""
    return "".join(_SYLLABLES[rng.integers(len(_SYLLABLES))] for _ in range(2 + (rng.random() < 0.3))).capitalize()


def _typed(parts: Sequence[str], rng: np.random.Generator) -> str:
    """The sentences as this person types: with or without capitals and stops, in short forms, with errors."""
    care, capitals, short = rng.gamma(1.0, MISTYPED), rng.random() < 0.6, rng.random() < 0.25
    stop = (". ", ", ", "! ", " ", "... ", " - ")[rng.choice(6, p=[0.55, 0.15, 0.08, 0.12, 0.05, 0.05])]
    said = [part[0].upper() + part[1:] if capitals else part for part in parts]
    words = (stop.join(said) + (stop.strip() if rng.random() < 0.7 else "")).split()
    if short:
        words = [_SHORTENED.get(word.lower(), word) for word in words]
    text = " ".join(_slipped(word, rng) if rng.random() < care else word for word in words)
    return text.upper() if rng.random() < 0.02 else text


def _slipped(word: str, rng: np.random.Generator) -> str:
    """One typing error: a letter left out, doubled, swapped with the next, or the key beside it."""
    if len(word) < 3:
        return word
    place, kind = int(rng.integers(len(word) - 1)), rng.integers(4)
    if kind == 0:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + word[place] + word[place:]
    if kind == 2:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    at = _KEYS.find(word[place].lower())
    beside = _KEYS[at + 1 : at + 2].strip() if at >= 0 else ""
    return word[:place] + (beside or word[place]) + word[place + 1 :]
