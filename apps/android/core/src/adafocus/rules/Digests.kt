/** SHA-256 of files, folders and labels, as a bundle's manifest has them. */
package adafocus.rules

import java.nio.ByteBuffer
import java.security.MessageDigest

/** The hex digest of bytes. */
fun sha256(content: ByteBuffer): String {
    val digest = MessageDigest.getInstance("SHA-256")
    digest.update(content.duplicate())
    return hex(digest.digest())
}

/** The hex digest of bytes. */
fun sha256(content: ByteArray): String = sha256(ByteBuffer.wrap(content))

/** Bytes as pairs of hex digits. */
fun hex(bytes: ByteArray): String {
    val found = StringBuilder()
    for (byte in bytes) {
        val value = byte.toInt() and 255
        found.append(DIGITS[value shr 4]).append(DIGITS[value and 15])
    }
    return found.toString()
}

private const val DIGITS = "0123456789abcdef"

/** The digest of a folder: of the names and digests of its files, in the order of the parts of their paths. */
fun sha256OfFolder(names: Collection<String>, contentOf: (String) -> ByteBuffer): String {
    val sorted = names.sortedWith(BY_PARTS)
    return sha256(sorted.joinToString("") { "$it ${sha256(contentOf(it))}\n" }.toByteArray())
}

/** The digest of labels in their order. */
fun sha256OfLabels(labels: List<String>): String = sha256(labels.joinToString("\u0000").toByteArray())

/** Compares paths part by part, each by its characters. */
private val BY_PARTS = Comparator<String> { one, other ->
    val left = one.split("/")
    val right = other.split("/")
    var order = 0
    for (place in 0 until Math.min(left.size, right.size)) {
        if (order == 0) order = byCharacters(left[place], right[place])
    }
    if (order != 0) order else left.size - right.size
}

/** Strings are compared by halves of characters beyond 16 bits; Python compares characters. */
private fun byCharacters(one: String, other: String): Int {
    var place = 0
    while (place < one.length && place < other.length) {
        val left = one.codePointAt(place)
        val right = other.codePointAt(place)
        if (left != right) return left.compareTo(right)
        place += Character.charCount(left)
    }
    return one.length - other.length
}
