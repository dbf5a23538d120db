package adafocus.bundle

import adafocus.rules.sha256
import adafocus.rules.sha256OfFolder
import java.io.Closeable
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import java.nio.charset.CharacterCodingException
import java.nio.charset.CodingErrorAction

private const val MANIFEST = "manifest.json"
private const val MAX_MANIFEST_BYTES = 4L shl 20
private const val MAX_BUNDLE_FILES = 4096

/** Files of a bundle by their names, wherever they stand. */
private interface Files : Closeable {
    val names: List<String>

    fun size(name: String): Long

    fun bytes(name: String): ByteBuffer
}

private class ZipFiles(private val source: ByteSource, shown: String) : Files {
    private val zip = Zip.read(source, shown, MAX_BUNDLE_FILES)
    private val members = zip.refuseUnsafe().associateBy { it.name }
    override val names: List<String> get() = members.keys.toList()

    override fun size(name: String): Long = members.getValue(name).size

    override fun bytes(name: String): ByteBuffer = zip.bytes(members.getValue(name))

    override fun close() = source.close()
}

private class FolderFiles(private val root: File) : Files {
    override val names: List<String> = ArrayList<String>().also { list(root.canonicalFile, "", it) }

    /** List plain files; links, pipes and devices are refused wherever they stand. */
    private fun list(folder: File, before: String, found: MutableList<String>) {
        for (entry in folder.listFiles().orEmpty()) {
            val name = before + entry.name
            val plain = entry.canonicalFile == entry && (entry.isFile || entry.isDirectory)
            if (!plain) {
                throw BundleException(
                    Refusal.UNSAFE_NAME, "$root holds '$name', a link, a pipe or a device. Do not trust it."
                )
            }
            if (entry.isDirectory) list(entry, "$name/", found) else found += name
            if (found.size > MAX_BUNDLE_FILES) {
                throw BundleException(
                    Refusal.NO_BUNDLE, "$root holds more than $MAX_BUNDLE_FILES files, so it is no bundle."
                )
            }
        }
    }

    override fun size(name: String): Long = File(root, name).length()

    // a mapping holds on when its file is closed
    override fun bytes(name: String): ByteBuffer = FileSource(File(root, name)).use { it.slice(0, it.size) }

    override fun close() = Unit
}

/** A bundle whose files were checked when it was opened: a folder, a stored zip, or one inside another file. */
class Bundle private constructor(val shown: String, val manifest: Manifest, private val files: Files) : Closeable {
    companion object {
        /**
         * Open a folder or a zip; a zip is mapped into memory and not unpacked.
         *
         * @throws BundleException a sentence on what is wrong with it.
         */
        fun open(path: File): Bundle = when {
            path.isDirectory -> opened(path.path) { FolderFiles(path) }
            path.isFile -> opened(path.path) { zipFiles(FileSource(path), path.path) }
            else -> throw BundleException(Refusal.NO_BUNDLE, "There is no bundle at $path. Copy one there.")
        }

        /** Open a zip that is in memory; a direct buffer is not copied. */
        fun open(zip: ByteBuffer, shown: String): Bundle = opened(shown) { zipFiles(BufferSource(zip), shown) }

        /** Open a zip that is a part of a file, such as an asset that an APK stores without compression. */
        fun open(channel: FileChannel, start: Long, length: Long, shown: String): Bundle =
            opened(shown) { zipFiles(FileSource(channel, start, length), shown) }

        private fun zipFiles(source: ByteSource, shown: String): Files = try {
            ZipFiles(source, shown)
        } catch (error: BundleException) {
            source.close()
            throw error
        }

        private fun opened(shown: String, filesOf: () -> Files): Bundle = try {
            val files = filesOf()
            try {
                val manifest = read(files, shown)
                manifest.files.forEach { check(files, it, shown) }
                Bundle(shown, manifest, files)
            } catch (error: BundleException) {
                files.close()
                throw error
            }
        } catch (error: IOException) {
            throw BundleException(Refusal.NO_BUNDLE, "$shown cannot be read (${error.message}), so it is no bundle.")
        }

        private fun read(files: Files, shown: String): Manifest {
            if (MANIFEST !in files.names) {
                throw BundleException(
                    Refusal.NO_BUNDLE, "$shown has no $MANIFEST, so it is no bundle. Give what adafocus export wrote."
                )
            }
            val where = "$shown/$MANIFEST"
            if (files.size(MANIFEST) > MAX_MANIFEST_BYTES) {
                throw BundleException(
                    Refusal.JSON, "$where has more than $MAX_MANIFEST_BYTES bytes. Copy the bundle again."
                )
            }
            val content = try {
                Json.parse(text(files.bytes(MANIFEST)))
            } catch (error: CharacterCodingException) {
                throw BundleException(Refusal.JSON, "$where cannot be read as text. Copy the bundle again.")
            } catch (error: JsonException) {
                throw BundleException(
                    Refusal.JSON, "$where is not valid JSON (${error.message}). Copy the bundle again."
                )
            }
            val manifest = try {
                manifestOf(content)
            } catch (error: BundleException) {
                throw BundleException(error.refusal, "$where: ${error.message}")
            }
            firstContradiction(manifest)?.let {
                throw BundleException(
                    Refusal.CONTRADICTION, "$where: $it Copy the bundle again, or convert the model again."
                )
            }
            return manifest
        }

        private fun text(bytes: ByteBuffer): String {
            val decoder = Charsets.UTF_8.newDecoder()
            decoder.onMalformedInput(CodingErrorAction.REPORT).onUnmappableCharacter(CodingErrorAction.REPORT)
            return decoder.decode(bytes.duplicate()).toString()
        }

        /** Refuse a file that is missing, leads out, or has another size or digest than the manifest says. */
        private fun check(files: Files, record: FileRecord, shown: String) {
            val reason = unsafe(record.file)
            if (reason != null) {
                throw BundleException(
                    Refusal.UNSAFE_NAME, "The manifest names '${record.file}', $reason. Do not trust $shown."
                )
            }
            val name = "$shown/${record.file}"
            val inside = files.names.filter { it.startsWith("${record.file}/") }
            if (record.file !in files.names && inside.isEmpty()) {
                throw BundleException(Refusal.MISSING_FILE, "$name is missing. Copy the whole bundle again.")
            }
            val isFile = inside.isEmpty()
            val size = if (isFile) files.size(record.file) else inside.fold(0L) { sum, one -> sum + files.size(one) }
            if (size != record.bytes) {
                throw BundleException(
                    Refusal.SIZE, "$name has $size bytes, expected ${record.bytes}. Copy the bundle again."
                )
            }
            val start = record.file.length + 1
            val digest = if (isFile) sha256(files.bytes(record.file))
            else sha256OfFolder(inside.map { it.substring(start) }) { files.bytes("${record.file}/$it") }
            if (digest != record.sha256) {
                throw BundleException(
                    Refusal.DIGEST, "$name was changed: its SHA-256 is $digest. Copy the bundle again."
                )
            }
        }
    }

    /** The bytes of a file that the manifest names: mapped, or a part of the buffer that was given. */
    fun bytes(record: FileRecord): ByteBuffer = files.bytes(record.file).order(ByteOrder.LITTLE_ENDIAN)

    /**
     * The description of one stage's graph.
     *
     * @throws BundleException the bundle has no such stage, or none for this runtime.
     */
    fun graph(stage: Stage, runtime: String): GraphFile {
        val graphs = manifest.stages[stage] ?: throw BundleException(
            Refusal.RUNTIME,
            "$shown has no ${stage.key} graph. Its stages are ${manifest.stages.keys.joinToString { it.key }}."
        )
        return graphs[runtime] ?: throw BundleException(
            Refusal.RUNTIME,
            "$shown holds no ${stage.key} graph for $runtime, only for ${manifest.runtimes.joinToString()}. Use a " +
                "backend for one of them, or export for this one."
        )
    }

    /** Let go of the file; what is mapped already stays. */
    override fun close() = files.close()
}
