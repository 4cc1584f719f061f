"""The example of a host interface as a package works, on its own terms and in the program that embeds it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

import weft

pytestmark = pytest.mark.anyio

EXAMPLE = Path(__file__).parents[2] / "examples" / "host_package"
GUEST = (EXAMPLE / "guest.wat").read_text()


@pytest.fixture(scope="module")
def kv() -> Any:
    """Import the package, which is not installed."""
    spec = importlib.util.spec_from_file_location("kv", EXAMPLE / "kv.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def instantiate(kv: Any, store: weft.Store, key: str) -> weft.Instance:
    """Instantiate the guest over the part of the store's data under `key`."""
    linker = weft.Linker(store.engine)
    kv.add_to_linker(linker, lambda data: data[key])
    return await linker.instantiate(store, weft.Component(store.engine, GUEST))


def test_a_program_embeds_the_package() -> None:
    """examples/host_package/run.py prints what the guest had, what changed, and what the host keeps."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "run.py")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Ada had: None",
        "changed: ['drink']",
        "Ada had: tea",
        "changed: ['drink']",
        "kept: {'drink': 'coffee'}",
    ]


async def test_the_package_keeps_to_its_part_of_the_data(kv: Any) -> None:
    """Two guests of one store over different parts do not see each other's values, and the rest is left alone."""
    data = {"one": kv.KeyValue(), "two": kv.KeyValue(), "rest": 5}
    async with weft.Store(weft.Engine(), data=data) as store:
        one = (await instantiate(kv, store, "one")).get_func("swap")
        two = (await instantiate(kv, store, "two")).get_func("swap")
        assert await one.call_async(store, "k", "v") is None
        assert await two.call_async(store, "k", "w") is None
        assert await one.call_async(store, "k", "x") == "v"
    assert [data[name].buckets["main"].values for name in ("one", "two")] == [{"k": "x"}, {"k": "w"}]
    assert data["rest"] == 5


async def test_concurrent_guests_set_values_and_drop_their_buckets(kv: Any) -> None:
    """Fifty tasks set at once; a watch tells each key once, and ends with its reader; no bucket stays in the table."""
    part = kv.KeyValue()
    async with weft.Store(weft.Engine(), data={"kv": part}) as store:
        instance = await instantiate(kv, store, "kv")
        swap, changes = instance.get_func("swap"), instance.get_func("changes")

        async def main(accessor: weft.Accessor) -> None:
            watched: weft.StreamReader = await changes.call_concurrent(accessor)
            async with anyio.create_task_group() as group:
                for number in range(50):
                    group.start_soon(swap.call_concurrent, accessor, f"k{number % 10}", str(number))
            assert sorted(await watched.read(accessor)) == [f"k{number}" for number in range(10)]
            with anyio.move_on_after(0):
                await watched.read(accessor)  # nothing changed since
            accessor.spawn(lambda later: swap.call_concurrent(later, "last", ""))
            assert await watched.read(accessor) == ["last"]  # which waits until the other task has set it
            assert len(part.buckets["main"].watches) == 1
            watched.close(accessor)
            assert not part.buckets["main"].watches
            await anyio.wait_all_tasks_blocked()
            assert len(part.table) == 0

        await store.run_concurrent(main)
    assert len(part.buckets["main"].values) == 11
