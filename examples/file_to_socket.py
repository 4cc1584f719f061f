"""Stream a file through a guest to a socket, with no copy on the host's side.

The host reads the file straight into the memory of the guest, and sends straight from there; no Python object ever
holds the bytes. The guest is a few lines of component text that pass on what comes: it stands for one that would look
at the bytes, or change them, in place.

    python examples/file_to_socket.py some-large-file
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path

import anyio

import weft

PIPE = """
(component
  (core module $Memory (memory (export "memory") 17))  ;; of which the second MiB is the buffer
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (type $bytes (stream u8))
  (core func $return (canon task.return (result $bytes)))
  (core func $new (canon stream.new $bytes))
  (core func $read (canon stream.read $bytes (memory (core memory $mem))))
  (core func $write (canon stream.write $bytes (memory (core memory $mem))))
  (core func $drop-readable (canon stream.drop-readable $bytes))
  (core func $drop-writable (canon stream.drop-writable $bytes))
  (core module $Guest
    (import "" "return" (func $return (param i32)))
    (import "" "new" (func $new (result i64)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
    (import "" "drop-readable" (func $drop_readable (param i32)))
    (import "" "drop-writable" (func $drop_writable (param i32)))
    (func (export "pipe") (param $input i32)
      (local $ends i64) (local $output i32) (local $read i32) (local $written i32) (local $at i32) (local $end i32)
      (local.set $ends (call $new))
      (local.set $output (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
      (call $return (i32.wrap_i64 (local.get $ends)))
      (block $over
        (loop $more
          (local.set $read (call $read (local.get $input) (i32.const 65536) (i32.const 0x100000)))
          (local.set $at (i32.const 65536))
          (local.set $end (i32.add (local.get $at) (i32.shr_u (local.get $read) (i32.const 4))))
          (block $all
            (loop $rest
              (br_if $all (i32.ge_u (local.get $at) (local.get $end)))
              (local.set $written (call $write
                (local.get $output) (local.get $at) (i32.sub (local.get $end) (local.get $at))))
              (local.set $at (i32.add (local.get $at) (i32.shr_u (local.get $written) (i32.const 4))))
              (br_if $over (i32.and (local.get $written) (i32.const 15)))  ;; nobody reads any more
              (br $rest)))
          (br_if $more (i32.eqz (i32.and (local.get $read) (i32.const 15))))))
      (call $drop_readable (local.get $input))
      (call $drop_writable (local.get $output))))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "return" (func $return))
    (export "new" (func $new))
    (export "read" (func $read))
    (export "write" (func $write))
    (export "drop-readable" (func $drop-readable))
    (export "drop-writable" (func $drop-writable))))))
  (func (export "pipe") async (param "input" $bytes) (result $bytes)
    (canon lift (core func $guest "pipe") async)))
"""


async def make_pipe(store: weft.Store) -> weft.Func:
    """Instantiate the guest, and return its function."""
    instance = await weft.Linker(store.engine).instantiate(store, weft.Component(store.engine, PIPE))
    return instance.get_func("pipe")


async def file_to_socket(store: weft.Store, pipe: weft.Func, path: Path, connection: socket.socket) -> None:
    """Send a file through the guest; the connection's sending side is shut down at the end."""
    connection.setblocking(False)

    async def flow(accessor: weft.Accessor) -> None:
        out: weft.StreamReader = await pipe.call_concurrent(accessor, weft.producers.from_raw_file(path))
        await out.pipe(accessor, weft.consumers.to_socket(connection, at_end="eof"))

    await store.run_concurrent(flow)


async def send(path: Path, connection: socket.socket) -> None:
    """Send one file, in a store of its own."""
    async with weft.Store(weft.Engine()) as store:
        await file_to_socket(store, await make_pipe(store), path, connection)


def count(connection: socket.socket) -> None:
    """Receive until the end, and say how fast it came."""
    room, total, start = bytearray(1 << 20), 0, time.perf_counter()
    while received := connection.recv_into(room):
        total += received
    print(f"{total} bytes, {total / (time.perf_counter() - start) / 1e6:.0f} MB/s")


def main(path: Path) -> None:
    near, far = socket.socketpair()
    with near, far:
        receiver = threading.Thread(target=count, args=[far])
        receiver.start()
        anyio.run(send, path, near)
        receiver.join()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("usage: python examples/file_to_socket.py FILE")
    main(Path(sys.argv[1]))
