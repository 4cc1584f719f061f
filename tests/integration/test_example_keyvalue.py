"""The tutorial's package: a key-value store over SQLite, used by guests and from outside."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

import weft
from weft import bindgen
from weft.cli import main as weft_command
from weft.component.decoder import decode
from weft.engine import wat2wasm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = pytest.mark.anyio

EXAMPLE = Path(__file__).parents[2] / "examples" / "keyvalue"
GUEST = (EXAMPLE / "guest.wat").read_text()
BUILT = EXAMPLE / "build" / "guest.wasm"

# The functions of the interface with their core parameters; each result is too long to be flat.
METHODS = {
    "open": "i32 i32",
    "get": "i32 i32 i32",
    "set": "i32 i32 i32 i32 i32",
    "delete": "i32 i32 i32",
    "increment": "i32 i32 i32 i64",
    "list-keys": "i32 i32 i32 i32 i32 i32",
    "watch": "i32 i32 i32",
}
EXPORTS = {
    "open": ("async", '(param "name" string)', "$own-bucket"),
    "get": ("async", '(param "self" (borrow $bucket)) (param "key" string)', "$maybe-value"),
    "set": ("async", '(param "self" (borrow $bucket)) (param "key" string) (param "value" $value)', ""),
    "delete": ("async", '(param "self" (borrow $bucket)) (param "key" string)', "bool"),
    "increment": ("async", '(param "self" (borrow $bucket)) (param "key" string) (param "amount" s64)', "s64"),
    "list-keys": (
        "async",
        '(param "self" (borrow $bucket)) (param "prefix" string) (param "after" $maybe-key)',
        "$key-list",
    ),
    "watch": ("", '(param "self" (borrow $bucket)) (param "prefix" string)', "$changes"),
}


def through_guest() -> str:
    """Return a guest that exports the interface's functions and calls them: text around the imports of guest.wat."""
    imports, _, rest = GUEST.partition("  (core module $Memory")
    memory = "  (core module $Memory" + rest.partition("  ;; All are async funcs")[0]
    lowered, imported, calls, items, lifted = [], [], [], [], []
    for name, params in METHODS.items():
        source = name if name == "open" else f"[method]bucket.{name}"
        lowered.append(
            f'(core func ${name} (canon lower (func $buckets "{source}")'
            " (memory (core memory $mem)) (realloc (core func $realloc))))"
        )
        imported.append(f'(import "" "{name}" (func ${name} (param {params} i32)))')
        arguments = " ".join(f"(local.get {i})" for i in range(len(params.split())))
        drop = "" if name == "open" else "(call $drop (local.get 0))"  # what is lent must be let go of
        calls.append(
            f'(func (export "{name}") (param {params}) (result i32)'
            f" (call ${name} {arguments} (i32.const 0)) {drop} (i32.const 0))"
        )
        items.append(f'(export "{name}" (func ${name}))')
        is_async, wit_params, ok = EXPORTS[name]
        lifted.append(f"(type $result-{name} (result {ok} (error $error)))")
        lifted.append(
            f'(func (export "{name}") {is_async} {wit_params} (result $result-{name})'
            f' (canon lift (core func $guest "{name}") (memory (core memory $mem)) (realloc (core func $realloc))'
            " (post-return (core func $free-all))))"
        )
    return f"""{imports}
      (type $value (list u8)) (type $maybe-value (option $value)) (type $maybe-key (option string))
      (type $key-list (list string)) (type $own-bucket (own $bucket))
      {memory}
      {" ".join(lowered)}
      (core func $drop (canon resource.drop $bucket))
      (core module $Guest
        (import "" "drop" (func $drop (param i32))) {" ".join(imported)} {" ".join(calls)})
      (core instance $guest (instantiate $Guest (with "" (instance
        (export "drop" (func $drop)) {" ".join(items)}))))
      {" ".join(lifted)})"""


@pytest.fixture(scope="module")
def keyvalue() -> Iterator[Any]:
    """Import the package, which is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        import keyvalue

        yield keyvalue
    for name in [name for name in sys.modules if name.partition(".")[0] == "keyvalue"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def engine() -> weft.Engine:
    return weft.Engine()


@pytest.fixture(scope="module")
def visits(engine: weft.Engine) -> weft.Component:
    return weft.Component(engine, GUEST)


@pytest.fixture(scope="module")
def component(engine: weft.Engine) -> weft.Component:
    return weft.Component(engine, through_guest())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "values.db"


class Case:
    """A store with instances of guests over one database."""

    def __init__(self, keyvalue: Any, database: Any, store: weft.Store, component: weft.Component) -> None:
        self.package = keyvalue
        self.database = database
        self.store = store
        self.component = component
        self.errors = keyvalue.bindings.buckets

    async def world(self, **limits: int) -> tuple[Any, Any]:
        """Return a new instance, and the host it uses."""
        host = self.package.KeyValue(self.database, self.package.Limits(**limits))
        linker = weft.Linker(self.store.engine)
        self.package.add_to_linker(linker, host)
        generated = bindgen.load(self.component)
        return generated.World(await linker.instantiate(self.store, self.component)), host

    @contextmanager
    def refused(self, case: str, *value: object) -> Iterator[None]:
        """Expect an error of the interface."""
        with pytest.raises(weft.Err) as raised:
            yield
        error = raised.value.value
        assert (error.case, *([error.value] if hasattr(error, "value") else [])) == (case, *value)


@pytest.fixture
def run(keyvalue: Any, engine: weft.Engine, component: weft.Component, path: Path) -> Any:
    """Return a function that runs ``body(case, accessor)`` in a store and looks that nothing is left."""

    async def run(body: Callable[..., Any], guest: weft.Component = component, **options: Any) -> None:
        async with keyvalue.Database.open(path, **options) as database:
            async with weft.Store(engine) as store:
                case = Case(keyvalue, database, store, guest)
                await store.run_concurrent(partial(body, case))
            assert database.watches == {}
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            await database.run(lambda connection: connection.execute("select 1"))
        assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0

    return run


async def test_every_function_works_through_a_guest(run: Any) -> None:
    """Values are set, got, counted, listed in pages and deleted; what is not there is None, or zero, or False."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, _ = await case.world(page_length=2)
        bucket = await world.open(accessor, "main")
        assert await world.get(accessor, bucket, "a") is None
        await world.set(accessor, bucket, "a", b"\0value")
        assert await world.get(accessor, bucket, "a") == b"\0value"
        await world.set(accessor, bucket, "a", b"")
        assert await world.get(accessor, bucket, "a") == b""
        assert await world.delete(accessor, bucket, "a") is True
        assert await world.delete(accessor, bucket, "a") is False
        assert await world.increment(accessor, bucket, "n", 5) == 5
        assert await world.increment(accessor, bucket, "n", -7) == -2
        assert await world.get(accessor, bucket, "n") == b"-2"

    await run(body)


async def test_keys_are_listed_in_pages(run: Any) -> None:
    """Pages follow each other in the order of bytes, from the empty key on, and stay within the prefix and bucket."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, _ = await case.world(page_length=2)
        bucket, other = await world.open(accessor, "main"), await world.open(accessor, "other")
        keys = ["", "a", "ab", "b", "b\0", "é", "🧵", "ﬀ"]
        for key in keys:
            await world.set(accessor, bucket, key, b"")
        await world.set(accessor, other, "bb", b"")

        async def pages(prefix: str) -> list[str]:
            found: list[str] = []
            while page := await world.list_keys(accessor, bucket, prefix, found[-1] if found else None):
                assert len(page) <= 2
                found += page
            return found

        assert await pages("") == sorted(keys, key=str.encode)
        assert await pages("a") == ["a", "ab"]
        assert await pages("b") == ["b", "b\0"]
        assert await pages("c") == []
        assert await world.list_keys(accessor, bucket, "b", "a") == ["b", "b\0"]

    await run(body)


async def test_limits(run: Any) -> None:
    """What is too long, too large or too many is refused with the limit; names must be plain."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, host = await case.world(key_byte_length=4, value_byte_length=3, buckets=2, watches=1)
        bucket = await world.open(accessor, "main")
        await world.set(accessor, bucket, "éé", b"123")
        for call in (world.get, world.delete, partial(world.set, value=b""), partial(world.increment, amount=1)):
            with case.refused("key-too-long", 4):
                await call(accessor, bucket, "ééa")
        with case.refused("value-too-large", 3):
            await world.set(accessor, bucket, "k", b"1234")
        for name in ("", "x" * 65, "a b", "a/b", "naïve", "a\n"):
            with case.refused("invalid-name"):
                await world.open(accessor, name)
        second = await world.open(accessor, "second")
        with case.refused("too-many", 2):
            await world.open(accessor, "third")
        watched = await world.watch(accessor, bucket, "")
        with case.refused("too-many", 1):
            await world.watch(accessor, bucket, "")
        watched.close(accessor)
        (await world.watch(accessor, bucket, "")).close(accessor)
        assert (host.opened.taken, host.watched.taken) == (2, 0)
        second.on_drop()
        second.on_drop()  # as a guest that drops it, and later nobody else
        assert host.opened.taken == 1

    await run(body)


async def test_only_numbers_are_counted(run: Any) -> None:
    """A value that is no s64, or a sum that is none, is refused and stays as it was; nothing stays locked."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, _ = await case.world()
        bucket = await world.open(accessor, "main")
        top = (1 << 63) - 1
        for value, amount in ((b"x", 1), (b"", 1), (b" 1", 1), (b"1_0", 1), (b"9" * 5000, 1), (b"%d" % top, 1)):
            await world.set(accessor, bucket, "n", value)
            with case.refused("not-a-number"):
                await world.increment(accessor, bucket, "n", amount)
            assert await world.get(accessor, bucket, "n") == value
        assert await world.increment(accessor, bucket, "new", -top - 1) == -top - 1

    await run(body)


async def test_a_full_database(run: Any) -> None:
    """A database that may not grow any more refuses values; what it has can be got, and deleting makes room."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, _ = await case.world()
        bucket = await world.open(accessor, "main")
        with case.refused("full"):
            for number in range(100):
                await world.set(accessor, bucket, f"k{number}", bytes(10_000))
        assert await world.get(accessor, bucket, "k0") == bytes(10_000)
        assert await world.delete(accessor, bucket, "k0")
        await world.set(accessor, bucket, "k0", b"small")

    await run(body, byte_length=100_000)


async def test_errors_of_the_database(run: Any, path: Path) -> None:
    """A lock of somebody else's, a database that cannot be written and one that is broken have cases of their own."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, _ = await case.world()
        bucket = await world.open(accessor, "main")
        watched = await world.watch(accessor, bucket, "")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin exclusive")
        for call in (world.get, world.delete, partial(world.set, value=b""), partial(world.increment, amount=1)):
            with case.refused("busy"):
                await call(accessor, bucket, "k")
        other.execute("rollback")
        other.close()
        await case.database.run(lambda connection: connection.execute("pragma query_only = 1"))
        with case.refused("read-only"):
            await world.set(accessor, bucket, "k", b"v")
        await case.database.run(lambda connection: connection.execute("pragma query_only = 0"))
        await world.set(accessor, bucket, "k", b"v")
        assert [change.key for change in await watched.read(accessor)] == ["k"]  # and nothing that was refused
        await anyio.Path(path).write_bytes(b"no database" * 1000)
        with case.refused("broken", "file is not a database"):
            await world.get(accessor, bucket, "k")

    await run(body, patience=0)


async def test_mistakes_are_not_errors_of_the_interface(keyvalue: Any, path: Path) -> None:
    """An error of SQLite that a guest cannot help is raised as it is; a file that is no database cannot be opened."""
    async with keyvalue.Database.open(path) as database:
        with pytest.raises(sqlite3.OperationalError, match="syntax"):
            await database.run(lambda connection: connection.execute("selekt"))
    await anyio.Path(path).write_bytes(b"no database" * 1000)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        async with keyvalue.Database.open(path):
            pass


async def test_the_database_outlives_the_store(run: Any) -> None:
    """What one store's guest has set, another's finds, in a database that was closed and opened again."""

    async def write(case: Case, accessor: weft.Accessor) -> None:
        world, _ = await case.world()
        await world.set(accessor, await world.open(accessor, "main"), "k", b"kept")

    async def read(case: Case, accessor: weft.Accessor) -> None:
        world, _ = await case.world()
        assert await world.get(accessor, await world.open(accessor, "main"), "k") == b"kept"
        assert await world.get(accessor, await world.open(accessor, "other"), "k") is None

    await run(write)
    await run(read)


async def test_guests_count_at_once(run: Any) -> None:
    """Guests that count in one key and each in a bucket of its own lose nothing, and a watch sees sums grow."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        seen: list[int] = []

        async def count(number: int) -> None:
            world, _ = await case.world()
            shared, own = await world.open(accessor, "shared"), await world.open(accessor, f"own-{number}")
            for _ in range(5):
                await world.increment(accessor, shared, "n", 1)
                await world.increment(accessor, own, "n", number)
            assert await world.get(accessor, own, "n") == b"%d" % (5 * number)

        world, _ = await case.world()
        watched = await world.watch(accessor, await world.open(accessor, "shared"), "")
        async with anyio.create_task_group() as group:
            for number in range(1, 7):
                group.start_soon(count, number)
            while not seen or seen[-1] < 30:
                seen += [int(change.value) for change in await watched.read(accessor)]
        assert seen == sorted(set(seen))
        watched.close(accessor)

    await run(body)


async def test_a_watch_tells_of_changes(run: Any) -> None:
    """A reader that keeps up sees each change under its prefix; one that does not sees the last of each key."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, _ = await case.world()
        bucket, other = await world.open(accessor, "main"), await world.open(accessor, "other")
        watched = await world.watch(accessor, bucket, "a")

        async def read(most: int = 100) -> list[tuple[str, bytes | None]]:
            return [(change.key, change.value) for change in await watched.read(accessor, most)]

        for value in (b"1", b"2"):
            await world.set(accessor, bucket, "a", value)
            assert await read() == [("a", value)]
        await world.set(accessor, bucket, "b", b"")
        await world.set(accessor, other, "a", b"")
        await world.delete(accessor, bucket, "ab")  # there is none
        for value in (b"1", b"2", b"3"):
            await world.set(accessor, bucket, "ab", value)
            await world.set(accessor, bucket, "a" + value.decode(), value)
        await world.increment(accessor, bucket, "a1", 4)
        assert await world.delete(accessor, bucket, "a2")
        assert await read() == [("ab", b"3"), ("a1", b"5"), ("a2", None), ("a3", b"3")]
        accessor.spawn(lambda later: world.set(later, bucket, "a", b"late"))
        assert await read() == [("a", b"late")]  # which waits
        watched.close(accessor)

    await run(body)


async def test_a_reader_of_little_gets_little(keyvalue: Any) -> None:
    """What a reader has no room for stays with the watch, where later changes replace it."""
    change = keyvalue.bindings.buckets.Change

    class Destination:
        remaining: int | None = 1

        def __init__(self) -> None:
            self.items: list[Any] = []

        def write(self, items: list[Any]) -> None:
            self.items += items

    watch = keyvalue.watches.Watch("", 10_000, lambda _: None)
    destination: Any = Destination()
    waker: Any = None
    for key, value in (("a", b"1"), ("b", b"1"), ("a", b"2")):
        watch.tell(change(key, value))
    assert watch.poll_produce(waker, destination, False) is weft.StreamResult.COMPLETED
    watch.tell(change("b", b"2"))
    destination.remaining = 0
    assert watch.poll_produce(waker, destination, False) is weft.StreamResult.COMPLETED
    destination.remaining = None
    assert watch.poll_produce(waker, destination, False) is weft.StreamResult.COMPLETED
    assert destination.items == [change("a", b"2"), change("b", b"2")]
    assert watch.poll_produce(waker, destination, False) is weft.PENDING
    assert watch.poll_produce(waker, destination, True) is weft.CANCELLED


async def test_a_watch_that_nobody_reads_ends(run: Any) -> None:
    """More keys than a watch may keep end it, after those it kept; one key can change for ever."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, host = await case.world(watch_byte_length=3000)
        bucket = await world.open(accessor, "main")
        watched = await world.watch(accessor, bucket, "")
        for number in range(20):
            await world.set(accessor, bucket, "same", b"%500d" % number)
        for number in range(20):
            await world.set(accessor, bucket, f"k{number}", b"")
        kept = await watched.read_all(accessor)
        assert [change.key for change in kept] == ["same", *(f"k{number}" for number in range(len(kept) - 1))]
        assert 5 < len(kept) < 20
        assert (host.watched.taken, case.database.watches) == (0, {})

    await run(body)


async def test_what_guests_let_go_of_is_freed(run: Any, visits: weft.Component) -> None:
    """A guest that drops its bucket keeps its watch; a reader that goes away ends the watch, and so does the store."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, host = await case.world()
        seen, unseen = await world.visitors(accessor), await world.visitors(accessor)
        assert await world.visit(accessor, "Ada") == 1
        assert (host.opened.taken, host.watched.taken) == (0, 2)
        assert [(change.key, change.value) for change in await seen.read(accessor)] == [("Ada", b"1")]
        seen.close(accessor)
        assert host.watched.taken == 1
        assert unseen is not None  # closed with the store: `run` looks that no watch is left

    await run(body, visits)


async def test_one_linker_serves_stores_that_share_nothing(
    keyvalue: Any, engine: weft.Engine, visits: weft.Component, path: Path
) -> None:
    """With `per_store`, each store has the `KeyValue` in its data: here over databases of their own."""
    linker = weft.Linker(engine)
    keyvalue.add_to_linker(linker, bindgen.per_store(lambda data: data["keyvalue"]))
    generated = bindgen.load(visits)
    for name in ("one", "two"):
        async with keyvalue.Database.open(path.with_name(name)) as database:
            data = {"keyvalue": keyvalue.KeyValue(database)}
            async with weft.Store(engine, data=data) as store:
                world = generated.World(await linker.instantiate(store, visits))
                assert await store.run_concurrent(lambda accessor, w: w.visit(accessor, "Ada"), world) == 1
                assert await store.run_concurrent(lambda accessor, w: w.visitors(accessor), world)
                assert data["keyvalue"].watched.taken == 1
            assert data["keyvalue"].watched.taken == 0


@asynccontextmanager
async def held(
    monkeypatch: pytest.MonkeyPatch, keyvalue: Any, name: str = "put"
) -> AsyncIterator[tuple[anyio.Event, Callable[[], None]]]:
    """Let a statement wait in its thread: yield an event for that it waits, and what lets it go on."""
    statement, entered, released = getattr(keyvalue.statements, name), anyio.Event(), threading.Event()

    def wait(*args: Any, **named: Any) -> Any:
        anyio.from_thread.run_sync(entered.set)
        released.wait(20)
        return statement(*args, **named)

    monkeypatch.setattr(keyvalue.statements, name, wait)
    try:
        yield entered, released.set
    finally:
        released.set()
        monkeypatch.undo()


async def test_a_call_cancelled_midway_is_done_or_not(run: Any, keyvalue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is given up while SQLite works ends its work and tells of it; one that waits changes nothing."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        (world, _), (second, _) = await case.world(), await case.world()
        bucket, after = await world.open(accessor, "main"), await second.open(accessor, "main")
        watched = await second.watch(accessor, after, "")
        async with held(monkeypatch, keyvalue) as (entered, release), anyio.create_task_group() as group:
            working, waiting = anyio.CancelScope(), anyio.CancelScope()

            async def give_up(scope: anyio.CancelScope, key: str) -> None:
                with scope:
                    await bucket.set(accessor, key, b"v")

            group.start_soon(give_up, working, "working")
            await entered.wait()
            group.start_soon(give_up, waiting, "waiting")
            await anyio.wait_all_tasks_blocked()
            working.cancel()
            waiting.cancel()
            await anyio.wait_all_tasks_blocked()
            release()
        assert await second.get(accessor, after, "working") == b"v"
        assert await second.get(accessor, after, "waiting") is None
        assert [change.key for change in await watched.read(accessor)] == ["working"]
        watched.close(accessor)

    await run(body)


async def test_a_guest_aborted_midway(run: Any, keyvalue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that is stopped while SQLite works for it leaves a value that was written whole, and nothing locked."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        (world, _), (second, _) = await case.world(), await case.world()
        bucket, after = await world.open(accessor, "main"), await second.open(accessor, "main")
        async with held(monkeypatch, keyvalue) as (entered, release):
            put = world._exports.func("set")
            call = put.start_call_concurrent(accessor, bucket, "k", bytes(60_000))
            await entered.wait()
            call.abort()
            release()
            with pytest.raises(weft.CallAbortedError):
                await put.finish_call_concurrent(accessor, call)
        assert await second.get(accessor, after, "k") == bytes(60_000)
        await second.set(accessor, after, "k", b"next")

    await run(body)


async def test_a_bucket_that_no_guest_gets(run: Any, keyvalue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that is stopped while a bucket is opened for it takes no place."""

    async def body(case: Case, accessor: weft.Accessor) -> None:
        (world, host), (second, _) = await case.world(), await case.world()
        async with held(monkeypatch, keyvalue, "bucket") as (entered, release):
            opening = world._exports.func("open")
            call = opening.start_call_concurrent(accessor, "main")
            await entered.wait()
            assert host.opened.taken == 1
            call.abort()
            release()
            with pytest.raises(weft.CallAbortedError):
                await opening.finish_call_concurrent(accessor, call)
        await second.open(accessor, "main")  # whose turn comes after the other's
        await anyio.wait_all_tasks_blocked()
        assert host.opened.taken == 0

    await run(body)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_nothing_is_left(keyvalue: Any, engine: weft.Engine, visits: weft.Component, path: Path, backend: str) -> None:
    """When the program is over, no file of the database is open, and no thread is left that works for it."""

    async def main() -> None:
        async with keyvalue.Database.open(path) as database, weft.Store(engine) as store:
            world, _ = await Case(keyvalue, database, store, visits).world()
            assert await store.run_concurrent(lambda accessor: world.visit(accessor, "Ada")) == 1

    before = threading.enumerate()
    anyio.run(main, backend=backend)
    for thread in set(threading.enumerate()).difference(before):
        if "AnyIO worker" in thread.name:  # trio keeps its threads for a while, for whoever comes next
            thread.join(20)
            assert not thread.is_alive()
    if Path("/proc/self/fd").exists():
        files = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert str(path) not in files


def program(*arguments: str) -> list[str]:
    """Return the lines that run.py prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "run.py"), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_program_remembers(path: Path) -> None:
    """examples/keyvalue/run.py counts visits, sees what its guest changes, and goes on where it stopped."""
    lines = ["Ada: visit 1", "changed: Ada is 1", "Bob: visit 1", "changed: Bob is 1"]
    assert program(str(path), "Ada", "Bob") == lines
    assert program(str(path), "Ada") == ["Ada: visit 2", "changed: Ada is 2"]


async def test_the_guest_in_python(run: Any, engine: weft.Engine) -> None:
    """The guest that componentize-py builds does what the one in component text does."""
    if not BUILT.exists():
        pytest.skip("examples/keyvalue/build_guest.py has not built the guest")

    async def body(case: Case, accessor: weft.Accessor) -> None:
        world, host = await case.world()
        seen = await world.visitors(accessor)
        async with anyio.create_task_group() as group:
            for name in ("Ada", "Bob", "Ada"):
                group.start_soon(world.visit, accessor, name)
        changes = {change.key: change.value for change in await seen.read(accessor)}
        assert changes == {"Ada": b"2", "Bob": b"1"}
        seen.close(accessor)
        assert (host.opened.taken, host.watched.taken) == (0, 0)

    await run(body, weft.Component.from_file(engine, BUILT))


WITH = ["--with", "example:keyvalue/buckets@0.1.0=keyvalue.bindings.buckets"]


@pytest.mark.parametrize(
    ("world", "package", "options"), [("imports", "keyvalue/bindings", []), ("visits", "visits", WITH)]
)
def test_the_bindings_are_fresh(world: str, package: str, options: list[str], tmp_path: Path) -> None:
    """What ``weft bindgen`` writes for the worlds of the WIT is what the packages have."""
    arguments = ["bindgen", str(EXAMPLE / "wit"), "--world", world, *options]
    assert weft_command([*arguments, "-o", str(tmp_path)]) == 0
    committed = {file.name: file.read_text() for file in (EXAMPLE / package).glob("*.py")}
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == committed


def test_the_guest_has_the_world_of_the_wit(tmp_path: Path) -> None:
    """What ``weft bindgen`` writes for the hand-written guest is what it writes for its world, but for comments."""
    for file in (EXAMPLE / "wit").iterdir():
        tmp_path.joinpath(file.name).write_text(re.sub(r" *///.*", "", file.read_text()))
    assert bindgen.generate(decode(wat2wasm(GUEST))) == bindgen.generate(bindgen.read_wit(tmp_path, "visits"))
