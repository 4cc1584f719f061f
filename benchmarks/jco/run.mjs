// Run a guest that jco transpiled, and print how many seconds it took: run.mjs MODULE awaits COUNT
//                                                                      run.mjs MODULE outflow COUNT CHUNK
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [, , module, guest, count, chunk] = process.argv;
const location = pathToFileURL(module);
const { instantiate } = await import(location);
const compile = async (name) => WebAssembly.compile(await readFile(new URL(name, location)));
const instance = await instantiate(compile, { nap: { default: async (x) => x } });

async function awaits(count) {
  for (let x = 0; x < count; x++) {
    if ((await instance.twice(x)) !== x) throw new Error("twice: wrong result");
  }
}

async function outflow(count, chunk) {
  const stream = await instance.source(chunk, count);
  let total = 0;
  for (;;) {
    const { value, done } = await stream.read({ count: chunk });
    if (done) break;
    total += value.length;
  }
  if (total !== chunk * count) throw new Error(`source: ${total} bytes`);
}

if (guest === "awaits") await awaits(10);
else instance.fill();
const started = performance.now();
await (guest === "awaits" ? awaits(+count) : outflow(+count, +chunk));
console.log((performance.now() - started) / 1000);
process.exit();
