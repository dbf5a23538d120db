/// A graph that is opened in a runtime. One task uses it at a time.
public protocol Graph: AnyObject {
    /// Run it once; inputs and outputs go by the names of the manifest.
    func run(_ inputs: [String: Values]) throws -> [String: Values]
}

/// A runtime.
public protocol Backend {
    /// Whose graphs of a bundle it opens: `coreml`, `executorch` or `litert`.
    var runtime: String { get }

    /// Open a graph.
    ///
    /// `model` is mapped or in memory, and the graph holds it as long as it needs it. `description` has names and
    /// shapes of its tensors, in the graph's own order. Throws an `AdafocusError` where the runtime does not take it.
    func open(_ model: Model, _ description: GraphFile, threads: Int) throws -> Graph
}
