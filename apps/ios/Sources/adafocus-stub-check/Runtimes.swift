// Core ML and ExecuTorch with stubs in their place.
import Adafocus
import AdafocusCoreML
import AdafocusExecuTorch
import AdafocusLiteRT
import CoreML
import ExecuTorch
import Foundation

/// In a package no output has the name of an input.
private func ownName(_ file: GraphFile, _ output: String) -> String {
    file.inputs.contains { $0.name == output } ? "\(output)_next" : output
}

/// Let LiteRT answer in the place of compiled packages, in padded arrays of two types.
private func answerPackages(_ known: [String: Answering]) {
    MLModel.answer = { path, given in
        let one = known[path.deletingPathExtension().lastPathComponent]!
        var inputs = [String: Values]()
        for spec in one.file.inputs {
            let numbers = given.featureValue(for: spec.name)!.multiArrayValue!.numbers
            inputs[spec.name] = quantize(numbers.map(Float.init), spec.form!)
        }
        var found = [String: Any]()
        for (turn, (name, values)) in try one.answer(inputs).sorted(by: { $0.key < $1.key }).enumerated() {
            let shape = of(one.file.outputs, name).shape.map { NSNumber(value: $0) }
            let array = try MLMultiArray(shape: shape, dataType: turn % 2 == 0 ? .float32 : .double)
            array.numbers = values.doubles
            found[ownName(one.file, name)] = MLFeatureValue(multiArray: array)
        }
        return try MLDictionaryFeatureProvider(dictionary: found)
    }
}

/// Golden clip, compiled models that are kept, and what is refused.
func coreMl(_ bundle: AdafocusBundle, _ litert: LiteRt, _ place: URL) async throws -> [String] {
    answerPackages(try standIns(bundle, litert, "coreml"))
    let cache = place.appendingPathComponent("coreml")
    let stages = bundle.manifest.geometry.stages
    let before = MLModel.compilations
    var problems = try await golden(bundle, CoreMlBackend(cache: cache))
    problems += try await golden(bundle, CoreMlBackend(cache: cache))
    if MLModel.compilations - before != stages.count {
        problems.append("\(MLModel.compilations - before) compilations, expected \(stages.count)")
    }
    // what was kept and is damaged is compiled again
    let file = try bundle.graph(stages[0], "coreml")
    let kept = cache.appendingPathComponent("\(file.record.sha256).mlmodelc/Manifest.json")
    try FileManager.default.removeItem(at: kept)
    problems += try await golden(bundle, CoreMlBackend(cache: cache))
    if MLModel.compilations - before != stages.count + 1 { problems.append("a damaged model is not compiled again") }
    // nothing else stays
    let names = try FileManager.default.contentsOfDirectory(atPath: cache.path).filter { !$0.hasSuffix(".mlmodelc") }
    if !names.isEmpty { problems.append("\(names) stay in the cache") }

    let backend = CoreMlBackend(cache: cache)
    let graph = try backend.open(try bundle.model(file), file, threads: 1)
    let inputs = Dictionary(uniqueKeysWithValues: file.inputs.map { ($0.name, Values(.float32, count: $0.count)) })
    let answer = MLModel.answer!
    let given = { (of: @escaping () throws -> MLFeatureProvider) in
        MLModel.answer = { _, _ in try of() }
        defer { MLModel.answer = answer }
        _ = try graph.run(inputs)
    }
    let arrays = { (shape: [NSNumber], type: MLMultiArrayDataType) -> MLFeatureProvider in
        let array = try MLMultiArray(shape: shape, dataType: type)
        let all = file.outputs.map { (ownName(file, $0.name), MLFeatureValue(multiArray: array) as Any) }
        return try MLDictionaryFeatureProvider(dictionary: Dictionary(uniqueKeysWithValues: all))
    }
    let first = file.outputs[0].shape.map { NSNumber(value: $0) }
    // numbers of 16 bits, of all kinds
    let halves = (0..<file.outputs[0].count).map { Float16(bitPattern: UInt16(truncatingIfNeeded: $0 &* 40503)) }
    MLModel.answer = { path, inputs in
        let array = try MLMultiArray(shape: first, dataType: .float16)
        array.numbers = halves.map(Double.init)
        var all = [ownName(file, file.outputs[0].name): MLFeatureValue(multiArray: array) as Any]
        let whole = try answer(path, inputs)
        for name in whole.featureNames where all[name] == nil { all[name] = whole.featureValue(for: name)! }
        return try MLDictionaryFeatureProvider(dictionary: all)
    }
    let read = try graph.run(inputs)[file.outputs[0].name]!.floats
    MLModel.answer = answer
    let others = zip(halves, read).filter { Float($0) != $1 && !($0.isNaN && $1.isNaN) }.count
    print("\(halves.count) numbers of 16 bits: \(others) are read otherwise")
    if others > 0 { problems.append("\(others) numbers of 16 bits are read otherwise") }
    problems += refusal("no outputs") { try given { try MLDictionaryFeatureProvider(dictionary: [:]) } }
    problems += refusal("other shapes") { try given { try arrays([2, 3], .float32) } }
    problems += refusal("whole numbers") { try given { try arrays(first, .int32) } }
    problems += refusal("an error of the system") { try given { throw CocoaError(.fileReadUnknown) } }
    problems += refusal("a missing input") { _ = try graph.run([:]) }
    let whole = try bundle.graph(stages[0], litert.runtime)
    problems += refusal("whole numbers at the border") {
        _ = try backend.open(try bundle.model(file), whole, threads: 1)
    }
    return problems
}

/// Golden clip and what is refused.
func execuTorch(_ bundle: AdafocusBundle, _ litert: LiteRt, _ place: URL) async throws -> [String] {
    let known = try standIns(bundle, litert, "executorch")
    let types: [String: DataType] = ["float32": .float, "int8": .char, "uint8": .byte]
    Module.answer = { path, given in
        let one = known[URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent]!
        var inputs = [String: Values]()
        for (spec, tensor) in zip(one.file.inputs, given) {
            precondition(tensor.dataType == types[spec.numbers] && tensor.shape == spec.shape, "another tensor")
            tensor.bytes { start, _, _ in
                let bytes = Array(UnsafeRawBufferPointer(start: start, count: spec.count * spec.itemBytes))
                inputs[spec.name] = Values(spec.form!.dtype, bytes: bytes)
            }
        }
        let answers = try one.answer(inputs)
        return one.file.outputs.map { spec in
            answers[spec.name]!.bytes.withUnsafeBytes {
                AnyTensor(bytes: $0.baseAddress!, shape: spec.shape, dataType: types[spec.numbers]!)
            }
        }
    }
    let folder = place.appendingPathComponent("executorch")
    let backend = ExecuTorchBackend(folder: folder)
    var problems = try await golden(bundle, backend)
    problems += try await golden(bundle, backend)
    let stages = bundle.manifest.geometry.stages
    let file = try bundle.graph(stages[0], "executorch")
    let graph = try backend.open(try bundle.model(file), file, threads: 1)
    let inputs = Dictionary(
        uniqueKeysWithValues: file.inputs.map { ($0.name, Values($0.form!.dtype, count: $0.count)) })
    let answer = Module.answer!
    defer { Module.answer = answer }
    problems += refusal("a missing input") { _ = try graph.run([:]) }
    Module.answer = { _, _ in [] }
    problems += refusal("no outputs") { _ = try graph.run(inputs) }
    Module.answer = { _, given in file.outputs.map { _ in given[0] } }
    problems += refusal("other tensors") { _ = try graph.run(inputs) }
    Module.answer = { _, _ in throw CocoaError(.fileReadUnknown) }
    problems += refusal("an error of the system") { _ = try graph.run(inputs) }
    problems += refusal("a folder") { _ = try backend.open(.folder([]), file, threads: 1) }
    return problems
}

/// Answers that an evaluator made in the place of Core ML are compared within the bounds of the graph's precision.
func evaluated(_ bundle: AdafocusBundle, _ place: URL) async throws -> [String] {
    let golden = bundle.manifest.golden
    let stored = try readArrays(try bundle.bytes(golden.answers), name: bundle.shown, most: 64 << 20)
    let answers = Dictionary(uniqueKeysWithValues: stored.map { ($0.name, $0.array) })
    let stages = try bundle.manifest.geometry.stages.map { ($0, try bundle.graph($0, "coreml")) }
    var passed = [Bool]()
    for factor in [1, 1.001, 1.05] as [Float] {
        var calls = [Stage: Int]()
        MLModel.answer = { path, _ in
            let (stage, file) = stages.first { path.path.contains($0.1.record.sha256) }!
            calls[stage, default: 0] += 1
            let call = calls[stage]! == 1 ? "\(stage)" : "\(stage).\(calls[stage]!)"
            var found = [String: Any]()
            for spec in file.outputs {
                let array = try MLMultiArray(shape: spec.shape.map { NSNumber(value: $0) }, dataType: .float32)
                let values = Values(.float32, bytes: answers["\(call).\(spec.name)"]!.bytes)
                array.numbers = values.floats.map { Double($0 * factor) }
                found[ownName(file, spec.name)] = MLFeatureValue(multiArray: array)
            }
            return try MLDictionaryFeatureProvider(dictionary: found)
        }
        let recognizer = try Recognizer(bundle, CoreMlBackend(cache: place.appendingPathComponent("evaluated")))
        let test = SelfTest(bundle, runtime: "coreml")
        passed.append(try test.compare(try await recognizer.recognize(try test.clip())).passed)
    }
    print("\(bundle.shown), answers of an evaluator: 0, 0.1 and 5 % away pass the self-test: \(passed)")
    return passed == [true, stages[0].1.precision == "fp16", false] ? [] : ["other bounds: \(passed)"]
}
