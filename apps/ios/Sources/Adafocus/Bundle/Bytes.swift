// Bytes in memory or mapped from a file, of which parts can be had without copying them.
import Foundation

/// Whatever keeps bytes where they are.
private protocol Owner: AnyObject {
    /// How many bytes are there now.
    var available: Int { get }
}

private final class Block: Owner {
    let start: UnsafeMutableRawPointer
    let available: Int

    init(_ content: [UInt8]) {
        available = content.count
        start = .allocate(byteCount: max(1, content.count), alignment: 64)
        content.withUnsafeBytes { bytes in
            if let from = bytes.baseAddress { start.copyMemory(from: from, byteCount: bytes.count) }
        }
    }

    deinit { start.deallocate() }
}

private final class Mapping: Owner {
    private let file: Int32
    private let offset: Int
    private let base: UnsafeMutableRawPointer?
    private let mapped: Int
    let start: UnsafeRawPointer?
    let length: Int

    init(_ path: String, _ offset: Int, _ wanted: Int?) throws {
        let file = open(path, O_RDONLY)
        guard file >= 0 else {
            throw AdafocusError("\(path) cannot be read, so it is no bundle. Copy it again.", .noBundle)
        }
        let size = Mapping.size(file)
        let length = wanted ?? size - offset
        guard offset >= 0, length >= 0, offset <= size - length else {
            close(file)
            throw AdafocusError("The file ends before the bundle does, so it is no bundle. Copy it again.", .noBundle)
        }
        // a mapping begins at a page, which has 16 kB on iOS
        let before = offset % Int(getpagesize())
        mapped = length + before
        if length > 0 {
            guard let found = mmap(nil, mapped, PROT_READ, MAP_PRIVATE, file, off_t(offset - before)),
                found != MAP_FAILED
            else {
                close(file)
                throw AdafocusError("\(path) cannot be mapped into memory. Free some, and try again.", .noBundle)
            }
            base = found
            start = UnsafeRawPointer(found) + before
        } else {
            base = nil
            start = nil
        }
        self.file = file
        self.offset = offset
        self.length = length
    }

    private static func size(_ file: Int32) -> Int {
        var found = stat()
        return fstat(file, &found) == 0 ? Int(found.st_size) : 0
    }

    /// What became shorter since it was opened must not be read past its end.
    var available: Int { min(length, max(0, Mapping.size(file) - offset)) }

    deinit {
        if let base { munmap(base, mapped) }
        close(file)
    }
}

/// A read-only run of bytes that stays where it is as long as this is held.
public struct Bytes: @unchecked Sendable {
    private let owner: Owner
    private let offset: Int
    private let all: UnsafeRawBufferPointer

    /// Copy bytes.
    public init(_ content: [UInt8]) {
        let block = Block(content)
        owner = block
        offset = 0
        all = UnsafeRawBufferPointer(start: block.start, count: content.count)
    }

    /// Map a file, or a part of one.
    ///
    /// Throws an `AdafocusError` where there is no such file or part.
    public init(path: String, offset: Int = 0, length: Int? = nil) throws {
        let mapping = try Mapping(path, offset, length)
        owner = mapping
        self.offset = 0
        all = UnsafeRawBufferPointer(start: mapping.start, count: mapping.length)
    }

    private init(_ owner: Owner, _ offset: Int, _ all: UnsafeRawBufferPointer) {
        self.owner = owner
        self.offset = offset
        self.all = all
    }

    public var count: Int { all.count }

    public subscript(place: Int) -> UInt8 { all[place] }

    func u16(_ place: Int) -> Int { Int(all[place]) | Int(all[place + 1]) << 8 }

    func u32(_ place: Int) -> Int { u16(place) | u16(place + 2) << 16 }

    /// A part of these bytes. Nothing beyond the end is ever given.
    public func slice(_ start: Int, _ length: Int) throws -> Bytes {
        guard start >= 0, length >= 0, start <= count - length, offset + start + length <= owner.available else {
            throw AdafocusError(
                "A part of \(length) bytes at \(start) does not lie in \(count) bytes. Copy the bundle again.", .zip)
        }
        return Bytes(owner, offset + start, UnsafeRawBufferPointer(rebasing: all[start..<start + length]))
    }

    /// Read the bytes in place.
    public func withBytes<T>(_ read: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        defer { withExtendedLifetime(owner) {} }
        return try read(all)
    }

    /// A copy.
    public var array: [UInt8] { withBytes { Array($0) } }
}
