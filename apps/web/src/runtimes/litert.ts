/** Runs a bundle's graphs with LiteRT.js in WebAssembly, with the graphs' own int8 inputs and outputs. */

import { product, type GraphFile, type TensorSpec } from "../bundle/manifest.js";
import { AdafocusError } from "../core/errors.js";
import type { Tensors } from "../core/recognizer.js";
import { valuesOf, type Dtype } from "../core/tensors.js";
import {
  loadWasm,
  type Build,
  type CompiledModel,
  type Deletable,
  type Model,
  type TensorType,
  type Wasm,
} from "./wasm.js";

/** Element types as LiteRT numbers them. */
const ELEMENTS: Record<Dtype, number> = { float32: 1, uint8: 3, int8: 9 };
const SIGNATURE = 0;
/** TFL3: what every graph has in its fifth to eighth byte. */
const MARK = [0x54, 0x46, 0x4c, 0x33];

/** One opened graph. */
export interface Graph {
  run(inputs: Tensors): Promise<Tensors>;
  close(): void;
}

/** A tensor of a graph, with the type by which the runtime makes memory for it. */
interface Port {
  name: string;
  dtype: Dtype;
  count: number;
  type: TensorType;
}

export class LiteRt {
  private readonly environment: Deletable;

  private constructor(
    private readonly wasm: Wasm,
    readonly build: Build,
    readonly threads: number,
  ) {
    this.environment = wasm.LiteRtEnvironment.create(null);
  }

  /** Start the runtime: its program, and the folder of the script beside it. */
  static async load(folder: URL, program: Uint8Array, build: Build, threads: number): Promise<LiteRt> {
    return new LiteRt(await loadWasm(folder, program, build), build, build === "threaded" ? threads : 1);
  }

  /** Open a graph, whose tensors must be those of its description; `told` names it in a sentence. */
  async open(content: Uint8Array, description: GraphFile, told: string): Promise<Graph> {
    const { wasm } = this;
    if (!MARK.every((byte, at) => content[4 + at] === byte)) {
      throw new AdafocusError(`${told} is no graph of LiteRT. Copy the bundle again, or convert the model again.`);
    }
    const place = wasm._malloc(content.length);
    wasm.HEAPU8.set(content, place);
    let model: Model | null = null;
    try {
      model = wasm.loadModel(this.environment, place, content.length);
      const inputs = portsOf(model, "Input", description.inputs, told);
      const outputs = portsOf(model, "Output", description.outputs, told);
      const options = { accelerator: "wasm", cpuOptions: { numThreads: this.threads } };
      const compiled = await wasm.compileModel(this.environment, model, options);
      return this.graph(compiled, inputs, outputs, () => {
        compiled.delete();
        model!.delete();
        wasm._free(place);
      });
    } catch (error) {
      model?.delete();
      wasm._free(place);
      if (error instanceof AdafocusError) throw error;
      throw new AdafocusError(`${told} cannot be opened by LiteRT. Convert the model again, or copy the bundle again.`);
    }
  }

  private graph(compiled: CompiledModel, inputs: Port[], outputs: Port[], close: () => void): Graph {
    const { wasm, environment } = this;
    const mode = wasm.LiteRtTensorBufferLockMode;
    const host = wasm.LiteRtTensorBufferType.HOST_MEMORY;
    const given = inputs.map(({ type }) =>
      wasm.LiteRtTensorBuffer.createManaged(environment, host, type, type.bytes()),
    );
    const run = async (tensors: Tensors): Promise<Tensors> => {
      inputs.forEach((port, turn) => {
        const values = tensors[port.name];
        if (values?.length !== port.count) {
          throw new AdafocusError(
            `The tensor ${port.name} has ${values?.length ?? 0} numbers, expected ${port.count}.`,
          );
        }
        // memory may have grown: the view is always a new one
        const place = given[turn]!.lock(mode.WRITE);
        wasm.HEAPU8.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), place);
        given[turn]!.unlock();
      });
      const found: Tensors = {};
      const buffers = await compiled.run(SIGNATURE, given);
      outputs.forEach((port, turn) => {
        const values = valuesOf(port.dtype, port.count);
        const place = buffers[turn]!.lock(mode.READ);
        const bytes = new Uint8Array(values.buffer as ArrayBuffer);
        bytes.set(wasm.HEAPU8.subarray(place, place + values.byteLength));
        buffers[turn]!.unlock();
        buffers[turn]!.delete();
        found[port.name] = values;
      });
      return found;
    };
    return {
      run,
      close: () => {
        given.forEach((buffer) => buffer.delete());
        [...inputs, ...outputs].forEach(({ type }) => type.delete());
        close();
      },
    };
  }
}

/** Compare the tensors of a graph with its description, by their order: names are those of the converter. */
function portsOf(model: Model, side: "Input" | "Output", specs: readonly TensorSpec[], told: string): Port[] {
  const signature = model.getSignature(SIGNATURE);
  const names = side === "Input" ? signature.inputNames() : signature.outputNames();
  const count = names.size();
  names.delete();
  signature.delete();
  const again = "Copy the bundle again, or convert the model again.";
  if (count !== specs.length) {
    throw new AdafocusError(`${told} has ${count} ${side.toLowerCase()}s, expected ${specs.length}. ${again}`);
  }
  return specs.map((spec, place) => {
    const type =
      side === "Input" ? model.getInputTensorType(SIGNATURE, place) : model.getOutputTensorType(SIGNATURE, place);
    const layout = type.layout();
    const dimensions = layout.dimensions();
    const shape = Array.from({ length: dimensions.size() }, (_, axis) => dimensions.get(axis));
    dimensions.delete();
    layout.delete();
    const dtype = spec.dtype as Dtype;
    if (type.elementType().value !== ELEMENTS[dtype] || shape.join() !== spec.shape.join()) {
      throw new AdafocusError(
        `${told} has another tensor than ${spec.name}, which is ${spec.dtype} of the shape ${spec.shape.join(" x ")}. ${again}`,
      );
    }
    return { name: spec.name, dtype, count: product(shape), type };
  });
}
