package adafocus.bundle

import java.io.Closeable
import java.io.File
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

/** Bytes of which parts can be had without copying them. */
interface ByteSource : Closeable {
    val size: Long

    /** A read-only part, little-endian. Nothing beyond the end is ever given. */
    fun slice(start: Long, length: Long): ByteBuffer
}

private fun check(start: Long, length: Long, size: Long) {
    if (start < 0 || length < 0 || start > size - length || length > Int.MAX_VALUE) {
        throw BundleException(
            Refusal.ZIP, "a part of $length bytes at $start does not lie in $size bytes. Copy the bundle again."
        )
    }
}

/** Bytes in memory. */
class BufferSource(buffer: ByteBuffer) : ByteSource {
    private val bytes = buffer.slice()
    override val size: Long get() = bytes.capacity().toLong()

    override fun slice(start: Long, length: Long): ByteBuffer {
        check(start, length, size)
        val found = bytes.duplicate()
        found.position(start.toInt()).limit((start + length).toInt())
        return found.slice().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN)
    }

    override fun close() = Unit
}

/** A file, or a part of one such as an asset that an APK stores without compression; parts of it are mapped. */
class FileSource(private val channel: FileChannel, private val start: Long, override val size: Long) : ByteSource {
    init {
        if (start < 0 || size < 0 || start > channel.size() - size) {
            throw BundleException(
                Refusal.NO_BUNDLE, "the file ends before the bundle does, so it is no bundle. Copy it again."
            )
        }
    }

    constructor(file: File) : this(FileInputStream(file).channel)

    private constructor(channel: FileChannel) : this(channel, 0, channel.size())

    override fun slice(start: Long, length: Long): ByteBuffer {
        check(start, length, size)
        if (length == 0L) return ByteBuffer.allocate(0)
        // what became shorter since it was opened must not be mapped past its end
        check(this.start + start, length, channel.size())
        val found = channel.map(FileChannel.MapMode.READ_ONLY, this.start + start, length)
        return found.order(ByteOrder.LITTLE_ENDIAN)
    }

    override fun close() = channel.close()
}
