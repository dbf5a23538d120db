// Bundles that are damaged at random: each opens or is refused in a sentence, soon.
import Adafocus
import AdafocusVectors
import Foundation

private let longestS = 10.0
private let other = [
    "-1", "0", "1e999", "null", "true", "\"\"", "[]", "{}", "9999999999999999999", "4097", "\"\\u0000\"", "[[[[",
    "9007199254740992", "1e-320",
]

/// Numbers that are the same in every run.
private struct Stream: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ (state >> 29)) &* 0xbf58_476d_1ce4_e5b9
    }
}

private func damaged(_ content: [UInt8], _ random: inout Stream) -> [UInt8] {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return Array(content.prefix(Int.random(in: 0..<content.count, using: &random)))
    case 1: return Array(content.dropFirst(Int.random(in: 0..<content.count, using: &random)))
    default:
        var found = content
        for _ in 0...Int.random(in: 0..<8, using: &random) {
            found[Int.random(in: 0..<found.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        return found
    }
}

/// Put something else in the place of a value of a manifest.
private func otherValue(_ manifest: [UInt8], _ random: inout Stream) -> [UInt8] {
    let ends = Set(",{[\n".utf8)
    let starts = manifest.indices.dropLast(2).filter {
        manifest[$0] == UInt8(ascii: ":") && manifest[$0 + 1] == UInt8(ascii: " ") && !ends.contains(manifest[$0 + 2])
    }
    let start = starts.randomElement(using: &random)! + 2
    let end = manifest[start...].firstIndex { ends.contains($0) } ?? manifest.count
    return manifest[..<start] + Array(other.randomElement(using: &random)!.utf8) + manifest[end...]
}

/// Damage zips, manifests and arrays; returns how many came to another end than they may.
func damages(_ folder: String, turns: Int) throws -> Int {
    let (zip, files) = try sampleBundles(VectorFolder(folder))
    let place = NSTemporaryDirectory() + "/adafocus-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: place) }
    for (name, content) in files {
        let path = URL(fileURLWithPath: "\(place)/\(name)")
        try FileManager.default.createDirectory(at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content).write(to: path)
    }
    let manifest = files["manifest.json"]!
    var (opened, refused, wrong) = (0, 0, 0)
    var slowest = 0.0
    for turn in 0..<turns {
        var random = Stream(state: UInt64(turn))
        let began = Date()
        do {
            switch turn % 3 {
            case 0: _ = try AdafocusBundle(zip: Bytes(damaged(zip, &random)), shown: "bundle.zip")
            case 1:
                let text = turn % 2 == 0 ? otherValue(manifest, &random) : damaged(manifest, &random)
                try Data(text).write(to: URL(fileURLWithPath: "\(place)/manifest.json"))
                _ = try AdafocusBundle(path: place)
            default:
                let content = Bytes(damaged(files["golden/clip.npz"]!, &random))
                _ = try readArrays(content, name: "clip.npz", most: 1 << 20)
            }
            opened += 1
        } catch is AdafocusError {
            refused += 1
        } catch {
            wrong += 1
            print("  turn \(turn): \(error)")
        }
        slowest = max(slowest, Date().timeIntervalSince(began))
    }
    if slowest > longestS { wrong += 1 }
    print(
        "\(turns) damaged bundles: \(refused) refused in a sentence, \(opened) opened, \(wrong) otherwise; "
            + "the slowest took " + String(format: "%.2f s", slowest))
    return wrong
}
