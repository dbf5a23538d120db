#if !os(macOS)
import Adafocus
import AdafocusVideo
import Foundation
import SwiftUI
import UniformTypeIdentifiers

/// Recognizes a video that the user chooses.
struct FileScreen: View {
    let name: String
    let backends: [Backend]
    @State private var text = ""
    @State private var isChoosing = false

    var body: some View {
        VStack(alignment: .leading) {
            Button("Choose a video") { isChoosing = true }
            ScrollView { Text(text).padding() }
        }
        .padding()
        .navigationTitle("Video file")
        .fileImporter(isPresented: $isChoosing, allowedContentTypes: [.movie]) { chosen in
            guard case .success(let url) = chosen else { return }
            text = "reading"
            let (name, backends) = (name, Backends(all: backends))
            Task { text = await sentence { try await FileScreen.run(try Opened(name, backends.all), url) } }
        }
    }

    private static func run(_ opened: Opened, _ url: URL) async throws -> String {
        // what the user chose is open to the app only in between
        let isScoped = url.startAccessingSecurityScopedResource()
        defer { if isScoped { url.stopAccessingSecurityScopedResource() } }
        let video = try await VideoFile.open(url)
        let recognizer = try Recognizer(opened.bundle, opened.backend)
        return told(try await recognizer.recognize(video: video))
    }
}
#endif
