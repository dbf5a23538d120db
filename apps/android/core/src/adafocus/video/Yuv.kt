/** Frames of cameras and decoders as pictures, by the device's arithmetic in whole numbers. */
package adafocus.video

import adafocus.rules.CHANNELS
import adafocus.rules.Picture
import java.nio.ByteBuffer

private const val LEVELS = 256
private const val CENTRE = 128

/** Which red, green and blue luma and chroma stand for; factors are in 8192ths, of levels times 8. */
enum class Matrix(internal val limited: IntArray, internal val full: IntArray) {
    BT601(intArrayOf(9539, 13075, -3209, -6660, 16525), intArrayOf(8192, 11485, -2819, -5850, 14516)),
    BT709(intArrayOf(9539, 14686, -1747, -4366, 17305), intArrayOf(8192, 12901, -1535, -3835, 15201)),
}

/** One plane: the place of the first pixel, bytes from row to row, and from pixel to pixel. */
class Plane(val bytes: ByteBuffer, val first: Int, val rowStride: Int, val pixelStride: Int)

/** A frame with one chroma for 2 x 2 pixels; 4:2:0 in any layout. */
class YuvFrame(val width: Int, val height: Int, val y: Plane, val u: Plane, val v: Plane)

/** Products of all levels with one factor; what is shifted out is cut off. */
private fun products(factor: Int, black: Int) = IntArray(LEVELS) { level -> ((8 * level - black) * factor) shr 16 }

/** Turns frames into pictures: red, green, blue. Reads rows at once, since a buffer's single bytes are slow to get. */
class YuvConverter(matrix: Matrix, fullRange: Boolean) {
    private val factors = if (fullRange) matrix.full else matrix.limited
    private val luma = products(factors[0], if (fullRange) 0 else 8 * 16)
    private val red = products(factors[1], 8 * CENTRE)
    private val greenOfU = products(factors[2], 8 * CENTRE)
    private val greenOfV = products(factors[3], 8 * CENTRE)
    private val blue = products(factors[4], 8 * CENTRE)

    /** Convert a frame, and turn it clockwise by 0, 90, 180 or 270 degrees. */
    fun convert(frame: YuvFrame, degrees: Int = 0): Picture {
        val found = Picture(frame.height, frame.width)
        val columns = (frame.width + 1) / 2
        val ys = Row(frame.y, frame.width)
        val us = Row(frame.u, columns)
        val vs = Row(frame.v, columns)
        var place = 0
        for (row in 0 until frame.height) {
            ys.read(row)
            if (row % 2 == 0) {
                us.read(row / 2)
                vs.read(row / 2)
            }
            for (x in 0 until frame.width) {
                val level = luma[ys[x]]
                val u = us[x / 2]
                val v = vs[x / 2]
                found.data[place] = limited(level + red[v])
                found.data[place + 1] = limited(level + greenOfU[u] + greenOfV[v])
                found.data[place + 2] = limited(level + blue[u])
                place += CHANNELS
            }
        }
        return turned(found, degrees)
    }

    private fun limited(value: Int): Byte = Math.min(Math.max(value, 0), LEVELS - 1).toByte()
}

/** One row of a plane at a time. */
private class Row(private val plane: Plane, count: Int) {
    // the last row of a plane may end right after its last pixel
    private val content = ByteArray((count - 1) * plane.pixelStride + 1)
    private val bytes = plane.bytes.duplicate()

    fun read(row: Int) {
        bytes.position(plane.first + row * plane.rowStride)
        bytes.get(content)
    }

    operator fun get(place: Int): Int = content[place * plane.pixelStride].toInt() and 255
}

/** Turn a picture clockwise by 0, 90, 180 or 270 degrees. */
fun turned(picture: Picture, degrees: Int): Picture {
    if (degrees % 360 == 0) return picture
    val height = picture.height
    val width = picture.width
    val across = degrees % 180 != 0
    val found = if (across) Picture(width, height) else Picture(height, width)
    var place = 0
    for (y in 0 until found.height) for (x in 0 until found.width) {
        val row = when (degrees) { 90 -> height - 1 - x; 180 -> height - 1 - y; else -> x }
        val column = when (degrees) { 90 -> y; 180 -> width - 1 - x; else -> width - 1 - y }
        val from = (row * width + column) * CHANNELS
        for (c in 0 until CHANNELS) found.data[place++] = picture.data[from + c]
    }
    return found
}
