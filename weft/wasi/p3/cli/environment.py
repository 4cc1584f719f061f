"""wasi:cli/environment: arguments, environment variables, working directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter


def add_to_linker(
    linker: Linker, getter: Getter, version: str = "0.3.0", cwd_function: str = "get-initial-cwd"
) -> None:
    """Let guests import the interface, of which only one name differs between the versions of WASI."""
    api = linker.instance(f"wasi:cli/environment@{version}")

    @api.func_wrap("get-environment")
    def get_environment(store: Store) -> tuple[tuple[str, str], ...]:
        return getter(store.data).env

    @api.func_wrap("get-arguments")
    def get_arguments(store: Store) -> tuple[str, ...]:
        return getter(store.data).args

    @api.func_wrap(cwd_function)
    def get_initial_cwd(store: Store) -> str | None:
        return getter(store.data).cwd


__all__ = ["add_to_linker"]
