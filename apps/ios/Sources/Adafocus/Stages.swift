/// The descriptions of a bundle's graphs for one runtime.
public struct GraphFiles {
    private let graphs: [Stage: GraphFile]

    public init(_ graphs: [Stage: GraphFile]) { self.graphs = graphs }

    /// Those of a bundle.
    public init(_ bundle: AdafocusBundle, _ runtime: String) throws {
        let stages = try bundle.manifest.geometry.stages.map { ($0, try bundle.graph($0, runtime)) }
        graphs = Dictionary(uniqueKeysWithValues: stages)
    }

    public subscript(stage: Stage) -> GraphFile { graphs[stage]! }

    public func contains(_ stage: Stage) -> Bool { graphs[stage] != nil }

    public func input(_ stage: Stage, _ name: String) -> TensorSpec { self[stage].inputs.first { $0.name == name }! }

    public func output(_ stage: Stage, _ name: String) -> TensorSpec { self[stage].outputs.first { $0.name == name }! }

    /// Hand an output of one stage to another one, in the form that this one takes.
    func handed(_ call: StageCall, _ name: String, _ stage: Stage) throws -> Values {
        convert(
            call.outputs[name]!, from: try formOf(output(call.stage, name)), to: try formOf(input(stage, name)))
    }
}

/// How a tensor is stored; a recognizer refuses to open graphs whose tensors are stored otherwise.
func formOf(_ spec: TensorSpec) throws -> Form {
    if let form = spec.form { return form }
    throw AdafocusError(
        "\(spec.name) is of \(spec.numbers), which no backend of this app takes, expected int8, uint8 or float32. "
            + "Export with --precision int8, or with fp16 for Core ML.", .runtime)
}

/// The opened graphs of a bundle.
final class Stages {
    let files: GraphFiles
    private var opened = [Stage: Graph]()

    init(_ bundle: AdafocusBundle, _ backend: Backend, threads: Int) throws {
        files = try GraphFiles(bundle, backend.runtime)
        for stage in bundle.manifest.geometry.stages {
            let file = files[stage]
            for spec in file.inputs + file.outputs { _ = try formOf(spec) }
            opened[stage] = try backend.open(try bundle.model(file), file, threads: threads)
        }
    }

    /// Run a stage.
    func run(_ stage: Stage, _ inputs: [String: Values]) throws -> [String: Values] {
        let outputs = try opened[stage]!.run(inputs)
        for spec in files[stage].outputs {
            guard let found = outputs[spec.name] else {
                throw AdafocusError("The \(stage) graph gave no \(spec.name). Convert the model again.")
            }
            if found.count != spec.count || found.dtype != spec.form?.dtype {
                throw AdafocusError(
                    "\(spec.name) of the \(stage) graph has \(found.count) numbers of \(found.dtype), expected "
                        + "\(spec.count) of \(spec.numbers). Convert the model again.")
            }
        }
        return outputs
    }
}
