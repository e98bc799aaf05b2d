"""The one exception type for mistakes that a user can make and mend."""


class UserError(ValueError):
    """A mistake of the user's: printed as one message, without a traceback, with exit status 2.

    The message names the value, the rule that it breaks and the choices that would be accepted.
    """
