package adafocus.bundle

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32

private const val END_SIGNATURE = 0x06054b50
private const val RECORD_SIGNATURE = 0x02014b50
private const val LOCAL_SIGNATURE = 0x04034b50
private const val LOCATOR_SIGNATURE = 0x07064b50
private const val END_BYTES = 22
private const val RECORD_BYTES = 46
private const val LOCAL_BYTES = 30
private const val LOCATOR_BYTES = 20
private const val MAX_COMMENT_BYTES = 65535
private const val MAX_BUNDLE_BYTES = (4L shl 30) - 1
private const val UTF8_FLAG = 1 shl 11
private const val ENCRYPTED_FLAG = 1
private const val FILE_KIND = 8
private const val BLOCK_BYTES = 1 shl 16

/** A member of a zip: where its bytes begin and how many they are. */
class Member(
    val name: String,
    val method: Int,
    val flags: Int,
    val crc: Long,
    val packed: Long,
    val size: Long,
    val kind: Int,
    val header: Long,
    val start: Long,
)

/** The directory of a zip whose every member lies within it. Nothing is unpacked. */
class Zip private constructor(private val source: ByteSource, private val name: String, private val directory: Long) {
    lateinit var members: List<Member>
        private set

    companion object {
        const val STORED = 0
        const val DEFLATED = 8

        /**
         * Read the directory.
         *
         * @throws BundleException no zip, more members than [most], or one that lies elsewhere than it says.
         */
        fun read(source: ByteSource, name: String, most: Int): Zip {
            if (source.size > MAX_BUNDLE_BYTES) none(
                "$name has ${source.size} bytes, expected at most $MAX_BUNDLE_BYTES"
            )
            val length = Math.min(source.size, (END_BYTES + MAX_COMMENT_BYTES + LOCATOR_BYTES).toLong())
            val tail = source.slice(source.size - length, length)
            val end = (tail.limit() - END_BYTES downTo 0).firstOrNull { tail.getInt(it) == END_SIGNATURE }
                ?: none("$name is no zip file")
            if (end >= LOCATOR_BYTES && tail.getInt(end - LOCATOR_BYTES) == LOCATOR_SIGNATURE) {
                none("$name is a 64-bit zip, expected one of less than 4 GB")
            }
            val count = tail.getShort(end + 10).toInt() and 0xffff
            val bytes = tail.getInt(end + 12).toLong() and 0xffffffffL
            if (count > most || bytes > most * 1024L) none(
                "$name names $count members in $bytes bytes, expected at most $most"
            )
            val start = tail.getInt(end + 16).toLong() and 0xffffffffL
            if (start + bytes != source.size - length + end) damaged(
                name, "its directory does not lie where its end says"
            )
            val zip = Zip(source, name, start)
            zip.members = zip.records(source.slice(start, bytes), count)
            return zip
        }

        private fun none(what: String): Nothing =
            throw BundleException(Refusal.NO_BUNDLE, "$what, so it is no bundle. Give what adafocus export wrote.")

        private fun damaged(name: String, what: String): Nothing =
            throw BundleException(Refusal.ZIP, "$name is damaged ($what). Copy the bundle again.")
    }

    private fun records(directory: ByteBuffer, count: Int): List<Member> {
        val found = ArrayList<Member>()
        var place = 0
        while (found.size < count) {
            if (place + RECORD_BYTES > directory.limit() || directory.getInt(place) != RECORD_SIGNATURE) {
                damaged(name, "its directory ends too early")
            }
            val short = { at: Int -> directory.getShort(place + at).toInt() and 0xffff }
            val int = { at: Int -> directory.getInt(place + at).toLong() and 0xffffffffL }
            val length = short(28)
            if (place + RECORD_BYTES + length > directory.limit()) damaged(name, "a name is cut off")
            val bytes = ByteArray(length) { directory.get(place + RECORD_BYTES + it) }
            val text = if (short(8) and UTF8_FLAG != 0) String(bytes) else String(bytes, Charsets.ISO_8859_1)
            val header = int(42)
            found += Member(
                text, short(10), short(8), int(16), int(20), int(24), (int(38) ushr 28).toInt(), header,
                contentOf(header, bytes, int(20)),
            )
            place += RECORD_BYTES + length + short(30) + short(32)
        }
        if (place != directory.limit()) damaged(name, "its directory holds more than its members")
        return found
    }

    /** Where the bytes of a member begin; they must end before the directory. */
    private fun contentOf(header: Long, named: ByteArray, packed: Long): Long {
        if (header + LOCAL_BYTES > directory) damaged(name, "a member lies behind its end")
        val local = source.slice(header, LOCAL_BYTES.toLong())
        if (local.getInt(0) != LOCAL_SIGNATURE) damaged(name, "there is no member where its directory says")
        val length = local.getShort(26).toInt() and 0xffff
        val start = header + LOCAL_BYTES + length + (local.getShort(28).toInt() and 0xffff)
        if (start + packed > directory) damaged(name, "a member runs into what follows it")
        val again = source.slice(header + LOCAL_BYTES, length.toLong())
        if (length != named.size || named.indices.any { again.get(it) != named[it] }) {
            damaged(name, "a member has two names")
        }
        return start
    }

    /** The bytes of a member as they stand in the zip. */
    fun bytes(member: Member): ByteBuffer = source.slice(member.start, member.packed)

    /**
     * Leave out folders, which hold nothing, and refuse what a bundle must not hold.
     *
     * @throws BundleException names that lead out of it or that meet in one file, links, compressed or encrypted
     * members, members that share bytes, or one that was changed.
     */
    fun refuseUnsafe(): List<Member> {
        val files = members.filterNot { it.name.endsWith("/") && it.size == 0L && unsafe(it.name.dropLast(1)) == null }
        for (member in files) {
            val reason = unsafe(member.name)
            if (reason != null) throw BundleException(
                Refusal.UNSAFE_NAME, "$name holds '${member.name}', $reason. Do not trust it."
            )
            if (member.kind != 0 && member.kind != FILE_KIND) refuse(
                "holds '${member.name}', which is a link or a device"
            )
            if (member.method != STORED || member.flags and ENCRYPTED_FLAG != 0) {
                refuse("holds '${member.name}', which is compressed or encrypted, expected stored members")
            }
            if (member.size != member.packed) refuse("holds '${member.name}', which is stored but states two sizes")
        }
        collision(files.map { it.name })?.let { refuse("holds '$it' twice, or as a file and a folder") }
        val ordered = files.sortedBy { it.header }
        for (place in 1 until ordered.size) {
            val before = ordered[place - 1]
            if (before.start + before.size > ordered[place].header) refuse(
                "holds '${before.name}', which runs into the member after it"
            )
        }
        for (member in files) if (checksum(bytes(member)) != member.crc) damaged(name, "'${member.name}' was changed")
        return files
    }

    private fun refuse(what: String): Nothing = throw BundleException(Refusal.ZIP, "$name $what. Do not trust it.")

    private fun checksum(content: ByteBuffer): Long {
        val crc = CRC32()
        val block = ByteArray(BLOCK_BYTES)
        val rest = content.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        while (rest.hasRemaining()) {
            val count = Math.min(block.size, rest.remaining())
            rest.get(block, 0, count)
            crc.update(block, 0, count)
        }
        return crc.value
    }
}
