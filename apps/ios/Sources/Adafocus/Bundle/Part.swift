// Reads values of a manifest, and refuses those that are not as its schema has them.
import Foundation

let maxCount = 1 << 53
private let maxTextCharacters = 1000
private let fingerprintDigits = 12

/// Shows a value in a sentence.
private func shown(_ value: Json) -> String {
    switch value {
    case .null: return "'null'"
    case .bool(let found): return "'\(found)'"
    case .whole(let found): return "'\(found)'"
    case .real(let found): return "'\(found)'"
    case .text(let found): return "'\(found.prefix(80))'"
    case .list, .object: return "of another type"
    }
}

func wrong(_ place: String, _ value: Json, _ expected: String) -> AdafocusError {
    AdafocusError("'\(place)' is \(shown(value)): expected \(expected).", .value)
}

/// One object of a manifest; every key of it must be asked for, and no other may be there.
final class Part {
    let content: JsonObject
    let place: String
    private var known = Set<[UInt8]>()

    init(_ value: Json, _ place: String) throws {
        guard case .object(let content) = value else { throw wrong(place, value, "an object") }
        self.content = content
        self.place = place
    }

    func at(_ key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }

    /// A key that must be there.
    func of<T>(_ key: String, _ read: (Json, String) throws -> T) throws -> T {
        known.insert(Array(key.utf8))
        guard let value = content[key] else {
            throw AdafocusError("the key '\(at(key))' is missing.", .missingKey)
        }
        return try read(value, at(key))
    }

    /// A key that may be left out, or null.
    @discardableResult
    func optional<T>(_ key: String, _ read: (Json, String) throws -> T) throws -> T? {
        if case .null? = content[key] {
            known.insert(Array(key.utf8))
            return nil
        }
        return try absent(key, read)
    }

    /// A key that may be left out, but is never null.
    @discardableResult
    func absent<T>(_ key: String, _ read: (Json, String) throws -> T) throws -> T? {
        known.insert(Array(key.utf8))
        return try content[key].map { try read($0, at(key)) }
    }

    func end() throws {
        guard let unknown = content.keys.first(where: { !known.contains(Array($0.utf8)) }) else { return }
        let name = at(String(unknown.prefix(100)))
        throw AdafocusError("unknown key '\(name)', expected only those of version 1.", .unknownKey)
    }
}

func part<T>(_ value: Json, _ place: String, _ read: (Part) throws -> T) throws -> T {
    let part = try Part(value, place)
    let found = try read(part)
    try part.end()
    return found
}

func whole(_ value: Json, _ place: String, _ range: ClosedRange<Int>) throws -> Int {
    guard case .whole(let number) = value, range.contains(number) else {
        throw wrong(place, value, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
}

func count(_ value: Json, _ place: String) throws -> Int { try whole(value, place, 1...maxCount) }

func real(_ value: Json, _ place: String) throws -> Double {
    try real(value, place, -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)
}

func real(_ value: Json, _ place: String, _ range: ClosedRange<Double>) throws -> Double {
    let number: Double
    switch value {
    case .whole(let found): number = Double(found)
    case .real(let found): number = found
    default: throw wrong(place, value, "a number")
    }
    guard range.contains(number) else {
        throw wrong(place, value, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
}

func text(_ value: Json, _ place: String) throws -> String {
    guard case .text(let found) = value else { throw wrong(place, value, "text") }
    if found.unicodeScalars.count > maxTextCharacters { throw wrong(place, value, "at most 1000 characters") }
    if hasControls(found) { throw wrong(place, .text("text with control characters"), "text that can be shown") }
    return found
}

func label(_ value: Json, _ place: String) throws -> String {
    let found = try text(value, place)
    if found.isEmpty { throw wrong(place, value, "text") }
    return found
}

private func isHex(_ text: String) -> Bool { text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) } }

func digest(_ value: Json, _ place: String) throws -> String {
    guard case .text(let found) = value, found.utf8.count == 64, isHex(found) else {
        throw wrong(place, value, "64 digits of a SHA-256")
    }
    return found
}

func fingerprints(_ value: Json, _ place: String) throws {
    guard case .text(let found) = value, isHex(found), found.utf8.count % fingerprintDigits == 0 else {
        throw wrong(place, value, "fingerprints of 12 digits")
    }
}

func oneOf(_ value: Json, _ place: String, _ known: [String]) throws -> String {
    guard case .text(let found) = value, let same = known.first(where: { $0.utf8.elementsEqual(found.utf8) }) else {
        throw wrong(place, value, "one of \(known.joined(separator: ", "))")
    }
    return same
}

func choice<T: CaseIterable & RawRepresentable>(_ value: Json, _ place: String) throws -> T where T.RawValue == String {
    T(rawValue: try oneOf(value, place, T.allCases.map(\.rawValue)))!
}

func list<T>(_ value: Json, _ place: String, _ read: (Json, String) throws -> T) throws -> [T] {
    guard case .list(let found) = value else { throw wrong(place, value, "a list") }
    return try found.enumerated().map { try read($1, "\(place).\($0)") }
}

func mapping<T>(
    _ value: Json, _ place: String, _ key: (Json, String) throws -> String, _ read: (Json, String) throws -> T
) throws -> [(String, T)] {
    guard case .object(let content) = value else { throw wrong(place, value, "an object") }
    let names = try content.keys.map { try key(.text($0), "\(place).\($0.prefix(100)).[key]") }
    return try zip(names, content.keys).map { ($0, try read(content[$1]!, "\(place).\($0)")) }
}
