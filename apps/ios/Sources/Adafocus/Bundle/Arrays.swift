// Arrays of a bundle, as numpy wrote them. What a file claims is checked before memory is asked for.
import Foundation

private let maxArrays = 4096
private let maxHeaderBytes = 4096
private let preambleBytes = 10
private let magic: [UInt8] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
private let itemBytes = [
    "|u1": 1, "|i1": 1, "<i4": 4, "<i8": 8, "<f4": 4, "<f8": 8, "<f2": 2, "<i2": 2, "<u2": 2,
]

/// An array: numpy's name of its number type, its shape, and its bytes in C order, little-endian.
public struct NumpyArray {
    public let dtype: String
    public let shape: [Int]
    public let bytes: [UInt8]

    /// Whole numbers of 64 bits; none where the array holds others.
    var wholes: [Int] {
        if dtype != "<i8" { return [] }
        return bytes.withUnsafeBytes { all in
            (0..<all.count / 8).map { Int(all.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
        }
    }
}

/// Read an `.npz` file that cannot be trusted.
///
/// `most` is how many bytes all arrays together may take. Throws an `AdafocusError`: not such a file, damaged, or
/// larger.
public func readArrays(_ content: Bytes, name: String, most: Int) throws -> [(name: String, array: NumpyArray)] {
    let zip = try Zip(content, name: name, most: maxArrays)
    let claimed = zip.members.reduce(0) { $0 + $1.size }
    if claimed > most + maxHeaderBytes * zip.members.count {
        throw refused(name, "its arrays take \(claimed) bytes, expected at most \(most)")
    }
    return try zip.members.map { member in
        let own = member.name.hasSuffix(".npy") ? String(member.name.dropLast(4)) : member.name
        return (own, try array(try unpacked(zip, member, name), name))
    }
}

private func refused(_ name: String, _ what: String) -> AdafocusError {
    AdafocusError("\(name) cannot be read (\(what)). Copy the bundle again.", .golden)
}

private func unpacked(_ zip: Zip, _ member: Member, _ name: String) throws -> [UInt8] {
    let packed = try zip.bytes(member)
    if member.method == Zip.stored && member.size == member.packed { return packed.array }
    if member.method != Zip.deflated { throw refused(name, "it is compressed in a way that numpy does not write") }
    guard let found = try? inflated(packed, size: member.size) else { throw refused(name, "it is damaged") }
    return found
}

private func array(_ content: [UInt8], _ name: String) throws -> NumpyArray {
    if content.count < preambleBytes || Array(content[..<6]) != magic {
        throw refused(name, "it holds no array of numpy")
    }
    let length = Int(content[8]) | Int(content[9]) << 8
    let start = preambleBytes + length
    if content[6] != 1 || content[7] != 0 || length > maxHeaderBytes || start > content.count {
        throw refused(name, "its arrays are of another version than 1.0")
    }
    let header = String(decoding: content[preambleBytes..<start], as: UTF8.self)
    let (dtype, sides) = try read(header, name)
    guard let bytes = itemBytes[dtype] else { throw refused(name, "its arrays are of the type \(dtype.prefix(8))") }
    let expected = sides.reduce(bytes) { product, side in product > Int(Int32.max) ? product : product * side }
    if expected != content.count - start { throw refused(name, "an array holds other bytes than its shape says") }
    return NumpyArray(dtype: dtype, shape: sides, bytes: Array(content[start...]))
}

/// Read what numpy writes before numbers in C order: `{'descr': '|u1', 'fortran_order': False, 'shape': (8, 3), }`.
private func read(_ header: String, _ name: String) throws -> (String, [Int]) {
    let parts = header.components(separatedBy: "'")
    let sides = header.components(separatedBy: "(")
    guard parts.count == 9, sides.count == 2, parts[1] == "descr", parts[5] == "fortran_order", parts[7] == "shape",
        parts[6].contains("False"), let inside = sides[1].components(separatedBy: ")").first
    else { throw refused(name, "its arrays are no plain numbers in C order") }
    let shape = try inside.components(separatedBy: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        .filter { !$0.isEmpty }.map { text -> Int in
            guard let side = Int32(text), side >= 0 else {
                throw refused(name, "a side of an array is \(text.prefix(20))")
            }
            return Int(side)
        }
    return (parts[3], shape)
}
