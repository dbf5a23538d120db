import Foundation

private let manifestName = "manifest.json"
private let maxManifestBytes = 4 << 20
private let maxBundleFiles = 4096

/// A graph as a backend takes it: a file, or a folder that is one model, such as an `.mlpackage`.
public enum Model: Sendable {
    case file(Bytes)
    case folder([(name: String, bytes: Bytes)])
}

/// Files of a bundle by their names, wherever they stand.
private protocol Files {
    var names: [String] { get }
    func size(_ name: String) throws -> Int
    func bytes(_ name: String) throws -> Bytes
}

/// Names are told apart by their bytes, as Python does.
private func key(_ name: String) -> [UInt8] { Array(name.utf8) }

private struct ZipFiles: Files {
    private let zip: Zip
    private let members: [[UInt8]: Member]
    let names: [String]

    init(_ source: Bytes, _ shown: String) throws {
        zip = try Zip(source, name: shown, most: maxBundleFiles)
        let files = try zip.refuseUnsafe()
        names = files.map(\.name)
        members = Dictionary(files.map { (key($0.name), $0) }) { one, _ in one }
    }

    func size(_ name: String) throws -> Int { members[key(name)]?.size ?? 0 }

    func bytes(_ name: String) throws -> Bytes {
        guard let member = members[key(name)] else { throw AdafocusError("\(name) is missing.", .missingFile) }
        return try zip.bytes(member)
    }
}

private struct FolderFiles: Files {
    private let root: String
    let names: [String]

    init(_ root: String) throws {
        self.root = root
        var found = [String]()
        try FolderFiles.list(root, "", &found)
        names = found
    }

    /// List plain files; links, pipes and devices are refused wherever they stand.
    private static func list(_ root: String, _ before: String, _ found: inout [String]) throws {
        let place = before.isEmpty ? root : "\(root)/\(before)"
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? [] {
            let name = before + entry
            var status = stat()
            guard lstat("\(root)/\(name)", &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: try list(root, "\(name)/", &found)
            case S_IFREG: found.append(name)
            default:
                throw AdafocusError(
                    "\(root) holds '\(name)', a link, a pipe or a device. Do not trust it.", .unsafeName)
            }
            if found.count > maxBundleFiles {
                throw AdafocusError("\(root) holds more than \(maxBundleFiles) files, so it is no bundle.", .noBundle)
            }
        }
    }

    func size(_ name: String) throws -> Int { try bytes(name).count }

    func bytes(_ name: String) throws -> Bytes { try Bytes(path: "\(root)/\(name)") }
}

/// A bundle whose files were checked when it was opened: a folder, a stored zip, or one inside another file.
public struct AdafocusBundle: @unchecked Sendable {
    public let shown: String
    public let manifest: Manifest
    private let files: Files

    /// Open a folder or a zip; a zip is mapped into memory and not unpacked.
    ///
    /// Throws an `AdafocusError`, a sentence on what is wrong with it.
    public init(path: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw AdafocusError("There is no bundle at \(path). Copy one there.", .noBundle)
        }
        try self.init(isFolder.boolValue ? FolderFiles(path) : ZipFiles(try Bytes(path: path), path), path)
    }

    /// Open a zip that is in memory, or a part of a file: `Bytes(path:offset:length:)`.
    public init(zip: Bytes, shown: String) throws { try self.init(ZipFiles(zip, shown), shown) }

    private init(_ files: Files, _ shown: String) throws {
        self.shown = shown
        self.files = files
        manifest = try AdafocusBundle.read(files, shown)
        for record in manifest.files { try AdafocusBundle.check(files, record, shown) }
    }

    private static func read(_ files: Files, _ shown: String) throws -> Manifest {
        guard files.names.contains(manifestName) else {
            throw AdafocusError(
                "\(shown) has no \(manifestName), so it is no bundle. Give what adafocus export wrote.", .noBundle)
        }
        let place = "\(shown)/\(manifestName)"
        if try files.size(manifestName) > maxManifestBytes {
            throw AdafocusError("\(place) has more than \(maxManifestBytes) bytes. Copy the bundle again.", .json)
        }
        let content = try files.bytes(manifestName).array
        guard String(decoding: content, as: UTF8.self).utf8.elementsEqual(content) else {
            throw AdafocusError("\(place) cannot be read as text. Copy the bundle again.", .json)
        }
        let manifest: Manifest
        do {
            manifest = try manifestOf(try Json.parse(content))
        } catch let error as JsonError {
            throw AdafocusError("\(place) is not valid JSON (\(error.message)). Copy the bundle again.", .json)
        } catch let error as AdafocusError {
            throw AdafocusError("\(place): \(error.message)", error.refusal)
        }
        if let sentence = firstContradiction(manifest) {
            throw AdafocusError(
                "\(place): \(sentence) Copy the bundle again, or convert the model again.", .contradiction)
        }
        return manifest
    }

    /// Refuse a file that is missing, leads out, or has another size or digest than the manifest says.
    private static func check(_ files: Files, _ record: FileRecord, _ shown: String) throws {
        if let reason = unsafe(record.file) {
            throw AdafocusError("The manifest names '\(record.file)', \(reason). Do not trust \(shown).", .unsafeName)
        }
        let name = "\(shown)/\(record.file)"
        let inside = names(files, record)
        let isFile = files.names.contains { key($0) == key(record.file) }
        if !isFile && inside.isEmpty {
            throw AdafocusError("\(name) is missing. Copy the whole bundle again.", .missingFile)
        }
        let size = isFile ? try files.size(record.file) : try inside.reduce(0) { try $0 + files.size($1) }
        if size != record.bytes {
            throw AdafocusError("\(name) has \(size) bytes, expected \(record.bytes). Copy the bundle again.", .size)
        }
        let start = record.file.utf8.count + 1
        let digest = isFile
            ? sha256(try files.bytes(record.file))
            : try sha256OfFolder(inside.map { String(decoding: $0.utf8.dropFirst(start), as: UTF8.self) }) {
                try files.bytes("\(record.file)/\($0)")
            }
        if digest != record.sha256 {
            throw AdafocusError("\(name) was changed: its SHA-256 is \(digest). Copy the bundle again.", .digest)
        }
    }

    /// Names of the files in a folder that is one model.
    private static func names(_ files: Files, _ record: FileRecord) -> [String] {
        files.names.filter { $0.utf8.starts(with: "\(record.file)/".utf8) }
    }

    /// The bytes of a file that the manifest names: mapped, or a part of those that were given.
    public func bytes(_ record: FileRecord) throws -> Bytes { try files.bytes(record.file) }

    /// A graph as its backend takes it.
    public func model(_ graph: GraphFile) throws -> Model {
        let inside = AdafocusBundle.names(files, graph.record)
        if inside.isEmpty { return .file(try bytes(graph.record)) }
        let start = graph.record.file.utf8.count + 1
        return .folder(
            try inside.map { (String(decoding: $0.utf8.dropFirst(start), as: UTF8.self), try files.bytes($0)) })
    }

    /// The description of one stage's graph.
    ///
    /// Throws an `AdafocusError`: the bundle has no such stage, or none for this runtime.
    public func graph(_ stage: Stage, _ runtime: String) throws -> GraphFile {
        if let found = manifest.graph(stage, runtime) { return found }
        let there = manifest.runtimes.joined(separator: ", ")
        throw AdafocusError(
            "\(shown) holds no \(stage) graph for \(runtime), only for \(there). Use a backend for one of them, or "
                + "export for this one.", .runtime)
    }
}
