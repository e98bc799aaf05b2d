"""What others have named, as text and nothing else: on a terminal, in a spreadsheet, in LaTeX, in Markdown.

A name of a method or a class, a folder, a message from a record may be a stranger's. A terminal obeys control
characters, a spreadsheet formulas, LaTeX and Markdown their marks. Each of these has one function here.
"""

import re
import unicodedata
from pathlib import Path
from typing import Any

# Characters that move, hide, reorder or recolour what is shown: controls (Cc: C0, DEL, C1, so ESC and CSI), formats
# (Cf: bidirectional marks, zero widths, tags), line and paragraph separators, halves of surrogate pairs (bytes of a
# file's name that are no UTF-8), and code points that mean nothing. The joiners of Persian, Indic and emoji stay.
HIDDEN = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")
JOINERS = "\u200c\u200d"
PLAIN = re.compile(r"[\x20-\x7e\n\t]*")
# A cell that begins like this is a formula (OWASP, CSV injection); blanks before it do not help.
FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?( ?%)?|[+-]?(inf|nan)|[+-]", re.IGNORECASE | re.ASCII)

LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
        "|": r"\textbar{}", '"': r"{\char34}", "`": r"\textasciigrave{}",
    }
)  # fmt: skip


def shown(text: object) -> str:
    """The text as a terminal or a log may have it: what would act on the terminal is spelled out, ``\\x1b``.

    Line feeds and tabs stay.
    """
    text = str(text)
    if PLAIN.fullmatch(text):
        return text
    return "".join(letter if _visible(letter) else _spelled(letter) for letter in text)


def line(text: object) -> str:
    """The text on one line, for a cell of a table: like ``shown``, with a blank for every break and tab."""
    return shown(re.sub(r"[\r\n\t\v\f\x1c-\x1e\x85\u2028\u2029]+", " ", str(text)))


def printable(text: object) -> str:
    """The text on one line with nothing lost: like ``shown``, with line feeds and tabs spelled out, too."""
    return shown(text).replace("\n", r"\n").replace("\t", r"\t")


def shown_path(path: Path) -> str:
    """A path as it may stand in a message, see ``printable``."""
    return printable(path)


def cell(value: Any) -> Any:
    """A value as a cell of a CSV or TSV file: one line of a text, with a ``'`` before what would be a formula.

    Numbers stay numbers, also those that are written as text, and so do a lone ``+`` and ``-``.
    """
    if not isinstance(value, str):
        return value
    text = line(value)
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def latex(text: object) -> str:
    """The text as LaTeX prints it, on one line, with a minus sign before digits."""
    escaped = line(text).translate(LATEX)
    # After the end of a row, a bracket or a star at the beginning of the next would be the row's option.
    escaped = re.sub(r"^\s*([\[*])", r"{\1}", escaped)
    return re.sub(r"(?<![\w.])-(?=\d)", "$-$", escaped)


def markdown(text: object) -> str:
    """The text as a line of GitHub's Markdown: no table's border, code, tag, link or mention.

    Marks that only change the letters' form (``*``, ``_``) stay.
    """
    escaped = line(text).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    escaped = escaped.replace("|", r"\|").replace("`", r"\`").replace("](", r"]\(").replace("][", r"]\[")
    escaped = escaped.replace("://", ":&#47;&#47;").replace("@", "&#64;")
    return re.sub(r"(?i)\bwww\.", "www&#46;", escaped)


def _visible(letter: str) -> bool:
    return letter in "\n\t" or letter in JOINERS or unicodedata.category(letter) not in HIDDEN


def _spelled(letter: str) -> str:
    number = ord(letter)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file's name
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
