"""Text for rich's tables and lines; what a stranger has named in it is shown and never obeyed."""

from typing import Any

from rich import text

from src.utils.redact import scrubbed
from src.utils.text import shown


class Text(text.Text):
    """Rich's text without what would act on the terminal: see ``src.utils.text``. Markup is not read."""

    def __init__(self, content: object = "", *args: Any, **options: Any) -> None:
        super().__init__(shown(scrubbed(str(content))), *args, **options)
