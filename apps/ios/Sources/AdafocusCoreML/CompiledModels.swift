import Adafocus
import CoreML
import Foundation

/// Models that were compiled on this device, each once, by the SHA-256 of their packages.
struct CompiledModels {
    let folder: URL

    private func place(_ description: GraphFile) -> URL {
        folder.appendingPathComponent("\(description.record.sha256).mlmodelc")
    }

    /// Open a package, compiled now or before. What was kept and cannot be opened any more is compiled again.
    func open(_ model: Model, _ description: GraphFile, _ configuration: MLModelConfiguration) throws -> MLModel {
        let kept = place(description)
        if FileManager.default.fileExists(atPath: kept.path) {
            if let found = try? MLModel(contentsOf: kept, configuration: configuration) { return found }
            try? FileManager.default.removeItem(at: kept)
        }
        try compile(model, description, to: kept)
        return try MLModel(contentsOf: kept, configuration: configuration)
    }

    private func compile(_ model: Model, _ description: GraphFile, to kept: URL) throws {
        guard case .folder(let files) = model else {
            throw AdafocusError(
                "\(description.record.file) is no .mlpackage. Export again with --device ios.", .runtime)
        }
        let package = folder.appendingPathComponent("\(UUID().uuidString).mlpackage")
        defer { try? FileManager.default.removeItem(at: package) }
        for (name, bytes) in files {
            let path = package.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes.array).write(to: path)
        }
        let compiled = try MLModel.compileModel(at: package)
        do {
            try FileManager.default.moveItem(at: compiled, to: kept)
        } catch {
            try? FileManager.default.removeItem(at: compiled)
            // another task may have been first
            if !FileManager.default.fileExists(atPath: kept.path) { throw error }
        }
    }
}
