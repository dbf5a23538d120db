package adafocus.bundle

private const val MAX_DEPTH = 200
private const val MAX_DIGITS = 4300
private const val LONG_DIGITS = 18

/** What is no JSON by the letter; the message is half a sentence. */
class JsonException(message: String) : Exception(message)

/**
 * Reads JSON by the letter: no key twice, no NaN, no infinity, no text behind the end.
 *
 * Objects are maps, lists are lists. Whole numbers are [Long], all others [Double].
 */
class Json private constructor(private val text: String) {
    private var place = 0

    companion object {
        /** Read a text. */
        fun parse(text: String): Any? {
            val reader = Json(text)
            val found = reader.value(0)
            reader.blanks()
            if (reader.place < text.length) reader.fail("there is text behind its end")
            return found
        }
    }

    private fun fail(what: String): Nothing = throw JsonException("$what, character ${place + 1}")

    private fun blanks() {
        while (place < text.length && text[place] in " \t\n\r") place++
    }

    private fun next(): Char = if (place < text.length) text[place] else fail("it ends too early")

    private fun take(expected: Char) {
        if (next() != expected) fail("'$expected' is missing")
        place++
    }

    private fun value(depth: Int): Any? {
        if (depth > MAX_DEPTH) fail("it is nested too deeply")
        blanks()
        return when (val first = next()) {
            '{' -> mapping(depth)
            '[' -> list(depth)
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> if (first == '-' || first in '0'..'9') number() else fail("there is no value")
        }
    }

    private fun word(word: String, value: Any?): Any? {
        if (!text.startsWith(word, place)) fail("there is no value")
        place += word.length
        return value
    }

    private fun mapping(depth: Int): Map<String, Any?> {
        val found = LinkedHashMap<String, Any?>()
        take('{')
        blanks()
        if (next() == '}') {
            place++
            return found
        }
        while (true) {
            blanks()
            val key = string()
            if (key in found) fail("the key '${key.take(100)}' stands there twice")
            blanks()
            take(':')
            found[key] = value(depth + 1)
            blanks()
            if (next() == '}') break
            take(',')
        }
        place++
        return found
    }

    private fun list(depth: Int): List<Any?> {
        val found = ArrayList<Any?>()
        take('[')
        blanks()
        if (next() == ']') {
            place++
            return found
        }
        while (true) {
            found += value(depth + 1)
            blanks()
            if (next() == ']') break
            take(',')
        }
        place++
        return found
    }

    private fun string(): String {
        take('"')
        val found = StringBuilder()
        while (true) {
            val character = next()
            place++
            when {
                character == '"' -> break
                character == '\\' -> found.append(escaped())
                character < ' ' -> fail("a text holds a control character")
                else -> found.append(character)
            }
        }
        return found.toString().also { if (!isWhole(it)) fail("a text holds half a character") }
    }

    private fun escaped(): Char {
        val character = next()
        place++
        return when (character) {
            '"', '\\', '/' -> character
            'b' -> '\b'
            'f' -> '\u000c'
            'n' -> '\n'
            'r' -> '\r'
            't' -> '\t'
            'u' -> {
                val digits = text.substring(place, Math.min(place + 4, text.length))
                if (digits.length < 4 || !digits.all { it in '0'..'9' || it in 'a'..'f' || it in 'A'..'F' }) {
                    fail("\\u is not followed by four digits")
                }
                place += 4
                digits.toInt(16).toChar()
            }
            else -> fail("there is no such escape")
        }
    }

    /** Whether every first half of a character is followed by its second one. */
    private fun isWhole(found: String): Boolean {
        var at = 0
        while (at < found.length) {
            if (found[at].isLowSurrogate()) return false
            if (found[at].isHighSurrogate()) {
                if (at + 1 >= found.length || !found[at + 1].isLowSurrogate()) return false
                at++
            }
            at++
        }
        return true
    }

    private fun digits(): Int {
        val begin = place
        while (place < text.length && text[place] in '0'..'9') place++
        if (place == begin) fail("a digit is missing")
        return place - begin
    }

    private fun number(): Any {
        val begin = place
        if (text[place] == '-') place++
        val leads0 = next() == '0'
        val count = digits()
        if (leads0 && count > 1) fail("a number begins with 0")
        if (count > MAX_DIGITS) fail("a number has $count digits")
        var whole = true
        if (place < text.length && text[place] == '.') {
            whole = false
            place++
            digits()
        }
        if (place < text.length && text[place] in "eE") {
            whole = false
            place++
            if (place < text.length && text[place] in "+-") place++
            digits()
        }
        val written = text.substring(begin, place)
        if (whole && count <= LONG_DIGITS) return written.toLong()
        val value = written.toDouble()
        if (value.isInfinite()) fail("${written.take(100)} is too large for a number")
        return value
    }
}
