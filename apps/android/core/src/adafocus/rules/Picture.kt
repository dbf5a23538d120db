package adafocus.rules

/** Red, green, blue. */
const val CHANNELS = 3

/** A picture: three bytes a pixel, row by row. */
class Picture(val height: Int, val width: Int, val data: ByteArray = ByteArray(height * width * CHANNELS)) {
    /** Copy all of it. */
    fun copy() = Picture(height, width, data.copyOf())

    /** Copy a part. */
    fun part(top: Int, left: Int, height: Int, width: Int): Picture {
        val found = Picture(height, width)
        for (y in 0 until height) {
            val begin = ((top + y) * this.width + left) * CHANNELS
            System.arraycopy(data, begin, found.data, y * width * CHANNELS, width * CHANNELS)
        }
        return found
    }

    /** Copy this picture into another one. */
    fun putInto(other: Picture, top: Int, left: Int) {
        for (y in 0 until height) {
            val begin = ((top + y) * other.width + left) * CHANNELS
            System.arraycopy(data, y * width * CHANNELS, other.data, begin, width * CHANNELS)
        }
    }
}
