#!/usr/bin/env python3
"""Writes src/api/model.rs: the constraints of the AWS calls that Usher makes.

The source is the public service models that botocore carries, fetched as wheels from PyPI in the versions
pinned below. FinSpace left botocore after 1.43.116, so its model comes from that one.

    tools/api-models.py            rewrite src/api/model.rs
    tools/api-models.py --check    compare only; exit 1 when the committed file differs

Needs Python 3.11 and pip; nothing else. Whatever the models say that this script does not know how to
carry over stops it, so that no constraint is ever lost unseen.
"""

import argparse
import difflib
import gzip
import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

BOTOCORE = "1.44.5"
BOTOCORE_WITH_FINSPACE = "1.43.116"

# (service as IAM names it, botocore version, directory in botocore/data, operations)
SERVICES = [
    ("sagemaker", BOTOCORE, "sagemaker/2017-07-24",
     ["UpdateUserProfile", "UpdateDomain", "CreateUserProfile", "DeleteUserProfile"]),
    ("datazone", BOTOCORE, "datazone/2018-05-10", ["UpdateUserProfile", "CreateUserProfile"]),
    ("finspace", BOTOCORE_WITH_FINSPACE, "finspace/2021-03-12", ["UpdateKxUser", "CreateKxUser", "DeleteKxUser"]),
]

TARGET = pathlib.Path(__file__).resolve().parent.parent / "src/api/model.rs"
UNBOUNDED = 0xFFFF_FFFF
NONE = 0xFFFF
DESCRIPTION_LIMIT = 120

# What may stand on a shape or a member. Anything else is a constraint nobody has thought about yet.
SHAPE_KEYS = {
    "structure": {"type", "members", "required", "documentation", "union"},
    "list": {"type", "member", "min", "max", "documentation"},
    "map": {"type", "key", "value", "min", "max", "documentation"},
    "string": {"type", "min", "max", "pattern", "enum", "documentation"},
    "integer": {"type", "min", "max", "box", "documentation"},
    "long": {"type", "min", "max", "box", "documentation"},
}
MEMBER_KEYS = {"shape", "documentation", "location", "locationName", "idempotencyToken"}
INTEGERS = {"integer": 31, "long": 63}


class Unknown(Exception):
    """The model says something that this script cannot carry over."""


# --- regular expressions ---------------------------------------------------------------------------------------
#
# The models' patterns are Java's. The services match the whole value: `^[a-zA-Z0-9](-*[a-zA-Z0-9])*` refuses a
# name with a `/` or `_` in its middle (awslabs/sagemaker-deep-demand-forecast#41, Kenza-AI/sagify#57), and patterns that
# mean "somewhere in it" say so with `.*` at both ends. So every pattern becomes one for the whole value, in the
# part of the syntax in which Rust's `regex` and ECMAScript's `u` mode (JSON Schema) agree.
#
# A parsed pattern is ("alt", [node…]), ("cat", [node…]), ("repeat", node, least, most), ("atom", text), ("^",), ("$",).

CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r" \t\n\x0B\f\r"}  # Java's are ASCII, Rust's are not
DOT = r"[^\n\r\u0085\u2028\u2029]"  # Java's line terminators; Rust's dot excludes \n only
LITERALS = set("-/.:@=_\\+")
META = set(r"\^$.|?*+()[]{}/")


class Pattern:
    def __init__(self, source, longest):
        self.source, self.longest, self.at = source, longest, 0
        self.refused_start = ""

    def fail(self, why):
        raise Unknown(f"pattern {self.source!r}, at {self.at}: {why}")

    def peek(self, text):
        return self.source.startswith(text, self.at)

    def take(self, text):
        found = self.peek(text)
        self.at += len(text) if found else 0
        return found

    def parse(self):
        ahead = re.match(r"\^\(\?!([a-z:]+)\)", self.source)
        if ahead:  # the one lookahead in use: "does not begin with"
            self.refused_start, self.at = ahead[1], ahead.end()
        node = self.alternatives()
        if self.at != len(self.source):
            self.fail("unexpected )")
        return node

    def alternatives(self):
        branches = [self.sequence()]
        while self.take("|"):
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else ("alt", branches)

    def sequence(self):
        items = []
        while self.at < len(self.source) and not self.peek("|") and not self.peek(")"):
            items.append(self.repeated(self.item()))
        return ("cat", items)

    def repeated(self, node):
        for mark, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(mark):
                break
        else:
            counted = re.compile(r"\{(\d+)(,?)(\d*)\}").match(self.source, self.at)
            if not counted:
                return node
            self.at = counted.end()
            least = int(counted[1])
            bounds = (least, int(counted[3]) if counted[3] else None if counted[2] else least)
        if any(self.peek(mark) for mark in "*+?{"):
            self.fail("lazy, possessive or double repetition")
        return ("repeat", node, *bounds)

    def item(self):
        if self.take("("):
            if self.peek("?") and not self.take("?:"):
                self.fail("a group that is not plain")
            node = self.alternatives()
            if not self.take(")"):
                self.fail("missing )")
            return node
        if self.take("["):
            return ("atom", self.character_class())
        mark = self.source[self.at]
        self.at += 1
        if mark in "^$":
            return (mark,)
        if mark == ".":
            return ("atom", DOT)
        if mark == "\\":
            escaped = self.source[self.at]
            self.at += 1
            if escaped in CLASSES:
                return ("atom", f"[{CLASSES[escaped]}]")
            if escaped == "S":
                return ("atom", f"[^{CLASSES['s']}]")
            mark = escaped if escaped in LITERALS else self.fail(f"escape \\{escaped}")
        elif mark in META - {"/"}:
            self.fail(f"unexpected {mark}")
        return ("atom", "\\" + mark if mark in META - {"/"} else mark)

    def character_class(self):
        parts = ["[^" if self.take("^") else "["]
        while not self.take("]"):
            member = re.compile(r"\\p\{[LNZ]\}|\\[dws]|\\[^A-Za-z0-9]|[^\[\]\\&]").match(self.source, self.at)
            if not member:
                self.fail("in a character class")
            self.at = member.end()
            text = member[0]
            if text[1:] in CLASSES and text[0] == "\\":
                parts.append(CLASSES[text[1:]])
            elif text.startswith("\\p"):
                parts.append(text)
            else:
                parts.append(self.class_range(text[-1]))
        return "".join(parts) + "]"

    def class_range(self, low):
        escape = lambda mark: "\\" + mark if mark in r"\^-]/[" and mark != "/" else mark
        high = re.compile(r"-(\\?[^\]\\])").match(self.source, self.at)
        if low == "-" or not high:
            return escape(low)
        self.at = high.end()
        if high[1][-1] < low:
            self.fail("a range that runs backwards")
        return f"{escape(low)}-{escape(high[1][-1])}"


def shortest(node):
    """The length of the shortest text a node matches."""
    match node:
        case ("alt", branches): return min(map(shortest, branches))
        case ("cat", items): return sum(map(shortest, items))
        case ("repeat", item, least, _): return least * shortest(item)
        case ("atom", _): return 1
        case _: return 0


def anchored(node, mark):
    """Whether every way through the node begins (`^`) or ends (`$`) with the anchor."""
    match node:
        case ("alt", branches): return all(anchored(branch, mark) for branch in branches)
        case ("cat", items) if items: return anchored(items[0 if mark == "^" else -1], mark)
        case _: return node == (mark,)


def without(node, mark):
    """Drops a `^` at the beginning or a `$` at the end, and the `.*` beyond it.

    They say nothing in a pattern for the whole value. One that stands elsewhere stays and stops the script.
    """
    step = 1 if mark == "^" else -1
    match node:
        case ("alt", branches): return ("alt", [without(branch, mark) for branch in branches])
        case ("cat", items) if items:
            items = items[::step]
            for index, item in enumerate(items):
                if anchored(item, mark) and sum(map(shortest, items[:index])) == 0:
                    items = items[index:]
                    break
            kept = [] if items[0] == (mark,) else [without(items[0], mark)]
            return ("cat", [*kept, *items[1:]][::step])
        case _: return node


def unbounded(node, room):
    """Replaces an upper count that the value's greatest length already enforces: `{3,1016}` costs a thousand states.

    `room` is how many characters of the value are left for this node.
    """
    match node:
        case ("alt", branches): return ("alt", [unbounded(branch, room) for branch in branches])
        case ("cat", items):
            total = shortest(node)
            return ("cat", [unbounded(item, room - total + shortest(item)) for item in items])
        case ("repeat", item, least, most):
            each = shortest(item)
            return ("repeat", item, least, None if most is not None and each and most * each >= room else most)
        case _: return node


def text_of(node, inside=False):
    match node:
        case ("alt", branches):
            text = "|".join(text_of(branch) for branch in branches)
            return f"(?:{text})" if inside else text
        case ("cat", items):
            text = "".join(text_of(item, len(items) > 1 or inside) for item in items)
            return f"(?:{text})" if inside and len(items) != 1 else text
        case ("repeat", item, least, most):
            count = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, most))
            if count is None:
                count = f"{{{least}}}" if least == most else f"{{{least},{'' if most is None else most}}}"
            return text_of(item, True) + count
        case ("atom", text): return text
        case _: raise Unknown(f"an anchor in the middle: {node}")


def translated(source, longest):
    """(pattern for the whole value, what the value must not begin with)"""
    pattern = Pattern(source, longest)
    node = without(without(pattern.parse(), "^"), "$")
    if longest != UNBOUNDED:
        node = unbounded(node, longest)
    text = text_of(node)
    return (f"^(?:{text})$" if node[0] == "alt" or len(node[1]) == 1 and node[1][0][0] == "alt" else f"^{text}$",
            pattern.refused_start)


# --- the models ------------------------------------------------------------------------------------------------

def models(directory):
    """Fetches the pinned wheels and yields (service, model, operations)."""
    for service, version, path, operations in SERVICES:
        wheel = directory / f"botocore-{version}-py3-none-any.whl"
        if not wheel.exists():
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                            "--dest", str(directory), f"botocore=={version}"], check=True)
        packed = zipfile.ZipFile(wheel).read(f"botocore/data/{path}/service-2.json.gz")
        yield service, json.loads(gzip.decompress(packed)), operations


def described(documentation):
    """The first sentence, as plain text of at most DESCRIPTION_LIMIT characters."""
    paragraph = re.search(r"<p>(.*?)</p>", documentation or "", re.S)
    text = html.unescape(re.sub(r"<[^>]+>", "", paragraph[1] if paragraph else documentation or ""))
    text = re.sub(r"\s+", " ", text).strip()
    text = re.split(r"(?<=[a-z)\d]\.) (?=[A-Z])", text, maxsplit=1)[0]
    if len(text) > DESCRIPTION_LIMIT:
        text = text[:DESCRIPTION_LIMIT - 1].rsplit(" ", 1)[0].rstrip(",;:(") + "…"
    return text


class Tables:
    """Everything that stands in the generated file, each thing once."""

    def __init__(self):
        self.shapes, self.members, self.values, self.patterns, self.inputs = [], [], [], [], []
        self.index, self.pattern_index, self.value_index = {}, {}, {}

    def shape(self, service, model, name, above=()):
        """The index of a shape, which is added, after everything it consists of, when it is new."""
        if (service, name) in above:
            raise Unknown(f"{service} {name} contains itself")
        if (service, name) not in self.index:
            shape = model["shapes"][name]
            kind = self.kind(shape, lambda inner: self.shape(service, model, inner, (*above, (service, name))),
                             lambda inner: model["shapes"][inner].get("documentation"), f"{service} {name}")
            self.index[service, name] = len(self.shapes)
            self.shapes.append((service, name, kind))
        return self.index[service, name]

    def kind(self, shape, inner, documentation, where):
        kind = shape["type"]
        if kind not in SHAPE_KEYS or set(shape) - SHAPE_KEYS[kind]:
            raise Unknown(f"{where}: {kind} with {sorted(set(shape) - SHAPE_KEYS.get(kind, set()))}")
        least, most = shape.get("min", 0), shape.get("max", UNBOUNDED)
        if kind == "structure":
            return self.structure(shape, inner, documentation, where)
        if kind == "list":
            return f"Kind::List {{ item: Shape({inner(shape['member']['shape'])}), {length(least, most)} }}"
        if kind == "map":
            key, value = inner(shape["key"]["shape"]), inner(shape["value"]["shape"])
            return f"Kind::Map {{ key: Shape({key}), value: Shape({value}), {length(least, most)} }}"
        if kind == "string":
            return self.string(shape, least, most)
        bits = INTEGERS[kind]
        least, most = shape.get("min", -2 ** bits), shape.get("max", 2 ** bits - 1)
        return f"Kind::Integer {{ min: {'i64::MIN' if least == -2 ** 63 else least}, max: {most} }}"

    def structure(self, shape, inner, documentation, where):
        rows = []
        for name, member in shape["members"].items():
            if set(member) - MEMBER_KEYS:
                raise Unknown(f"{where}.{name}: {sorted(set(member) - MEMBER_KEYS)}")
            about = member.get("documentation") or documentation(member["shape"])
            rows.append((name, inner(member["shape"]), name in shape.get("required", []), described(about)))
        start = len(self.members)
        self.members += rows
        union = str(bool(shape.get("union"))).lower()
        return f"Kind::Structure {{ members: Span({start}, {len(rows)}), union: {union} }}"

    def string(self, shape, least, most):
        pattern, role = NONE, False
        if source := shape.get("pattern"):
            entry = (source, *translated(source, most))
            if entry not in self.pattern_index:
                self.pattern_index[entry] = len(self.patterns)
                self.patterns.append(entry)
            pattern = self.pattern_index[entry]
            role = ":iam::" in source and "role" in source
        values = tuple(shape.get("enum", []))
        if values not in self.value_index:
            self.value_index[values] = len(self.values) if values else 0
            self.values += values
        span = f"Span({self.value_index[values]}, {len(values)})"
        return (f"Kind::String {{ {length(least, most)}, pattern: {'NONE' if pattern == NONE else pattern}, "
                f"values: {span}, role: {str(role).lower()} }}")


def length(least, most):
    return f"min: {least}, max: {'UNBOUNDED' if most == UNBOUNDED else most}"


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def raw(text):
    marks = "#" if '"' in text else ""
    return f'r{marks}"{text}"{marks}'


def generated(directory):
    tables = Tables()
    for service, model, operations in models(directory):
        for operation in operations:
            shape = tables.shape(service, model, model["operations"][operation]["input"]["shape"])
            tables.inputs.append((f"{service}:{operation}", shape))
    if max(len(tables.shapes), len(tables.members), len(tables.values), len(tables.patterns)) >= NONE:
        raise Unknown("more entries than an index of 16 bits can name")
    lines = [
        f"// Generated by tools/api-models.py from the service models in botocore {BOTOCORE} (sagemaker, datazone)",
        f"// and {BOTOCORE_WITH_FINSPACE} (finspace, the last that has it). Do not edit: change the script and run it again.",
        "",
        "use super::shape::{Kind, Member, NONE, PatternText, Record, Shape, Span, UNBOUNDED};",
        "",
        "/// The input of each operation, by the name IAM gives it.",
        f"pub(super) static INPUTS: [(&str, Shape); {len(tables.inputs)}] = [",
        *(f"    ({quoted(name)}, Shape({shape}))," for name, shape in tables.inputs),
        "];",
        "",
        f"pub(super) static SHAPES: [Record; {len(tables.shapes)}] = [",
        *(f"    /* {index} */ Record {{ service: {quoted(service)}, name: {quoted(name)}, kind: {kind} }},"
          for index, (service, name, kind) in enumerate(tables.shapes)),
        "];",
        "",
        f"pub(super) static MEMBERS: [Member; {len(tables.members)}] = [",
        *(f"    /* {index} */ Member {{ name: {quoted(name)}, shape: Shape({shape}), required: {str(required).lower()}, "
          f"description: {quoted(text)} }},"
          for index, (name, shape, required, text) in enumerate(tables.members)),
        "];",
        "",
        "/// Each pattern as the model has it, and as one for the whole value in Rust's syntax.",
        f"pub(super) static PATTERNS: [PatternText; {len(tables.patterns)}] = [",
        *(f"    /* {index} */ PatternText {{ model: {raw(source)}, whole: {raw(text)}, refused_start: {quoted(start)} }},"
          for index, (source, text, start) in enumerate(tables.patterns)),
        "];",
        "",
        f"pub(super) static VALUES: [&str; {len(tables.values)}] = [",
        *(f"    /* {index} */ {quoted(value)}," for index, value in enumerate(tables.values)),
        "];",
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed file instead of writing it")
    parser.add_argument("--wheels", type=pathlib.Path, help="keep the downloaded wheels in this directory")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        try:
            text = generated(arguments.wheels or pathlib.Path(temporary))
        except Unknown as problem:
            sys.exit(f"tools/api-models.py: {problem}")
    if not arguments.check:
        TARGET.write_text(text)
        return
    committed = TARGET.read_text() if TARGET.exists() else ""
    if committed != text:
        sys.stdout.writelines(difflib.unified_diff(committed.splitlines(True), text.splitlines(True),
                                                   "src/api/model.rs", "generated"))
        sys.exit("src/api/model.rs is not what tools/api-models.py makes: run it and commit the result")


if __name__ == "__main__":
    main()
