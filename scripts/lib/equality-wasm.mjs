// Runs the reference's WebAssembly build over random prompts and prints their answers as `lantern-equality reference` does.
// usage: node equality-wasm.mjs FILE.wasm PROMPTS SEED
import { readFileSync } from "node:fs";

const [file, prompts, seed] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(file));
if (WebAssembly.Module.imports(module).length > 0) throw new Error("the module asks for something from outside");
const hex = (bytes) => Buffer.from(bytes).toString("hex");
for (let index = 0; index < Number(prompts); index++) {
	// A new instance for each, whose memory goes with it.
	const { run, memory } = new WebAssembly.Instance(module).exports;
	const at = run(BigInt(seed), index);
	if (at === 0) throw new Error(`prompt ${index} is refused`);
	console.log(index, hex(new Uint8Array(memory.buffer, at, 32)), hex(new Uint8Array(memory.buffer, at + 32, 32)));
}
