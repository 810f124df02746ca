#!/usr/bin/env python3
"""Recomputes the audit trail of Huimin Ledger from its definition, without the program.

Written from ledger/docs/audit-format.md alone, with nothing but Python's standard library.

    audit_recompute.py EXPORT.jsonl [--head SIZE:ROOT]   a recomputation export ("-" for stdin)
    audit_recompute.py --vectors FILE                    the golden vectors

Exit 0 when all agrees, 1 at a fault (the first one is named), 2 when called wrongly.
"""

import argparse
import hashlib
import json
import re
import sys
import unicodedata

MASK = (1 << 64) - 1
INT_MAX = (1 << 53) - 1
BYTES_MAX = 65_535
DEPTH_MAX = 16
NO_HASH = "0" * 64


class Fault(Exception):
    """Something does not agree."""


def demand(holds, what):
    if not holds:
        raise Fault(what)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# Canonical JSON -------------------------------------------------------------------------------

def canonical(value, depth=DEPTH_MAX):
    """The one byte sequence of a value (section 1)."""
    if value is None or isinstance(value, bool):
        return {None: b"null", True: b"true", False: b"false"}[value]
    if isinstance(value, int):
        demand(abs(value) <= INT_MAX, "integer out of range")
        return str(value).encode()
    if isinstance(value, str):
        demand(unicodedata.normalize("NFC", value) == value, "text is not in NFC")
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    demand(isinstance(value, (list, dict)), "no such type")
    demand(depth > 0, "nested too deep")
    if isinstance(value, list):
        return b"[" + b",".join(canonical(item, depth - 1) for item in value) + b"]"
    members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
    inside = (canonical(key) + b":" + canonical(item, depth - 1) for key, item in members)
    return b"{" + b",".join(inside) + b"}"


def no_duplicates(pairs):
    members = dict(pairs)
    demand(len(members) == len(pairs), "duplicate key")
    return members


def no_float(text):
    raise Fault(f"{text} is no integer")


def parse(data):
    """Reads canonical bytes and refuses all others."""
    demand(len(data) <= BYTES_MAX, "document too long")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=no_duplicates,
                           parse_float=no_float, parse_constant=no_float)
        again = canonical(value)
    except (ValueError, RecursionError) as error:
        raise Fault(f"not canonical JSON: {error}") from error
    demand(again == data and len(again) <= BYTES_MAX, "not the canonical bytes")
    return value


# Merkle tree ----------------------------------------------------------------------------------

def leaf_hash(data):
    return sha256(b"\x00", data)


class Tree:
    """RFC 6962 section 2.1, grown by one leaf at a time: a stack of (leaves, root)."""

    def __init__(self):
        self.size = 0
        self.stack = []

    def push(self, leaf):
        self.size += 1
        count = 1
        while self.stack and self.stack[-1][0] == count:
            left = self.stack.pop()[1]
            leaf, count = sha256(b"\x01", left, leaf), count * 2
        self.stack.append((count, leaf))

    def root(self):
        if not self.stack:
            return sha256()
        root = self.stack[-1][1]
        for _, left in reversed(self.stack[:-1]):
            root = sha256(b"\x01", left, root)
        return root


# Rows -----------------------------------------------------------------------------------------

def commit(salt, value):
    demand(len(salt) == 16, "a salt has 16 bytes")
    return sha256(b"\x02", salt, unicodedata.normalize("NFC", value).encode("utf-8"))


def column_salt(salt, column):
    return sha256(b"\x03", salt, column.to_bytes(2, "big"))[:16]


def typed(value, kind):
    """A value of an export as (tag, value bytes); tag 0 is null."""
    if value is None:
        return 0, b""
    if isinstance(value, dict) and set(value) == {"commitment"}:
        data = bytes.fromhex(value["commitment"])
        demand(len(data) == 32, "a commitment has 32 bytes")
        return 4, data
    if kind == "int" and isinstance(value, int):
        return 1, value.to_bytes(8, "big", signed=True)
    if kind == "text" and isinstance(value, str):
        return 2, value.encode("utf-8")
    if kind == "bytes" and isinstance(value, dict) and set(value) == {"hex"}:
        return 3, bytes.fromhex(value["hex"])
    raise Fault(f"value {value!r} is not {kind}")


def finalise(state):
    state = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ state >> 27) * 0x94D049BB133111EB) & MASK
    return state ^ state >> 31


def mix(key, column, tag, data):
    """The check word of a field (section 6)."""
    length = len(data) if tag >= 2 else 0
    header = column << 48 | length << 8 | tag
    state = (key + header * 0x9E3779B97F4A7C15) & MASK
    padded = data + b"\x00" * (-len(data) % 8) or b"\x00" * 8
    for at in range(0, len(padded), 8):
        state = finalise(state ^ int.from_bytes(padded[at:at + 8], "big"))
    return state


def encode_row(row):
    """The bytes of a row and the check word of each column."""
    kinds, values, private = row["kinds"], row["values"], row["private"]
    demand(len(kinds) == len(values) == len(row["columns"]), "fields and columns differ in number")
    fields = [typed(value, kind) for value, kind in zip(values, kinds)]
    salt = fields[row["salt"]] if row["salt"] is not None else (0, b"")
    for column, (tag, data) in enumerate(fields):
        if column == row["salt"]:
            fields[column] = 0, b""
        elif column in private and tag not in (0, 4):
            demand(tag == 2 and salt[0] == 3, "a private value is not text, or has no salt")
            fields[column] = 4, commit(column_salt(salt[1], column), data.decode("utf-8"))
        else:
            demand(tag != 4 or column in private, "commitment in a public column")
    demand(not set(row["key_columns"]) & set(private), "the key is private")
    key = 0
    for position, column in enumerate(row["key_columns"]):
        key = mix(key, position, *fields[column])
    table = row["table"].encode("utf-8")
    out = [b"HMR1", len(table).to_bytes(2, "big"), table, len(fields).to_bytes(2, "big")]
    for tag, data in fields:
        out += [bytes([tag]), len(data).to_bytes(4, "big") if tag in (2, 3) else b"", data]
    return b"".join(out), [mix(key, column, *field) for column, field in enumerate(fields)]


def seal_of(leaf):
    return int.from_bytes(leaf[:8], "big", signed=True)


class RowSet:
    """The rows of one table that belong to one entry."""

    def __init__(self, row):
        self.tree = Tree()
        self.columns = list(row["columns"])
        self.checks = [0] * len(self.columns)
        self.locator = [0] * (len(row["key_columns"]) + 1)

    def push(self, row):
        data, words = encode_row(row)
        demand(row["columns"] == self.columns, "the columns change within an entry")
        leaf = leaf_hash(data)
        seal = seal_of(leaf)
        self.checks = [(total + word) & MASK for total, word in zip(self.checks, words)]
        weights = [1]
        for position, column in enumerate(row["key_columns"]):
            value, kind = row["values"][column], row["kinds"][column]
            number = kind == "int" and value is not None
            weights.append(value if number else mix(0, position, *typed(value, kind)))
        self.locator = [(total + weight * seal) & MASK
                        for total, weight in zip(self.locator, weights)]
        self.tree.push(leaf)
        return data, leaf

    def reference(self, table):
        checks = zip(self.columns, self.checks)
        return {"table": table, "count": self.tree.size, "root": self.tree.root().hex(),
                "columns": [[name, f"{word:016x}"] for name, word in checks],
                "locator": [f"{word:016x}" for word in self.locator]}


# Entries --------------------------------------------------------------------------------------

SHAPES = {
    "entry": {"version", "algorithm", "book", "sequence", "previous", "time", "kind", "actor",
              "key", "objects", "reason", "data", "files", "commitments", "rows"},
    "actor": {"user", "roles", "session"},
    "objects": {"kind", "id", "version", "hash", "count"},
    "files": {"id", "name", "sha256", "bytes_count"},
    "rows": {"table", "count", "root", "columns", "locator"},
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def read_entry(data):
    """An entry from its bytes, with exactly the fields of the format."""
    entry = parse(data)
    parts = [("entry", entry)]
    if isinstance(entry, dict) and set(entry) == SHAPES["entry"]:
        parts.append(("actor", entry["actor"]))
        parts += [(name, item) for name in ("objects", "files", "rows") for item in entry[name]]
    for name, part in parts:
        demand(isinstance(part, dict) and set(part) == SHAPES[name], f"wrong fields in {name}")
    demand(entry["version"] == 1 and entry["algorithm"] == "sha256", "another version or algorithm")
    demand(isinstance(entry["time"], str) and TIME.fullmatch(entry["time"]), "wrong time")
    hashes = [entry["previous"], *(item["sha256"] for item in entry["files"])]
    hashes += [item["hash"] for item in entry["objects"] if item["hash"] is not None]
    hashes += [item["root"] for item in entry["rows"]] + [item[1] for item in entry["commitments"]]
    for item in hashes:
        demand(isinstance(item, str) and re.fullmatch("[0-9a-f]{64}", item), "wrong hash")
    return entry


class Recomputation:
    """Takes the lines of an export one by one; holds sums per entry and table, never rows."""

    def __init__(self, expected):
        self.tree, self.previous, self.book = Tree(), NO_HASH, None
        self.expected, self.reached = expected, expected is None
        self.sealed, self.sets, self.last_key = {}, {}, {}
        self.rows, self.head = 0, None

    def line(self, item):
        demand(self.head is None, "a line after the head")
        demand(isinstance(item, dict) and len(item) == 1, "a line has one member")
        (kind, value), = item.items()
        handler = {"entry": self.entry, "row": self.row, "head": self.end}.get(kind)
        demand(handler is not None, f"unknown line {kind}")
        handler(value)

    def entry(self, item):
        number = self.tree.size + 1
        demand(item["seq"] == number, f"entry {number}: found {item['seq']} instead")
        data = bytes.fromhex(item["bytes"])
        leaf = leaf_hash(data)
        demand(leaf.hex() == item["leaf"], f"entry {number}: bytes and leaf hash differ")
        try:
            entry = read_entry(data)
        except Fault as fault:
            raise Fault(f"entry {number}: {fault}") from fault
        demand(entry["sequence"] == number, f"entry {number}: holds entry {entry['sequence']}")
        demand(entry["previous"] == self.previous, f"entry {number}: not chained to the one before")
        demand(self.book in (None, entry["book"]), f"entry {number}: of another book")
        self.book, self.previous = entry["book"], leaf.hex()
        self.tree.push(leaf)
        for rows in entry["rows"]:
            place = rows["table"], number
            demand(place not in self.sealed, f"entry {number}: table {rows['table']} twice")
            self.sealed[place] = rows
        if self.expected and self.expected[0] == number:
            demand(self.tree.root().hex() == self.expected[1],
                   f"the history of the first {number} entries is not the one of the given head")
            self.reached = True

    def row(self, item):
        place = item["table"], item["entry"]
        name = f"entry {item['entry']}, table {item['table']}, row {item['key']}"
        keys = [item["values"][column] for column in item["key_columns"]]
        demand(item["key"] == keys, f"{name}: the key is not that of the values")
        try:
            if place not in self.sets:
                self.sets[place] = RowSet(item)
            _, leaf = self.sets[place].push(item)
        except (Fault, OverflowError) as fault:
            raise Fault(f"{name}: {fault}") from fault
        demand(seal_of(leaf) == item["seal"], f"{name}: altered, its seal differs")
        self.rows += 1

    def end(self, item):
        self.head = item
        found = {"size": self.tree.size, "root": self.tree.root().hex()}
        demand(found["size"] > 0, "nothing to check: the log is empty")
        demand(item == found, f"the head is {item}, recomputed is {found}")
        demand(self.reached, f"the log is shorter than the given head: {self.expected}")
        for place in sorted(self.sealed.keys() | self.sets.keys(), key=lambda place: place[::-1]):
            table, number = place
            name = f"entry {number}, table {table}"
            demand(place in self.sealed, f"{name}: rows inserted, no entry seals them")
            sealed = self.sealed[place]
            if place not in self.sets:
                demand(sealed["count"] == 0, f"{name}: all rows removed")
                continue
            found = self.sets[place].reference(table)
            demand(found["count"] == sealed["count"],
                   f"{name}: {sealed['count']} rows sealed, {found['count']} found")
            pairs = zip(sealed["columns"], found["columns"])
            columns = ", ".join(was[0] for was, now in pairs if was != now) or "or their order"
            demand(found == sealed, f"{name}: rows altered, columns {columns}")


def recompute(lines, expected):
    work = Recomputation(expected)
    for number, line in enumerate(lines, 1):
        try:
            work.line(json.loads(line, object_pairs_hook=no_duplicates))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Fault(f"line {number} is malformed: {error!r}") from error
    demand(work.head is not None, "nothing to check, or the export was cut: it has no head")
    return work


# Golden vectors -------------------------------------------------------------------------------

def check_vectors(vectors):
    """Holds each golden vector against this implementation; returns their number."""
    count = 0

    def same(what, found, wanted):
        nonlocal count
        count += 1
        demand(found == wanted, f"vector {what}: {found} instead of {wanted}")

    for case in vectors["canonical"]:
        data = bytes.fromhex(case["bytes"])
        same("canonical", canonical(case["value"]), data)
        same("parse", parse(data), case["value"])
    for text in vectors["refused"]:
        try:
            parse(bytes.fromhex(text))
        except Fault:
            count += 1
        else:
            raise Fault(f"vector refused: {text} was read")
    for case in vectors["merkle"]:
        tree = Tree()
        for data in case["leaves"]:
            tree.push(leaf_hash(bytes.fromhex(data)))
        same("merkle root", tree.root().hex(), case["root"])
        frontier = b"".join(root for _, root in tree.stack)
        same("merkle frontier", frontier.hex(), case["frontier"])
    for case in vectors["commitments"]:
        salt = bytes.fromhex(case["salt"])
        same("commitment", commit(salt, case["value"]).hex(), case["commitment"])
        same("column salt", column_salt(salt, case["column"]).hex(), case["column_salt"])
    for case in vectors["row_sets"]:
        spec, rows = case["spec"], None
        for row in case["rows"]:
            # Integers are text in the vectors, because they may be larger than JSON allows.
            values = [int(value) if kind == "int" and value is not None else value
                      for value, kind in zip(row["values"], spec["kinds"])]
            whole = {**spec, "values": values}
            rows = rows or RowSet(whole)
            data, leaf = rows.push(whole)
            same("row bytes", data.hex(), row["bytes"])
            same("row leaf", leaf.hex(), row["leaf"])
            same("row seal", str(seal_of(leaf)), row["seal"])
        same("row set", rows.reference(spec["table"]), case["reference"])
    tree = Tree()
    for case in vectors["entries"]:
        data = bytes.fromhex(case["bytes"])
        read_entry(data)
        same("entry", canonical(case["entry"]), data)
        same("entry leaf", leaf_hash(data).hex(), case["leaf"])
        tree.push(leaf_hash(data))
        same("log root", tree.root().hex(), case["root"])
    return count


def head(text):
    found = re.fullmatch(r"(\d+):([0-9a-f]{64})", text)
    if not found or int(found[1]) == 0:
        raise argparse.ArgumentTypeError("not SIZE:ROOT")
    return int(found[1]), found[2]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("export", nargs="?", help="recomputation export, - for standard input")
    options.add_argument("--head", type=head, help="SIZE:ROOT of an earlier day")
    options.add_argument("--vectors", metavar="FILE", help="check the golden vectors instead")
    chosen = options.parse_args()
    if (chosen.export is None) == (chosen.vectors is None):
        options.error("name either an export or --vectors FILE")
    try:
        if chosen.vectors:
            with open(chosen.vectors, encoding="utf-8") as file:
                count = check_vectors(json.load(file))
            demand(count > 0, "there are no vectors")
            print(f"ok: {count} vectors agree")
        elif chosen.export == "-":
            report(recompute(sys.stdin, chosen.head))
        else:
            with open(chosen.export, encoding="utf-8") as file:
                report(recompute(file, chosen.head))
    except OSError as error:
        options.error(str(error))
    except Fault as fault:
        print(f"FAULT: {fault}")
        return 1
    return 0


def report(work):
    print(f"ok: {work.tree.size} entries, {work.rows} rows in {len(work.sealed)} sets, "
          f"head {work.tree.size}:{work.tree.root().hex()}")


if __name__ == "__main__":
    sys.exit(main())
