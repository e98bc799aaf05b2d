"""The one exception type for mistakes that a user can make and mend."""


class UserError(ValueError):
    """A mistake of the user's: printed as one message, without a traceback, with exit status 2.

    The message names the value, the rule that it breaks and the choices that would be accepted.
    """


def in_short(error: BaseException) -> str:
    """A library's message on one line, cut after 300 characters: some go on for pages, and a KeyError's says little."""
    text = " ".join(str(error).split())
    if not text or isinstance(error, KeyError):
        text = f"{type(error).__name__} {text}".rstrip()
    return text if len(text) <= 300 else text[:300].rpartition(" ")[0] + " ..."
