// A stand-in for Core ML on Linux: what the backend calls of it, and a hook in the place of the model.
import Foundation

public enum MLMultiArrayDataType: Int {
    case float16 = 65552
    case float32 = 65568
    case double = 65600
    case int32 = 131104

    var bytes: Int { self == .double ? 8 : self == .float16 ? 2 : 4 }
}

public enum MLComputeUnits: Int { case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine }

public final class MLModelConfiguration {
    public var computeUnits = MLComputeUnits.all

    public init() {}
}

/// Rows are further apart than they are long, and what lies between them is no number.
public final class MLMultiArray {
    public let shape: [NSNumber]
    public let strides: [NSNumber]
    public let dataType: MLMultiArrayDataType
    private let content: UnsafeMutableRawBufferPointer

    public init(shape: [NSNumber], dataType: MLMultiArrayDataType) throws {
        self.shape = shape
        self.dataType = dataType
        var steps = [1]
        for (turn, side) in shape.dropFirst().reversed().enumerated() {
            steps.insert(steps[0] * side.intValue + (turn == 0 ? 5 : 0), at: 0)
        }
        strides = steps.map { NSNumber(value: $0) }
        let count = (shape.first?.intValue ?? 1) * steps[0]
        content = .allocate(byteCount: count * dataType.bytes, alignment: 64)
        content.initializeMemory(as: UInt8.self, repeating: 255)
    }

    deinit { content.deallocate() }

    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(UnsafeRawBufferPointer(content))
    }

    public func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer, [Int]) throws -> R) rethrows -> R {
        try body(content, strides.map(\.intValue))
    }

    /// Of this stub only: read or write every number in C order, found by its coordinates.
    public var numbers: [Double] {
        get { places.map { number($0) } }
        set { for (place, value) in zip(places, newValue) { put(value, place) } }
    }

    private var places: [Int] {
        zip(shape, strides).reduce([0]) { found, axis in
            found.flatMap { begin in (0..<axis.0.intValue).map { begin + $0 * axis.1.intValue } }
        }
    }

    private func number(_ place: Int) -> Double {
        switch dataType {
        case .double: return content.load(fromByteOffset: 8 * place, as: Double.self)
        case .float32: return Double(content.load(fromByteOffset: 4 * place, as: Float.self))
        case .float16: return Double(content.load(fromByteOffset: 2 * place, as: Float16.self))
        case .int32: return Double(content.load(fromByteOffset: 4 * place, as: Int32.self))
        }
    }

    private func put(_ value: Double, _ place: Int) {
        switch dataType {
        case .double: content.storeBytes(of: value, toByteOffset: 8 * place, as: Double.self)
        case .float32: content.storeBytes(of: Float(value), toByteOffset: 4 * place, as: Float.self)
        case .float16: content.storeBytes(of: Float16(value), toByteOffset: 2 * place, as: Float16.self)
        case .int32: content.storeBytes(of: Int32(value), toByteOffset: 4 * place, as: Int32.self)
        }
    }
}

public final class MLFeatureValue {
    public let multiArrayValue: MLMultiArray?

    public init(multiArray: MLMultiArray) { multiArrayValue = multiArray }
}

public protocol MLFeatureProvider {
    var featureNames: Set<String> { get }
    func featureValue(for featureName: String) -> MLFeatureValue?
}

public final class MLDictionaryFeatureProvider: MLFeatureProvider {
    private let values: [String: MLFeatureValue]

    public init(dictionary: [String: Any]) throws { values = dictionary.compactMapValues { $0 as? MLFeatureValue } }

    public var featureNames: Set<String> { Set(values.keys) }

    public func featureValue(for featureName: String) -> MLFeatureValue? { values[featureName] }
}

public final class MLModel {
    /// Of this stub only: what answers in the place of a compiled model, by its path.
    nonisolated(unsafe) public static var answer: ((URL, MLFeatureProvider) throws -> MLFeatureProvider)?
    /// Of this stub only: how often a package was compiled.
    nonisolated(unsafe) public static var compilations = 0

    private let path: URL

    /// A compiled model is a folder with what was in the package.
    public class func compileModel(at modelURL: URL) throws -> URL {
        _ = try Data(contentsOf: modelURL.appendingPathComponent("Manifest.json"))
        let compiled = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).mlmodelc")
        try FileManager.default.copyItem(at: modelURL, to: compiled)
        compilations += 1
        return compiled
    }

    public init(contentsOf url: URL, configuration: MLModelConfiguration) throws {
        _ = try Data(contentsOf: url.appendingPathComponent("Manifest.json"))
        path = url
    }

    public func prediction(from input: MLFeatureProvider) throws -> MLFeatureProvider {
        try MLModel.answer!(path, input)
    }
}
