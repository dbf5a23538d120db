import Foundation

private let endSignature = 0x0605_4b50
private let recordSignature = 0x0201_4b50
private let localSignature = 0x0403_4b50
private let locatorSignature = 0x0706_4b50
private let endBytes = 22
private let recordBytes = 46
private let localBytes = 30
private let locatorBytes = 20
private let maxCommentBytes = 65535
private let maxBundleBytes = (4 << 30) - 1
private let utf8Flag = 1 << 11
private let encryptedFlag = 1
private let fileKind = 8

/// A member of a zip: where its bytes begin and how many they are.
struct Member {
    let name: String
    let method: Int
    let flags: Int
    let crc: UInt32
    let packed: Int
    let size: Int
    let kind: Int
    let header: Int
    let start: Int
}

/// The directory of a zip whose every member lies within it. Nothing is unpacked.
struct Zip {
    static let stored = 0
    static let deflated = 8

    let source: Bytes
    let name: String
    let directory: Int
    private(set) var members = [Member]()

    /// Read the directory.
    ///
    /// Throws an `AdafocusError`: no zip, more members than `most`, or one that lies elsewhere than it says.
    init(_ source: Bytes, name: String, most: Int) throws {
        self.source = source
        self.name = name
        if source.count > maxBundleBytes {
            throw Zip.none("\(name) has \(source.count) bytes, expected at most \(maxBundleBytes)")
        }
        let length = min(source.count, endBytes + maxCommentBytes + locatorBytes)
        let tail = try source.slice(source.count - length, length)
        guard let end = Zip.lastEnd(tail) else { throw Zip.none("\(name) is no zip file") }
        if end >= locatorBytes && tail.u32(end - locatorBytes) == locatorSignature {
            throw Zip.none("\(name) is a 64-bit zip, expected one of less than 4 GB")
        }
        let count = tail.u16(end + 10)
        let bytes = tail.u32(end + 12)
        if count > most || bytes > most * 1024 {
            throw Zip.none("\(name) names \(count) members in \(bytes) bytes, expected at most \(most)")
        }
        directory = tail.u32(end + 16)
        if directory + bytes != source.count - length + end {
            throw damaged("its directory does not lie where its end says")
        }
        try read(try source.slice(directory, bytes), count)
    }

    private static func lastEnd(_ tail: Bytes) -> Int? {
        if tail.count < endBytes { return nil }
        return (0...tail.count - endBytes).last { tail.u32($0) == endSignature }
    }

    private static func none(_ what: String) -> AdafocusError {
        AdafocusError("\(what), so it is no bundle. Give what adafocus export wrote.", .noBundle)
    }

    private func damaged(_ what: String) -> AdafocusError {
        AdafocusError("\(name) is damaged (\(what)). Copy the bundle again.", .zip)
    }

    private mutating func read(_ records: Bytes, _ count: Int) throws {
        var place = 0
        while members.count < count {
            if place + recordBytes > records.count || records.u32(place) != recordSignature {
                throw damaged("its directory ends too early")
            }
            let length = records.u16(place + 28)
            if place + recordBytes + length > records.count { throw damaged("a name is cut off") }
            let named = try records.slice(place + recordBytes, length).array
            let isUtf8 = records.u16(place + 8) & utf8Flag != 0
            let text = isUtf8
                ? String(decoding: named, as: UTF8.self)
                : String(String.UnicodeScalarView(named.map { Unicode.Scalar($0) }))
            let header = records.u32(place + 42)
            let packed = records.u32(place + 20)
            members.append(
                Member(
                    name: text, method: records.u16(place + 10), flags: records.u16(place + 8),
                    crc: UInt32(records.u32(place + 16)), packed: packed, size: records.u32(place + 24),
                    kind: records.u32(place + 38) >> 28, header: header, start: try content(header, named, packed)))
            place += recordBytes + length + records.u16(place + 30) + records.u16(place + 32)
        }
        if place != records.count { throw damaged("its directory holds more than its members") }
    }

    /// Where the bytes of a member begin; they must end before the directory.
    private func content(_ header: Int, _ named: [UInt8], _ packed: Int) throws -> Int {
        if header + localBytes > directory { throw damaged("a member lies behind its end") }
        let local = try source.slice(header, localBytes)
        if local.u32(0) != localSignature { throw damaged("there is no member where its directory says") }
        let length = local.u16(26)
        let start = header + localBytes + length + local.u16(28)
        if start + packed > directory { throw damaged("a member runs into what follows it") }
        if try source.slice(header + localBytes, length).array != named { throw damaged("a member has two names") }
        return start
    }

    /// The bytes of a member as they stand in the zip.
    func bytes(_ member: Member) throws -> Bytes { try source.slice(member.start, member.packed) }

    /// Leave out folders, which hold nothing, and refuse what a bundle must not hold.
    ///
    /// Throws an `AdafocusError`: names that lead out of it or that meet in one file, links, compressed or encrypted
    /// members, members that share bytes, or one that was changed.
    func refuseUnsafe() throws -> [Member] {
        let files = members.filter { member in
            !(member.name.utf8.last == UInt8(ascii: "/") && member.size == 0
                && unsafe(String(member.name.unicodeScalars.dropLast())) == nil)
        }
        for member in files {
            if let reason = unsafe(member.name) {
                throw AdafocusError("\(name) holds '\(member.name)', \(reason). Do not trust it.", .unsafeName)
            }
            if member.kind != 0 && member.kind != fileKind {
                throw refused("holds '\(member.name)', which is a link or a device")
            }
            if member.method != Zip.stored || member.flags & encryptedFlag != 0 {
                throw refused("holds '\(member.name)', which is compressed or encrypted, expected stored members")
            }
            if member.size != member.packed { throw refused("holds '\(member.name)', which states two sizes") }
        }
        if let twice = collision(files.map(\.name)) {
            throw refused("holds '\(twice)' twice, or as a file and a folder")
        }
        let ordered = files.sorted { $0.header < $1.header }
        for (before, after) in zip(ordered, ordered.dropFirst()) where before.start + before.size > after.header {
            throw refused("holds '\(before.name)', which runs into the member after it")
        }
        for member in files {
            let found = checksum(try bytes(member))
            if found != member.crc { throw damaged("'\(member.name)' was changed") }
        }
        return files
    }

    private func refused(_ what: String) -> AdafocusError { AdafocusError("\(name) \(what). Do not trust it.", .zip) }
}

private let crcTable: [UInt32] = (0..<256).map { number in
    (0..<8).reduce(UInt32(number)) { sum, _ in sum & 1 == 1 ? 0xedb8_8320 ^ (sum >> 1) : sum >> 1 }
}

/// CRC-32 of a zip's members.
private func checksum(_ content: Bytes) -> UInt32 {
    content.withBytes { bytes in
        crcTable.withUnsafeBufferPointer { table in
            ~bytes.reduce(~UInt32(0)) { sum, byte in table[Int((sum ^ UInt32(byte)) & 255)] ^ (sum >> 8) }
        }
    }
}
