// Names inside a bundle: which must not be used, and which mean the same file on some system.
import Foundation

private let maxPartBytes = 255
private let maxNameBytes = 1024

/// Whether a text holds a control character.
func hasControls(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) }
}

/// Why a name must not be used inside a bundle, or nil.
func unsafe(_ name: String) -> String? {
    let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { String($0)! }
    let leadsOut = parts.contains("..") || name.utf8.contains(UInt8(ascii: "\\"))
        || name.utf8.contains(UInt8(ascii: ":"))
    if name.utf8.first == UInt8(ascii: "/") || leadsOut { return "which lies outside it" }
    if parts.contains("") || parts.contains(".") { return "which is no plain file name" }
    if hasControls(name) { return "which holds control characters" }
    if name.utf8.count > maxNameBytes || parts.contains(where: { $0.utf8.count > maxPartBytes }) {
        return "which is too long for a file name"
    }
    return nil
}

/// The first name that means the same file as another one, or a folder of another one; nil if none does.
func collision(_ names: [String]) -> String? {
    var files = Set<String>()
    var folders = Set<String>()
    for name in names {
        let key = folded(name)
        if folders.contains(key) || !files.insert(key).inserted { return name }
        let parts = key.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        for depth in 1..<max(1, parts.count) {
            let folder = parts[..<depth].joined(separator: "/")
            if files.contains(folder) { return name }
            folders.insert(folder)
        }
    }
    return nil
}

/// Without regard to capitals; strings are equal in Swift however an accent is spelled.
private func folded(_ name: String) -> String { name.uppercased().lowercased() }
