// From pixels and real numbers to a graph's own numbers, and back.
import Foundation

/// Number types of tensors that the rules can make.
public enum Dtype: String, CaseIterable, Sendable {
    case float32, int8, uint8

    /// Bytes of one number.
    public var bytes: Int { self == .float32 ? 4 : 1 }

    var lowest: Double { self == .int8 ? -128 : 0 }

    var highest: Double { self == .int8 ? 127 : 255 }
}

/// How a tensor is stored; integers have scale and zero point, real = scale x (value - zero point).
public struct Form: Equatable, Sendable {
    public let dtype: Dtype
    public let scale: Double?
    public let zeroPoint: Int?

    public init(_ dtype: Dtype, scale: Double?, zeroPoint: Int?) {
        self.dtype = dtype
        self.scale = scale
        self.zeroPoint = zeroPoint
    }
}

/// Numbers of one type, little-endian in C order, as runtimes take them.
public struct Values: Equatable, Sendable {
    public let dtype: Dtype
    public var bytes: [UInt8]

    public init(_ dtype: Dtype, bytes: [UInt8]) {
        precondition(bytes.count % dtype.bytes == 0, "bytes of whole numbers")
        self.dtype = dtype
        self.bytes = bytes
    }

    public init(_ dtype: Dtype, count: Int) {
        self.init(dtype, bytes: [UInt8](repeating: 0, count: count * dtype.bytes))
    }

    public var count: Int { bytes.count / dtype.bytes }

    public subscript(place: Int) -> Float {
        get {
            switch dtype {
            case .float32: return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 4 * place, as: Float.self) }
            case .int8: return Float(Int8(bitPattern: bytes[place]))
            case .uint8: return Float(bytes[place])
            }
        }
        set {
            switch dtype {
            case .float32:
                bytes.withUnsafeMutableBytes {
                    $0.storeBytes(of: newValue, toByteOffset: 4 * place, as: Float.self)
                }
            default: bytes[place] = UInt8(truncatingIfNeeded: Int(newValue))
            }
        }
    }

    /// All numbers.
    public var floats: [Float] { (0..<count).map { self[$0] } }

    /// All numbers as doubles.
    public var doubles: [Double] { (0..<count).map { Double(self[$0]) } }

    /// A copy of some of them.
    public func part(_ first: Int, _ count: Int) -> Values {
        Values(dtype, bytes: Array(bytes[first * dtype.bytes..<(first + count) * dtype.bytes]))
    }
}

private func limited(_ code: Double, _ dtype: Dtype) -> Float {
    if dtype == .float32 || code.isNaN { return dtype == .float32 ? Float(code) : 0 }
    return Float(within(code, dtype.lowest, dtype.highest))
}

/// What each of the 256 levels of each channel becomes, channel by channel.
public func pixelTable(mean: [Double], std: [Double], _ form: Form) -> Values {
    var table = Values(form.dtype, count: channels * 256)
    for c in 0..<channels {
        for level in 0..<256 {
            let real = (Double(level) / 255 - mean[c]) / std[c]
            if let scale = form.scale {
                table[c * 256 + level] = limited(nearest(real / scale) + Double(form.zeroPoint ?? 0), form.dtype)
            } else {
                table[c * 256 + level] = Float(real)
            }
        }
    }
    return table
}

/// Turn frames of one size into a tensor, channels first.
public func applyTable(_ table: Values, _ frames: [Picture]) -> Values {
    let pixels = frames[0].height * frames[0].width
    let width = table.dtype.bytes
    var found = Values(table.dtype, count: frames.count * channels * pixels)
    found.bytes.withUnsafeMutableBytes { target in
        table.bytes.withUnsafeBytes { levels in
            for (number, frame) in frames.enumerated() {
                frame.data.withUnsafeBufferPointer { data in
                    for c in 0..<channels {
                        let start = (number * channels + c) * pixels
                        for place in 0..<pixels {
                            let level = c * 256 + Int(data[place * channels + c])
                            if width == 1 {
                                target[start + place] = levels[level]
                            } else {
                                let value = levels.load(fromByteOffset: 4 * level, as: UInt32.self)
                                target.storeBytes(of: value, toByteOffset: 4 * (start + place), as: UInt32.self)
                            }
                        }
                    }
                }
            }
        }
    }
    return found
}

/// The nearest values that a tensor can hold, halves to even; in float32.
public func quantize(_ values: [Float], _ form: Form) -> Values {
    var found = Values(form.dtype, count: values.count)
    for (place, value) in values.enumerated() {
        if let scale = form.scale {
            let quotient = Double(value / Float(scale))
            found[place] = limited(nearest(quotient) + Double(form.zeroPoint ?? 0), form.dtype)
        } else {
            found[place] = value
        }
    }
    return found
}

/// Real values of a tensor, float32.
public func dequantize(_ values: Values, _ form: Form) -> [Float] {
    guard let scale = form.scale else { return values.floats }
    let zero = Float(form.zeroPoint ?? 0)
    return values.floats.map { value in (value - zero) * Float(scale) }
}

/// Hand a tensor from one graph to the next, rescaled only where the two store it differently.
public func convert(_ values: Values, from: Form, to: Form) -> Values {
    let alike = from == to
    return alike ? values : quantize(dequantize(values, from), to)
}
