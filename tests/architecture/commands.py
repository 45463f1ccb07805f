"""Which commands of the command line exist, asked of the command line itself."""

import re
from functools import cache
from typing import Any

from typer.main import get_command

from interpayer.cli.main import NOUNS, built
from tests.architecture.tree import PACKAGE


@cache
def _noun(noun: str) -> Any:
    is_there = noun in NOUNS and (PACKAGE / "cli" / f"{noun.replace('-', '_')}.py").is_file()
    return getattr(get_command(built([noun])), "commands", {})[noun] if is_there else None


def exists(words: list[str]) -> bool:
    """`<noun> [<verb> …]`: what follows a noun with verbs must be one of them."""
    command = _noun(words[0])
    for word in words[1:]:
        children = getattr(command, "commands", {})
        if not children or not re.fullmatch("[a-z][a-z-]+", word):
            break
        command = children.get(word)
    return command is not None
