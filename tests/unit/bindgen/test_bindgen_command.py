"""``weft bindgen``: what it prints, and what it says when it cannot write."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.cli import main

GUEST = str(Path(__file__).with_name("guest.wat"))


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It makes the directory, writes one module an interface, and prints the files; a second time replaces them."""
    package = tmp_path / "deep" / "guest"
    for _ in range(2):
        assert main(["bindgen", GUEST, "-o", str(package)]) == 0
        names = [Path(line).name for line in capsys.readouterr().out.splitlines()]
        assert names == ["__init__.py", "host.py", "values.py", "things.py", "exported_host.py"]
        assert sorted(path.name for path in package.iterdir()) == sorted(names)


def test_output_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An output that cannot be written is one line of error."""
    target = tmp_path / "file"
    target.write_text("")
    assert main(["bindgen", GUEST, "-o", str(target)]) == 1
    assert capsys.readouterr().err.startswith(f"weft: {target}: ")


def test_no_output() -> None:
    """The directory must be given."""
    with pytest.raises(SystemExit) as stopped:
        main(["bindgen", GUEST])
    assert stopped.value.code == 2
