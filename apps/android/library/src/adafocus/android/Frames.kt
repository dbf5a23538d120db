/** Frames of Android's cameras and decoders as pictures. */
package adafocus.android

import adafocus.rules.Picture
import adafocus.video.Matrix
import adafocus.video.Plane
import adafocus.video.YuvConverter
import adafocus.video.YuvFrame
import android.graphics.Rect
import android.media.Image
import android.media.MediaFormat

/** From this height on videos without a note are of the matrix of high definition. */
private const val HIGH_DEFINITION_PX = 720

// keys and values of MediaFormat that the oldest systems do not name
private const val COLOR_RANGE = "color-range"
private const val COLOR_STANDARD = "color-standard"
private const val RANGE_FULL = 1
private const val STANDARD_BT709 = 1

/** Read a YUV_420_888 image by the strides of its planes; only what its crop rectangle shows. */
fun yuvFrameOf(image: Image): YuvFrame {
    val crop: Rect = image.cropRect
    val planes = image.planes.mapIndexed { place, plane ->
        val shift = if (place == 0) 0 else 1
        val first = (crop.top shr shift) * plane.rowStride + (crop.left shr shift) * plane.pixelStride
        Plane(plane.buffer, first, plane.rowStride, plane.pixelStride)
    }
    return YuvFrame(crop.width(), crop.height(), planes[0], planes[1], planes[2])
}

/** The colors of a decoder's output: as it says, else by the height. */
fun converterOf(format: MediaFormat, height: Int): YuvConverter {
    val full = format.containsKey(COLOR_RANGE) && format.getInteger(COLOR_RANGE) == RANGE_FULL
    val high = if (format.containsKey(COLOR_STANDARD)) format.getInteger(COLOR_STANDARD) == STANDARD_BT709
    else height >= HIGH_DEFINITION_PX
    return YuvConverter(if (high) Matrix.BT709 else Matrix.BT601, full)
}

/** Cameras give YUV_420_888 in the colors of JPEG: BT.601, all levels. */
val CAMERA_COLORS = YuvConverter(Matrix.BT601, true)

/** A camera's image as a picture, upright. */
fun pictureOf(image: Image, degrees: Int): Picture = CAMERA_COLORS.convert(yuvFrameOf(image), degrees)
