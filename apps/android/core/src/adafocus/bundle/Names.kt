/** Names inside a bundle: which must not be used, and which mean the same file on some system. */
package adafocus.bundle

import java.text.Normalizer

private const val MAX_PART_BYTES = 255
private const val MAX_NAME_BYTES = 1024

/** Why a name must not be used inside a bundle, or null. */
fun unsafe(name: String): String? {
    val parts = name.split("/")
    return when {
        name.startsWith("/") || ".." in parts || '\\' in name || ':' in name -> "which lies outside it"
        name.isEmpty() || "" in parts || "." in parts -> "which is no plain file name"
        name.any { it.isISOControl() || it.isSurrogate() && !isPaired(name) } -> "which holds control characters"
        name.toByteArray().size > MAX_NAME_BYTES -> "which is too long for a file name"
        parts.any { it.toByteArray().size > MAX_PART_BYTES } -> "which is too long for a file name"
        else -> null
    }
}

private fun isPaired(name: String): Boolean = name == String(name.toByteArray())

/** The first name that means the same file as another one, or a folder of another one; null if none does. */
fun collision(names: List<String>): String? {
    val files = HashSet<String>()
    val folders = HashSet<String>()
    for (name in names) {
        val key = folded(name)
        if (key in folders || !files.add(key)) return name
        val parts = key.split("/")
        for (depth in 1 until parts.size) {
            val folder = parts.subList(0, depth).joinToString("/")
            if (folder in files) return name
            folders += folder
        }
    }
    return null
}

/** Without regard to capitals and to how an accent is spelled. */
private fun folded(name: String): String {
    val one = Normalizer.normalize(name, Normalizer.Form.NFC)
    return Normalizer.normalize(one.uppercase().lowercase(), Normalizer.Form.NFC)
}
