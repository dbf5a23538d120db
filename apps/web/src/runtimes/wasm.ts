/**
 * What is used of the objects inside LiteRT.js' WebAssembly. They are no public interface: the version is pinned, and a
 * golden clip guards it.
 */

export interface Deletable {
  delete(): void;
}

interface Vector<T> extends Deletable {
  size(): number;
  get(place: number): T;
}

export interface Layout extends Deletable {
  dimensions(): Vector<number>;
}

export interface TensorType extends Deletable {
  elementType(): { value: number };
  layout(): Layout;
  bytes(): number;
}

export interface TensorBuffer extends Deletable {
  lock(mode: unknown): number;
  unlock(): void;
}

interface Signature extends Deletable {
  inputNames(): Vector<string>;
  outputNames(): Vector<string>;
}

export interface Model extends Deletable {
  getNumSignatures(): number;
  getSignature(place: number): Signature;
  getInputTensorType(signature: number, place: number): TensorType;
  getOutputTensorType(signature: number, place: number): TensorType;
}

export interface CompiledModel extends Deletable {
  run(signature: number, inputs: TensorBuffer[]): TensorBuffer[] | Promise<TensorBuffer[]>;
}

export interface Wasm {
  HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(place: number): void;
  setupLogging(): void;
  getThreadCount(): number;
  LiteRtEnvironment: { create(device: null): Deletable };
  loadModel(environment: Deletable, place: number, bytes: number): Model;
  compileModel(environment: Deletable, model: Model, options: object): CompiledModel | Promise<CompiledModel>;
  LiteRtTensorBuffer: {
    createManaged(environment: Deletable, kind: unknown, type: TensorType, bytes: number): TensorBuffer;
  };
  LiteRtTensorBufferType: { HOST_MEMORY: unknown };
  LiteRtTensorBufferLockMode: { READ: unknown; WRITE: unknown };
}

/** A program as small as can be that needs relaxed SIMD: whether the browser knows it. */
const RELAXED_SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];

export type Build = "threaded" | "plain" | "compatible";

/** Which build runs here. The threaded one waits for ever where the page is not isolated. */
export function buildFor(threads: number, isolated: boolean): Build {
  if (!WebAssembly.validate(new Uint8Array(RELAXED_SIMD))) return "compatible";
  return isolated && threads > 1 ? "threaded" : "plain";
}

const FILES: Record<Build, string> = {
  threaded: "litert_wasm_threaded_internal",
  plain: "litert_wasm_internal",
  compatible: "litert_wasm_compat_internal",
};

/**
 * Threads that are started with the program: one for each of three graphs, of a model and of the one that takes its
 * place. A thread that is started later is not there before this worker rests, and who waits for it waits for ever.
 */
const POOL = 6;

type Factory = (options: object) => Promise<Wasm>;

/** Start one of the builds: its program, and the script beside it in a folder. */
export async function loadWasm(folder: URL, program: Uint8Array, build: Build): Promise<Wasm> {
  const script = new URL(`${FILES[build]}.js`, folder).href;
  // the glue writes to it where a message comes, and is strict here
  (globalThis as { dbg?: (text: string) => void }).dbg ??= (text) => console.debug(text);
  // the glue starts a thread for each processor
  Object.defineProperty(navigator, "hardwareConcurrency", { value: POOL, configurable: true });
  const glue = (await import(/* @vite-ignore */ new URL(`${FILES[build]}.mjs`, folder).href)) as { default: Factory };
  const wasm = await glue.default({
    wasmBinary: program,
    locateFile: (file: string) => new URL(file, folder).href,
    mainScriptUrlOrBlob: script,
    print: (text: string) => console.debug(text),
    printErr: (text: string) => console.debug(text),
  });
  wasm.setupLogging();
  return wasm;
}
