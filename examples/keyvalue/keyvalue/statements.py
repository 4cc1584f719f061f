"""What is asked of SQLite: plain functions that block, each all or nothing."""

from __future__ import annotations

import re
import sqlite3
from itertools import takewhile
from typing import Final

import weft
from keyvalue.bindings import buckets

SCHEMA: Final = """
create table if not exists buckets (number integer primary key, name text not null unique);
create table if not exists entries (
    bucket integer not null, key text not null, value blob not null, primary key (bucket, key)
) without rowid;
"""

_NUMBER: Final = re.compile(rb"-?[0-9]{1,19}")
_S64: Final = range(-(1 << 63), 1 << 63)
_REFUSALS: Final[dict[int, buckets.Error]] = {
    sqlite3.SQLITE_FULL: buckets.ErrorFull(),
    sqlite3.SQLITE_BUSY: buckets.ErrorBusy(),
    sqlite3.SQLITE_READONLY: buckets.ErrorReadOnly(),
}
_BROKEN: Final = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOTADB)


def refusal(error: sqlite3.Error) -> buckets.Error | None:
    """Return what the interface calls an error; None for one that is a mistake in this package."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # what is above only says more about it
    return buckets.ErrorBroken(str(error)) if code in _BROKEN else _REFUSALS.get(code)


def connect(path: str, byte_length: int | None, patience: float) -> sqlite3.Connection:
    """Open a database, and make its tables in a new one.

    Args:
        path: of the file.
        byte_length: how large it may become.
        patience: how many seconds to wait for others that lock it.
    """
    # Transactions begin where `begin` stands; the lock of `Database` keeps threads apart.
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        if byte_length is not None:
            (page_byte_length,) = connection.execute("pragma page_size").fetchone()
            connection.execute(f"pragma max_page_count = {byte_length // page_byte_length}")
        connection.executescript(SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def bucket(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of a bucket, which is made if need be."""
    query = "select number from buckets where name = ?"
    found = connection.execute(query, (name,)).fetchone()
    if found is None:
        connection.execute("insert into buckets (name) values (?) on conflict do nothing", (name,))
        found = connection.execute(query, (name,)).fetchone()
    return int(found[0])


def get(connection: sqlite3.Connection, bucket: int, key: str) -> bytes | None:
    """Return a value, or None."""
    query = "select value from entries where bucket = ? and key = ?"
    found = connection.execute(query, (bucket, key)).fetchone()
    return None if found is None else found[0]


def put(connection: sqlite3.Connection, bucket: int, key: str, value: bytes) -> None:
    """Set a value."""
    connection.execute("insert or replace into entries values (?, ?, ?)", (bucket, key, value))


def delete(connection: sqlite3.Connection, bucket: int, key: str) -> bool:
    """Delete a value, and return whether there was one."""
    return connection.execute("delete from entries where bucket = ? and key = ?", (bucket, key)).rowcount > 0


def increment(connection: sqlite3.Connection, bucket: int, key: str, amount: int) -> int:
    """Add to a value, and return the sum."""
    connection.execute("begin immediate")
    with connection:  # commits, or rolls back what raises
        value = get(connection, bucket, key)
        total = amount + _number(b"0" if value is None else value)
        if total not in _S64:
            raise weft.Err(buckets.ErrorNotANumber())
        put(connection, bucket, key, b"%d" % total)
    return total


def _number(value: bytes) -> int:
    if not _NUMBER.fullmatch(value):
        raise weft.Err(buckets.ErrorNotANumber())
    return int(value)


def list_keys(connection: sqlite3.Connection, bucket: int, prefix: str, after: str | None, limit: int) -> list[str]:
    """Return at most `limit` keys with a prefix, which stand together in the order of their bytes."""
    begun = after is not None and after >= prefix
    query = f"select key from entries where bucket = ? and key {'>' if begun else '>='} ? order by key limit ?"
    found = connection.execute(query, (bucket, after if begun else prefix, limit)).fetchall()
    return [key for (key,) in takewhile(lambda row: row[0].startswith(prefix), found)]
