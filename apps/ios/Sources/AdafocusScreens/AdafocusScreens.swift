#if !os(macOS)
import Adafocus
import AdafocusCoreML
import SwiftUI

/// The screens of the sample app: camera, video file, benchmark and self-test of a bundle in the app.
public struct AdafocusScreens: View {
    private let name: String
    private let backends: [Backend]
    @State private var text = "opening the bundle"

    /// `backends` in the order in which they are wanted; the bundle decides which of them it can have.
    public init(bundle name: String = "bundle.zip", backends: [Backend] = [CoreMlBackend()]) {
        self.name = name
        self.backends = backends
    }

    public var body: some View {
        NavigationStack {
            List {
                NavigationLink("Camera") { LiveScreen(name: name, backends: backends) }
                NavigationLink("Video file") { FileScreen(name: name, backends: backends) }
                NavigationLink("Benchmark") { BenchmarkScreen(name: name, backends: backends) }
                NavigationLink("Self-test") { SelfTestScreen(name: name, backends: backends) }
                Text(text)
            }
            .navigationTitle("Adafocus")
            .task {
                let (name, backends) = (name, Backends(all: backends))
                text = await sentence { try Opened(name, backends.all).title }
            }
        }
    }
}

/// Backends are used by one task at a time.
struct Backends: @unchecked Sendable {
    let all: [Backend]
}
#endif
