import Adafocus
import AdafocusLiteRT
import AdafocusVectors
import Foundation
import XCTest

final class AdafocusTests: XCTestCase {
    /// The folder of the repository's vectors, or the one that is named by `ADAFOCUS_VECTORS`.
    private var vectors: VectorFolder {
        let beside = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../conformance").standardized.path
        return VectorFolder(ProcessInfo.processInfo.environment["ADAFOCUS_VECTORS"] ?? beside)
    }

    func testEveryVectorPasses() throws {
        var count = 0
        try Answers(vectors).all { file, vectors, broken in
            count += vectors
            XCTAssertEqual(broken, [], file)
        }
        XCTAssertGreaterThan(count, 400)
        print("\(count) vectors")
    }

    func testTheCommonDigests() {
        // FIPS 180-4's examples, and lengths around a block
        XCTAssertEqual(sha256(Array("abc".utf8)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        XCTAssertEqual(sha256([UInt8]()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        XCTAssertEqual(sha256(million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    func testNothingIsReadBeyondTheEndOfAFile() throws {
        let path = NSTemporaryDirectory() + "/adafocus-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data([UInt8](0..<100)).write(to: URL(fileURLWithPath: path))
        let bytes = try Bytes(path: path, offset: 10, length: 80)
        XCTAssertEqual(try bytes.slice(5, 2).array, [15, 16])
        XCTAssertThrowsError(try bytes.slice(79, 2))
        XCTAssertThrowsError(try Bytes(path: path, offset: 30, length: 80))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.truncate(atOffset: 40)
        XCTAssertThrowsError(try bytes.slice(5, 70))
    }

    #if os(Linux)
    func testGoldenClips() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let library = environment["ADAFOCUS_LITERT"], let path = environment["ADAFOCUS_BUNDLE"] else {
            throw XCTSkip("ADAFOCUS_LITERT and ADAFOCUS_BUNDLE name LiteRT's library and a bundle")
        }
        let bundle = try AdafocusBundle(path: path)
        let recognizer = try Recognizer(bundle, try LiteRt(path: library))
        let test = SelfTest(bundle, runtime: "litert")
        let report = try test.compare(try await recognizer.recognize(try test.clip()))
        XCTAssertEqual(report.broken, [])
        XCTAssertEqual(report.steps, 0)
        try await recognizer.setThresholds([Double](repeating: always, count: recognizer.exitMacs.count - 1))
        let early = try await recognizer.recognize(try test.clip())
        XCTAssertEqual(early.calls.map(\.stage), [.glance])
        XCTAssertEqual(early.macs, recognizer.exitMacs[0])
        do {
            try await recognizer.setThresholds([.nan])
            XCTFail("thresholds that are no numbers are taken")
        } catch is AdafocusError {}
    }
    #endif
}
