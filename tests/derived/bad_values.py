# SPDX-License-Identifier: Apache-2.0
"""Values that a field must refuse, derived from its declaration; and bodies, arguments and paths that anything must."""
import json

HUGE = 10 ** 30
RAW = {"@1e400": "1e400", "@NaN": "NaN", "@Infinity": "Infinity"}       # not JSON as Python writes it


class Raw(str):
    """JSON text that goes into the body as it is."""


def print_json(value):
    """JSON of a value that may hold Raw texts."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (json.dumps(k), print_json(v)) for k, v in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(print_json, value))
    return json.dumps(value)


def _texts(field):
    lenient = field.has("LENIENT")
    yield from (("a list", []), ("a map", {}), ("a real", 1.5))
    if not lenient:
        yield from (("a number", 7), ("a truth value", True))
    if field.max <= 70000:
        yield "too long", "x" * (field.max + 1)
    if field.min:
        yield "too short", "x" * (field.min - 1)
    yield "a control character", "a\x01b"
    form = {"UUID": "no-uuid", "MAC": "zz:00:00:00:00:00", "IP": "999.1.1.1", "CIDR": "10.0.0.0/99", "URL": "nonsense",
            "ENUM": "no-such-value"}.get(field.type)
    if form:
        yield "of another form", form
    if field.type == "ENUM":
        yield "part of a choice", field.values[0][:-1] or "-"
        yield "two choices", "|".join(field.values[:2])
    if field.type in ("IP", "CIDR", "MAC"):
        yield "followed by a line", {"IP": "10.0.0.1\n", "CIDR": "10.0.0.0/8\n", "MAC": "fa:16:3e:00:00:01\n"}[field.type]
    if field.has("TRIM"):
        yield "led by a space", " x"


def _ints(field):
    yield from (("a text", "abc"), ("a list", []), ("a map", {}), ("a truth value", True), ("a fraction", 1.5),
                ("too small", field.min - 1), ("too large", field.max + 1), ("huge", HUGE), ("hugely negative", -HUGE),
                ("a huge real", Raw("1e400")), ("not a number", Raw("NaN")), ("2^63", 2 ** 63), ("-2^63", -2 ** 63))
    if not field.has("LENIENT"):
        yield "a number as text", "7"
    else:
        yield "a huge number as text", str(HUGE)


def _items(field, good):
    if field.max <= 2000:
        yield "too many", [good] * (field.max + 1)
    if field.min:
        yield "too few", []


def _maps(field):
    yield from (("a text", "x"), ("a number", 7), ("a list", []), ("a map of numbers", {"a": 7}),
                ("a map of nothing", {"a": None}), ("a map of maps", {"a": {}}), ("an empty name", {"": "x"}),
                ("a long name", {"k" * 256: "x"}), ("a long value", {"a": "v" * 256}))
    if field.max <= 2000:
        yield "too many", {"k%d" % n: "v" for n in range(field.max + 1)}


def wrong(field, of=None, good=None):
    """(what is wrong, value) that the field must refuse with 400. 'of': the resource of an OBJECT or OBJECTS, 'good' a
    good value of it."""
    kind = field.type
    if kind in ("JSON", "TREE"):
        if field.has("REQUIRED") and not field.has("NULLABLE"):
            yield "null", None
        if field.has("A_LIST") or field.has("AN_OBJECT"):
            yield from (("a text", "x"), ("a number", 7), ("true", True),
                        ("a map", {}) if field.has("A_LIST") else ("a list", []))
        return
    if not field.has("NULLABLE"):
        yield "null", None
    if kind == "BOOL":
        yield from (("a text", "maybe"), ("a number", 7), ("a list", []), ("a map", {}), ("a real", 0.5))
    elif kind == "INT":
        yield from _ints(field)
    elif kind == "REAL":
        yield from (("a text", "abc"), ("a list", []), ("a map", {}), ("not a number", Raw("NaN")),
                    ("a huge real", Raw("1e400")), ("infinity as text", "inf"), ("nan as text", "nan"))
    elif kind == "TIME":
        yield from (("a text", "yesterday"), ("a number", 7), ("a map", {}), ("no such day", "2026-02-31T00:00:00Z"))
    elif kind == "MAP":
        yield from _maps(field)
    elif kind == "TEXTS":
        yield from (("a text", "x"), ("a number", 7), ("a map", {}), ("a list of numbers", [7]),
                    ("a list of nothing", [None]), ("a list of lists", [[]]), ("a long item", ["x" * 256]))
        yield from _items(field, "x")
    elif kind == "OBJECT":
        yield from (("a text", "x"), ("a number", 7), ("a list", []))
    elif kind == "OBJECTS":
        yield from (("a text", "x"), ("a number", 7), ("a map", {}), ("a list of numbers", [7]),
                    ("a list of nothing", [None]))
        yield from _items(field, good)
    else:
        yield from _texts(field)


# Anything may stand in a JSON field without a type; the service must not stumble over it.
ODD = (("null", None), ("a number", 7), ("a negative number", -1), ("a text", "x"), ("an empty text", ""), ("true", True),
       ("an empty list", []), ("an empty map", {}), ("a list of numbers", [7]), ("a list of nothing", [None]),
       ("a list of lists", [[]]), ("a list of empty maps", [{}]), ("a map of nothing", {"a": None}),
       ("a map of maps", {"a": {"b": {"c": [1]}}}), ("a real", 1.5), ("huge", HUGE), ("a long text", "x" * 70000),
       ("a list of texts", ["x"]), ("a deep list", Raw("[" * 50 + "]" * 50)))

# (what, bytes of a body, statuses that may answer it)
BODIES = (
    ("no JSON", b'{"a": ', (400,)), ("a text", b'"text"', (400,)), ("a number", b"7", (400,)), ("nothing", b"null", (400,)),
    ("deep", b'{"a": ' + b"[" * 10000 + b"]" * 10000 + b"}", (400,)), ("deep maps", b'{"a":' * 10000 + b"1" + b"}" * 10000, (400,)),
    ("twice the same key", b'{"a": 1, "a": 2}', (400,)), ("no UTF-8", b'{"a": "\xff\xfe"}', (400,)),
    ("half a surrogate", b'{"a": "\\ud800"}', (400,)), ("a NUL", b'{"a": "\\u0000"}', (400,)),
    ("a raw NUL", b'{"a": "\x00"}', (400,)), ("overlong UTF-8", b'{"a": "\xc0\xaf"}', (400,)),
    ("trailing text", b'{"a": 1} x', (400,)), ("two documents", b"{}{}", (400,)), ("a comment", b'{/* */"a": 1}', (400,)),
    ("a raw line feed", b'{"a": "x\ny"}', (400,)), ("NaN", b'{"a": NaN}', (400,)),
    ("a byte order mark", b'\xef\xbb\xbf{"a": 1', (400,)),
)

ARGUMENTS = (
    ("limit=-1", (400,)), ("limit=abc", (400,)), ("limit=1.5", (400,)), ("limit=99999999999999999999999", (200, 400)),
    ("limit=1%00", (400,)), ("limit=%20", (400,)), ("limit=0x10", (400,)), ("marker=" + "x" * 4096, (400, 404)),
    ("marker=no-such-id", (400, 404)), ("sort_key=no_such_key", (400,)), ("sort_key=id%3Bdrop", (400,)),
    ("sort_key=id&sort_dir=sideways", (400,)), ("marker=%ff%fe", (400, 404)), ("marker=%27%20OR%201%3D1--", (400, 404)),
)

IDS = ("no-such-id", "00000000-0000-4000-8000-00000000dead", "a%2Fb", "..%2F..%2Fetc", "%2e%2e", "a%00b", "%ff%fe", "x" * 4096,
       "%0d%0aX-Evil:%201", "%27%20OR%20%271%27=%271", "-1", "99999999999999999999999", "%25s%25n", "%zz", "%E2%82%AC", "1e9",
       "a%20b", "%09", "*", "null")
