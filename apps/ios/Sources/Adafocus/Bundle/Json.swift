import Foundation

private let maxDepth = 200
private let maxDigits = 4300
private let longDigits = 18

/// What is no JSON by the letter; the message is half a sentence.
public struct JsonError: Error {
    public let message: String
}

/// An object: its keys in order, told apart by their bytes, as Python does. Swift's strings are equal more often.
public struct JsonObject {
    public private(set) var keys = [String]()
    private var values = [[UInt8]: Json]()

    public subscript(key: String) -> Json? { values[Array(key.utf8)] }

    /// Add a key; false where it is there already.
    mutating func add(_ key: String, _ value: Json) -> Bool {
        keys.append(key)
        return values.updateValue(value, forKey: Array(key.utf8)) == nil
    }
}

/// JSON by the letter: no key twice, no NaN, no infinity, no text behind the end.
public indirect enum Json {
    case null
    case bool(Bool)
    case whole(Int)
    case real(Double)
    case text(String)
    case list([Json])
    case object(JsonObject)

    /// Read UTF-8. Throws a `JsonError`.
    public static func parse(_ content: [UInt8]) throws -> Json {
        var reader = JsonReader(text: content)
        let found = try reader.value(0)
        reader.blanks()
        if reader.place < content.count { throw reader.failure("there is text behind its end") }
        return found
    }
}

private struct JsonReader {
    let text: [UInt8]
    var place = 0

    init(text: [UInt8]) { self.text = text }

    func failure(_ what: String) -> JsonError { JsonError(message: "\(what), byte \(place + 1)") }

    mutating func blanks() {
        while place < text.count, [0x20, 0x09, 0x0a, 0x0d].contains(text[place]) { place += 1 }
    }

    func next() throws -> UInt8 {
        guard place < text.count else { throw failure("it ends too early") }
        return text[place]
    }

    mutating func take(_ expected: Unicode.Scalar) throws {
        if try next() != UInt8(ascii: expected) { throw failure("'\(expected)' is missing") }
        place += 1
    }

    mutating func value(_ depth: Int) throws -> Json {
        if depth > maxDepth { throw failure("it is nested too deeply") }
        blanks()
        switch try next() {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try list(depth)
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw failure("there is no value")
        }
    }

    mutating func word(_ word: String, _ value: Json) throws -> Json {
        if !text[place...].starts(with: word.utf8) { throw failure("there is no value") }
        place += word.utf8.count
        return value
    }

    mutating func object(_ depth: Int) throws -> Json {
        var found = JsonObject()
        try take("{")
        blanks()
        if try next() == UInt8(ascii: "}") {
            place += 1
            return .object(found)
        }
        while true {
            blanks()
            let key = try string()
            blanks()
            try take(":")
            let isNew = found.add(key, try value(depth + 1))
            if !isNew { throw failure("the key '\(key.prefix(100))' stands there twice") }
            blanks()
            if try next() == UInt8(ascii: "}") { break }
            try take(",")
        }
        place += 1
        return .object(found)
    }

    mutating func list(_ depth: Int) throws -> Json {
        var found = [Json]()
        try take("[")
        blanks()
        if try next() == UInt8(ascii: "]") {
            place += 1
            return .list(found)
        }
        while true {
            found.append(try value(depth + 1))
            blanks()
            if try next() == UInt8(ascii: "]") { break }
            try take(",")
        }
        place += 1
        return .list(found)
    }

    mutating func string() throws -> String {
        try take("\"")
        var found = [UInt8]()
        while true {
            let byte = try next()
            place += 1
            if byte == UInt8(ascii: "\"") { break }
            if byte < 0x20 { throw failure("a text holds a control character") }
            if byte == UInt8(ascii: "\\") { found += String(Character(try escaped())).utf8 } else { found.append(byte) }
        }
        return String(decoding: found, as: UTF8.self)
    }

    mutating func escaped() throws -> Unicode.Scalar {
        let byte = try next()
        place += 1
        switch Unicode.Scalar(byte) {
        case "\"", "\\", "/": return Unicode.Scalar(byte)
        case "b": return "\u{8}"
        case "f": return "\u{c}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u": return try unicode()
        default: throw failure("there is no such escape")
        }
    }

    /// A character behind `\u`; those beyond 16 bits have two halves.
    mutating func unicode() throws -> Unicode.Scalar {
        let one = try hexDigits()
        if let whole = Unicode.Scalar(one) { return whole }
        guard one < 0xdc00, text[place...].starts(with: "\\u".utf8) else {
            throw failure("a text holds half a character")
        }
        place += 2
        let other = try hexDigits()
        guard (0xdc00..<0xe000).contains(other) else { throw failure("a text holds half a character") }
        return Unicode.Scalar(0x10000 + ((one - 0xd800) << 10) + (other - 0xdc00))!
    }

    mutating func hexDigits() throws -> UInt32 {
        var found: UInt32 = 0
        for _ in 0..<4 {
            guard place < text.count, text[place] < 0x80,
                let digit = Character(Unicode.Scalar(text[place])).hexDigitValue
            else { throw failure("\\u is not followed by four digits") }
            found = found << 4 | UInt32(digit)
            place += 1
        }
        return found
    }

    mutating func digits() throws -> Int {
        let begin = place
        while place < text.count, (0x30...0x39).contains(text[place]) { place += 1 }
        if place == begin { throw failure("a digit is missing") }
        return place - begin
    }

    func stands(_ words: String) -> Bool { place < text.count && words.utf8.contains(text[place]) }

    mutating func number() throws -> Json {
        let begin = place
        if stands("-") { place += 1 }
        let leads0 = try next() == UInt8(ascii: "0")
        let count = try digits()
        if leads0 && count > 1 { throw failure("a number begins with 0") }
        if count > maxDigits { throw failure("a number has \(count) digits") }
        var whole = true
        if stands(".") {
            whole = false
            place += 1
            _ = try digits()
        }
        if stands("eE") {
            whole = false
            place += 1
            if stands("+-") { place += 1 }
            _ = try digits()
        }
        let written = String(decoding: text[begin..<place], as: UTF8.self)
        if whole && count <= longDigits, let number = Int(written) { return .whole(number) }
        let value = strtod(written, nil)
        if value.isInfinite { throw failure("\(written.prefix(100)) is too large for a number") }
        return .real(value)
    }
}
