"""Inflection of the suite's words: regular rules and one table of exceptions."""

from functools import cache

VOWELS = "aeiou"
FORMS = ("base", "s", "past", "part", "ing")
# past and participle, where they are not base + ed
_IRREGULAR = {
    "forget": "forgot forgotten",
    "forgive": "forgave forgiven",
    "feed": "fed fed",
    "catch": "caught caught",
    "bite": "bit bitten",
    "wake": "woke woken",
    "buy": "bought bought",
    "sell": "sold sold",
    "break": "broke broken",
    "hide": "hid hidden",
    "build": "built built",
    "draw": "drew drawn",
    "find": "found found",
    "lose": "lost lost",
    "choose": "chose chosen",
    "keep": "kept kept",
    "steal": "stole stolen",
    "give": "gave given",
    "lend": "lent lent",
    "send": "sent sent",
    "show": "showed shown",
    "get": "got gotten",
    "sleep": "slept slept",
    "weep": "wept wept",
    "leave": "left left",
    "sing": "sang sung",
    "swim": "swam swum",
    "stand": "stood stood",
    "sit": "sat sat",
    "run": "ran run",
}
# one stressed closing syllable: the consonant is doubled before a vowel
_DOUBLING = {"hug", "drag", "forget", "get", "swim", "sit", "run", "grin", "sad", "big"}
_PLURALS = {"thief": "thieves", "goose": "geese", "schoolchild": "schoolchildren", "ambassador": "ambassadors"}


def _stem(word: str) -> str:
    """The word before a suffix that begins with a vowel letter e (or an i, see `verb`)."""
    if word in _DOUBLING:
        return word + word[-1]
    if word.endswith("e"):
        return word[:-1]
    if word.endswith("y") and word[-2] not in VOWELS:
        return word[:-1] + "i"
    return word


def _with_s(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh", "ss")):
        return word + "es"
    if word.endswith("y") and word[-2] not in VOWELS:
        return word[:-1] + "ies"
    return word + "s"


@cache
def verb(base: str, form: str) -> str:
    """`form` of a verb: base, s (third person singular), past, part (past participle) or ing."""
    if form == "base":
        return base
    if form == "s":
        return _with_s(base)
    if form == "ing":
        return (base if base.endswith(("y", "ee")) else _stem(base)) + "ing"
    if base in _IRREGULAR:
        return _IRREGULAR[base].split()[form == "part"]
    return _stem(base) + "ed"


@cache
def plural(noun: str) -> str:
    """The plural of a noun."""
    return _PLURALS.get(noun) or _with_s(noun)


@cache
def comparative(adjective: str) -> str:
    """The -er form of a short adjective."""
    return _stem(adjective) + "er"


def article(word: str) -> str:
    """a or an, by the first letter (the lexicon's one silent h is in `honest`)."""
    return "an" if word[0].lower() in VOWELS or word == "honest" else "a"
