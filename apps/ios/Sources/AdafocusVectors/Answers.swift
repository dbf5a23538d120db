import Adafocus
import Foundation

/// Answers the vectors of a folder.
public struct Answers {
    private let folder: VectorFolder

    public init(_ folder: VectorFolder) { self.folder = folder }

    /// Answer every vector of some operations, or of all but `golden`; `told` is given the name of each file, how many
    /// vectors it has, and how each that differs does.
    public func all(only wanted: Set<String>? = nil, _ told: (String, Int, [String]) -> Void) throws {
        for file in try folder.files() {
            let vectors = try folder.vectors(file)
            let bundles = try Bundles(vectors.filter { $0.op == "bundle" })
            let asked = vectors.filter { wanted?.contains($0.op) ?? ($0.op != "golden") }
            let broken = asked.compactMap { difference($0, bundles) }
            if !asked.isEmpty { told(file, asked.count, broken) }
        }
    }

    private func difference(_ vector: Vector, _ bundles: Bundles) -> String? {
        do {
            guard let operation = vector.op == "bundle" ? { try bundles.open($0) } : operations[vector.op] else {
                return "\(vector.op) is an operation that is not known"
            }
            return differences(vector.expected, try operation(vector.given)).first
                .map { "\(vector.op), \(vector.name): \($0)" }
        } catch {
            return "\(vector.op), \(vector.name): \(error)"
        }
    }
}
