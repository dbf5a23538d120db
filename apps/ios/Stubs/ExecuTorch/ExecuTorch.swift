// A stand-in for ExecuTorch's Swift module on Linux: what the backend calls, and a hook in the place of the module.
import Foundation

public enum DataType: Int8 { case byte, char, short, int, long, half, float, double }

public enum ShapeDynamism: UInt8 { case `static`, dynamicBound, dynamicUnbound }

public protocol ValueConvertible {
    func asValue() -> Value
}

public final class AnyTensor: ValueConvertible {
    public let shape: [Int]
    public let dataType: DataType
    private let content: [UInt8]

    public init(
        bytes pointer: UnsafeRawPointer, shape: [Int], strides: [Int] = [], dimensionOrder: [Int] = [],
        dataType: DataType, shapeDynamism: ShapeDynamism = .dynamicBound
    ) {
        self.shape = shape
        self.dataType = dataType
        let bytes = shape.reduce(dataType == .float ? 4 : 1, *)
        content = Array(UnsafeRawBufferPointer(start: pointer, count: bytes))
    }

    public var count: Int { shape.reduce(1, *) }

    public func bytes(_ handler: (UnsafeRawPointer, Int, DataType) -> Void) {
        content.withUnsafeBytes { handler($0.baseAddress!, count, dataType) }
    }

    public func asValue() -> Value { Value(self) }
}

public final class Value: ValueConvertible {
    public let anyTensor: AnyTensor?

    public init(_ tensor: AnyTensor) { anyTensor = tensor }

    public func asValue() -> Value { self }
}

public final class Module {
    /// Of this stub only: what answers in the place of a program, by its path.
    nonisolated(unsafe) public static var answer: ((String, [AnyTensor]) throws -> [AnyTensor])?

    private let path: String

    public init(filePath: String) { path = filePath }

    public func load(_ method: String) throws { _ = try Data(contentsOf: URL(fileURLWithPath: path)) }

    public func forward(_ inputs: [ValueConvertible]) throws -> [Value] {
        try Module.answer!(path, inputs.map { $0.asValue().anyTensor! }).map { Value($0) }
    }
}
