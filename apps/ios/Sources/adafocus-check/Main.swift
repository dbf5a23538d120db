// Runs vectors, golden clips, damaged bundles, a stream and times.
import Adafocus
import AdafocusLiteRT
import AdafocusVectors
import Foundation

private let warmUp = 200
private let rounds = 301

/// Milliseconds in which all patches are cut out of a frame: the least and the middle one of many, and their digest.
private func crop(_ side: Int, _ patch: Int, _ boxes: [[Double]]) -> String {
    let data = (0..<side * side * channels).map { UInt8(truncatingIfNeeded: $0 * 7 + ($0 >> 9) * 13) }
    let frame = Picture(height: side, width: side, data: data)
    var times = [Double]()
    var patches = [Picture]()
    for _ in 0..<warmUp + rounds {
        let began = DispatchTime.now().uptimeNanoseconds
        patches = boxes.map { cropPatch(frame, $0, patch, fill: [116, 116, 116]) }
        times.append(Double(DispatchTime.now().uptimeNanoseconds - began) / 1e6)
    }
    let sorted = times.dropFirst(warmUp).sorted()
    return "\(sorted[0]) \(sorted[rounds / 2]) \(sha256(Array(patches.map(\.data).joined())))"
}

/// Convert the planes of a frame in a file, which follow each other without padding; write the picture.
private func colors(_ words: [String]) throws {
    let (width, height) = (Int(words[5])!, Int(words[6])!)
    let (columns, pixels) = ((width + 1) / 2, width * height)
    let converter = YuvConverter(Matrix(rawValue: words[3])!, fullRange: words[4] == "full")
    let picture = try Bytes(path: words[1]).withBytes { bytes in
        let chroma = { (first: Int) in Plane(bytes, first: first, rowStride: columns) }
        let v = pixels + columns * ((height + 1) / 2)
        let frame = YuvFrame(
            width: width, height: height, y: Plane(bytes, rowStride: width), u: chroma(pixels), v: chroma(v))
        return try converter.convert(frame, degrees: Int(words[7])!)
    }
    try Data(picture.data).write(to: URL(fileURLWithPath: words[2]))
}

#if os(Linux)
/// Check the golden clip of a bundle, that an exit at the glance calls nothing else, and the vector of the clip.
private func golden(_ path: String, _ backend: Backend, _ vectors: VectorFolder) async throws -> Int {
    let bundle = try AdafocusBundle(path: path)
    let recognizer = try Recognizer(bundle, backend)
    let test = SelfTest(bundle, runtime: backend.runtime)
    let report = try test.compare(try await recognizer.recognize(try test.clip()))
    var problems = report.broken
    let macs = recognizer.exitMacs
    try await recognizer.setThresholds([Double](repeating: always, count: macs.count - 1))
    let early = try await recognizer.recognize(try test.clip())
    let counts = Stage.allCases.map { stage in early.calls.filter { $0.stage == stage }.count }
    if counts != [1, 0, 0] { problems.append("at the glance the stages are called \(counts) times") }
    if early.macs != macs[0] { problems.append("\(early.macs) multiply-accumulates at the glance") }
    print(
        "\(path) in \(backend.runtime): \(report.tensors) tensors, at most \(report.steps) steps away, "
            + "\(report.prediction.calls.count) calls, \(report.prediction.label); at the glance policy "
            + "\(counts[1]) and focus \(counts[2]) calls, exits cost \(macs.map(String.init).joined(separator: ", ")), "
            + (problems.isEmpty ? "passed" : "failed"))
    if let (name, broken) = try goldenDifferences(vectors, bundle, backend) {
        print("golden.json, \(name): \(broken.isEmpty ? "1 of 1 vectors pass" : "fails")")
        problems += broken.prefix(5)
    }
    for problem in problems { print("  \(problem)") }
    return problems.count
}
#endif

@main
struct Check {
    static func main() async throws {
        // what is printed before a crash is seen
        setvbuf(stdout, nil, _IOLBF, 0)
        let words = Array(CommandLine.arguments.dropFirst())
        var failed = 0
        switch words.first {
        case "vectors":
            var passed = 0
            let only = words.count > 2 ? Set(words[2...]) : nil
            try Answers(VectorFolder(words[1])).all(only: only) { file, count, broken in
                for line in broken { print("  \(line)") }
                print("\(file): \(count - broken.count) of \(count) vectors pass")
                failed += broken.count
                passed += count - broken.count
            }
            print("\(passed) vectors pass, \(failed) fail")
        case "crop":
            print(
                crop(Int(words[1])!, Int(words[2])!, words[3...].map { $0.split(separator: ",").map { Double($0)! } }))
        #if os(Linux)
        case "litert":
            let backend = try LiteRt(path: words[1])
            let vectors = VectorFolder(words[2])
            for path in words[3...] { failed += try await golden(path, backend, vectors) }
            if let path = words.dropFirst(3).first {
                failed += try await disturbed(try AdafocusBundle(path: path), backend)
            }
        #endif
        case "colors":
            try colors(words)
        case "damages":
            failed = try damages(words[1], turns: Int(words[2])!)
        default:
            print(
                "expected vectors FOLDER, damages FOLDER TURNS, litert LIBRARY FOLDER BUNDLES, crop SIDE PATCH BOXES, "
                    + "or colors FROM TO MATRIX RANGE WIDTH HEIGHT DEGREES")
            failed = 1
        }
        if failed > 0 { exit(1) }
    }
}
