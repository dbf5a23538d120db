import Adafocus
import AVFoundation
import Foundation

/// The frames of a camera for `Recognizer.results(_:)`.
///
/// Only frames that the recognizer will keep are converted. A camera's image is never held: it becomes a picture at
/// once, which the recognizer makes small at once.
public final class CameraFrames: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate, @unchecked Sendable {
    /// For a preview.
    public let session = AVCaptureSession()

    /// Give it to `Recognizer.results(_:)`. It ends with `stop()`.
    public let frames: AsyncStream<Frame>
    private let source: AsyncStream<Frame>.Continuation
    private let queue = DispatchQueue(label: "adafocus.camera")
    private let shortSide: Int
    private let problems: @Sendable (String) -> Void
    private var gate: FrameGate
    private var converters = Converters()
    private var rotation: AVCaptureDevice.RotationCoordinator?
    private var observers = [NSObjectProtocol]()

    /// With the geometry and the live options of the recognizer that gets the frames.
    ///
    /// `problems` is given a sentence when the camera goes away, or its frames cannot be read.
    public init(_ geometry: Geometry, _ live: LiveOptions, problems: @escaping @Sendable (String) -> Void) {
        // what waits is at most two pictures
        (frames, source) = AsyncStream.makeStream(of: Frame.self, bufferingPolicy: .bufferingNewest(2))
        gate = FrameGate(geometry, live)
        shortSide = geometry.shortSide
        self.problems = problems
    }

    /// Ask for the camera, and start it. Throws an `AdafocusError`: refused, missing, or taken by another app.
    public func start(_ position: AVCaptureDevice.Position = .back) async throws {
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            throw AdafocusError("The camera was refused. Allow it in the settings of this app.")
        }
        let wide = AVCaptureDevice.DeviceType.builtInWideAngleCamera
        guard let device = AVCaptureDevice.default(wide, for: .video, position: position) else {
            throw AdafocusError("This device has no such camera. Choose another one.")
        }
        try configure(device)
        // the pictures of a phone that is held upright are upright
        rotation = AVCaptureDevice.RotationCoordinator(device: device, previewLayer: nil)
        observe()
        queue.async { [session] in session.startRunning() }
    }

    private func configure(_ device: AVCaptureDevice) throws {
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        let input: AVCaptureDeviceInput
        do {
            input = try AVCaptureDeviceInput(device: device)
        } catch {
            throw AdafocusError("The camera cannot be opened (\(error.localizedDescription)). Close other apps.")
        }
        let output = AVCaptureVideoDataOutput()
        guard session.canAddInput(input), session.canAddOutput(output) else {
            throw AdafocusError("The camera gives no frames that can be read. Close other apps that use it.")
        }
        // the preset for photos gives large frames at half the rate
        let preset: AVCaptureSession.Preset = shortSide <= 480 ? .vga640x480 : .hd1280x720
        if session.canSetSessionPreset(preset) { session.sessionPreset = preset }
        session.addInput(input)
        output.videoSettings = pixelSettings
        // a frame that comes while the last one is still converted: waiting ones would block the camera
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(self, queue: queue)
        session.addOutput(output)
    }

    private func observe() {
        let notes: [(Notification.Name, String)] = [
            (.AVCaptureSessionWasInterrupted, "The camera was taken away. It goes on when this app is in front again."),
            (.AVCaptureSessionRuntimeError, "The camera stopped. Open it again."),
        ]
        observers = notes.map { name, sentence in
            NotificationCenter.default.addObserver(forName: name, object: session, queue: nil) { [problems] _ in
                problems(sentence)
            }
        }
    }

    public func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection
    ) {
        let seconds = sampleBuffer.presentationTimeStamp.seconds
        guard gate.passes(seconds), let buffer = sampleBuffer.imageBuffer else { return }
        let degrees = rotation.map { Int($0.videoRotationAngleForHorizonLevelCapture.rounded()) } ?? 0
        do {
            source.yield(Frame(try converters.picture(buffer, degrees: degrees), seconds: seconds))
        } catch {
            problems("\(error)")
        }
    }

    /// Let go of the camera. The stream of frames ends.
    public func stop() {
        for observer in observers { NotificationCenter.default.removeObserver(observer) }
        observers = []
        queue.async { [session, source] in
            session.stopRunning()
            source.finish()
        }
    }
}
