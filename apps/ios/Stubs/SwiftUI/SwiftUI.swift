// A stand-in for SwiftUI on Linux: types only. Nothing is shown.
import Foundation
@_exported import QuartzCore
import UniformTypeIdentifiers

@MainActor @preconcurrency
public protocol View {
    associatedtype Body: View
    @ViewBuilder @MainActor @preconcurrency var body: Body { get }
}

extension Never: View {
    public typealias Body = Never

    public var body: Never { fatalError("a stub") }
}

/// A view of the stub, of which nothing is known.
public protocol Shown: View where Body == Never {}

extension Shown {
    public var body: Never { fatalError("a stub") }
}

public struct EmptyView: Shown {
    public init() {}
}

public struct Parts<each Part: View>: Shown {
    init(_ parts: repeat each Part) {}
}

public struct Either<First: View, Second: View>: Shown {
    init() {}
}

extension Optional: View where Wrapped: View {
    public var body: Never { fatalError("a stub") }
}

@resultBuilder
public struct ViewBuilder {
    public static func buildBlock() -> EmptyView { EmptyView() }
    public static func buildBlock<Part: View>(_ part: Part) -> Part { part }
    public static func buildBlock<each Part: View>(_ parts: repeat each Part) -> Parts<repeat each Part> {
        Parts(repeat each parts)
    }
    public static func buildIf<Part: View>(_ part: Part?) -> Part? { part }
    public static func buildEither<First: View, Second: View>(first: First) -> Either<First, Second> { Either() }
    public static func buildEither<First: View, Second: View>(second: Second) -> Either<First, Second> { Either() }
}

@propertyWrapper
public struct State<Value> {
    public var wrappedValue: Value {
        get { value }
        nonmutating set {}
    }
    private let value: Value

    public init(wrappedValue: Value) { value = wrappedValue }

    public var projectedValue: Binding<Value> { Binding(value: value) }
}

public struct Binding<Value> {
    let value: Value
}

public struct Text: Shown {
    public init<S: StringProtocol>(_ content: S) {}
}

public struct Button<Label: View>: Shown {
    public init<S: StringProtocol>(_ title: S, action: @escaping @MainActor () -> Void) where Label == Text {}
}

public struct HorizontalAlignment: Sendable {
    public static let leading = HorizontalAlignment()
}

public struct VStack<Content: View>: Shown {
    public init(
        alignment: HorizontalAlignment = .leading, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content
    ) {}
}

public struct ScrollView<Content: View>: Shown {
    public init(@ViewBuilder content: () -> Content) {}
}

public struct List<Content: View>: Shown {
    public init(@ViewBuilder content: () -> Content) {}
}

public struct NavigationStack<Content: View>: Shown {
    public init(@ViewBuilder root: () -> Content) {}
}

public struct NavigationLink<Label: View, Destination: View>: Shown {
    public init<S: StringProtocol>(_ title: S, @ViewBuilder destination: () -> Destination) where Label == Text {}
}

extension View {
    public func padding() -> some View { self }
    public func frame(height: CGFloat?) -> some View { self }
    public func navigationTitle<S: StringProtocol>(_ title: S) -> some View { self }
    public func task(_ action: @escaping @Sendable @MainActor () async -> Void) -> some View { self }
    public func onDisappear(perform action: (@MainActor () -> Void)?) -> some View { self }
    public func fileImporter(
        isPresented: Binding<Bool>, allowedContentTypes: [UTType],
        onCompletion: @escaping @MainActor (Result<URL, Error>) -> Void
    ) -> some View { self }
}

@MainActor
public protocol Scene {}

public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) {}
}

@MainActor
public protocol App {
    associatedtype Body: Scene
    var body: Body { get }
    init()
}

extension App {
    public static func main() { _ = Self().body }
}

@MainActor
open class UIView {
    open class var layerClass: AnyClass { CALayer.self }
    public let layer = CALayer()

    public init() {}
}

@MainActor
public protocol UIViewRepresentable: View where Body == Never {
    associatedtype UIViewType
    typealias Context = Void
    func makeUIView(context: Context) -> UIViewType
    func updateUIView(_ uiView: UIViewType, context: Context)
}

extension UIViewRepresentable {
    public var body: Never { fatalError("a stub") }
}
