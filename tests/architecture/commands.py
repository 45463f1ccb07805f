"""Which commands of the command line exist, read from its files."""

import re

from tests.architecture.tree import PACKAGE


def exists(words: list[str]) -> bool:
    """`<noun> [<verb> …]`: the noun has its file under cli/, the verb its function or its given name there."""
    path = PACKAGE / "cli" / f"{words[0].replace('-', '_')}.py"
    if not path.is_file():
        return False
    text = path.read_text("utf-8")
    if not re.search(r"\.command\(", text):
        return False
    is_group = len(re.findall(r"\.command\(", text)) > 1
    verbs = [word for word in words[1:2] if is_group and re.fullmatch("[a-z][a-z-]+", word)]
    return all(re.search(rf"def {verb.replace('-', '_')}_?\b|command\([\"']{verb}[\"']", text) for verb in verbs)
