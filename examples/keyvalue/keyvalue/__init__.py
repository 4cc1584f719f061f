"""Buckets of values under keys for guests, in an SQLite database: the interface ``example:keyvalue/buckets@0.1.0``.

async with keyvalue.Database.open("values.db") as database:
    keyvalue.add_to_linker(linker, keyvalue.KeyValue(database))
"""

from keyvalue.bindings.buckets import add_buckets as add_to_linker
from keyvalue.database import Database
from keyvalue.host import Bucket, KeyValue
from keyvalue.limits import Limits

__all__ = ["Bucket", "Database", "KeyValue", "Limits", "add_to_linker"]
