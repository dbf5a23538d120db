// SHA-256 of files, folders and labels, as a bundle's manifest has them.
import Foundation
#if canImport(CryptoKit)
import CryptoKit
#endif

/// The hex digest of bytes.
public func sha256(_ content: Bytes) -> String { content.withBytes { hex(digest($0)) } }

/// The hex digest of bytes.
public func sha256(_ content: [UInt8]) -> String { content.withUnsafeBytes { hex(digest($0)) } }

/// Bytes as pairs of hex digits.
public func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// The digest of a folder: of the names and digests of its files, in the order of the parts of their paths.
public func sha256OfFolder(_ names: [String], contentOf: (String) throws -> Bytes) rethrows -> String {
    let sorted = names.sorted(by: isBefore)
    let lines = try sorted.map { "\($0) \(sha256(try contentOf($0)))\n" }
    return sha256(Array(lines.joined().utf8))
}

/// The digest of labels in their order.
public func sha256OfLabels(_ labels: [String]) -> String { sha256(Array(labels.joined(separator: "\u{0}").utf8)) }

/// Whether a path comes first: part by part, each by its characters. UTF-8 has the order of characters.
private func isBefore(_ one: String, _ other: String) -> Bool {
    let left = one.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let right = other.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    for (a, b) in zip(left, right) where !a.elementsEqual(b) { return a.lexicographicallyPrecedes(b) }
    return left.count < right.count
}

#if canImport(CryptoKit)
private func digest(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    return Array(hash.finalize())
}
#else
/// The first 32 bits of the fractions of the cube roots of the first 64 primes.
private let rounds: [UInt32] = {
    var found = [UInt32]()
    var number = 2
    while found.count < 64 {
        if !(2..<number).contains(where: { number % $0 == 0 }) {
            let root = cbrt(Double(number))
            found.append(UInt32((root - floor(root)) * 4_294_967_296))
        }
        number += 1
    }
    return found
}()

private func turned(_ x: UInt32, _ by: UInt32) -> UInt32 { (x >> by) | (x << (32 - by)) }

/// SHA-256 by FIPS 180-4, where the system has none.
private func digest(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    var words = [UInt32](repeating: 0, count: 64)
    let whole = bytes.count / 64
    var rest = Array(bytes[(64 * whole)...]) + [0x80]
    while rest.count % 64 != 56 { rest.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) {
        rest.append(UInt8(truncatingIfNeeded: (bytes.count * 8) >> shift))
    }
    rounds.withUnsafeBufferPointer { rounds in
        words.withUnsafeMutableBufferPointer { words in
            for block in 0..<whole {
                mix(UnsafeRawBufferPointer(rebasing: bytes[64 * block..<64 * block + 64]), words, rounds, &state)
            }
            rest.withUnsafeBytes { rest in
                for block in 0..<rest.count / 64 {
                    mix(UnsafeRawBufferPointer(rebasing: rest[64 * block..<64 * block + 64]), words, rounds, &state)
                }
            }
        }
    }
    return state.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) } }
}

private func mix(
    _ block: UnsafeRawBufferPointer, _ w: UnsafeMutableBufferPointer<UInt32>, _ k: UnsafeBufferPointer<UInt32>,
    _ state: inout [UInt32]
) {
    for t in 0..<16 { w[t] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * t, as: UInt32.self)) }
    for t in 16..<64 {
        let s0 = turned(w[t - 15], 7) ^ turned(w[t - 15], 18) ^ (w[t - 15] >> 3)
        let s1 = turned(w[t - 2], 17) ^ turned(w[t - 2], 19) ^ (w[t - 2] >> 10)
        w[t] = w[t - 16] &+ s0 &+ w[t - 7] &+ s1
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for t in 0..<64 {
        let s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
        let one = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ k[t] &+ w[t]
        let s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
        let two = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
        (h, g, f, e, d, c, b, a) = (g, f, e, d &+ one, c, b, a, one &+ two)
    }
    for (place, value) in [a, b, c, d, e, f, g, h].enumerated() { state[place] = state[place] &+ value }
}
#endif
