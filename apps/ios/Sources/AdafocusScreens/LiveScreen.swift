#if !os(macOS)
import Adafocus
import AdafocusVideo
import AVFoundation
import Foundation
import SwiftUI

private let previewPx: CGFloat = 320

/// Recognizes what the camera sees, every second.
struct LiveScreen: View {
    let name: String
    let backends: [Backend]
    @State private var text = "waiting for the camera"
    @State private var camera: CameraFrames?

    var body: some View {
        VStack(alignment: .leading) {
            if let camera { Preview(session: camera.session).frame(height: previewPx) }
            ScrollView { Text(text).padding() }
        }
        .navigationTitle("Camera")
        .task { await run() }
        .onDisappear { camera?.stop() }
    }

    private func run() async {
        do {
            let (name, backends) = (name, Backends(all: backends))
            let opened = try await Task.detached { try Opened(name, backends.all) }.value
            let options = RecognizerOptions()
            let recognizer = try await Task.detached { try Recognizer(opened.bundle, opened.backend, options) }.value
            let frames = CameraFrames(recognizer.geometry, options.live) { problem in
                Task { @MainActor in text = problem }
            }
            try await frames.start()
            camera = frames
            for await result in try recognizer.results(frames.frames) {
                switch result {
                case .success(let found): text = LiveScreen.lines(found)
                case .failure(let error): text = "\(error)"
                }
            }
        } catch {
            text = "\(error)"
        }
    }

    private static func lines(_ result: LiveResult) -> String {
        let counts = result.counts
        return "\(result.shown ?? "nothing certain")\n\(told(result.prediction))\n"
            + "frames: \(counts.kept) kept, \(counts.dropped) not later than the one before"
    }
}

/// Shows what the camera sees.
private struct Preview: UIViewRepresentable {
    let session: AVCaptureSession

    final class Layered: UIView {
        override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }
    }

    func makeUIView(context: Context) -> Layered {
        let view = Layered()
        if let layer = view.layer as? AVCaptureVideoPreviewLayer {
            layer.session = session
            layer.videoGravity = .resizeAspectFill
        }
        return view
    }

    func updateUIView(_ uiView: Layered, context: Context) {}
}
#endif
