/** Arrays of a bundle, as numpy wrote them. What a file claims is checked before memory is asked for. */
package adafocus.bundle

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.DataFormatException
import java.util.zip.Inflater

private const val MAX_ARRAYS = 4096
private const val MAX_HEADER_BYTES = 4096
private const val PREAMBLE_BYTES = 10
private val DTYPES = mapOf(
    "|u1" to 1, "|i1" to 1, "<i4" to 4, "<i8" to 8, "<f4" to 4, "<f8" to 8, "<f2" to 2, "<i2" to 2, "<u2" to 2,
)
private val HEADER = Regex("\\{'descr': '([^']{2,4})', 'fortran_order': False, 'shape': \\(([0-9, ]*)\\), *\\}\\s*")

/** An array: numpy's name of its number type, its shape, and its bytes in C order, little-endian. */
class NumpyArray(val dtype: String, val shape: List<Int>, val bytes: ByteBuffer)

/**
 * Read an `.npz` file that cannot be trusted.
 *
 * @param most bytes that all arrays together may take.
 * @throws BundleException not such a file, damaged, or larger.
 */
fun readArrays(content: ByteBuffer, name: String, most: Long): Map<String, NumpyArray> {
    val zip = Zip.read(BufferSource(content), name, MAX_ARRAYS)
    val claimed = zip.members.fold(0L) { sum, member -> sum + member.size }
    if (claimed > most + MAX_HEADER_BYTES.toLong() * zip.members.size) {
        refuse(name, "its arrays take $claimed bytes, expected at most $most")
    }
    return zip.members.associate { it.name.removeSuffix(".npy") to array(unpacked(zip, it, name), name) }
}

private fun refuse(name: String, what: String): Nothing =
    throw BundleException(Refusal.GOLDEN, "$name cannot be read ($what). Copy the bundle again.")

private fun unpacked(zip: Zip, member: Member, name: String): ByteBuffer {
    val packed = zip.bytes(member)
    if (member.method == Zip.STORED && member.size != member.packed) refuse(name, "it states two sizes")
    if (member.method == Zip.STORED) return packed
    if (member.method != Zip.DEFLATED) refuse(name, "it is compressed in a way that numpy does not write")
    val input = ByteArray(packed.remaining()).also { packed.get(it) }
    val found = ByteArray(member.size.toInt())
    val inflater = Inflater(true)
    try {
        inflater.setInput(input)
        var length = 0
        while (length < found.size) {
            val count = inflater.inflate(found, length, found.size - length)
            if (count == 0) refuse(name, "it ends too early")
            length += count
        }
    } catch (error: DataFormatException) {
        refuse(name, "it is damaged")
    } finally {
        inflater.end()
    }
    return ByteBuffer.wrap(found)
}

private fun array(given: ByteBuffer, name: String): NumpyArray {
    val content = given.order(ByteOrder.LITTLE_ENDIAN)
    if (content.limit() < PREAMBLE_BYTES || content.getInt(0) != 0x4d554e93) refuse(name, "it holds no array of numpy")
    val length = content.getShort(8).toInt() and 0xffff
    val start = PREAMBLE_BYTES + length
    if (content.getShort(6).toInt() != 1 || length > MAX_HEADER_BYTES || start > content.limit()) {
        refuse(name, "its arrays are of another version than 1.0")
    }
    val header = String(ByteArray(length) { content.get(PREAMBLE_BYTES + it) }, Charsets.ISO_8859_1)
    val match = HEADER.matchEntire(header) ?: refuse(name, "its arrays are no plain numbers in C order")
    val bytes = DTYPES[match.groupValues[1]] ?: refuse(name, "its arrays are of the type ${match.groupValues[1]}")
    val shape = match.groupValues[2].split(",").map { it.trim() }.filter { it.isNotEmpty() }
        .map { it.toIntOrNull() ?: refuse(name, "a side of an array is $it") }
    val expected =
        shape.fold(bytes.toLong()) { product, side -> if (product > Int.MAX_VALUE) product else product * side }
    if (expected != (content.limit() - start).toLong()) refuse(name, "an array holds other bytes than its shape says")
    content.position(start)
    return NumpyArray(match.groupValues[1], shape, content.slice().order(ByteOrder.LITTLE_ENDIAN))
}
