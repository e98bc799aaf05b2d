"""How a meaning becomes a sentence: constructions, word choice, agreement.

The writer draws every choice (voice, clefts, order of adverbials, relative clauses, synonyms) from a generator. The
delexicalised result is the sentence's *template*: its function words as they are, its content words as classes.
"""

from src.data.sources.synthetic import morphology
from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.lexicon import CONVERSES, GENDERS, NUMBERS, OPPOSITES, Concept
from src.data.sources.synthetic.meaning import Comparison, Entity, Event, Link, Meaning
from src.data.sources.synthetic.sentence import Sentence, Token, Tokens, words


def write(meaning: Meaning, rng: Dice) -> Sentence:
    """One way to say `meaning`."""
    return Sentence(tuple(Writer(rng).sentence(meaning)))


class Writer:
    """Says meanings; every choice comes from `rng`."""

    def __init__(self, rng: Dice) -> None:
        self.rng = rng

    def sentence(self, meaning: Meaning) -> Tokens:
        """The tokens of a whole sentence."""
        if isinstance(meaning, Event):
            return self.event(meaning)
        return self.comparison(meaning) if isinstance(meaning, Comparison) else self.link(meaning)

    def flip(self, chance: float = 0.5) -> bool:
        """A biased coin."""
        return self.rng.chance(chance)

    def name(self, concept: Concept, tag: str) -> Token:
        """A concept by one of its names, uninflected."""
        text = self.rng.pick(concept.names)
        return Token(text, tag, text)

    # --- noun phrases -------------------------------------------------------------------------------------------

    def noun_phrase(self, entity: Entity, tense: str = "past") -> Tokens:
        """Determiner, numeral, adjective, noun, origin, relative clause."""
        noun = self.name(entity.noun, "N")
        head = Token(noun.text, "N.sg", noun.text) if entity.count == 1 else _plural(noun)
        adjective: Tokens = []
        after: Tokens = []
        if entity.quality and self.flip(0.65):
            adjective = [self.name(entity.quality, "ADJ")]
        elif entity.quality:
            after = self.relative_clause(entity, tense)
        if entity.origin:
            after = [*words(self.rng.pick(("from", "who came from"))), Token(entity.origin.names[0], "CITY")]
        core = [*adjective, head, *after]
        if entity.count > 1:
            numeral = self.rng.pick(NUMBERS[entity.count].names)
            if entity.definite:  # "the a dozen" is no English
                numeral = NUMBERS[entity.count].names[0]
            core = [Token(numeral, "NUM"), *core]
        if entity.definite:
            return [*words("the"), *core]
        return [*words(morphology.article(core[0].text)), *core] if entity.count == 1 else core

    def relative_clause(self, entity: Entity, tense: str) -> Tokens:
        """who was tall; or, by the opposite, who was not short."""
        assert entity.quality is not None
        pronoun = "who" if entity.role_class == "person" else self.rng.pick(("that", "which"))
        be = _be("present" if tense in ("present", "future") else "past", entity.count == 1)
        opposite = OPPOSITES.get(entity.quality)
        if opposite and self.flip(0.3):
            return [*words(f"{pronoun} {be} not"), self.name(opposite, "ADJ")]
        return [*words(f"{pronoun} {be}"), self.name(entity.quality, "ADJ")]

    # --- verbs --------------------------------------------------------------------------------------------------

    def active(self, base: str, event: Event, singular: bool, manner: Tokens) -> Tokens:
        """The active verb group; a manner adverb goes before the main verb."""
        if event.tense == "future":
            return [*words("will not" if event.negated else "will"), *manner, _verb(base, "base")]
        if event.tense == "progressive":
            be = _be("past", singular)
            return [*words(f"{be} not" if event.negated else be), *manner, _verb(base, "ing")]
        if event.negated:
            do = "did" if event.tense == "past" else ("does" if singular else "do")
            return [*words(f"{do} not"), *manner, _verb(base, "base")]
        form = "past" if event.tense == "past" else ("s" if singular else "base")
        return [*manner, _verb(base, form)]

    def passive(self, base: str, event: Event, singular: bool, manner: Tokens) -> Tokens:
        """The passive verb group."""
        negation = " not" if event.negated else ""
        aux = f"will{negation} be"
        if event.tense != "future":
            being = " being" if event.tense == "progressive" else ""
            aux = f"{_be(event.tense, singular)}{negation}{being}"
        return [*words(aux), *manner, _verb(base, "part")]

    # --- clauses ------------------------------------------------------------------------------------------------

    def clause(self, event: Event, manner: Tokens, *, clefts: bool = True) -> Tokens:
        """The event without place and time, in one of the constructions that its participants allow."""
        base = self.rng.pick(event.verb.names)
        agent = self.noun_phrase(event.agent, event.tense)
        if event.recipient:
            return self.transfer(event, agent, base, manner)
        if event.reflexive:
            active = self.active(base, event, event.agent.count == 1, manner)
            return [*agent, *active, *words(_reflexive(event.agent))]
        if not event.patient:
            if clefts and self.flip(0.15):
                return [
                    *self.cleft(event, event.agent, agent),
                    *self.active(base, event, event.agent.count == 1, manner),
                ]
            return [*agent, *self.active(base, event, event.agent.count == 1, manner)]
        patient = self.noun_phrase(event.patient, event.tense)
        active = self.active(base, event, event.agent.count == 1, manner)
        passive = [*self.passive(base, event, event.patient.count == 1, manner), *words("by"), *agent]
        choice = self.rng.random()
        if choice < 0.4 or (not clefts and choice < 0.6):
            return [*agent, *active, *patient]
        if choice < 0.75 or not clefts:
            return [*patient, *passive]
        if choice < 0.84:
            return [*self.cleft(event, event.agent, agent), *active, *patient]
        if choice < 0.93:
            return [*self.cleft(event, event.patient, patient, subject=False), *agent, *active]
        return [*self.cleft(event, event.patient, patient), *passive]

    def cleft(self, event: Event, entity: Entity, phrase: Tokens, *, subject: bool = True) -> Tokens:
        """it was the doctor who ...; it was the doctor that the lawyer ..."""
        pronoun = "who" if subject and entity.role_class == "person" else "that"
        return [*words(f"it {'is' if event.tense in ('present', 'future') else 'was'}"), *phrase, *words(pronoun)]

    def transfer(self, event: Event, agent: Tokens, base: str, manner: Tokens) -> Tokens:
        """gave the letter to Ann, gave Ann the letter, the passives, and the receiver's side."""
        assert event.patient and event.recipient
        theme = self.noun_phrase(event.patient, event.tense)
        recipient = self.noun_phrase(event.recipient, event.tense)
        converse = CONVERSES.get(event.verb.names[0])
        if converse and self.flip(0.35):
            receive = self.active(self.rng.pick(converse), event, event.recipient.count == 1, manner)
            return [*recipient, *receive, *theme, *words("from"), *agent]
        choice = self.rng.random()
        if choice < 0.3:
            return [*agent, *self.active(base, event, event.agent.count == 1, manner), *theme, *words("to"), *recipient]
        if choice < 0.6:
            return [*agent, *self.active(base, event, event.agent.count == 1, manner), *recipient, *theme]
        if choice < 0.8:
            passive = self.passive(base, event, event.patient.count == 1, manner)
            return [*theme, *passive, *words("to"), *recipient, *words("by"), *agent]
        return [
            *recipient,
            *self.passive(base, event, event.recipient.count == 1, manner),
            *theme,
            *words("by"),
            *agent,
        ]

    # --- sentences ----------------------------------------------------------------------------------------------

    def event(self, event: Event) -> Tokens:
        """A clause with its circumstances: manner inside or last, place and time in front or at the end."""
        manner = [self.name(event.manner, "ADV")] if event.manner else []
        inside = manner if self.flip(0.4) else []
        front: Tokens = []
        end: Tokens = [] if inside else manner
        phrases = [
            self.name(concept, tag) for concept, tag in ((event.place, "PLACE"), (event.time, "TIME")) if concept
        ]
        for phrase in self.rng.sample(phrases, len(phrases)):
            if not front and self.flip(0.35):
                front = [phrase, *words(",")]
            else:
                end = [*end, phrase]
        return [*front, *self.clause(event, inside), *end]

    def comparison(self, comparison: Comparison) -> Tokens:
        """A was taller than B, B was shorter than A, B was not as tall as A."""
        left = self.noun_phrase(comparison.left, comparison.tense)
        right = self.noun_phrase(comparison.right, comparison.tense)
        choice = self.rng.random()
        if choice < 0.3:
            be = words(_be(comparison.tense, comparison.right.count == 1))
            return [*right, *be, *words("not as"), self.name(comparison.scale, "ADJ"), *words("as"), *left]
        subject, other, entity, scale = left, right, comparison.left, comparison.scale
        if choice < 0.65:
            subject, other, entity, scale = right, left, comparison.right, OPPOSITES[comparison.scale]
        adjective = self.name(scale, "ADJ")
        more = Token(morphology.comparative(adjective.text), "ADJ.er", adjective.text)
        return [*subject, *words(_be(comparison.tense, entity.count == 1)), more, *words("than"), *other]

    def link(self, link: Link) -> Tokens:
        """Two clauses, the conjunction in front or between."""
        first, second = (self.clause(event, [], clefts=False) for event in (link.first, link.second))
        if link.relation == "cause":
            if self.flip(0.35):
                return [*first, *words(", so"), *second]
            conjunction, sub, main = self.rng.pick(("because", "since")), first, second
        elif self.flip():
            conjunction, sub, main = "after", first, second
        else:
            conjunction, sub, main = "before", second, first
        if self.flip():
            return [*words(conjunction), *sub, *words(","), *main]
        return [*main, *words(conjunction), *sub]


def _be(tense: str, singular: bool) -> str:
    if tense == "present":
        return "is" if singular else "are"
    return "was" if singular else "were"


def _reflexive(entity: Entity) -> str:
    if entity.count != 1:
        return "themselves"
    return {"m": "himself", "f": "herself"}[GENDERS[entity.noun.names[0]]]


def _verb(base: str, form: str) -> Token:
    return Token(morphology.verb(base, form), f"V.{form}", base)


def _plural(noun: Token) -> Token:
    return Token(morphology.plural(noun.text), "N.pl", noun.text)
