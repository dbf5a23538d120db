/** Reads conformance vectors, and compares answers with them, as docs/conformance-vectors.md says. */
package adafocus.tests

import adafocus.bundle.Json
import adafocus.rules.CHANNELS
import adafocus.rules.Dtype
import adafocus.rules.Picture
import adafocus.rules.Values
import adafocus.rules.sha256
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64

private const val FORMAT = "adafocus-conformance-vectors"
private const val NUMBERS = 1e-9
private const val LEAST = 1e-12

/** An object of a vector. */
class Given(val content: Map<*, *>) {
    operator fun get(key: String): Any? = content[key]

    operator fun contains(key: String): Boolean = key in content.keys

    fun of(key: String) = Given(content[key] as Map<*, *>)

    fun list(key: String): List<*> = content[key] as List<*>

    fun int(key: String): Int = (content[key] as Long).toInt()

    fun real(key: String): Double = (content[key] as Number).toDouble()

    fun text(key: String): String = content[key] as String

    fun reals(key: String): DoubleArray = doubles(content[key])

    fun rows(key: String): List<DoubleArray> = list(key).map(::doubles)

    fun ints(key: String): IntArray = IntArray(list(key).size) { (list(key)[it] as Long).toInt() }

    fun longs(key: String): LongArray = LongArray(list(key).size) { list(key)[it] as Long }
}

fun doubles(list: Any?): DoubleArray = (list as List<*>).map { (it as Number).toDouble() }.toDoubleArray()

class Vector(val name: String, val op: String, val given: Given, val expected: Any?)

class VectorFolder(private val folder: File) {
    val files: List<String> = read("index.json").list("files").map { Given(it as Map<*, *>).text("file") }

    private fun read(file: String) = Given(Json.parse(File(folder, file).readText()) as Map<*, *>)

    fun vectorsOf(file: String): List<Vector> {
        val content = read(file)
        check(content["format"] == FORMAT && content["version"] == 1L) { "$file is of another format" }
        return content.list("vectors").map { Given(it as Map<*, *>) }.map {
            Vector(it.text("name"), it.text("op"), it.of("given"), it["expected"])
        }
    }
}

/** Number `place` of the stream of a seed. */
private fun hashed(seed: Int, place: Int): Int {
    var mixed = place + seed * -0x61c88647
    mixed = (mixed xor (mixed ushr 16)) * 0x7feb352d
    mixed = (mixed xor (mixed ushr 15)) * -0x7b935975
    return mixed xor (mixed ushr 16)
}

/** Bytes of an input array. */
fun bytesOf(told: Given): ByteArray {
    val size = told.ints("shape").fold(1) { product, side -> product * side }
    return when {
        "noise" in told -> ByteArray(size) { (hashed(told.int("noise"), it) ushr 24).toByte() }
        "scene" in told -> scenes(told, size)
        else -> Base64.getDecoder().decode(told.text("base64"))
    }
}

private fun scenes(told: Given, size: Int): ByteArray {
    val (count, height, width) = told.ints("shape")
    val (top, left, side, down, right) = told.ints("block")
    val seed = told.int("scene")
    val data = ByteArray(size)
    var place = 0
    for (n in 0 until count) for (r in 0 until height) for (k in 0 until width) {
        val y = r - top - n * down
        val x = k - left - n * right
        val block = if (y in 0 until side && x in 0 until side) 90 else 0
        for (c in 0 until CHANNELS) {
            val grain = hashed(seed, (r * width + k) * CHANNELS + c) ushr 27
            data[place++] = ((((3 * r + 2 * k + 40 * c) shr 1) and 127) + grain + block).toByte()
        }
    }
    return data
}

/** Pictures of an input array; one where it has no count. */
fun picturesOf(told: Given): List<Picture> {
    val data = bytesOf(told)
    val shape = told.ints("shape")
    val (height, width) = shape.copyOfRange(shape.size - 3, shape.size - 1)
    val size = height * width * CHANNELS
    return List(data.size / size) { Picture(height, width, data.copyOfRange(it * size, (it + 1) * size)) }
}

fun told(bytes: ByteBuffer, shape: List<Int>, dtype: String): Map<String, Any?> =
    mapOf("shape" to shape, "dtype" to dtype, "sha256" to sha256(bytes))

fun told(picture: Picture): Map<String, Any?> =
    told(ByteBuffer.wrap(picture.data), listOf(picture.height, picture.width, CHANNELS), "uint8")

fun told(pictures: List<Picture>, size: Int): Map<String, Any?> {
    val all = ByteBuffer.allocate(pictures.sumOf { it.data.size })
    pictures.forEach { all.put(it.data) }
    all.clear()
    return told(all, listOf(pictures.size, size, size, CHANNELS), "uint8")
}

fun told(values: IntArray, shape: List<Int>): Map<String, Any?> {
    val bytes = ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN)
    values.forEach { bytes.putInt(it) }
    bytes.clear()
    return told(bytes, shape, "int32")
}

fun told(values: Values, shape: List<Int>, asNumbers: Boolean = false): Map<String, Any?> {
    val dtype = values.dtype.name.lowercase()
    if (asNumbers && values.dtype == Dtype.FLOAT32) {
        return mapOf("shape" to shape, "dtype" to dtype, "values" to values.doubles().toList())
    }
    return told(values.bytes.duplicate().also { it.clear() }, shape, dtype)
}

private fun flat(list: Any?): List<Any?> = if (list is List<*>) list.flatMap(::flat) else listOf(list)

/** Lists and arrays as lists. */
private fun listed(found: Any?): List<Any?>? = when (found) {
    is List<*> -> found
    is IntArray -> found.toList()
    is LongArray -> found.toList()
    is DoubleArray -> found.toList()
    is FloatArray -> found.toList()
    else -> null
}

/**
 * Places at which an answer differs from what is expected; what is not in the answer of an array is not compared.
 *
 * @param outputs how far floats of a runtime may be away, of the tensor's largest value.
 */
fun differences(expected: Any?, found: Any?, outputs: Double =
    0.0, where: String = "", away: Double = 0.0): List<String> {
    if (expected is List<*>) {
        val list = listed(found)
        if (list == null || list.size != expected.size) return listOf("$where has another length")
        return expected.indices.flatMap { differences(expected[it], list[it], outputs, "$where[$it]", away) }
    }
    if (expected is Map<*, *>) {
        val map = found as? Map<*, *> ?: return listOf("$where is $found")
        if ("shape" in expected && "sha256" !in expected) return floats(expected, map, outputs, where)
        return expected.keys.filterNot { "sha256" in expected && (it == "base64" || it == "samples") }
            .flatMap { differences(expected[it], map[it], outputs, "$where.$it", away) }
    }
    if (expected is Number && found is Number) {
        val one = expected.toDouble()
        val other = found.toDouble()
        val whole = one == Math.rint(one)
        val most = Math.max(away, if (whole) LEAST else Math.max(LEAST, NUMBERS * Math.abs(one)))
        return if (one == other || Math.abs(one - other) <= most) emptyList() else listOf(
            "$where is $other, expected $one"
        )
    }
    return if (expected == found) emptyList() else listOf("$where is $found, expected $expected")
}

/** Floats that a runtime gives: all of them, or samples. */
private fun floats(expected: Map<*, *>, found: Map<*, *>, outputs: Double, where: String): List<String> {
    val given = found["values"] as? List<*> ?: return listOf("$where has no values")
    val away = outputs * given.maxOf { Math.abs((it as Number).toDouble()) }
    val shape = differences(expected["shape"], found["shape"], 0.0, "$where.shape")
    val samples = expected["samples"] as? List<*>
        ?: return shape + differences(flat(expected["values"]), given, outputs, "$where.values", away)
    return shape + samples.flatMap { sample ->
        val (place, value) = sample as List<*>
        differences(value, given[(place as Long).toInt()], outputs, "$where[$place]", away)
    }
}
