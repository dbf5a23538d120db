import Adafocus
import Foundation

private let shownLabels = 5

/// A bundle in the app, and the runtime that its graphs run in.
struct Opened: @unchecked Sendable {
    let bundle: AdafocusBundle
    let backend: Backend

    /// Open the bundle of that name in the app; the first backend for which it holds graphs is taken.
    ///
    /// Throws an `AdafocusError`: it is not there, was changed, or is for other runtimes.
    init(_ name: String, _ backends: [Backend]) throws {
        guard let path = Bundle.main.url(forResource: name, withExtension: nil)?.path else {
            throw AdafocusError("The app has no \(name). Add it to the app's target, as it is.", .noBundle)
        }
        bundle = try AdafocusBundle(path: path)
        let runtimes = bundle.manifest.runtimes
        guard let backend = backends.first(where: { runtimes.contains($0.runtime) }) else {
            throw AdafocusError(
                "The bundle is for \(runtimes.joined(separator: ", ")), and this app has none of them. Export one with "
                    + "--device ios.", .runtime)
        }
        self.backend = backend
    }

    /// What stands above results.
    var title: String { "\(bundle.manifest.name), \(bundle.manifest.labels.count) labels, in \(backend.runtime)" }
}

/// Do something beside the main thread; a problem becomes its sentence.
func sentence(_ work: @escaping @Sendable () async throws -> String) async -> String {
    await Task.detached {
        do {
            return try await work()
        } catch {
            return "\(error)"
        }
    }.value
}

/// What a text says of a prediction.
func told(_ found: Prediction) -> String {
    var lines = found.top(shownLabels).map { "\(Int(($0.score * 100).rounded())) %  \($0.label)" }
    let frames = found.frameIndices.map(String.init).joined(separator: ", ")
    lines.append("stopped at the \(found.exitStage), frames \(frames)")
    lines.append(milliseconds(found.timingMs))
    return (lines + found.warnings).joined(separator: "\n")
}

/// Times by what they were spent on.
func milliseconds(_ timing: [String: Double]) -> String {
    timing.sorted { $0.key < $1.key }.map { "\($0.key) \(String(format: "%.1f", $0.value)) ms" }.joined(separator: ", ")
}
