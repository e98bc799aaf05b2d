"""CoNLL files: a word and its tag on a line, with white space between them, and an empty line behind every sentence."""

import re

from src.data.normalise import lines_of
from src.data.sources.file_columns import Columns
from src.utils.errors import UserError

WORDS, TAGS = "tokens", "tags"
DOCUMENT = "-DOCSTART-"


def read_conll(text: str, where: str) -> Columns:
    """The columns ``tokens`` and ``tags``, a list a sentence; of a file of words alone the former.

    The first field of a line is the word and the last its tag; fields between them, as CoNLL 2003 has, are not read.
    Tabs divide the fields where there are any, else blanks. Lines that begin with ``# `` and hold no tab are comments
    where they stand at the beginning of a sentence.

    Raises:
        UserError: if there is no sentence, or a line has one field where others have more.
    """
    sentences: list[list[list[str]]] = []
    starts: list[int] = []
    open_sentence = False
    width = 0
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.rstrip("\r")
        if not line.strip(" \t") or line.startswith(DOCUMENT):
            open_sentence = False
            continue
        if not open_sentence and line.startswith("# ") and "\t" not in line:
            continue
        fields = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
        width = width or len(fields)
        if (len(fields) > 1) != (width > 1) or not fields[0] or not fields[-1]:
            raise UserError(f"{where} line {number}: {line!r} is no word with its tag")
        if not open_sentence:
            sentences.append([])
            starts.append(number)
            open_sentence = True
        sentences[-1].append(fields)
    if not sentences:
        raise UserError(f"{where}: the file has no sentences")
    values = {WORDS: [[fields[0] for fields in sentence] for sentence in sentences]}
    if width > 1:
        values[TAGS] = [[fields[-1] for fields in sentence] for sentence in sentences]
    return Columns(dict(values), lines_of(where, starts))
