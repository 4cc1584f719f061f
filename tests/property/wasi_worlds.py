"""Guests that pass on what they are told to files, sockets, streams, stdio and clocks of WASI, all in one component."""

from __future__ import annotations

import re

import fs_guest
import p2_sockets_guest as p2
import p3_sockets_guest as p3
from attrs import evolve
from sockets_guest import (
    BYTES,
    U64,
    Function,
    Interface,
    Type,
    World,
    borrow,
    fallible,
    methods,
    own,
)

_HANDLE = re.compile(r"\((?:own|borrow) \$[a-z-]+\)")
_STREAM = re.compile(r"\$(bytes|entries|fs-outcome|data|sent|connections)\b")


def _type(text: str) -> Type:
    """Return a type of fs_guest's: a handle is a number where it is exported."""
    names = {"input": "input-stream", "output": "output-stream"}
    text = re.sub(r"(own|borrow) \$(input|output)\b", lambda at: f"{at[1]} ${names[at[2]]}", text)
    text = text.replace("$outcome", "$fs-outcome").replace("$error-code", "$fs-code")
    exported = _STREAM.sub("u32", _HANDLE.sub("u32", text))
    cores = tuple(fs_guest.CORE_TYPES.get(text, ["i32"]))
    return Type(text, exported, cores)


def _result(text: str) -> Type:
    made = _type(text)
    return made if text in ("bool", "$outcome") else evolve(made, cores=("memory",))


def _files(version: int) -> list[Function]:
    more = fs_guest.STREAM_FUNCTIONS if version == 3 else fs_guest.P2_FUNCTIONS
    functions = [
        Function(
            "files",
            each.name,
            tuple(_type(param) for param in each.params),
            _result(each.result),
            each.is_async,
            tuple("self" if "[method]" in each.name and not at else f"p{at}" for at in range(len(each.params))),
        )
        for each in (*fs_guest.methods(version), *more)
    ]
    each = fs_guest.PREOPENS
    return [*functions, Function("preopens", each.name, (), _result(each.result))]


def _files_interfaces(version: int) -> list[Interface]:
    types = fs_guest.types(version)
    renamed = {label: "fs-code" if label == "error-code" else label for label in types}
    text = " ".join(
        f'(type ${label}-is {body}) (export "{label}" (type ${renamed[label]} (eq ${label}-is)))'.replace(
            "$error-code ", "$fs-code "
        )
        for label, body in types.items()
    )
    text += '(export "descriptor" (type $descriptor (sub resource)))'
    exports = ["descriptor", *(name if name == label else f"{name}={label}" for label, name in renamed.items())]
    if version == 2:
        text += '(export "directory-entry-stream" (type $entry-stream (sub resource)))'
        exports.append("entry-stream=directory-entry-stream")
    else:
        text += """(type $bytes (stream u8)) (type $entries (stream $directory-entry))
        (type $fs-outcome (future (result (error $fs-code))))"""
    number = "0.2.0" if version == 2 else "0.3.0"
    return [
        Interface("files", f"wasi:filesystem/types@{number}", text, " ".join(exports)),
        Interface("preopens", f"wasi:filesystem/preopens@{number}", "", ""),
    ]


# WASI 0.2.

_WRITTEN = fallible(None, p2.STREAM_ERROR)
_MOVED = fallible(U64, p2.STREAM_ERROR)
_READ = fallible(BYTES, p2.STREAM_ERROR)
_P2_IO = [
    Function("error", "[method]error.to-debug-string", (borrow("error"),), Type("string", "string", ("memory",))),
    Function(
        "poll",
        "poll",
        (Type("(list (borrow $pollable))", "(list u32)", ("i32", "i32")),),
        Type("(list u32)", "(list u32)", ("memory",)),
        names=("in",),
    ),
]
_LENGTH = {"names": ("self", "len")}


def _p2_streams() -> list[Function]:
    inputs = {"read": _READ, "skip": _MOVED, "blocking-skip": _MOVED}
    outputs = {"write-zeroes": _WRITTEN, "blocking-write-zeroes-and-flush": _WRITTEN}
    splices = ("splice", "blocking-splice")
    return [
        *(
            Function("streams", f"[method]input-stream.{name}", (borrow("input-stream"), U64), result, **_LENGTH)
            for name, result in inputs.items()
        ),
        *(
            Function("streams", f"[method]output-stream.{name}", (borrow("output-stream"), U64), result, **_LENGTH)
            for name, result in outputs.items()
        ),
        *(
            Function(
                "streams",
                f"[method]output-stream.{name}",
                (borrow("output-stream"), borrow("input-stream"), U64),
                _MOVED,
                names=("self", "src", "len"),
            )
            for name in splices
        ),
        *methods("streams", "output-stream", flush=(_WRITTEN,), blocking_flush=(_WRITTEN,)),
    ]


_P2_REST = [
    *(Function(name, f"get-{name}", (), own(f"{kind}-stream")) for name, kind in
      (("stdin", "input"), ("stdout", "output"), ("stderr", "output"))),
    *(Function("clock", f"subscribe-{name}", (U64,), own("pollable"), names=("when",))
      for name in ("instant", "duration")),
]  # fmt: skip

_P2_INTERFACES = [
    *(Interface(name, f"wasi:cli/{name}@0.2.0", "", "") for name in ("stdin", "stdout", "stderr")),
    Interface("clock", "wasi:clocks/monotonic-clock@0.2.0", "", ""),
]


def p2_world() -> World:
    """Return the world of WASI 0.2."""
    return World(
        (*p2.WORLD.interfaces, *_P2_INTERFACES, *_files_interfaces(2)),
        (*p2.WORLD.functions, *_P2_IO, *_p2_streams(), *_P2_REST, *_files(2)),
        (*p2.WORLD.resources, "descriptor", "entry-stream"),
        p2.WORLD.definitions,
    )


# WASI 0.3: what the guest does with the streams and futures of files, as p3_sockets_guest does with those of sockets.

_P3_DEFINITIONS = """
    (type $all-entries (stream $directory-entry))
    (type $file-outcome (future (result (error $fs-code))))
    (core func $entries-read (canon stream.read $all-entries (memory $memory) (realloc (core func $libc "realloc"))))
    (core func $drop-entries (canon stream.drop-readable $all-entries))
    (core func $file-outcome-read
      (canon future.read $file-outcome (memory $memory) (realloc (core func $libc "realloc"))))
    (core func $drop-file-outcome (canon future.drop-readable $file-outcome))
    (core func $drop-outcome (canon future.drop-readable $outcome))
"""
_P3_BUILTINS = (
    ("entries-read", "(param i32 i32 i32) (result i32)"),
    ("drop-entries", "(param i32)"),
    ("file-outcome-read", "(param i32 i32) (result i32)"),
    ("drop-file-outcome", "(param i32)"),
    ("drop-outcome", "(param i32)"),
)
_DROPS = ("drop-entries", "drop-file-outcome", "drop-outcome")
_P3_CORE = """
    (func (export "list") (param i32 i32) (result i32)
      (call $entries-read (local.get 0) (i32.const 1024) (i32.and (local.get 1) (i32.const 31))))
    (func (export "file-outcome") (param i32) (result i32)
      (drop (call $file-outcome-read (local.get 0) (i32.const 16)))
      (i32.const 16))
""" + "".join(f'(func (export "{name}") (param i32) (call ${name} (local.get 0)))' for name in _DROPS)
_P3_EXPORTS = """
    (func (export "list") async (param "h" u32) (param "n" u32) (result u32) (canon lift (core func $i "list")))
    (func (export "file-outcome") async (param "h" u32) (result (result (error $fs-code)))
      (canon lift (core func $i "file-outcome") (memory $memory)))
""" + "".join(f'(func (export "{name}") (param "h" u32) (canon lift (core func $i "{name}")))' for name in _DROPS)


def p3_world() -> World:
    """Return the world of WASI 0.3."""
    world = p3.WORLD
    clock = Interface("clock", "wasi:clocks/monotonic-clock@0.3.0", "", "")
    waits = [
        Function("clock", name, (U64,), None, is_async=True, names=(param,))
        for name, param in (("wait-until", "when"), ("wait-for", "how-long"))
    ]
    return World(
        (*world.interfaces, clock, *_files_interfaces(3)),
        (*world.functions, *waits, *_files(3)),
        (*world.resources, "descriptor"),
        world.definitions + _P3_DEFINITIONS,
        world.core + _P3_CORE,
        (*world.builtins, *_P3_BUILTINS),
        world.exports + _P3_EXPORTS,
        is_async=True,
    )


__all__ = ["p2_world", "p3_world"]
