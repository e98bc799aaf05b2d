"""Ways to break one rule of grammar in one place.

A violation takes the tokens of a good sentence and a generator, and returns the broken tokens, or None where it does
not apply.
"""

from collections.abc import Callable

from src.data.sources.synthetic import morphology
from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.lexicon import THINGS
from src.data.sources.synthetic.sentence import Token, Tokens, words

Violation = Callable[[tuple[Token, ...], Dice], Tokens | None]

_AGREEMENT = {"was": "were", "were": "was", "is": "are", "are": "is", "does": "do", "do": "does"}
_REFLEXIVES = ("himself", "herself", "themselves")
_AUXILIARIES = {"was", "were", "is", "are", "be", "being"}
_INTRANSITIVE = ("sleep", "arrive", "giggle", "weep", "smile", "frown", "succeed", "depart")
_DETERMINERS = {"the", "a", "an"}
_THINGS = {name for group in THINGS.values() for noun in group for name in noun.names}


def _pick(tokens: tuple[Token, ...], rng: Dice, fits: Callable[[int], bool]) -> int | None:
    """The index of one token that fits."""
    places = [index for index in range(len(tokens)) if fits(index)]
    return rng.pick(places) if places else None


def _set(tokens: tuple[Token, ...], index: int, *new: Token, drop: int = 1) -> Tokens:
    """The tokens with `drop` of them at `index` replaced by `new`."""
    return [*tokens[:index], *new, *tokens[index + drop :]]


def agreement(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """The doctors was helped; the doctor help the lawyer."""
    index = _pick(tokens, rng, lambda i: tokens[i].text in _AGREEMENT or tokens[i].tag == "V.s")
    if index is None:
        return None
    token = tokens[index]
    if token.tag == "V.s":
        return _set(tokens, index, Token(token.base, "V.base", token.base))
    return _set(tokens, index, *words(_AGREEMENT[token.text]))


def verb_form(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """The letter was send; the doctor did not helped."""
    index = _pick(tokens, rng, lambda i: tokens[i].tag.startswith("V.") and tokens[i].tag != "V.s")
    if index is None:
        return None
    base, form = tokens[index].base, tokens[index].tag.removeprefix("V.")
    # "was helping" for "was helped" is English, and so is "the doctors help" for "the doctors helped"
    wrong = {"base": ("past", "ing"), "past": ("ing",), "part": ("base", "s"), "ing": ("base", "s")}[form]
    new = rng.pick(wrong)
    if new == "past" and not _after_auxiliary(tokens, index):
        return None
    return _set(tokens, index, Token(morphology.verb(base, new), f"V.{new}", base))


def _after_auxiliary(tokens: tuple[Token, ...], index: int) -> bool:
    before = [token.text for token in tokens[max(0, index - 2) : index] if token.tag != "ADV"]
    return bool(before) and before[-1] in ("not", "will")


def noun_number(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """Three doctor; a tall doctors."""

    def counted(index: int) -> bool:
        if not tokens[index].tag.startswith("N."):
            return False
        before = [token for token in tokens[max(0, index - 2) : index] if token.tag != "ADJ"]
        return bool(before) and (before[-1].tag == "NUM" or before[-1].text in ("a", "an"))

    index = _pick(tokens, rng, counted)
    if index is None:
        return None
    base = tokens[index].base
    if tokens[index].tag == "N.sg":
        return _set(tokens, index, Token(morphology.plural(base), "N.pl", base))
    return _set(tokens, index, Token(base, "N.sg", base))


def word_order(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """Doctor the; the doctor tall; not was."""
    index = _pick(
        tokens,
        rng,
        lambda i: (
            i + 1 < len(tokens)
            and (
                (tokens[i].text in _DETERMINERS and tokens[i + 1].tag[0] in "NA")
                or (tokens[i].tag == "ADJ" and tokens[i + 1].tag.startswith("N."))
                or (tokens[i + 1].text == "not")
                or (tokens[i].tag in ("by", "to", "from", "than") and tokens[i + 1].text in _DETERMINERS)
            )
        ),
    )
    return None if index is None else _set(tokens, index, tokens[index + 1], tokens[index], drop=2)


def missing_word(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """Doctor helped the lawyer; the car repaired by the joiner; it was the boy called the girl."""

    def needed(index: int) -> bool:
        following = tokens[index + 1 :]
        if tokens[index].text in _DETERMINERS:
            return next((token.tag for token in following if token.tag != "ADJ"), "") == "N.sg"
        return tokens[index].text in ("by", "to", "than", "who") or tokens[index].text in _AUXILIARIES - {"being"}

    index = _pick(tokens, rng, needed)
    return None if index is None else _set(tokens, index)


def doubled_word(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """The the doctor."""
    index = _pick(tokens, rng, lambda i: tokens[i].text == tokens[i].tag and tokens[i].text.isalpha())
    return None if index is None else _set(tokens, index, tokens[index], tokens[index])


def selection(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """The doctor slept the lawyer: a verb that takes no object."""
    index = _pick(tokens, rng, lambda i: tokens[i].tag == "V.part")
    index = index if index is not None else _pick(tokens, rng, lambda i: _has_object(tokens, i))
    if index is None:
        return None
    form, base = tokens[index].tag.removeprefix("V."), rng.pick(_INTRANSITIVE)
    return _set(tokens, index, Token(morphology.verb(base, form), tokens[index].tag, base))


def _has_object(tokens: tuple[Token, ...], index: int) -> bool:
    if not tokens[index].tag.startswith("V.") or index + 1 == len(tokens):
        return False
    following = tokens[index + 1]
    return following.text in _DETERMINERS or following.tag in ("NUM", "ADJ", "N.pl")


def relative_pronoun(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """The car who was old; the doctor which was old. (A dog may be who.)"""
    index = _pick(
        tokens, rng, lambda i: tokens[i].text == "who" or (tokens[i].text == "which" and tokens[i - 1].base in _THINGS)
    )
    if index is None:
        return None
    return _set(tokens, index, *words("which" if tokens[index].text == "who" else "who"))


def comparison(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """Tall than; not as taller as."""
    index = _pick(
        tokens, rng, lambda i: tokens[i].tag == "ADJ.er" or (tokens[i].tag == "ADJ" and tokens[i - 1].text == "as")
    )
    if index is None:
        return None
    base = tokens[index].base
    if tokens[index].tag == "ADJ.er":
        return _set(tokens, index, Token(base, "ADJ", base))
    return _set(tokens, index, Token(morphology.comparative(base), "ADJ.er", base))


def reflexive(tokens: tuple[Token, ...], rng: Dice) -> Tokens | None:
    """The girl praised himself."""
    index = _pick(tokens, rng, lambda i: tokens[i].text in _REFLEXIVES)
    if index is None:
        return None
    return _set(tokens, index, *words(rng.pick([word for word in _REFLEXIVES if word != tokens[index].text])))


VIOLATIONS: dict[Violation, int] = {
    agreement: 4,
    verb_form: 3,
    noun_number: 3,
    word_order: 2,
    missing_word: 2,
    doubled_word: 1,
    selection: 2,
    relative_pronoun: 2,
    comparison: 2,
    reflexive: 4,
}  # how often each is tried
