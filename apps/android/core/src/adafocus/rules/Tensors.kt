/** From pixels and real numbers to a graph's own numbers, and back. */
package adafocus.rules

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Number types of tensors that the rules can make. */
enum class Dtype(val bytes: Int, val lowest: Int, val highest: Int) {
    FLOAT32(4, 0, 0),
    INT8(1, -128, 127),
    UINT8(1, 0, 255),
}

/** How a tensor is stored; integers have scale and zero point, real = scale x (value - zero point). */
open class Form(val dtype: Dtype, val scale: Double?, val zeroPoint: Int?)

/** Numbers of one type, little-endian and outside of the heap, as runtimes take them. */
class Values(val dtype: Dtype, val bytes: ByteBuffer) {
    val size: Int get() = bytes.capacity() / dtype.bytes

    constructor(dtype: Dtype, count: Int) :
        this(dtype, ByteBuffer.allocateDirect(count * dtype.bytes).order(ByteOrder.LITTLE_ENDIAN))

    operator fun get(place: Int): Float = when (dtype) {
        Dtype.FLOAT32 -> bytes.getFloat(4 * place)
        Dtype.INT8 -> bytes.get(place).toFloat()
        Dtype.UINT8 -> (bytes.get(place).toInt() and 255).toFloat()
    }

    operator fun set(place: Int, value: Float) {
        if (dtype == Dtype.FLOAT32) bytes.putFloat(4 * place, value) else bytes.put(place, value.toInt().toByte())
    }

    /** All numbers as doubles. */
    fun doubles(): DoubleArray = DoubleArray(size) { this[it].toDouble() }

    /** A copy of some of them. */
    fun part(first: Int, count: Int): Values {
        val found = Values(dtype, count)
        for (place in 0 until count) found[place] = this[first + place]
        return found
    }
}

private fun limited(code: Double, dtype: Dtype): Float =
    if (dtype == Dtype.FLOAT32) code.toFloat()
    else within(code, dtype.lowest.toDouble(), dtype.highest.toDouble()).toFloat()

/** What each of the 256 levels of each channel becomes, channel by channel. */
fun pixelTable(mean: DoubleArray, std: DoubleArray, form: Form): Values {
    val table = Values(form.dtype, CHANNELS * 256)
    for (c in 0 until CHANNELS) for (level in 0 until 256) {
        val real = (level / 255.0 - mean[c]) / std[c]
        val scale = form.scale
        table[c * 256 + level] =
            if (scale == null) real.toFloat() else limited(nearest(real / scale) + (form.zeroPoint ?: 0), form.dtype)
    }
    return table
}

/** Turn frames of one size into a tensor, channels first. */
fun applyTable(table: Values, frames: List<Picture>): Values {
    val pixels = frames[0].height * frames[0].width
    val found = Values(table.dtype, frames.size * CHANNELS * pixels)
    found.bytes.clear()
    val plane = ByteArray(pixels * table.dtype.bytes)
    for (frame in frames) for (c in 0 until CHANNELS) {
        if (table.dtype == Dtype.FLOAT32) floatPlane(table, frame, c, plane) else bytePlane(table, frame, c, plane)
        found.bytes.put(plane)
    }
    found.bytes.clear()
    return found
}

private fun bytePlane(table: Values, frame: Picture, c: Int, plane: ByteArray) {
    val levels = ByteArray(256) { table.bytes.get(c * 256 + it) }
    for (place in plane.indices) plane[place] = levels[frame.data[place * CHANNELS + c].toInt() and 255]
}

private fun floatPlane(table: Values, frame: Picture, c: Int, plane: ByteArray) {
    val levels = FloatArray(256) { table[c * 256 + it] }
    val floats = ByteBuffer.wrap(plane).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    for (place in 0 until floats.capacity()) floats.put(levels[frame.data[place * CHANNELS + c].toInt() and 255])
}

/** The nearest values that a tensor can hold, halves to even; in float32. */
fun quantize(values: FloatArray, form: Form): Values {
    val found = Values(form.dtype, values.size)
    val scale = form.scale
    for (place in values.indices) {
        val value = values[place]
        found[place] =
            if (scale == null) value
            else limited(nearest((value / scale.toFloat()).toDouble()) + (form.zeroPoint ?: 0), form.dtype)
    }
    return found
}

/** Real values of a tensor, float32. */
fun dequantize(values: Values, form: Form): FloatArray {
    val scale = form.scale ?: return FloatArray(values.size) { values[it] }
    return FloatArray(values.size) { (values[it] - (form.zeroPoint ?: 0)) * scale.toFloat() }
}

/** Hand a tensor from one graph to the next, rescaled only where the two store it differently. */
fun convert(values: Values, from: Form, to: Form): Values {
    val alike = from.dtype == to.dtype && from.scale == to.scale && from.zeroPoint == to.zeroPoint
    return if (alike) values.part(0, values.size) else quantize(dequantize(values, from), to)
}
