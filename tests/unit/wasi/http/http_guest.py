"""A guest of WASI 0.3 that makes requests and does with them what a test tells it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from http_server import ENGINE

from weft import Component, Linker
from weft.wasi import add_to_linker
from weft.wasi.ctx import whole_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Accessor, Instance, Store
    from weft.wasi import WasiCtx

CASES = """
  DNS-timeout DNS-error:$dns destination-not-found destination-unavailable destination-IP-prohibited
  destination-IP-unroutable connection-refused connection-terminated connection-timeout connection-read-timeout
  connection-write-timeout connection-limit-reached TLS-protocol-error TLS-certificate-error TLS-alert-received:$alert
  HTTP-request-denied HTTP-request-length-required HTTP-request-body-size:$length HTTP-request-method-invalid
  HTTP-request-URI-invalid HTTP-request-URI-too-long HTTP-request-header-section-size:$size
  HTTP-request-header-size:$some-field HTTP-request-trailer-section-size:$size HTTP-request-trailer-size:$field
  HTTP-response-incomplete HTTP-response-header-section-size:$size HTTP-response-header-size:$field
  HTTP-response-body-size:$length HTTP-response-trailer-section-size:$size HTTP-response-trailer-size:$field
  HTTP-response-transfer-coding:$text HTTP-response-content-coding:$text HTTP-response-timeout HTTP-upgrade-failed
  HTTP-protocol-error loop-detected configuration-error internal-error:$text
"""


def _case(case: str) -> str:
    name, _, payload = case.partition(":")
    return f'(case "{name}" {payload})'


GUEST = f"""
(component
  (import "wasi:http/types@0.3.0" (instance $types
    (export "fields" (type $fields (sub resource)))
    (export "request-options" (type $options (sub resource)))
    (export "request" (type $request (sub resource)))
    (export "response" (type $response (sub resource)))
    (type $text (option string))
    (type $size (option u32))
    (type $length (option u64))
    (type $dns-record (record (field "rcode" (option string)) (field "info-code" (option u16))))
    (export "DNS-error-payload" (type $dns (eq $dns-record)))
    (type $alert-record (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $alert (eq $alert-record)))
    (type $field-record (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $field (eq $field-record)))
    (type $some-field (option $field))
    (type $code (variant {" ".join(map(_case, CASES.split()))}))
    (export "error-code" (type $error-code (eq $code)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[static]request.new" (func
      (param "headers" (own $fields)) (param "contents" (option (stream u8)))
      (param "trailers" (future (result (option (own $fields)) (error $error-code))))
      (param "options" (option (own $options)))
      (result (tuple (own $request) (future (result (error $error-code)))))))
    (export "[static]request.consume-body" (func
      (param "this" (own $request)) (param "res" (future (result (error $error-code))))
      (result (tuple (stream u8) (future (result (option (own $fields)) (error $error-code)))))))))
  (alias export $types "fields" (type $fields))
  (alias export $types "request" (type $request))
  (alias export $types "response" (type $response))
  (alias export $types "error-code" (type $error-code))
  (import "wasi:http/client@0.3.0" (instance $client
    (alias outer 1 $request (type $request))
    (alias outer 1 $response (type $response))
    (alias outer 1 $error-code (type $error-code))
    (export "send" (func async (param "request" (own $request))
      (result (result (own $response) (error $error-code)))))))
  (type $contents (stream u8))
  (type $trailers (future (result (option (own $fields)) (error $error-code))))
  (type $result (future (result (error $error-code))))
  (core module $libc
    (memory (export "memory") 2)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
  (core func $fields (canon lower (func $types "[constructor]fields")))
  (core func $new (canon lower (func $types "[static]request.new") (memory $memory)))
  (core func $consume (canon lower (func $types "[static]request.consume-body") (memory $memory)))
  (core func $send (canon lower (func $client "send") async (memory $memory) (realloc $realloc)))
  (core func $drop-request (canon resource.drop $request))
  (core func $contents-new (canon stream.new $contents))
  (core func $contents-write (canon stream.write $contents async (memory $memory)))
  (core func $contents-read (canon stream.read $contents async (memory $memory)))
  (core func $contents-drop (canon stream.drop-writable $contents))
  (core func $trailers-new (canon future.new $trailers))
  (core func $trailers-write (canon future.write $trailers async (memory $memory)))
  (core func $result-new (canon future.new $result))
  (core func $result-read (canon future.read $result async
    (memory $memory) (realloc $realloc)))
  (core module $m
    (import "libc" "memory" (memory 2))
    (import "" "fields" (func $fields (result i32)))
    (import "" "new" (func $new (param i32 i32 i32 i32 i32 i32 i32)))
    (import "" "consume" (func $consume (param i32 i32 i32)))
    (import "" "send" (func $send (param i32 i32) (result i32)))
    (import "" "drop-request" (func $drop-request (param i32)))
    (import "" "contents-new" (func $contents-new (result i64)))
    (import "" "contents-write" (func $contents-write (param i32 i32 i32) (result i32)))
    (import "" "contents-read" (func $contents-read (param i32 i32 i32) (result i32)))
    (import "" "contents-drop" (func $contents-drop (param i32)))
    (import "" "trailers-new" (func $trailers-new (result i64)))
    (import "" "trailers-write" (func $trailers-write (param i32 i32) (result i32)))
    (import "" "result-new" (func $result-new (result i64)))
    (import "" "result-read" (func $result-read (param i32 i32) (result i32)))
    (global $request (mut i32) (i32.const 0))
    (global $contents (mut i32) (i32.const 0))
    (global $trailers (mut i32) (i32.const 0))
    (global $result (mut i32) (i32.const 0))
    (func (export "make") (local $c i64) (local $t i64)
      (local.set $c (call $contents-new))
      (local.set $t (call $trailers-new))
      (global.set $contents (i32.wrap_i64 (i64.shr_u (local.get $c) (i64.const 32))))
      (global.set $trailers (i32.wrap_i64 (i64.shr_u (local.get $t) (i64.const 32))))
      (call $new (call $fields) (i32.const 1) (i32.wrap_i64 (local.get $c)) (i32.wrap_i64 (local.get $t))
        (i32.const 0) (i32.const 0) (i32.const 16))
      (global.set $request (i32.load (i32.const 16)))
      (global.set $result (i32.load (i32.const 20))))
    (func (export "write") (param i32) (result i32)
      (call $contents-write (global.get $contents) (i32.const 1024) (local.get 0)))
    (func (export "end") (result i32)
      (call $contents-drop (global.get $contents))
      (call $trailers-write (global.get $trailers) (i32.const 512)))
    (func (export "fail") (result i32)
      (i32.store8 (i32.const 512) (i32.const 1))
      (i32.store8 (i32.const 520) (i32.const 36))
      (call $trailers-write (global.get $trailers) (i32.const 512)))
    (func (export "send") (result i32) (call $send (global.get $request) (i32.const 256)))
    (func (export "drop") (call $drop-request (global.get $request)))
    (func (export "await") (result i32) (call $result-read (global.get $result) (i32.const 128)))
    (func (export "outcome") (result i32) (i32.load8_u (i32.const 128)))
    (func (export "consume-twice")
      (call $consume (global.get $request) (i32.wrap_i64 (call $result-new)) (i32.const 16))
      (call $consume (global.get $request) (i32.wrap_i64 (call $result-new)) (i32.const 16)))
    (func (export "trap") unreachable))
  (core instance $i (instantiate $m (with "libc" (instance $libc)) (with "" (instance
    (export "fields" (func $fields)) (export "new" (func $new)) (export "consume" (func $consume))
    (export "send" (func $send)) (export "drop-request" (func $drop-request))
    (export "contents-new" (func $contents-new)) (export "contents-write" (func $contents-write))
    (export "contents-read" (func $contents-read)) (export "contents-drop" (func $contents-drop))
    (export "trailers-new" (func $trailers-new)) (export "trailers-write" (func $trailers-write))
    (export "result-new" (func $result-new)) (export "result-read" (func $result-read))))))
  (func (export "make") (canon lift (core func $i "make")))
  (func (export "write") (param "n" u32) (result u32) (canon lift (core func $i "write")))
  (func (export "end") (result u32) (canon lift (core func $i "end")))
  (func (export "fail") (result u32) (canon lift (core func $i "fail")))
  (func (export "send") (result u32) (canon lift (core func $i "send")))
  (func (export "drop") (canon lift (core func $i "drop")))
  (func (export "await") (result u32) (canon lift (core func $i "await")))
  (func (export "outcome") (result u32) (canon lift (core func $i "outcome")))
  (func (export "consume-twice") (canon lift (core func $i "consume-twice")))
  (func (export "trap") (canon lift (core func $i "trap"))))
"""


@functools.cache
def _component() -> Component:
    return Component(ENGINE, GUEST)


class Guest:
    """An instance of the guest."""

    def __init__(self, accessor: Accessor, instance: Instance) -> None:
        self._accessor = accessor
        self._instance = instance

    async def call(self, name: str, *args: int) -> Any:
        """Call an export."""
        return await self._instance.get_func(name).call_concurrent(self._accessor, *args)


async def instantiate(store: Store, getter: Callable[[Any], WasiCtx] = whole_data) -> Guest:
    """Return a new guest."""
    linker = Linker(ENGINE)
    add_to_linker(linker, getter)
    return Guest(store.accessor, await linker.instantiate(store, _component()))


__all__ = ["Guest", "instantiate"]
