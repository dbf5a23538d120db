/// What is wrong with a bundle; the kinds are those of the conformance vectors.
public enum Refusal: String, Sendable {
    case noBundle = "no bundle"
    case zip = "zip"
    case json = "json"
    case version = "version"
    case unknownKey = "unknown key"
    case missingKey = "missing key"
    case value = "value"
    case contradiction = "contradiction"
    case unsafeName = "unsafe name"
    case missingFile = "missing file"
    case size = "size"
    case digest = "digest"
    case golden = "golden clip"
    case runtime = "runtime"
}

/// Something that whoever uses this can act on; the message is a sentence that says what to do.
public struct AdafocusError: Error, CustomStringConvertible, Sendable {
    public let message: String

    /// Why a bundle is refused; nil where it is not about a bundle.
    public let refusal: Refusal?

    public init(_ message: String, _ refusal: Refusal? = nil) {
        self.message = message
        self.refusal = refusal
    }

    public var description: String { message }
}
