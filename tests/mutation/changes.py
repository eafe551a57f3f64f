"""Which single changes can be made in a C++ source? Comments, text literals, includes and static assertions are left alone."""

import re
from typing import NamedTuple


class Change(NamedTuple):
    path: str
    line: int
    at: int     # offset in the source
    old: str
    new: str

    def applied(self, source):
        assert source[self.at:self.at + len(self.old)] == self.old
        return source[:self.at] + self.new + source[self.at + len(self.old):]

    def shown(self):
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{old}  =>  {new or '(nothing)'}"


_left_alone = re.compile(r'//[^\n]*|/\*.*?\*/|R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#[^\n]*|static_assert\([^;]*;', re.S | re.M)

# What is found, and what it becomes.
_swaps = [
    (re.compile(r" (<=) "), "<"), (re.compile(r" (<) (?![^;\n]*>\()"), "<="),
    (re.compile(r" (>=) "), ">"), (re.compile(r" (>) "), ">="),
    (re.compile(r" (==) "), "!="), (re.compile(r" (!=) "), "=="),
    (re.compile(r" (&&) "), "||"), (re.compile(r" (\|\|) "), "&&"),
    (re.compile(r" (\+) (?=[\w(])"), "-"), (re.compile(r" (-) (?=[\w(])"), "+"),
    (re.compile(r"(\+=)"), "-="), (re.compile(r"(-=)"), "+="),
    (re.compile(r"\b(true)\b"), "false"), (re.compile(r"\b(false)\b"), "true"),
    (re.compile(r"(?<=[(\s])(!)(?=[\w(*])"), ""),
    (re.compile(r"\bstd::(min)\b"), "max"), (re.compile(r"\bstd::(max)\b"), "min"),
    (re.compile(r"\b(continue);"), "break"), (re.compile(r"\b(break);"), "continue"),
    (re.compile(r"\bstd::(any_of)\b"), "all_of"), (re.compile(r"\bstd::(all_of)\b"), "any_of"), (re.compile(r"\bstd::(none_of)\b"), "any_of"),
]
_number = re.compile(r"(?<![\w.'])(\d[\d']*)(?![\w.'])")
# A whole statement on a line of its own: a call, or a change of a member or variable; no declaration, no return.
_statement = re.compile(r"^[ \t]+((?!return\b|break\b|continue\b|using\b|case\b|default\b|const\b|auto\b|static\b|constexpr\b|delete\b|throw\b|co_|goto\b)"
                        r"(?:[\w:.\->\[\]*]+(?:\(.*\)|\s*(?:=|\+=|-=|\|=|&=)\s.*|\+\+)|\+\+[\w.\->]+);)[ \t]*$", re.M)
_condition = re.compile(r"\b(?:if|while) \(((?:[^();\n{}]|\((?:[^()\n]|\([^()\n]*\))*\))+)\)(?= )")
_declares = re.compile(r"^[\w:<>,*& ]+ [\w]+ = ")


def changes_of(path, source):
    """All changes of one source, in the order of their place."""
    hidden = list(source)
    for found in _left_alone.finditer(source):
        for at in range(found.start(), found.end()):
            if hidden[at] != "\n":
                hidden[at] = "\x00"
    text = "".join(hidden)
    changes = []

    def add(at, old, new):
        changes.append(Change(path, source.count("\n", 0, at) + 1, at, old, new))

    for pattern, new in _swaps:
        for found in pattern.finditer(text):
            add(found.start(1), found.group(1), new)
    for found in _number.finditer(text):
        digits = found.group(1).replace("'", "")
        if len(digits) > 1 and digits.startswith("0"):
            continue        # octal
        add(found.start(1), found.group(1), str(int(digits) + 1))
    for found in _statement.finditer(text):
        if not _declares.match(found.group(1)):
            add(found.start(1), source[found.start(1):found.end(1)], ";")
    for found in _condition.finditer(text):
        if "=" in re.sub(r"[=!<>]=", "", found.group(1)):
            continue        # a declaration in the condition
        for value in ("true", "false"):
            add(found.start(1), source[found.start(1):found.end(1)], value)
    return sorted(changes, key=lambda change: (change.at, change.new))
