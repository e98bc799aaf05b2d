"""The words of the synthetic suite: concepts with their synonyms, opposites and hypernyms.

Notation of the tables: `a/b` are synonyms (one concept), `a ~ b` are opposites, `_` is a space inside a name.
Everything here was written for this project; nothing is copied from a corpus.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Concept:
    """One meaning: the words for it (interchangeable), and the class it belongs to.

    `kind` is the hypernym of a noun (a usable noun itself), the frame of a verb, the scale of an adjective.
    """

    names: tuple[str, ...]
    kind: str


def _concept(text: str, kind: str) -> Concept:
    return Concept(tuple(name.strip().replace("_", " ") for name in text.split("/")), kind)


def _nouns(table: dict[str, str]) -> dict[str, tuple[Concept, ...]]:
    return {kind: tuple(_concept(item, kind) for item in items.split()) for kind, items in table.items()}


def _pairs(kind: str, text: str) -> tuple[tuple[Concept, ...], dict[Concept, Concept]]:
    """The concepts of a table of `a ~ b` and single items, and who is whose opposite."""
    concepts: list[Concept] = []
    opposites: dict[Concept, Concept] = {}
    for entry in text.split(","):
        pair = [_concept(item.strip(), kind) for item in entry.split("~")]
        concepts += pair
        if len(pair) == 2:
            opposites |= {pair[0]: pair[1], pair[1]: pair[0]}
    return tuple(concepts), opposites


PEOPLE = _nouns(
    {
        "relative": "uncle aunt nephew niece cousin grandfather/grandpa grandmother/grandma",
        "worker": "carpenter/joiner plumber mechanic electrician cleaner/janitor gardener builder baker miner",
        "artist": "painter sculptor singer/vocalist dancer poet actor/performer pianist",
        "official": "mayor minister senator governor ambassador/envoy judge",
        "professional": "doctor/physician lawyer/attorney teacher/instructor accountant engineer pilot/aviator",
        "athlete": "runner swimmer boxer cyclist golfer skater wrestler",
        "scientist": "chemist biologist physicist astronomer geologist",
        "criminal": "thief/robber smuggler forger pickpocket",
        "youngster": "boy/lad girl/lass toddler teenager/adolescent pupil/schoolchild",
    }
)
ANIMALS = _nouns(
    {"animal": "dog/hound cat horse rabbit/bunny goat donkey/mule monkey", "bird": "parrot eagle pigeon goose swan"}
)
THINGS = _nouns(
    {
        "vehicle": "car/automobile truck/lorry bicycle/bike van tram motorcycle/motorbike boat/ship",
        "instrument": "piano violin/fiddle guitar drum trumpet flute",
        "tool": "hammer saw drill ladder shovel/spade",
        "garment": "coat/jacket hat scarf shirt sweater/pullover",
        "container": "box/carton basket bag/sack suitcase bottle jar",
        "document": "letter contract report map/chart photograph/photo",
        "seat": "chair couch/sofa bench stool",
        "device": "phone/telephone camera computer radio television/TV",
    }
)
_CITIES = "Paris Rome Oslo Cairo Lima Berlin Madrid Tokyo Dublin Delhi"
CITIES = tuple(_concept(name, "city") for name in _CITIES.split())

# the nouns that a reflexive can refer to when they are singular
_MALE, _FEMALE = "uncle nephew grandfather boy", "aunt niece grandmother girl"
GENDERS = dict.fromkeys(_MALE.split(), "m") | dict.fromkeys(_FEMALE.split(), "f")

_TABLES = {
    # verbs, by frame: who acts on whom
    "person_person": """help/assist ~ hinder/obstruct, praise/commend ~ criticize/condemn, hire/employ ~ dismiss/fire,
        trust/believe ~ distrust, love/adore ~ hate/detest, attack/assault ~ defend/protect,
        admire/respect ~ despise/scorn, frighten/scare ~ comfort/console, forgive/pardon ~ punish/discipline,
        annoy/irritate ~ please/delight, remember/recall ~ forget, thank, visit, call/phone, invite, warn/alert,
        blame, tease/mock, greet/welcome, question/interrogate, hug/embrace, rescue/save, betray, interview,
        recognize/identify, follow/pursue ~ avoid/evade""",
    "animal_person": "chase/pursue ~ avoid/evade, watch/observe ~ ignore, frighten/scare ~ calm/soothe, bite, wake",
    "person_animal": "feed/nourish ~ starve, catch/capture ~ release/free, wash/clean, photograph, chase/pursue, train",
    "person_thing": """buy/purchase ~ sell, repair/fix ~ break/damage, hide/conceal ~ reveal/display, carry/transport,
        lift/raise ~ lower, examine/inspect ~ ignore/neglect, build/construct ~ destroy/demolish, draw/sketch,
        find/locate ~ lose/misplace, choose/select ~ reject/refuse, push/shove ~ pull/drag, clean/wash ~ soil/stain,
        cover ~ uncover, polish, measure, order, keep/retain ~ discard, steal ~ return, paint, collect/gather""",
    "transfer": "give/hand, sell, lend/loan, send/mail, show, offer",
    "alone": """sleep/doze, laugh/giggle ~ cry/weep, arrive ~ depart/leave, work/labor ~ rest/relax,
        shout/yell ~ whisper, succeed ~ fail, dance, sing, swim, wait, smile/grin ~ frown, stand ~ sit,
        run/sprint ~ walk""",
    # adjectives, by what they describe; each pair of opposites is one scale
    "person": """tall ~ short, old/elderly ~ young, rich/wealthy ~ poor/penniless, happy/glad ~ sad/unhappy,
        clever/smart ~ stupid/foolish, strong/powerful ~ weak/feeble, brave/courageous ~ cowardly/timid,
        polite/courteous ~ rude/impolite, calm/relaxed ~ nervous/anxious, famous/celebrated ~ unknown/obscure,
        lazy/idle ~ diligent/industrious, quiet/silent ~ noisy/loud, honest/truthful ~ dishonest/deceitful""",
    "thing": """big/large ~ small/little, new ~ old, clean/spotless ~ dirty/filthy, heavy ~ light,
        cheap/inexpensive ~ costly/expensive, beautiful/lovely ~ ugly/hideous, wet/damp ~ dry,
        broken/damaged ~ intact/undamaged""",
    "animal": "big/large ~ small/little, tame ~ wild, hungry/starving ~ sated, healthy ~ sick/ill, slow ~ fast/quick",
    # adverbs of manner
    "manner": """quickly/rapidly ~ slowly, quietly/silently ~ loudly/noisily, carefully/cautiously ~ carelessly,
        gladly/happily ~ reluctantly/unwillingly, suddenly/abruptly ~ gradually, secretly/covertly ~ openly/publicly,
        proudly, patiently/calmly ~ impatiently""",
    # scales of comparisons, whose adjectives have an -er form
    "compare_person": "tall ~ short, old ~ young, rich ~ poor, strong ~ weak, fast/quick ~ slow, happy ~ sad",
    "compare_animal": "old ~ young, strong ~ weak, fast/quick ~ slow, heavy ~ light, big/large ~ small",
}
_PARSED = {kind: _pairs(kind, text) for kind, text in _TABLES.items()}
CLASSES: dict[str, tuple[Concept, ...]] = {kind: concepts for kind, (concepts, _) in _PARSED.items()}
OPPOSITES: dict[Concept, Concept] = {a: b for _, opposites in _PARSED.values() for a, b in opposites.items()}

# A transfer told from the receiver's side: "A sold B to C" is "C bought B from A".
CONVERSES = {"give": ("receive", "get"), "sell": ("buy", "purchase"), "lend": ("borrow",), "send": ("receive", "get")}

_NUMERALS = """two/2/a_couple_of three/3 four/4 five/5 six/6/half_a_dozen seven/7 eight/8 nine/9 ten/10 eleven/11
    twelve/12/a_dozen"""
NUMBERS = {value: _concept(text, "number") for value, text in enumerate(_NUMERALS.split(), start=2)}

_ANY_TIME = """on_Monday on_Tuesday on_Wednesday on_Thursday on_Friday on_Saturday on_Sunday in_January in_March
    in_June in_August in_October at_noon/at_midday at_dawn/at_sunrise at_dusk/at_sunset at_night/during_the_night
    in_autumn/in_the_fall in_spring/during_the_spring in_the_morning in_the_evening after_lunch before_breakfast"""
_TIMES = {
    "past": "yesterday/the_day_before last_week last_month last_year",
    "future": "tomorrow/the_next_day next_week next_month next_year",
    "present": "every_day/daily every_week/weekly every_month/monthly",
}
TIMES: dict[str, tuple[Concept, ...]] = {
    tense: tuple(_concept(item, "time") for item in f"{_ANY_TIME} {own}".split()) for tense, own in _TIMES.items()
}
_PLACES = """in_the_kitchen in_the_garden/in_the_yard at_the_station in_the_library near_the_river/close_to_the_river
    outside_the_museum/in_front_of_the_museum in_the_street/on_the_street at_the_airport in_the_forest/in_the_woods
    on_the_beach/at_the_seaside behind_the_church in_the_office at_the_market in_the_park beside_the_lake/by_the_lake
    at_school in_the_hotel near_the_bridge/close_to_the_bridge on_the_train"""
PLACES = tuple(_concept(item, "place") for item in _PLACES.split())
