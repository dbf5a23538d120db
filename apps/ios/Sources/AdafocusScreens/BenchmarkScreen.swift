#if !os(macOS)
import Adafocus
import Foundation
import SwiftUI

private let warmUp = 3
private let rounds = 20

/// Measures the golden clip: the middle of some rounds, for each stage, all the way and stopped at the glance.
struct BenchmarkScreen: View {
    let name: String
    let backends: [Backend]
    @State private var text = "measuring; build for release, or the times mean nothing"

    var body: some View {
        ScrollView { Text(text).padding() }
            .navigationTitle("Benchmark")
            .task {
                let (name, backends) = (name, Backends(all: backends))
                text = await sentence { try await BenchmarkScreen.run(try Opened(name, backends.all)) }
            }
    }

    private static func run(_ opened: Opened) async throws -> String {
        let recognizer = try Recognizer(opened.bundle, opened.backend)
        let clip = try SelfTest(opened.bundle, runtime: opened.backend.runtime).clip()
        let whole = try await measured(recognizer, clip)
        try await recognizer.setThresholds([Double](repeating: always, count: recognizer.exitMacs.count - 1))
        let glance = try await measured(recognizer, clip)
        let system = ProcessInfo.processInfo.operatingSystemVersionString
        return "\(opened.title), \(system)\n\nall the way: \(whole)\n\nstopped at the glance: \(glance)"
    }

    private static func measured(_ recognizer: Recognizer, _ clip: Clip) async throws -> String {
        for _ in 0..<warmUp { _ = try await recognizer.recognize(clip) }
        var times = [String: [Double]]()
        for _ in 0..<rounds {
            for (name, ms) in try await recognizer.recognize(clip).timingMs { times[name, default: []].append(ms) }
        }
        return milliseconds(times.mapValues { $0.sorted()[$0.count / 2] })
    }
}
#endif
