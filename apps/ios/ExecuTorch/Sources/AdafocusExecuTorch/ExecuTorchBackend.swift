import Adafocus
import ExecuTorch
import Foundation

/// ExecuTorch. It takes paths and no bytes, so a graph is copied once into `folder`, by its SHA-256.
///
/// It has one pool of threads for the process, whose size it chooses by itself.
public final class ExecuTorchBackend: Backend {
    public let runtime = "executorch"
    private let folder: URL

    /// Keep copies in `folder`, else in a folder of the app's caches.
    public init(folder: URL? = nil) {
        let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
            ?? FileManager.default.temporaryDirectory
        self.folder = folder ?? caches.appendingPathComponent("adafocus-executorch")
    }

    public func open(_ model: Adafocus.Model, _ description: GraphFile, threads: Int) throws -> Graph {
        guard case .file(let bytes) = model else {
            throw AdafocusError("\(description.record.file) is no .pte file. Export again with --device ios.", .runtime)
        }
        do {
            let module = Module(filePath: try copied(bytes, description).path)
            try module.load("forward")
            return ModuleGraph(module, description)
        } catch {
            throw AdafocusError(
                "ExecuTorch does not take \(description.record.file) (\(error.localizedDescription)). Link its "
                    + "backends and kernels with -all_load, in the version of docs/ios.md.", .runtime)
        }
    }

    private func copied(_ bytes: Bytes, _ description: GraphFile) throws -> URL {
        let file = folder.appendingPathComponent("\(description.record.sha256).pte")
        let there = try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? NSNumber
        if there?.intValue == description.record.bytes { return file }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(bytes.array).write(to: file, options: .atomic)
        return file
    }
}

private final class ModuleGraph: Graph {
    private let module: Module
    private let description: GraphFile

    init(_ module: Module, _ description: GraphFile) {
        self.module = module
        self.description = description
    }

    private func typeOf(_ spec: TensorSpec) -> DataType {
        switch spec.numbers {
        case "float32": return .float
        case "uint8": return .byte
        default: return .char
        }
    }

    func run(_ given: [String: Values]) throws -> [String: Values] {
        let inputs = try description.inputs.map { spec -> AnyTensor in
            guard let values = given[spec.name], values.bytes.count == spec.count * spec.itemBytes else {
                throw AdafocusError("\(spec.name) has another size than the graph takes. Convert the model again.")
            }
            return values.bytes.withUnsafeBytes {
                AnyTensor(bytes: $0.baseAddress!, shape: spec.shape, dataType: typeOf(spec))
            }
        }
        let outputs: [Value]
        do {
            outputs = try module.forward(inputs)
        } catch {
            throw AdafocusError(
                "ExecuTorch does not run \(description.record.file) (\(error.localizedDescription)). Close other apps, "
                    + "and try again.", .runtime)
        }
        if outputs.count != description.outputs.count {
            throw AdafocusError(
                "\(description.record.file) gives \(outputs.count) tensors, expected \(description.outputs.count). "
                    + "Convert the model again.", .runtime)
        }
        var found = [String: Values]()
        for (spec, output) in zip(description.outputs, outputs) {
            guard let tensor = output.anyTensor, let dtype = Dtype(rawValue: spec.numbers),
                tensor.dataType == typeOf(spec), tensor.count == spec.count
            else {
                throw AdafocusError(
                    "\(spec.name) is no tensor of \(spec.count) \(spec.numbers). Convert the model again.", .runtime)
            }
            var values = Values(dtype, count: spec.count)
            tensor.bytes { pointer, _, _ in
                values.bytes.withUnsafeMutableBytes {
                    $0.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: $0.count))
                }
            }
            found[spec.name] = values
        }
        return found
    }
}
