// Reads conformance vectors, and compares answers with them, as docs/conformance-vectors.md says.
import Adafocus
import Foundation

private let format = "adafocus-conformance-vectors"
private let numbers = 1e-9
private let least = 1e-12

/// What a vector or its folder must not be.
struct VectorError: Error, CustomStringConvertible {
    let description: String
}

/// An object of a vector. A vector that is not as its operation needs it ends the run.
public struct Given {
    public let content: JsonObject

    init(_ value: Json?) {
        guard case .object(let content)? = value else { fatalError("a vector holds no object where one must be") }
        self.content = content
    }

    subscript(key: String) -> Json? {
        if case .null? = content[key] { return nil }
        return content[key]
    }

    func has(_ key: String) -> Bool { content[key] != nil }

    func of(_ key: String) -> Given { Given(content[key]) }

    func list(_ key: String) -> [Json] { elements(content[key]) }

    func int(_ key: String) -> Int { Int(number(content[key])) }

    func real(_ key: String) -> Double { number(content[key]) }

    func text(_ key: String) -> String { word(content[key]) }

    func reals(_ key: String) -> [Double] { doubles(content[key]) }

    func rows(_ key: String) -> [[Double]] { list(key).map(doubles) }

    func ints(_ key: String) -> [Int] { reals(key).map { Int($0) } }
}

func elements(_ value: Json?) -> [Json] {
    guard case .list(let found)? = value else { fatalError("a vector holds no list where one must be") }
    return found
}

func number(_ value: Json?) -> Double {
    switch value {
    case .whole(let found)?: return Double(found)
    case .real(let found)?: return found
    default: fatalError("a vector holds no number where one must be")
    }
}

func word(_ value: Json?) -> String {
    guard case .text(let found)? = value else { fatalError("a vector holds no text where one must be") }
    return found
}

func doubles(_ value: Json?) -> [Double] { elements(value).map(number) }

func decoded(_ value: Json?) -> [UInt8] { Array(Data(base64Encoded: word(value))!) }

/// An input of an operation, and what it must give.
public struct Vector {
    public let name: String
    public let op: String
    public let given: Given
    public let expected: Json
}

/// A folder of conformance vectors.
public struct VectorFolder {
    private let folder: String

    public init(_ folder: String) { self.folder = folder }

    public func files() throws -> [String] { try read("index.json").list("files").map { Given($0).text("file") } }

    private func read(_ file: String) throws -> Given {
        Given(try Json.parse(try Bytes(path: "\(folder)/\(file)").array))
    }

    public func vectors(_ file: String) throws -> [Vector] {
        let content = try read(file)
        guard content.text("format") == format, content.int("version") == 1 else {
            throw VectorError(description: "\(file) is of another format")
        }
        return content.list("vectors").map(Given.init).map {
            Vector(name: $0.text("name"), op: $0.text("op"), given: $0.of("given"), expected: $0.content["expected"]!)
        }
    }
}

/// Number `place` of the stream of a seed.
private func hashed(_ seed: Int, _ place: Int) -> UInt32 {
    var mixed = UInt32(truncatingIfNeeded: place &+ seed &* 0x9e37_79b9)
    mixed = (mixed ^ (mixed >> 16)) &* 0x7feb_352d
    mixed = (mixed ^ (mixed >> 15)) &* 0x846c_a68b
    return mixed ^ (mixed >> 16)
}

/// Bytes of an input array.
func bytesOf(_ told: Given) -> [UInt8] {
    if told.has("noise") {
        let seed = told.int("noise")
        return (0..<told.ints("shape").reduce(1, *)).map { UInt8(hashed(seed, $0) >> 24) }
    }
    return told.has("scene") ? scenes(told) : decoded(told["base64"])
}

private func scenes(_ told: Given) -> [UInt8] {
    let (shape, block) = (told.ints("shape"), told.ints("block"))
    let (seed, side) = (told.int("scene"), block[2])
    var data = [UInt8]()
    data.reserveCapacity(shape.reduce(1, *))
    for n in 0..<shape[0] {
        for r in 0..<shape[1] {
            for k in 0..<shape[2] {
                let y = r - block[0] - n * block[3]
                let x = k - block[1] - n * block[4]
                let light = y >= 0 && y < side && x >= 0 && x < side ? 90 : 0
                for c in 0..<channels {
                    let grain = Int(hashed(seed, (r * shape[2] + k) * channels + c) >> 27)
                    let level = ((3 * r + 2 * k + 40 * c) >> 1) & 127
                    data.append(UInt8(truncatingIfNeeded: level + grain + light))
                }
            }
        }
    }
    return data
}

/// Pictures of an input array; one where it has no count.
func picturesOf(_ told: Given) -> [Picture] {
    let data = bytesOf(told)
    let shape = told.ints("shape")
    let (height, width) = (shape[shape.count - 3], shape[shape.count - 2])
    let size = height * width * channels
    return (0..<data.count / size).map {
        Picture(height: height, width: width, data: Array(data[$0 * size..<($0 + 1) * size]))
    }
}

func told(_ bytes: [UInt8], _ shape: [Int], _ dtype: String) -> [String: Any?] {
    ["shape": shape, "dtype": dtype, "sha256": sha256(bytes)]
}

func told(_ picture: Picture) -> [String: Any?] {
    told(picture.data, [picture.height, picture.width, channels], "uint8")
}

func told(_ pictures: [Picture], _ size: Int) -> [String: Any?] {
    told(Array(pictures.map(\.data).joined()), [pictures.count, size, size, channels], "uint8")
}

func told(_ values: [Int], _ shape: [Int]) -> [String: Any?] {
    told(values.flatMap { value in withUnsafeBytes(of: Int32(value).littleEndian) { Array($0) } }, shape, "int32")
}

func told(_ values: Values, _ shape: [Int], asNumbers: Bool = false) -> [String: Any?] {
    if asNumbers && values.dtype == .float32 {
        return ["shape": shape, "dtype": "float32", "values": values.doubles]
    }
    return told(values.bytes, shape, values.dtype.rawValue)
}

private func flat(_ value: Json) -> [Json] {
    if case .list(let found) = value { return found.flatMap(flat) }
    return [value]
}

private func bare(_ value: Any?) -> Any? {
    guard let value else { return nil }
    let mirror = Mirror(reflecting: value)
    return mirror.displayStyle == .optional ? mirror.children.first.flatMap { bare($0.value) } : value
}

private func real(_ value: Any?) -> Double? {
    switch value {
    case let found as Int: return Double(found)
    case let found as Int32: return Double(found)
    case let found as Float: return Double(found)
    case let found as Double: return found
    default: return nil
    }
}

private func listed(_ value: Any?) -> [Any?]? {
    switch value {
    case let found as [Int]: return found
    case let found as [Int32]: return found
    case let found as [Float]: return found
    case let found as [Double]: return found
    case let found as [Any?]: return found
    case let found as [Any]: return found
    default: return nil
    }
}

/// Places at which an answer differs from what is expected; what is not in the answer of an array is not compared.
///
/// `outputs` is how far floats of a runtime may be away, of the tensor's largest value.
func differences(
    _ expected: Json?, _ answer: Any?, outputs: Double = 0, _ place: String = "", away: Double = 0
) -> [String] {
    let found = bare(answer)
    let other = ["\(place) is \(found.map { "\($0)".prefix(80) } ?? "nothing")"]
    switch expected {
    case nil, .null?: return found == nil ? [] : other
    case .bool(let one)?: return found as? Bool == one ? [] : other
    case .text(let one)?: return found as? String == one ? [] : other.map { "\($0), expected \(one)" }
    case .whole?, .real?:
        let one = number(expected)
        guard !(found is Bool), let two = real(found) else { return other }
        let most = max(away, max(least, numbers * abs(one)))
        return one == two || abs(one - two) <= most ? [] : ["\(place) is \(two), expected \(one)"]
    case .list(let one)?:
        guard let list = listed(found), list.count == one.count else { return ["\(place) has another length"] }
        return zip(one, list).enumerated().flatMap { at, pair in
            differences(pair.0, pair.1, outputs: outputs, "\(place)[\(at)]", away: away)
        }
    case .object(let one)?:
        guard let map = found as? [String: Any?] else { return other }
        if one["shape"] != nil && one["sha256"] == nil { return floats(Given(expected), map, outputs, place) }
        return one.keys.filter { one["sha256"] == nil || ($0 != "base64" && $0 != "samples") }.flatMap {
            differences(one[$0], map[$0] ?? nil, outputs: outputs, "\(place).\($0)", away: away)
        }
    }
}

/// Floats that a runtime gives: all of them, or samples.
private func floats(_ expected: Given, _ found: [String: Any?], _ outputs: Double, _ place: String) -> [String] {
    guard let values = bare(found["values"] ?? nil) as? [Double] else { return ["\(place) has no values"] }
    let away = outputs * (values.map(abs).max() ?? 0)
    let shape = differences(expected["shape"], found["shape"] ?? nil, "\(place).shape")
    if !expected.has("samples") {
        let all = Json.list(flat(expected["values"]!))
        return shape + differences(all, values, "\(place).values", away: away)
    }
    return shape + expected.rows("samples").flatMap { sample in
        differences(.real(sample[1]), values[Int(sample[0])], "\(place)[\(Int(sample[0]))]", away: away)
    }
}
