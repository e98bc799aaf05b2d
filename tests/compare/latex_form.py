"""Whether a text is LaTeX that compiles, as far as its form tells: for machines without LaTeX."""

import re
from pathlib import Path

# What the article class with booktabs and the default font encoding knows; \textquotedbl, say, it does not.
KNOWN = {
    "usepackage", "begin", "end", "centering", "caption", "toprule", "midrule", "bottomrule", "textbf", "underline",
    "par", "smallskip", "footnotesize", "setlength", "tabcolsep", "char", "textasciitilde", "textasciicircum",
    "textbackslash", "scriptsize", "textless", "textgreater", "textbar", "textasciigrave",
}  # fmt: skip
TOKEN = re.compile(r"\\([a-zA-Z]+|.)|([{}$&#^_~])|%[^\n]*")
TABULAR = re.compile(r"\\begin\{tabular\}\{(?:@\{\})?([lr]+)(?:@\{\})?\}\n(.*?)\\end\{tabular\}", re.DOTALL)
ROW_END = r" \\"
PAGE = 345.0  # points of a line of the article class at 10 points
GAP = 6.0  # points on each side of a column, unless a table says another number
FOOTNOTE, SCRIPT = 8, 7  # points of letters
WIDER = {FOOTNOTE: 1.0625, SCRIPT: 1.139}  # Computer Modern drawn for so many points, by that for 10
BOLD = 1.15  # its bold letters by the others


def check_form(text: str) -> None:
    """Known commands, environments and braces within each other, nothing unescaped, as many cells as columns."""
    open_: list[str] = []
    dollars = 0
    for token in TOKEN.finditer(text):
        command, mark = token[1], token[2]
        if command in ("begin", "end"):
            name = text[token.end() :].partition("}")[0].lstrip("{")
            if command == "begin":
                open_ += [name]
            else:
                assert open_.pop() == name
        elif command and command.isalpha():
            assert command in KNOWN, command
        elif mark == "{":
            open_ += ["{"]
        elif mark == "}":
            assert open_.pop() == "{"
        elif mark == "$":
            dollars += 1
        elif mark == "&":
            assert open_[-1] == "tabular"
        else:
            assert mark is None, f"{mark} is a command here"
    assert not open_ and dollars % 2 == 0
    for columns, body in tabulars(text):
        for row in body:
            assert len(row) == columns
            assert not row[0].startswith(("[", "*")), "an option of the row's end before it"


def tabulars(text: str) -> list[tuple[int, list[list[str]]]]:
    """Of each table the number of its columns and the cells of its rows, the heading's first."""
    found = []
    for columns, body in TABULAR.findall(text):
        rows = [line.removesuffix(ROW_END) for line in body.splitlines() if line.endswith(ROW_END)]
        others = [line for line in body.splitlines() if not line.endswith(ROW_END)]
        assert others == [r"\toprule", r"\midrule", r"\bottomrule"]
        found.append((len(columns), [re.split(r"(?<!\\) & ", row) for row in rows]))
    return found


def widest(text: str) -> float:
    r"""Points that the widest table takes, its cells in \footnotesize."""
    import matplotlib
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "cmr10.ttf"))

    def set_in(size: int, text: str) -> float:
        plain = re.sub(r"\\(text[a-z]+|underline|scriptsize|char)(\{\}| )?|[{}$]", "", text)
        font.set_size(size, 72)
        font.set_text(plain.replace("\\_", "-").replace("\\", "").replace("±", "+"))
        return WIDER[size] * font.get_width_height()[0] / 64

    def points(cell: str) -> float:
        number, _, interval = cell.partition(r" {\scriptsize")
        bold = BOLD if r"\textbf" in number else 1
        return bold * set_in(FOOTNOTE, number) + (set_in(SCRIPT, " " + interval) if interval else 0)

    widths = []
    for floating in text.split(r"\begin{table}")[1:]:
        said = re.search(r"tabcolsep\}\{([\d.]+)pt\}", floating)
        gap = float(said[1]) if said else GAP
        widths += [
            sum(max(points(row[at]) for row in rows) for at in range(columns)) + 2 * gap * (columns - 1)
            for columns, rows in tabulars(floating)
        ]
    return max(widths)
