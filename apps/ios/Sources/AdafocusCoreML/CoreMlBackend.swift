import Adafocus
import CoreML
import Foundation

/// Core ML. It takes packages, which it compiles when they are opened for the first time.
///
/// Inputs and outputs are floats. Core ML chooses its threads and its processors by itself.
public final class CoreMlBackend: Backend {
    public let runtime = "coreml"
    private let models: CompiledModels
    private let units: MLComputeUnits

    /// Keep compiled models in `cache`, else in a folder of the app's caches. `units` are the processors to choose
    /// from.
    public init(cache: URL? = nil, units: MLComputeUnits = .all) {
        let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
            ?? FileManager.default.temporaryDirectory
        models = CompiledModels(folder: cache ?? caches.appendingPathComponent("adafocus-coreml"))
        self.units = units
    }

    public func open(_ model: Model, _ description: GraphFile, threads: Int) throws -> Graph {
        for spec in description.inputs + description.outputs where spec.numbers != "float32" {
            throw AdafocusError(
                "\(spec.name) of \(description.record.file) is of \(spec.numbers), expected float32. "
                    + "Export again with --device ios.", .runtime)
        }
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units
        do {
            return try CoreMlGraph(try models.open(model, description, configuration), description)
        } catch let error as AdafocusError {
            throw error
        } catch {
            throw AdafocusError(
                "Core ML does not take \(description.record.file) (\(error.localizedDescription)). "
                    + "Make room on the device, and use iOS 17 or later.", .runtime)
        }
    }
}

private final class CoreMlGraph: Graph {
    private let model: MLModel
    private let description: GraphFile
    private var arrays = [String: MLMultiArray]()

    init(_ model: MLModel, _ description: GraphFile) throws {
        self.model = model
        self.description = description
        for spec in description.inputs {
            arrays[spec.name] = try MLMultiArray(shape: spec.shape.map { NSNumber(value: $0) }, dataType: .float32)
        }
    }

    /// In a package no output has the name of an input.
    private func ownName(_ output: TensorSpec) -> String {
        description.inputs.contains { $0.name == output.name } ? "\(output.name)_next" : output.name
    }

    func run(_ given: [String: Values]) throws -> [String: Values] {
        for spec in description.inputs {
            guard let values = given[spec.name], values.dtype == .float32, values.count == spec.count else {
                throw AdafocusError("\(spec.name) has another size than the graph takes. Convert the model again.")
            }
            fill(arrays[spec.name]!, values)
        }
        let inputs = try MLDictionaryFeatureProvider(dictionary: arrays.mapValues { MLFeatureValue(multiArray: $0) })
        let outputs: MLFeatureProvider
        do {
            outputs = try model.prediction(from: inputs)
        } catch {
            throw AdafocusError(
                "Core ML does not run \(description.record.file) (\(error.localizedDescription)). Close other apps, "
                    + "and try again.", .runtime)
        }
        var found = [String: Values]()
        for spec in description.outputs {
            let name = ownName(spec)
            guard let array = outputs.featureValue(for: name)?.multiArrayValue else {
                throw AdafocusError("\(description.record.file) gives no \(name). Convert the model again.", .runtime)
            }
            if array.shape.map(\.intValue) != spec.shape {
                throw AdafocusError(
                    "\(name) has the shape \(array.shape), expected \(spec.shape). Convert the model again.", .runtime)
            }
            guard let values = floats(array) else {
                throw AdafocusError("\(name) holds no floats, expected some. Convert the model again.", .runtime)
            }
            found[spec.name] = values
        }
        return found
    }
}
