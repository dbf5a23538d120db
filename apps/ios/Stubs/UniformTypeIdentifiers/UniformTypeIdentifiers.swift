// A stand-in for UniformTypeIdentifiers on Linux: types only; and what Foundation lacks there.
import Foundation

public struct UTType: Sendable {
    public static let movie = UTType()
}

extension URL {
    public func startAccessingSecurityScopedResource() -> Bool { false }
    public func stopAccessingSecurityScopedResource() {}
}
