// Runs backends, camera and file source against the stubs: our conversions are executed, Apple's systems are not.
import Adafocus
import AdafocusCoreML
import AdafocusExecuTorch
import AdafocusLiteRT
import Foundation

/// A graph of LiteRT that answers in the place of another runtime's graph.
private struct StandIn {
    let graph: Graph
    let own: GraphFile
    let other: GraphFile

    /// Answer numbers as the other graph takes them; the answer is as the other graph gives it.
    func answer(_ given: [String: Values]) throws -> [String: Values] {
        var inputs = [String: Values]()
        for spec in own.inputs { inputs[spec.name] = moved(given[spec.name]!, of(other.inputs, spec.name), spec) }
        let outputs = try graph.run(inputs)
        var found = [String: Values]()
        for spec in own.outputs { found[spec.name] = moved(outputs[spec.name]!, spec, of(other.outputs, spec.name)) }
        return found
    }
}

func of(_ specs: [TensorSpec], _ name: String) -> TensorSpec { specs.first { $0.name == name }! }

private func moved(_ values: Values, _ from: TensorSpec, _ to: TensorSpec) -> Values {
    quantize(dequantize(values, from.form!), to.form!)
}

/// Stand-ins for the graphs of a runtime, by their SHA-256.
func standIns(_ bundle: AdafocusBundle, _ litert: LiteRt, _ runtime: String) throws -> [String: Answering] {
    var found = [String: Answering]()
    for stage in bundle.manifest.geometry.stages {
        let own = try bundle.graph(stage, litert.runtime)
        let other = try bundle.graph(stage, runtime)
        let graph = try litert.open(try bundle.model(own), own, threads: 1)
        let one = StandIn(graph: graph, own: own, other: other)
        found[other.record.sha256] = Answering(file: other, answer: one.answer)
    }
    return found
}

/// A graph of another runtime, and what answers for it.
struct Answering {
    let file: GraphFile
    let answer: ([String: Values]) throws -> [String: Values]
}

/// Run the golden clip through a backend; returns what is not as it must be.
func golden(_ bundle: AdafocusBundle, _ backend: Backend) async throws -> [String] {
    let recognizer = try Recognizer(bundle, backend)
    let test = SelfTest(bundle, runtime: backend.runtime)
    let report = try test.compare(try await recognizer.recognize(try test.clip()))
    print(
        "\(bundle.shown) in \(backend.runtime), with LiteRT behind the stub: \(report.tensors) tensors, at most "
            + "\(report.steps) steps away, \(report.prediction.calls.count) calls")
    return report.broken + (report.steps > 0 ? ["\(report.steps) steps away, expected none"] : [])
}

/// See that something is refused in a sentence.
func refusal(_ what: String, _ work: () throws -> Void) -> [String] {
    do {
        try work()
        return ["not refused: \(what)"]
    } catch let error as AdafocusError {
        return error.message.hasSuffix(".") ? [] : ["no sentence: \(error.message)"]
    } catch {
        return ["refused otherwise: \(what), \(error)"]
    }
}

@main
struct StubCheck {
    static func main() async throws {
        setvbuf(stdout, nil, _IOLBF, 0)
        let words = Array(CommandLine.arguments.dropFirst())
        guard words.count > 1 else {
            print("expected LIBRARY BUNDLES")
            exit(1)
        }
        let litert = try LiteRt(path: words[0])
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("adafocus-\(UUID().uuidString)")
        var problems = [String]()
        for path in words[1...] {
            let bundle = try AdafocusBundle(path: path)
            let runtimes = bundle.manifest.runtimes
            if bundle.manifest.golden.runtime == "coreml" {
                problems += try await evaluated(bundle, place)
                continue
            }
            if runtimes.contains("coreml") { problems += try await coreMl(bundle, litert, place) }
            if runtimes.contains("executorch") { problems += try await execuTorch(bundle, litert, place) }
        }
        problems += try camera(try AdafocusBundle(path: words[1]).manifest.geometry)
        problems += try await file()
        try? FileManager.default.removeItem(at: place)
        for problem in problems { print("  \(problem)") }
        print(problems.isEmpty ? "passed" : "\(problems.count) problems")
        if !problems.isEmpty { exit(1) }
    }
}
