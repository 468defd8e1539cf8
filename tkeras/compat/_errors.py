"""What a script asked for and tkeras has not: one line that says how to get on."""


class MissingModuleError(ImportError):
    """A module, or a name in one, that ``import`` asked for."""


class MissingNameError(AttributeError):
    """A name that a script read from a module."""
