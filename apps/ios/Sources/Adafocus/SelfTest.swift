import Foundation

private let maxWaitingBytes = 64 << 20
private let maxOtherBytes = 4096
private let bytesOfFrame = 64
private let maxRelativeOfItself = 1e-5

/// Largest difference of a float tensor, relative to its largest value, by the precision of the graph.
private let maxRelative = ["int8": 1e-4, "fp32": 1e-4, "fp16": 2e-2]

/// What a runtime gives for the golden clip.
public struct SelfTestReport: Sendable {
    public let prediction: Prediction
    /// How many were compared.
    public let tensors: Int
    /// Largest difference of an integer tensor, in output steps.
    public let steps: Int
    /// A sentence on each that is not as it must be; empty: all is well.
    public let broken: [String]

    public var passed: Bool { broken.isEmpty }
}

/// The golden clip of a bundle: a real clip, with what every stage must give for it.
public struct SelfTest {
    private let bundle: AdafocusBundle
    private let runtime: String
    private var manifest: Manifest { bundle.manifest }
    private var geometry: Geometry { bundle.manifest.geometry }

    public init(_ bundle: AdafocusBundle, runtime: String) {
        self.bundle = bundle
        self.runtime = runtime
    }

    /// Read the clip.
    public func clip() throws -> Clip {
        let (size, side) = (geometry.glanceSize, geometry.frameSize)
        let whole = geometry.boxesIn == .frame
        let most = whole ? maxWaitingBytes : geometry.candidateFrames * side * side * channels
        let name = "\(bundle.shown)/\(manifest.golden.frames.file)"
        let arrays = try readArrays(
            try bundle.bytes(manifest.golden.frames), name: name,
            most: geometry.glanceFrames * channels * size * size + most)
        let glance = try pictures(arrays, "glance", geometry.glanceFrames, size, name)
        let candidates = try pictures(arrays, "candidates", geometry.candidateFrames, whole ? nil : side, name)
        return Clip(
            glanceIndices: uniformIndices(candidates.count, glance.count), candidateIndices: Array(candidates.indices),
            glance: glance, candidates: candidates)
    }

    private func pictures(
        _ arrays: [(name: String, array: NumpyArray)], _ key: String, _ count: Int, _ side: Int?, _ name: String
    ) throws -> [Picture] {
        let array = arrays.first { $0.name == key }?.array
        guard let array, array.shape.count == 4, array.shape[0] == count, array.shape[3] == channels,
            array.dtype == "|u1", array.shape.allSatisfy({ $0 > 0 }),
            side == nil || (array.shape[1] == side && array.shape[2] == side)
        else { throw AdafocusError("\(name) holds frames that no clip has. Convert the model again.", .golden) }
        let size = array.shape[1] * array.shape[2] * channels
        return (0..<count).map {
            Picture(
                height: array.shape[1], width: array.shape[2],
                data: Array(array.bytes[$0 * size..<($0 + 1) * size]))
        }
    }

    /// Compare a prediction of the clip that did not stop early.
    ///
    /// The runtime that made the answers must give them again exactly, others within a step. What an evaluator made in
    /// the place of a runtime, that runtime gives within the same bounds.
    public func compare(_ found: Prediction) throws -> SelfTestReport {
        let golden = manifest.golden
        let specs = try geometry.stages.flatMap { try bundle.graph($0, golden.runtime).outputs }
        let call = specs.reduce(0) { $0 + $1.count * $1.itemBytes }
        let answers = try readArrays(
            try bundle.bytes(golden.answers), name: "\(bundle.shown)/\(golden.answers.file)",
            most: (call + bytesOfFrame) * geometry.focusFrames + maxOtherBytes)
        let given = found.outputs()
        var broken = [String]()
        var (tensors, furthest) = (0, 0)
        for (name, wanted) in answers {
            switch name {
            case "frame_indices": if found.chosen != wanted.wholes { broken.append("other frames are chosen") }
            case "boxes_px":
                if Array(found.boxesPx.joined()) != wanted.wholes { broken.append("other boxes are placed") }
            case "patches_sha256":
                if sha256(Array(found.patches.map(\.data).joined())) != hex(wanted.bytes) {
                    broken.append("other patches are cut")
                }
            case "labels_sha256":
                if sha256OfLabels(manifest.labels) != hex(wanted.bytes) { broken.append("the labels are others") }
            default:
                tensors += 1
                if let problem = try compare(name, wanted, given[name], &furthest) { broken.append(problem) }
            }
        }
        if let label = golden.label, label != found.label {
            broken.append("the best label is '\(found.label)', expected '\(label)'")
        }
        if tensors == 0 { broken.append("the bundle has no answers") }
        return SelfTestReport(prediction: found, tensors: tensors, steps: furthest, broken: broken)
    }

    private func compare(
        _ name: String, _ wanted: NumpyArray, _ given: Values?, _ furthest: inout Int
    ) throws -> String? {
        let parts = name.split(separator: ".").map(String.init)
        guard let stage = parts.first.flatMap(Stage.init(rawValue:)) else { return "\(name) is of no stage" }
        let named = { (graph: GraphFile) in graph.outputs.first { $0.name == parts[parts.count - 1] } }
        let (own, golden) = (try bundle.graph(stage, runtime), try bundle.graph(stage, manifest.golden.runtime))
        guard let given, let ours = named(own), let theirs = named(golden) else { return "\(name) is missing" }
        let form = try formOf(theirs)
        if wanted.shape != theirs.shape || wanted.bytes.count != theirs.count * form.dtype.bytes {
            return "\(name) has another shape"
        }
        let expected = Values(form.dtype, bytes: wanted.bytes)
        if expected.count != given.count { return "\(name) has \(given.count) numbers, expected \(expected.count)" }
        let itself = runtime == manifest.golden.runtime && golden.byRuntime
        let reals = dequantize(given, try formOf(ours)).map(Double.init)
        guard let scale = form.scale, form.dtype != .float32 else {
            let away = zip(reals, expected.doubles).map { abs($0 - $1) }.max() ?? 0
            let relative = away / max(1e-12, expected.doubles.map(abs).max() ?? 0)
            let most = itself ? maxRelativeOfItself : maxRelative[own.precision] ?? maxRelativeOfItself
            return relative <= most ? nil : "\(name) is \(relative) away, at most \(most) is allowed"
        }
        let zero = Double(form.zeroPoint ?? 0)
        let steps = zip(reals, expected.doubles).map { abs(nearest($0 / scale) + zero - $1) }.max() ?? 0
        furthest = max(furthest, nearestInt(steps))
        return steps <= (itself ? 0 : 1) ? nil : "\(name) is \(nearestInt(steps)) output steps away"
    }
}
