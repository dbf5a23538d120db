// The operations `clip`, `bundle` and `golden`.
import Adafocus
import Foundation

private func flat(_ value: Json) -> [Double] {
    if case .list(let found) = value { return found.flatMap(flat) }
    return [number(value)]
}

/// Graphs that are stood in for: the n-th call of a stage gives the n-th of its answers.
private func answering(_ files: GraphFiles, _ answers: Given) -> RunStage {
    var calls = [Stage: Int]()
    return { stage, _ in
        let turn = calls[stage, default: 0]
        calls[stage] = turn + 1
        guard answers.has(stage.rawValue), turn < answers.list(stage.rawValue).count else {
            throw VectorError(description: "the \(stage) graph is called \(turn + 1) times")
        }
        let answer = Given(answers.list(stage.rawValue)[turn])
        var found = [String: Values]()
        for spec in files[stage].outputs where answer.has(spec.name) {
            let numbers = flat(answer.content[spec.name]!)
            var values = Values(Dtype(rawValue: spec.numbers)!, count: numbers.count)
            for place in numbers.indices { values[place] = Float(numbers[place]) }
            found[spec.name] = values
        }
        return found
    }
}

private func limits(_ g: Given) -> [[Double]?] {
    g.list("thresholds").map { row in
        if case .null = row { return nil }
        return doubles(row)
    }
}

func clipOperation(_ g: Given) throws -> [String: Any?] {
    let manifest = try manifestOf(g.content["manifest"]!)
    let stages = manifest.geometry.stages.map { ($0, manifest.graph($0, "litert")!) }
    let files = GraphFiles(Dictionary(uniqueKeysWithValues: stages))
    let clip = try Clip(manifest.geometry, frames: picturesOf(g.of("frames")))
    var found = try toldClip(manifest, files, clip, limits(g)) { thresholds in
        let recognizer = try ClipRecognizer(manifest, files, run: answering(files, g.of("answers")))
        return try recognizer.recognize(clip, thresholds: thresholds)
    }
    found["exit_macs"] = manifest.exitMacs(files[.focus])
    return found
}

/// Tell a clip without early stops, and where it stops by each of the thresholds.
private func toldClip(
    _ manifest: Manifest, _ files: GraphFiles, _ clip: Clip, _ thresholds: [[Double]?],
    _ recognize: ([Double]?) throws -> Prediction
) rethrows -> [String: Any?] {
    let found = try recognize(nil)
    let calls = found.calls.map { call -> [String: Any?] in
        [
            "stage": call.stage.rawValue,
            "inputs": Dictionary(uniqueKeysWithValues: call.inputs.map {
                ($0, told($1, files.input(call.stage, $0).shape, asNumbers: true) as Any?)
            }),
            "outputs": Dictionary(uniqueKeysWithValues: call.outputs.map {
                ($0, told($1, files.output(call.stage, $0).shape, asNumbers: true) as Any?)
            }),
        ]
    }
    return [
        "glance_indices": clip.glanceIndices, "candidate_frames": clip.candidateIndices,
        "glance": told(clip.glance, manifest.geometry.glanceSize), "candidates": found.chosen,
        "frame_indices": found.frameIndices, "boxes": found.boxes, "boxes_px": found.boxesPx,
        "patches": told(found.patches, manifest.geometry.patchSize), "calls": calls,
        "top": found.top(3).map { [$0.label, $0.score] as [Any?] },
        "runs": try thresholds.map { toldRun(try recognize($0)) },
    ]
}

private func toldRun(_ run: Prediction) -> [String: Any?] {
    [
        "calls": run.calls.map { $0.stage.rawValue as Any? }, "exit_stage": run.exitStage.rawValue,
        "exit_index": run.exitIndex, "confidences": run.confidences, "frame_indices": run.frameIndices,
        "label": run.label, "score": run.score, "macs": run.macs,
    ]
}

/// Answer the vector of a golden clip with real graphs; nil where the folder has none for them.
public func goldenDifferences(
    _ folder: VectorFolder, _ bundle: AdafocusBundle, _ backend: Backend) throws -> (String, [String]
)? {
    let files = try GraphFiles(bundle, backend.runtime)
    let stages = bundle.manifest.geometry.stages
    let vector = try folder.vectors("golden.json").first { vector in
        let digests = vector.given.of("graphs_sha256")
        return digests.content.keys.count == stages.count
            && stages.allSatisfy { digests.has($0.rawValue) && digests.text($0.rawValue) == files[$0].record.sha256 }
    }
    guard let vector else { return nil }
    var graphs = [Stage: Graph]()
    for stage in stages { graphs[stage] = try backend.open(try bundle.model(files[stage]), files[stage], threads: 2) }
    let recognizer = try ClipRecognizer(bundle.manifest, files) { try graphs[$0]!.run($1) }
    let clip = try Clip(bundle.manifest.geometry, frames: picturesOf(vector.given.of("frames")))
    let found = try toldClip(bundle.manifest, files, clip, limits(vector.given)) {
        try recognizer.recognize(clip, thresholds: $0)
    }
    return (vector.name, differences(vector.expected, found, outputs: 1e-4))
}

/// Makes the bundles that vectors describe, and opens them.
final class Bundles {
    private let others: [String: Given]
    private let place: String
    private var number = 0

    init(_ vectors: [Vector]) throws {
        others = Dictionary(vectors.map { ($0.name, $0.given) }) { one, _ in one }
        place = NSTemporaryDirectory() + "/adafocus-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: place) }

    /// Open a bundle of a vector; a zip twice, from the file and from memory, which must tell the same.
    func open(_ g: Given) throws -> [String: Any?] {
        if g.has("zip") || g.has("splices") {
            let content = zip(g)
            let path = "\(place)/bundle.zip"
            try Data(content).write(to: URL(fileURLWithPath: path))
            let one = try opened { try AdafocusBundle(path: path) }
            let other = try opened { try AdafocusBundle(zip: Bytes(content), shown: "bundle.zip") }
            if one["refused"] as? String != other["refused"] as? String {
                throw VectorError(description: "from the file \(one), from memory \(other)")
            }
            return one
        }
        let folder = "\(place)/\(number)"
        number += 1
        for (name, content) in files(g) {
            let path = URL(fileURLWithPath: "\(folder)/\(name)")
            try FileManager.default.createDirectory(
                at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(content).write(to: path)
        }
        return try opened { try AdafocusBundle(path: folder) }
    }

    private func zip(_ g: Given) -> [UInt8] {
        var content = decoded(g.has("zip") ? g["zip"] : others[g.text("of")]!["zip"])
        let splices = g.has("splices") ? g.list("splices").map { elements($0) } : []
        for splice in splices.sorted(by: { number(of: $0) > number(of: $1) }) {
            let at = number(of: splice)
            let gone = Int(Adafocus.nearest(AdafocusVectors.number(splice[1])))
            content.replaceSubrange(at..<at + gone, with: decoded(splice[2]))
        }
        return content
    }

    private func number(of splice: [Json]) -> Int { Int(AdafocusVectors.number(splice[0])) }

    private func files(_ g: Given) -> [String: [UInt8]] {
        let source = (g.has("files") ? g : others[g.text("of")]!).of("files")
        var found = [String: [UInt8]]()
        for name in source.content.keys { found[name] = decoded(source[name]) }
        var manifest = String(decoding: found["manifest.json"]!, as: UTF8.self)
        for pair in g.has("replace") ? g.list("replace").map({ elements($0) }) : [] {
            if let range = manifest.range(of: word(pair[0]), options: .literal) {
                manifest.replaceSubrange(range, with: word(pair[1]))
            }
        }
        found["manifest.json"] = Array((manifest + (g["append"].map { word($0) } ?? "")).utf8)
        if g.has("put") { for name in g.of("put").content.keys { found[name] = decoded(g.of("put")[name]) } }
        if g.has("drop") { for name in g.list("drop") { found[word(name)] = nil } }
        return found
    }

    private func opened(_ open: () throws -> AdafocusBundle) throws -> [String: Any?] {
        do {
            let bundle = try open()
            let manifest = bundle.manifest
            return [
                "name": manifest.name, "labels": manifest.labels.map { $0 as Any? },
                "runtimes": manifest.runtimes.map { $0 as Any? }, "files": manifest.files.map { $0.file as Any? },
                "exit_macs": manifest.exitMacs(try bundle.graph(.focus, "litert")),
                "mean_color": manifest.geometry.meanColor,
            ]
        } catch let error as AdafocusError {
            if error.message.contains("\n") || !error.message.hasSuffix(".") {
                throw VectorError(description: "no sentence: \(error.message)")
            }
            return ["refused": error.refusal?.rawValue]
        }
    }
}

/// A good zip of the vectors, and the files of a good folder.
public func sampleBundles(_ folder: VectorFolder) throws -> (zip: [UInt8], files: [String: [UInt8]]) {
    let vectors = try folder.vectors("bundles.json").filter { $0.op == "bundle" }.map(\.given)
    let zip = decoded(vectors.first { $0.has("zip") }!["zip"])
    let files = vectors.first { $0.has("files") }!.of("files")
    let pairs = files.content.keys.map { ($0, decoded(files[$0])) }
    return (zip, Dictionary(uniqueKeysWithValues: pairs))
}
