"""An engine for all tests of the engine, and a store and a way to instantiate text for each."""

import pytest

from weft.engine import CoreEngine, CoreStore, EngineConfig, wat2wasm


@pytest.fixture(scope="session")
def engine():
    with CoreEngine(EngineConfig(cache_dir=None)) as made:
        yield made


@pytest.fixture
def store(engine):
    with CoreStore(engine) as made:
        yield made


@pytest.fixture
def load(engine, store):
    """Instantiate text in the store, with the given imports in order."""

    def instantiate(text, *imports):
        return store.instantiate(engine.compile(wat2wasm(text)), imports).exports

    return instantiate
