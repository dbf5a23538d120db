// A stand-in for the capture classes of AVFoundation on Linux: there is no camera.
import Foundation
@_exported import QuartzCore

public struct AVMediaType: Sendable, Equatable {
    public static let video = AVMediaType()
}

public final class AVCaptureDevice: @unchecked Sendable {
    public enum Position: Int, Sendable { case unspecified, back, front }

    public struct DeviceType: Sendable {
        public static let builtInWideAngleCamera = DeviceType()
    }

    public final class RotationCoordinator {
        public let videoRotationAngleForHorizonLevelCapture: CGFloat = 0

        public init(device: AVCaptureDevice, previewLayer: CALayer?) {}
    }

    public class func requestAccess(for mediaType: AVMediaType) async -> Bool { false }

    public class func `default`(
        _ type: DeviceType, for mediaType: AVMediaType?, position: Position
    ) -> AVCaptureDevice? { nil }
}

open class AVCaptureInput: NSObject {}

public final class AVCaptureDeviceInput: AVCaptureInput {
    public init(device: AVCaptureDevice) throws { super.init() }
}

open class AVCaptureOutput: NSObject {}

open class AVCaptureConnection: NSObject {}

public protocol AVCaptureVideoDataOutputSampleBufferDelegate: AnyObject {
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection)
}

public final class AVCaptureVideoDataOutput: AVCaptureOutput {
    public var videoSettings: [String: Any]?
    public var alwaysDiscardsLateVideoFrames = true

    public func setSampleBufferDelegate(
        _ delegate: AVCaptureVideoDataOutputSampleBufferDelegate?, queue: DispatchQueue?
    ) {}
}

public final class AVCaptureSession: @unchecked Sendable {
    public struct Preset: Sendable {
        public static let vga640x480 = Preset()
        public static let hd1280x720 = Preset()
    }

    public var sessionPreset = Preset.hd1280x720

    public init() {}

    public func canSetSessionPreset(_ preset: Preset) -> Bool { true }
    public func canAddInput(_ input: AVCaptureInput) -> Bool { true }
    public func canAddOutput(_ output: AVCaptureOutput) -> Bool { true }
    public func addInput(_ input: AVCaptureInput) {}
    public func addOutput(_ output: AVCaptureOutput) {}
    public func beginConfiguration() {}
    public func commitConfiguration() {}
    public func startRunning() {}
    public func stopRunning() {}
}

extension Notification.Name {
    public static let AVCaptureSessionWasInterrupted = Notification.Name("AVCaptureSessionWasInterrupted")
    public static let AVCaptureSessionRuntimeError = Notification.Name("AVCaptureSessionRuntimeError")
}

public final class AVCaptureVideoPreviewLayer: CALayer {
    public var session: AVCaptureSession?
    public var videoGravity = AVLayerVideoGravity.resizeAspect
}

public struct AVLayerVideoGravity: Sendable {
    public static let resizeAspect = AVLayerVideoGravity()
    public static let resizeAspectFill = AVLayerVideoGravity()
}
