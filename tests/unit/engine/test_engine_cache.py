import os

import pytest

from weft.engine import CoreEngine, CoreStore, EngineConfig, default_cache_dir, wat2wasm
from weft.errors import ValidationError

if not hasattr(os, "getuid"):
    pytest.skip("permissions are POSIX", allow_module_level=True)

BIG = wat2wasm(
    f'(module (func (export "f") (result i32) (i32.const 5)) (memory 1) (data (i32.const 0) "{"x" * 40000}"))'
)


def run(directory):
    """Compile the big module with a cache in `directory`, and return what its function returns."""
    with CoreEngine(EngineConfig(cache_dir=directory)) as engine, CoreStore(engine) as store:
        return store.instantiate(engine.compile(BIG), ()).exports["f"].call()


def entry(directory):
    """Return the one file of a cache."""
    (found,) = directory.iterdir()
    return found


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "a" / "weft"


def test_a_compiled_module_is_kept_and_used(directory, monkeypatch):
    """The second engine reads what the first wrote, without compiling; only the owner can read it."""
    assert run(directory) == 5
    assert directory.stat().st_mode & 0o777 == 0o700
    assert entry(directory).stat().st_mode & 0o077 == 0
    monkeypatch.setattr(CoreEngine, "_compile", lambda *_: pytest.fail("compiled"))
    assert run(directory) == 5


def test_small_modules_are_not_kept(directory):
    """Compiling a small module costs no more than looking for it."""
    with CoreEngine(EngineConfig(cache_dir=directory)) as engine:
        engine.compile(wat2wasm("(module)"))
    assert not directory.exists()


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data[:50], lambda _: b"", lambda data: b"x" + data]
)
def test_a_corrupt_file_is_written_anew(directory, spoil):
    """A file that is not what was written is a miss."""
    run(directory)
    file = entry(directory)
    whole = file.read_bytes()
    file.write_bytes(spoil(whole))
    assert run(directory) == 5
    assert len(entry(directory).read_bytes()) == len(whole)


def test_files_that_others_can_write_are_not_trusted(directory, monkeypatch):
    """Wasmtime runs what it deserialises, so a writable file or directory is a miss."""
    run(directory)
    file = entry(directory)
    compiled = []
    original = CoreEngine._compile
    monkeypatch.setattr(CoreEngine, "_compile", lambda self, wasm: (compiled.append(1), original(self, wasm))[1])
    file.chmod(0o620)
    assert run(directory) == 5
    assert len(compiled) == 1
    run(directory)
    assert len(compiled) == 1
    directory.chmod(0o777)
    run(directory)
    assert len(compiled) == 2


def test_a_link_is_not_followed(directory):
    """Somebody else's file behind a link is a miss."""
    run(directory)
    file = entry(directory)
    moved = directory.parent / "moved"
    file.rename(moved)
    file.symlink_to(moved)
    assert run(directory) == 5
    assert not file.is_symlink()


def test_the_configuration_is_part_of_the_key(directory):
    """Code compiled under other settings is another file."""
    run(directory)
    with CoreEngine(EngineConfig(cache_dir=directory, fuel=True)) as engine:
        engine.compile(BIG)
    assert len(list(directory.iterdir())) == 2


def test_an_unusable_directory_is_no_error(tmp_path):
    """A cache that cannot be written costs time, and nothing else."""
    (tmp_path / "file").write_bytes(b"")
    assert run(tmp_path / "file" / "weft") == 5


def test_the_default_directory(monkeypatch, tmp_path):
    """XDG_CACHE_HOME counts when it is absolute; otherwise it is below the home directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "weft"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / ".cache" / "weft"


COMPONENT = wat2wasm(f'(component (import "a{"-b" * 5000}" (func)))')


def test_a_valid_component_is_remembered(directory, monkeypatch):
    """The second engine takes the word of the first; one whose features differ does not."""
    with CoreEngine(EngineConfig(cache_dir=directory)) as engine:
        engine.validate_component(COMPONENT)
    called = []
    monkeypatch.setattr(CoreEngine, "_validate_component", lambda _, data: called.append(data))
    with CoreEngine(EngineConfig(cache_dir=directory)) as engine:
        engine.validate_component(COMPONENT)
    assert not called
    with CoreEngine(EngineConfig(cache_dir=directory, component_features=frozenset())) as engine:
        engine.validate_component(COMPONENT)
    assert called == [COMPONENT]


def test_an_invalid_component_is_not_remembered(directory):
    """What is wrong is found each time."""
    with CoreEngine(EngineConfig(cache_dir=directory)) as engine:
        for _ in range(2):
            with pytest.raises(ValidationError):
                engine.validate_component(COMPONENT[:-1])
    assert not directory.exists()
