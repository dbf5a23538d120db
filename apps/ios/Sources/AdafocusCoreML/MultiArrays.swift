// Numbers in C order to and from Core ML's arrays, whose rows may lie apart.
import Adafocus
import CoreML

/// Where the rows of an array are.
struct Layout {
    let shape: [Int]
    let strides: [Int]

    /// Call with the place of each row's first number in C order, and in the array.
    func rows(_ visit: (Int, Int) -> Void) {
        let width = shape.last ?? 1
        let axes = max(0, shape.count - 1)
        var index = [Int](repeating: 0, count: axes)
        var offset = 0
        for row in 0..<shape.prefix(axes).reduce(1, *) {
            visit(row * width, offset)
            for axis in (0..<axes).reversed() {
                index[axis] += 1
                offset += strides[axis]
                if index[axis] < shape[axis] { break }
                offset -= shape[axis] * strides[axis]
                index[axis] = 0
            }
        }
    }
}

/// Write float32 numbers into an array of float32.
func fill(_ array: MLMultiArray, _ values: Values) {
    let shape = array.shape.map(\.intValue)
    let width = shape.last ?? 1
    values.bytes.withUnsafeBytes { source in
        array.withUnsafeMutableBytes { target, strides in
            let step = strides.last ?? 1
            Layout(shape: shape, strides: strides).rows { place, offset in
                for x in 0..<width {
                    let bits = source.loadUnaligned(fromByteOffset: 4 * (place + x), as: UInt32.self)
                    target.storeBytes(of: bits, toByteOffset: 4 * (offset + x * step), as: UInt32.self)
                }
            }
        }
    }
}

/// Read an array as float32 numbers in C order; nil where its numbers are of a type that no graph of ours gives.
func floats(_ array: MLMultiArray) -> Values? {
    let shape = array.shape.map(\.intValue)
    let strides = array.strides.map(\.intValue)
    let width = shape.last ?? 1
    let step = strides.last ?? 1
    guard let read = reader(array.dataType) else { return nil }
    var found = Values(.float32, count: shape.reduce(1, *))
    array.withUnsafeBytes { source in
        Layout(shape: shape, strides: strides).rows { place, offset in
            for x in 0..<width { found[place + x] = read(source, offset + x * step) }
        }
    }
    return found
}

private func reader(_ type: MLMultiArrayDataType) -> ((UnsafeRawBufferPointer, Int) -> Float)? {
    switch type {
    case .float32: return { $0.loadUnaligned(fromByteOffset: 4 * $1, as: Float.self) }
    case .double: return { Float($0.loadUnaligned(fromByteOffset: 8 * $1, as: Double.self)) }
    case .float16: return { ofHalf($0.loadUnaligned(fromByteOffset: 2 * $1, as: UInt16.self)) }
    default: return nil
    }
}

/// A number of 16 bits; Swift has none of them on all of Apple's systems.
func ofHalf(_ bits: UInt16) -> Float {
    let sign: Float = bits >> 15 == 1 ? -1 : 1
    let exponent = Int(bits >> 10 & 31)
    let fraction = Float(bits & 1023) / 1024
    if exponent == 31 { return fraction == 0 ? sign * .infinity : .nan }
    if exponent == 0 { return sign * Float(sign: .plus, exponent: -14, significand: fraction) }
    return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction)
}
