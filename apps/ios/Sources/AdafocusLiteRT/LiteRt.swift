#if os(Linux)
import Adafocus
import Glibc

private let cpu: Int32 = 1
private let read: Int32 = 0
private let write: Int32 = 1

/// Bytes of a ranked tensor type, which is handed on as it comes; with room to spare.
private let typeBytes = 256

private typealias Handle = UnsafeMutableRawPointer

/// LiteRT by the functions of its library; for machines without Apple's systems.
public final class LiteRt: Backend {
    public let runtime = "litert"
    private let library: Handle

    // one for the process: graphs of all recognizers live in it
    fileprivate let environment: UnsafeMutableRawPointer

    /// Load `libLiteRt.so`. Throws an `AdafocusError` where it cannot be loaded.
    public init(path: String) throws {
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            throw AdafocusError(
                "\(path) cannot be loaded: \(String(cString: dlerror())). Give libLiteRt.so of ai-edge-litert.")
        }
        self.library = library
        var made: Handle?
        typealias Create = @convention(c) (Int32, Handle?, UnsafeMutablePointer<Handle?>) -> Int32
        let create = unsafeBitCast(try LiteRt.symbol(library, "LiteRtCreateEnvironment"), to: Create.self)
        guard create(0, nil, &made) == 0, let made else {
            throw AdafocusError("LiteRT does not start. Try another version.")
        }
        environment = made
    }

    private static func symbol(_ library: Handle, _ name: String) throws -> Handle {
        guard let found = dlsym(library, name) else {
            throw AdafocusError("LiteRT's library has no \(name). Use ai-edge-litert 2.3.0.")
        }
        return found
    }

    public func open(_ model: Model, _ description: GraphFile, threads: Int) throws -> Graph {
        guard case .file(let bytes) = model else {
            throw AdafocusError("LiteRT takes a file, found a folder. Export again.")
        }
        return try LiteRtGraph(self, bytes, description, threads)
    }

    fileprivate func function<T>(_ name: String, _ type: T.Type) throws -> T {
        unsafeBitCast(try LiteRt.symbol(library, "LiteRt\(name)"), to: type)
    }

    /// Refuse a status that is not 0.
    fileprivate func check(_ status: Int32, _ name: String) throws {
        if status != 0 { throw AdafocusError("LiteRT does not run this graph: \(name) gives the status \(status).") }
    }

    /// Call a function that makes something of up to three other things.
    fileprivate func made(_ name: String, _ call: (UnsafeMutablePointer<Handle?>) throws -> Int32) throws -> Handle {
        var found: Handle?
        try check(try call(&found), name)
        guard let found else { throw AdafocusError("LiteRT gives nothing for \(name). Use ai-edge-litert 2.3.0.") }
        return found
    }
}

private typealias Out = UnsafeMutablePointer<Handle?>
private typealias FromOne = @convention(c) (Handle?, Out) -> Int32
private typealias FromTwo = @convention(c) (Handle?, Handle?, Out) -> Int32
private typealias FromPlace = @convention(c) (Handle?, Int, Out) -> Int32
private typealias FromPlaces = @convention(c) (Handle?, Int, Int, Out) -> Int32
private typealias FromBuffer = @convention(c) (Handle?, UnsafeRawPointer?, Int, Out) -> Int32
private typealias FromThree = @convention(c) (Handle?, Handle?, Handle?, Out) -> Int32
private typealias Fill = @convention(c) (Handle?, Handle?) -> Int32
private typealias SetNumber = @convention(c) (Handle?, Int32) -> Int32
private typealias Lock = @convention(c) (Handle?, Out, Int32) -> Int32
private typealias One = @convention(c) (Handle?) -> Int32
private typealias Destroy = @convention(c) (Handle?) -> Void
private typealias Free = @convention(c) (UnsafeMutableRawPointer?) -> Void
private typealias MakeOpaque = @convention(c) (UnsafePointer<CChar>, Handle?, Free, Out) -> Int32
private typealias Handles = UnsafeMutablePointer<Handle?>
private typealias Run = @convention(c) (Handle?, Int, Int, Handles, Int, Handles) -> Int32

private final class LiteRtGraph: Graph {
    private let lite: LiteRt
    private let bytes: Bytes
    private let description: GraphFile
    private var model: Handle?
    private var options: Handle?
    private var compiled: Handle?
    private var inputs = [Handle?]()
    private var outputs = [Handle?]()

    init(_ lite: LiteRt, _ bytes: Bytes, _ description: GraphFile, _ threads: Int) throws {
        self.lite = lite
        self.bytes = bytes
        self.description = description
        let load = try lite.function("CreateModelFromBuffer", FromBuffer.self)
        model = try lite.made("CreateModelFromBuffer") { out in
            bytes.withBytes { load(lite.environment, $0.baseAddress, $0.count, out) }
        }
        options = try settings(threads)
        let compile = try lite.function("CreateCompiledModel", FromThree.self)
        compiled = try lite.made("CreateCompiledModel") { compile(lite.environment, model, options, $0) }
        let sign = try lite.function("GetModelSignature", FromPlace.self)
        let signature = try lite.made("GetModelSignature") { sign(model, 0, $0) }
        for place in description.inputs.indices { inputs.append(try buffer("Input", signature, place)) }
        for place in description.outputs.indices { outputs.append(try buffer("Output", signature, place)) }
    }

    /// Options of the CPU; the text is let go of by LiteRT.
    private func settings(_ threads: Int) throws -> Handle {
        let create = try lite.function("CreateOptions", (@convention(c) (Out) -> Int32).self)
        let found = try lite.made("CreateOptions") { create($0) }
        let accelerate = try lite.function("SetOptionsHardwareAccelerators", SetNumber.self)
        try lite.check(accelerate(found, cpu), "SetOptionsHardwareAccelerators")
        let makeOpaque = try lite.function("CreateOpaqueOptions", MakeOpaque.self)
        let opaque = try lite.made("CreateOpaqueOptions") { out in
            makeOpaque("xnnpack", strdup("num_threads = \(threads)\n"), { free($0) }, out)
        }
        let add = try lite.function("AddOpaqueOptions", Fill.self)
        try lite.check(add(found, opaque), "AddOpaqueOptions")
        return found
    }

    /// Tensors have no names of ours in the file: they go by the manifest's order.
    private func buffer(_ side: String, _ signature: Handle, _ place: Int) throws -> Handle {
        let find = try lite.function("GetSignature\(side)TensorByIndex", FromPlace.self)
        let tensor = try lite.made("GetSignature\(side)TensorByIndex") { find(signature, place, $0) }
        let type = Handle.allocate(byteCount: typeBytes, alignment: 16)
        defer { type.deallocate() }
        let typeOf = try lite.function("GetRankedTensorType", Fill.self)
        try lite.check(typeOf(tensor, type), "GetRankedTensorType")
        let ask = try lite.function("GetCompiledModel\(side)BufferRequirements", FromPlaces.self)
        let needs = try lite.made("GetCompiledModel\(side)BufferRequirements") { ask(compiled, 0, place, $0) }
        let name = "CreateManagedTensorBufferFromRequirements"
        let create = try lite.function(name, FromThree.self)
        return try lite.made(name) { create(lite.environment, type, needs, $0) }
    }

    private func locked(_ buffer: Handle?, _ mode: Int32, _ work: (Handle) -> Void) throws {
        let lock = try lite.function("LockTensorBuffer", Lock.self)
        let unlock = try lite.function("UnlockTensorBuffer", One.self)
        work(try lite.made("LockTensorBuffer") { lock(buffer, $0, mode) })
        try lite.check(unlock(buffer), "UnlockTensorBuffer")
    }

    func run(_ given: [String: Values]) throws -> [String: Values] {
        for (place, spec) in description.inputs.enumerated() {
            guard let values = given[spec.name], values.bytes.count == spec.count * spec.itemBytes else {
                throw AdafocusError("\(spec.name) has another size than the graph takes. Convert the model again.")
            }
            try locked(inputs[place], write) { target in
                values.bytes.withUnsafeBytes { target.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
            }
        }
        let run = try lite.function("RunCompiledModel", Run.self)
        try lite.check(run(compiled, 0, inputs.count, &inputs, outputs.count, &outputs), "RunCompiledModel")
        var found = [String: Values]()
        for (place, spec) in description.outputs.enumerated() {
            guard let dtype = Dtype(rawValue: spec.numbers) else { continue }
            var values = Values(dtype, count: spec.count)
            try locked(outputs[place], read) { source in
                values.bytes.withUnsafeMutableBytes {
                    $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: $0.count))
                }
            }
            found[spec.name] = values
        }
        return found
    }

    deinit {
        let destroy = { (name: String, what: Handle?) in
            if let what { (try? self.lite.function("Destroy\(name)", Destroy.self))?(what) }
        }
        for buffer in inputs + outputs { destroy("TensorBuffer", buffer) }
        destroy("CompiledModel", compiled)
        destroy("Options", options)
        destroy("Model", model)
    }
}
#endif
