#if !os(macOS)
import Adafocus
import SwiftUI

/// Runs the golden clip of the bundle, and says whether every tensor is as it must be.
struct SelfTestScreen: View {
    let name: String
    let backends: [Backend]
    @State private var text = "running the golden clip"

    var body: some View {
        ScrollView { Text(text).padding() }
            .navigationTitle("Self-test")
            .task {
                let (name, backends) = (name, Backends(all: backends))
                text = await sentence { try await SelfTestScreen.run(try Opened(name, backends.all)) }
            }
    }

    private static func run(_ opened: Opened) async throws -> String {
        let recognizer = try Recognizer(opened.bundle, opened.backend)
        let test = SelfTest(opened.bundle, runtime: opened.backend.runtime)
        let report = try test.compare(try await recognizer.recognize(try test.clip()))
        let verdict = report.passed ? "passed" : "failed:\n\(report.broken.joined(separator: "\n"))"
        return "\(opened.title): \(report.tensors) tensors, at most \(report.steps) output steps away: \(verdict)\n\n"
            + told(report.prediction)
    }
}
#endif
