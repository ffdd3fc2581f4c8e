"""Broken files out of a valid one: bytes, JSON and YAML values, lines of text, cells of tables.

A mutant knows whether it is `broken` beyond doubt: a needed key is gone, a value has another type, the text no longer
parses. A flipped bit may or may not matter; such a mutant only must not crash the reader.

Example:
    >>> sorted({mutant.what.split()[0] for mutant in mutants(b'{"a": 1}', "json", Rules(), random.Random(0), 40)})[:3]
    ['add', 'blank', 'bytes']
"""

import copy
import io
import json
import random
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

NESTED = "@nested@"
"""Stands for a value that is nested too deeply for json.dumps."""
DEPTH = 20_000
NEVER = r"(?!)"


@dataclass(frozen=True)
class Rules:
    """Which changes of a format break it. Each is a pattern for whole paths such as `model_cfg.text_cfg.width`.

    Elements of a list are `[]`: `matrix[][]`. Own formats are strict everywhere; those of others only where we read.
    """

    typed: str = ".*"
    """Values whose type may not change."""
    needed: str = ".*"
    """Keys that may not be missing."""
    closed: str = ".*"
    """Objects that take no unknown key."""
    paths: str = NEVER
    """Values that are paths, and may not leave their root."""
    sealed: bool = False
    """Whether a checksum covers the file: a change is refused, or changes nothing that is read."""


@dataclass(frozen=True)
class Mutant:
    """A changed file."""

    what: str
    content: bytes
    broken: bool


def mutants(content: bytes, kind: str, rules: Rules, rng: random.Random, count: int) -> Iterator[Mutant]:
    """`count` mutants of a valid file of a kind: json, jsonl, yaml, text, csv, python, sqlite, parquet, bytes."""
    special = {
        "json": _json_mutant, "jsonl": _jsonl_mutant, "yaml": _yaml_mutant, "text": _line_mutant, "csv": _csv_mutant,
        "python": _python_mutant, "sqlite": _sqlite_mutant, "parquet": _parquet_mutant,
    }.get(kind)  # fmt: skip
    yield Mutant("bytes: empty file", b"", True)
    made = 1
    while made < count:
        by_bytes = special is None or rng.random() < 0.25
        mutant = _bytes_mutant(content, kind, rng) if by_bytes else special(content, rules, rng)
        if mutant is not None and mutant.content != content:
            made += 1
            yield mutant


def _bytes_mutant(content: bytes, kind: str, rng: random.Random) -> Mutant:
    data = bytearray(content)
    place = rng.randrange(len(data))
    length = min(len(data) - place, rng.choice([1, 8, 100, 4096]))
    what = rng.choice(["truncated", "bit", "zeros", "lost", "twice", "noise", "mark", "not text"])
    if what == "truncated":
        del data[place:]
    elif what == "bit":
        data[place] ^= 1 << rng.randrange(8)
    elif what == "zeros":
        data[place : place + length] = bytes(length)
    elif what == "lost":
        del data[place : place + length]
    elif what == "twice":
        data[place:place] = data[place : place + length]
    elif what == "noise":
        data[place : place + length] = rng.randbytes(length)
    elif what == "mark":
        data[:0] = b"\xef\xbb\xbf"
    else:
        data[place:place] = b"\xff\xfe"
    return Mutant(f"bytes: {what} at {place} of {len(content)}", bytes(data), _unparseable(bytes(data), kind))


def _unparseable(data: bytes, kind: str) -> bool:
    """Whether no reader of the kind could take it; never for a mark of the byte order, which some readers skip."""
    text = data.removeprefix(b"\xef\xbb\xbf")
    try:
        if kind == "json":
            json.loads(text)
        elif kind == "jsonl":
            [json.loads(line) for line in text.split(b"\n") if line.strip()]
        elif kind == "yaml":
            yaml.safe_load(text.decode())
        elif kind in ("text", "csv", "python"):
            text.decode()
    except (ValueError, RecursionError, yaml.YAMLError):
        return True
    return False


def _places(value: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Path, container and key of every value below `value`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            below = f"{path}.{key}" if path else str(key)
            yield below, value, key
            yield from _places(inner, below)
    elif isinstance(value, list):
        for index, inner in enumerate(value[:6]):
            yield f"{path}[]", value, index
            yield from _places(inner, f"{path}[]")


def _wrong_types(value: object) -> list[object]:
    """Values of other types; a number is no substitute for a number."""
    every: list[object] = ["word", [], {}, None, [1], {"x": 1}, True, -7, 0.5]
    kind = "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__
    kinds = {"word": "str", "None": "NoneType"}
    return [
        one for one in every
        if (("number" if isinstance(one, (int, float)) and not isinstance(one, bool) else type(one).__name__) != kind)
        and not (isinstance(value, bool) and isinstance(one, bool)) and kinds.get(str(one)) != kind
    ]  # fmt: skip


def _changed(root: object, rules: Rules, rng: random.Random) -> tuple[str, object, bool] | None:
    """What was changed in a copy of a JSON value, the copy, and whether that breaks it."""
    root = copy.deepcopy(root)
    places = list(_places(root))
    if not places:
        return None
    depths = sorted({path.count(".") + path.count("[") for path, _, _ in places})
    depth = rng.choice(depths)  # or long lists would take nearly every mutation
    path, holder, key = rng.choice([one for one in places if one[0].count(".") + one[0].count("[") == depth])
    value = holder[key]
    parent = path.rpartition(".")[0] if isinstance(holder, dict) else path.removesuffix("[]")
    typed, needed, closed = (bool(re.fullmatch(rule, path)) for rule in (rules.typed, rules.needed, rules.closed))
    closed = bool(re.fullmatch(rules.closed, parent))
    what = rng.choice(["delete", "rename", "add", "type", "nan", "huge", "nested", "escape", "blank", "long", "double"])
    if what == "delete":
        del holder[key]
        return f"delete {path}", root, needed and isinstance(holder, dict)
    if what == "rename" and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
        return f"rename {path}", root, needed or closed
    if what == "add" and isinstance(holder, dict):
        holder["unknown_key"] = rng.choice([1, "x", []])
        return f"add unknown_key to {parent or 'the whole'}", root, closed
    if what == "type":
        holder[key] = rng.choice(_wrong_types(value))
        return f"type of {path}: {value!r:.20} -> {holder[key]!r}", root, typed
    if what == "nested":
        holder[key] = NESTED
        return f"nested {path}", root, typed
    if what == "double" and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(value))
        return f"double {path}", root, False
    if isinstance(value, bool):
        return None
    if what == "nan" and isinstance(value, (int, float)):
        holder[key] = rng.choice([float("nan"), float("inf"), -float("inf")])
        return f"nan {path}", root, typed
    if what == "huge" and isinstance(value, (int, float)):
        holder[key] = rng.choice([10**30, -(10**30), 10**400, 2**63])
        return f"huge {path}", root, False
    if what == "escape" and isinstance(value, str):
        holder[key] = rng.choice(["../../../etc/passwd", "/etc/passwd", "..", "a\0b", "\ud800"])
        return f"escape {path}: {holder[key]!r}", root, bool(re.fullmatch(rules.paths, path))
    if what == "blank" and isinstance(value, str):
        holder[key] = rng.choice(["", " ", "\n"])
        return f"blank {path}", root, False
    if what == "long" and isinstance(value, str):
        holder[key] = "x" * 100_000
        return f"long {path}", root, False
    return None


def _json_mutant(content: bytes, rules: Rules, rng: random.Random) -> Mutant | None:
    if rng.random() < 0.08 and (doubled := _double_key(content, rules, rng)):
        return doubled
    changed = _changed(json.loads(content), rules, rng)
    if changed is None:
        return None
    what, value, broken = changed
    return Mutant(what, _dumped(value), broken)


def _dumped(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=True)
    return text.replace(f'"{NESTED}"', "[" * DEPTH + "]" * DEPTH).encode()


def _double_key(content: bytes, rules: Rules, rng: random.Random) -> Mutant | None:
    """A key of the outermost object a second time, with another value; broken where it is needed."""
    value = json.loads(content)
    if not isinstance(value, dict) or not value:
        return None
    key = rng.choice(sorted(value))
    other = json.dumps(rng.choice(_wrong_types(value[key])))
    text = json.dumps(value)
    doubled = f"{text[:-1]}, {json.dumps(key)}: {other}}}"
    return Mutant(f"key {key} twice", doubled.encode(), bool(re.fullmatch(rules.needed, key)))


def _jsonl_mutant(content: bytes, rules: Rules, rng: random.Random) -> Mutant | None:
    lines = content.decode().splitlines()
    place = rng.randrange(len(lines))
    if rng.random() < 0.15:
        what = rng.choice(["blank line", "line twice", "line lost", "half a line", "last blank"])
        if what == "line twice":
            lines.insert(place, lines[place])
        elif what == "line lost":
            del lines[place]
        elif what == "half a line":
            lines[place] = lines[place][: len(lines[place]) // 2]
        else:
            lines.insert(place if what == "blank line" else len(lines), "")
        broken = what in ("line twice", "line lost", "half a line")
        return Mutant(f"{what} {place}", ("\n".join(lines) + "\n").encode(), broken)
    changed = _json_mutant(lines[place].encode(), rules, rng)
    if changed is None:
        return None
    lines[place] = changed.content.decode()
    return Mutant(f"line {place}: {changed.what}", ("\n".join(lines) + "\n").encode(), changed.broken)


def _yaml_mutant(content: bytes, rules: Rules, rng: random.Random) -> Mutant | None:
    text, value = content.decode(), yaml.safe_load(content)
    if rng.random() < 0.15:
        key = rng.choice(sorted(map(str, value)))
        forms = {
            f"key {key} twice": (f"{text}\n{key}: 1\n", True),
            "tab": (f"{text}\n\tx: 1\n", True),
            "two documents": (f"{text}\n---\n{text}", True),
            "python object": (f"{text}\nx: !!python/object/apply:os.getcwd []\n", True),
            "aliases": (text + "\nx: &a [1]\ny: [*a, *b]\n", True),
            "comment": (f"# more\n{text}", False),
        }
        what = rng.choice(sorted(forms))
        return Mutant(what, forms[what][0].encode(), forms[what][1])
    changed = _changed(value, rules, rng)
    if changed is None:
        return None
    what, mutated, broken = changed
    try:
        dumped = yaml.safe_dump(mutated, allow_unicode=True)
    except (ValueError, UnicodeEncodeError, yaml.YAMLError):
        return None
    return Mutant(what, dumped.replace(NESTED, "[" * 2000 + "]" * 2000).encode("utf-8", "surrogatepass"), broken)


def _line_mutant(content: bytes, rules: Rules, rng: random.Random) -> Mutant | None:
    """Lines of fields between bars or commas."""
    lines = content.decode().splitlines()
    place = rng.randrange(len(lines))
    fields = re.split(r"([|,])", lines[place])
    what = rng.choice(["line lost", "line twice", "field lost", "field blank", "field long", "field twice", "odd"])
    spot = rng.randrange(len(fields))
    if what == "line lost":
        del lines[place]
    elif what == "line twice":
        lines.insert(place, lines[place])
    else:
        fields[spot] = {
            "field lost": "", "field blank": " ", "field long": fields[spot] * 5000, "field twice": fields[spot] * 2,
            "odd": rng.choice(["nan", "[1e999, 2]", "[[[[", "\0", "../..", "-1", "\u202e", "[" * 3000]),
        }[what]  # fmt: skip
        lines[place] = "".join(fields)
    return Mutant(f"{what} {place}.{spot}", ("\n".join(lines) + "\n").encode(), False)


def _csv_mutant(content: bytes, rules: Rules, rng: random.Random) -> Mutant | None:
    lines = content.decode().splitlines()
    header = lines[0].split(",")
    what = rng.choice(["column lost", "column renamed", "word for number", "header lost", "row cut"])
    spot, place = rng.randrange(len(header)), rng.randrange(1, len(lines))
    name, needed = header[spot], bool(re.fullmatch(rules.needed, header[spot]))
    rows = [line.split(",") for line in lines]
    if what == "column lost":
        rows = [[cell for index, cell in enumerate(row) if index != spot] for row in rows]
    elif what == "column renamed":
        rows[0][spot] += "x"
    elif what == "word for number":
        if spot >= len(rows[place]) or not re.fullmatch(r"[-\d.]+", rows[place][spot]):
            return None
        rows[place][spot], needed = "word", bool(re.fullmatch(rules.typed, name))
    elif what == "header lost":
        del rows[0]
        needed = True
    else:
        rows[place] = rows[place][:spot]
        needed = False
    return Mutant(f"{what}: {name}", ("\n".join(map(",".join, rows)) + "\n").encode(), needed)


def _python_mutant(content: bytes, rules: Rules, rng: random.Random) -> Mutant | None:
    """A literal of the file replaced by another: never by code."""
    text = content.decode()
    spots = list(re.finditer(r"\"[^\"\n]*\"|(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?", text))
    spot = rng.choice(spots)
    new = rng.choice(["None", "[]", "{}", "'word'", "-1", "float('nan')", "10**30", "True", "''", "lambda: 0", "1e-3"])
    return Mutant(f"{spot[0][:30]} -> {new}", (text[: spot.start()] + new + text[spot.end() :]).encode(), False)


def _sqlite_mutant(content: bytes, rules: Rules, rng: random.Random) -> Mutant | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.sqlite"
        path.write_bytes(content)
        db = sqlite3.connect(path)
        db.execute("PRAGMA journal_mode = DELETE")
        found = _sqlite_change(db, rules, rng)
        db.commit()
        db.close()
        return None if found is None else Mutant(found[0], path.read_bytes(), found[1])


def _sqlite_change(db: sqlite3.Connection, rules: Rules, rng: random.Random) -> tuple[str, bool] | None:
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    table = rng.choice(tables)
    column = rng.choice([row[1] for row in db.execute(f"PRAGMA table_info({table})")])
    rows = [row for (row,) in db.execute(f"SELECT rowid FROM {table}")]
    path = f"{table}.{column}"
    what = rng.choice(
        ["cell", "cell", "cell", "cell", "row lost", "row twice", "column", "table", "version", "emptied"]
    )
    if what == "table":
        db.execute(f"DROP TABLE {table}")
        return f"table {table} lost", bool(re.fullmatch(rules.needed, table))
    if what == "version":
        db.execute(f"PRAGMA user_version = {rng.choice([0, 1, 999])}")
        return "another version", True
    if what == "column":
        try:
            db.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO {column}x")
        except sqlite3.Error:
            return None
        return f"column {path} renamed", bool(re.fullmatch(rules.needed, path))
    if what == "emptied":
        db.execute(f"DELETE FROM {table}")
        return f"table {table} emptied", bool(re.fullmatch(rules.needed, table)) and bool(rows)
    if not rows:
        return None
    row = rng.choice(rows)
    if what == "row lost":
        db.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
        return f"row {row} of {table} lost", False
    if what == "row twice":
        try:
            db.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE rowid = ?", (row,))
        except sqlite3.Error:
            return None
        return f"row {row} of {table} twice", False
    new = rng.choice(["word", -1, 10**18, 0.5, None, b"\xff\x00", "", "[" * 5000, '{"a": NaN}', "[]", 1e308])
    (old,) = db.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()
    try:
        db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row))
    except sqlite3.Error:
        return None
    numbers = isinstance(old, (int, float)) and isinstance(new, (int, float))
    other = type(old) is not type(new) and not numbers and not (old is None or new is None)
    typed = bool(re.fullmatch(rules.typed, path))
    return f"{path}: {old!r:.20} -> {new!r:.20}", (typed and other) or (rules.sealed and old != new)


def _parquet_mutant(content: bytes, rules: Rules, rng: random.Random) -> Mutant | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    name = rng.choice(table.column_names)
    place = table.column_names.index(name)
    typed, needed = bool(re.fullmatch(rules.typed, name)), bool(re.fullmatch(rules.needed, name))
    what = rng.choice(["lost", "renamed", "words", "nothing", "no rows", "rows twice", "numbers"])
    broken = needed
    if what == "lost":
        table = table.drop_columns([name])
    elif what == "renamed":
        table = table.rename_columns([f"{one}x" if one == name else one for one in table.column_names])
    elif what == "no rows":
        table, broken = table.slice(0, 0), True
    elif what == "rows twice":
        table, broken = pa.concat_tables([table, table]), False
    else:
        kinds = {"words": pa.array(["word"] * len(table)), "numbers": pa.array([-7.5] * len(table)),
                 "nothing": pa.nulls(len(table), table.column(name).type)}  # fmt: skip
        old, new = str(table.column(name).type), str(kinds[what].type)
        table = table.set_column(place, name, kinds[what])
        broken = typed and what != "nothing" and ("string" in old) != ("string" in new)
    target = io.BytesIO()
    pq.write_table(table, target)
    return Mutant(f"column {name}: {what}", target.getvalue(), broken)
