// DEFLATE by RFC 1951, for arrays that numpy compressed. Nothing is written beyond the size that was asked for.

private let maxCodeBits = 15
private let lengthBase = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]
private let lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
private let distanceBase = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
]
private let distanceBits = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]
private let orderOfLengths = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/// What is no deflated content.
struct InflateError: Error {}

/// Codes of different lengths: how many there are of each, and what they stand for, in their order.
private struct Codes {
    var counts = [Int](repeating: 0, count: maxCodeBits + 1)
    var symbols: [Int]

    init(_ lengths: [Int]) throws {
        for length in lengths { counts[length] += 1 }
        var places = [Int](repeating: 0, count: maxCodeBits + 2)
        var room = 1
        for bits in 1...maxCodeBits {
            room = 2 * room - counts[bits]
            if room < 0 { throw InflateError() }
            places[bits + 1] = places[bits] + counts[bits]
        }
        symbols = [Int](repeating: 0, count: lengths.count)
        for (symbol, length) in lengths.enumerated() where length > 0 {
            symbols[places[length]] = symbol
            places[length] += 1
        }
    }
}

private struct Inflater {
    let input: UnsafeRawBufferPointer
    let size: Int
    var place = 0
    var held = 0
    var heldBits = 0
    var found = [UInt8]()

    mutating func bits(_ count: Int) throws -> Int {
        while heldBits < count {
            if place >= input.count { throw InflateError() }
            held |= Int(input[place]) << heldBits
            place += 1
            heldBits += 8
        }
        let value = held & ((1 << count) - 1)
        held >>= count
        heldBits -= count
        return value
    }

    mutating func symbol(_ codes: Codes) throws -> Int {
        var code = 0
        var first = 0
        var start = 0
        for length in 1...maxCodeBits {
            code |= try bits(1)
            let count = codes.counts[length]
            if code - first < count { return codes.symbols[start + code - first] }
            start += count
            first = (first + count) << 1
            code <<= 1
        }
        throw InflateError()
    }

    mutating func stored() throws {
        held = 0
        heldBits = 0
        let length = try bits(16)
        let check = try bits(16)
        if length != ~check & 0xffff || place + length > input.count || found.count + length > size {
            throw InflateError()
        }
        found += input[place..<place + length]
        place += length
    }

    mutating func codes() throws -> (Codes, Codes) {
        let literals = try bits(5) + 257
        let distances = try bits(5) + 1
        let count = try bits(4) + 4
        var lengths = [Int](repeating: 0, count: 19)
        for at in orderOfLengths.prefix(count) { lengths[at] = try bits(3) }
        let codes = try Codes(lengths)
        var all = [Int]()
        while all.count < literals + distances {
            let symbol = try self.symbol(codes)
            switch symbol {
            case 16:
                guard let last = all.last else { throw InflateError() }
                all += [Int](repeating: last, count: try bits(2) + 3)
            case 17: all += [Int](repeating: 0, count: try bits(3) + 3)
            case 18: all += [Int](repeating: 0, count: try bits(7) + 11)
            default: all.append(symbol)
            }
        }
        if all.count != literals + distances { throw InflateError() }
        return (try Codes(Array(all[..<literals])), try Codes(Array(all[literals...])))
    }

    mutating func block(_ literals: Codes, _ distances: Codes) throws {
        while true {
            let symbol = try self.symbol(literals)
            if symbol == 256 { return }
            if symbol < 256 {
                if found.count >= size { throw InflateError() }
                found.append(UInt8(symbol))
                continue
            }
            if symbol - 257 >= lengthBase.count { throw InflateError() }
            let length = lengthBase[symbol - 257] + (try bits(lengthBits[symbol - 257]))
            let code = try self.symbol(distances)
            if code >= distanceBase.count { throw InflateError() }
            let distance = distanceBase[code] + (try bits(distanceBits[code]))
            if distance > found.count || found.count + length > size { throw InflateError() }
            for _ in 0..<length { found.append(found[found.count - distance]) }
        }
    }

    mutating func run() throws -> [UInt8] {
        found.reserveCapacity(size)
        var isLast = false
        while !isLast {
            isLast = try bits(1) == 1
            switch try bits(2) {
            case 0: try stored()
            case 1:
                let fixed = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
                try block(try Codes(fixed), try Codes([Int](repeating: 5, count: 30)))
            case 2:
                let (literals, distances) = try codes()
                try block(literals, distances)
            default: throw InflateError()
            }
        }
        if found.count != size { throw InflateError() }
        return found
    }
}

/// Unpack deflated content of a known size. Throws an `InflateError` where it is damaged or has another size.
func inflated(_ content: Bytes, size: Int) throws -> [UInt8] {
    try content.withBytes { input in
        var inflater = Inflater(input: input, size: size)
        return try inflater.run()
    }
}
