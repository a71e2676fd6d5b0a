"""A verb's parser gets its options when the verb is chosen: the list of verbs need not wait for all of them."""

import argparse
from collections.abc import Callable, Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Verbs = argparse._SubParsersAction["VerbParser"]  # noqa: SLF001 - what add_subparsers returns has no public name
    """What a verb's ``add_parser`` is given."""


class VerbParser(argparse.ArgumentParser):
    """Shows descriptions as they are written, takes no abbreviated options.

    Attributes:
        options: Adds the options and actions; called once, before the first parsing.
    """

    options: "Callable[[VerbParser], None] | None" = None

    def __init__(self, **settings: "Any") -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **settings)

    def parse_known_args(self, args: "Iterable[str] | None" = None, namespace: "Any" = None) -> "tuple[Any, list[str]]":
        """As the base class, with the options."""
        if self.options is not None:
            add, self.options = self.options, None
            add(self)
        return super().parse_known_args(args, namespace)
