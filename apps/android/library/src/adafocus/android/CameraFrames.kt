package adafocus.android

import adafocus.AdafocusException
import adafocus.Recognizer
import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.hardware.camera2.params.StreamConfigurationMap
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.util.Size
import android.view.Surface

private const val IMAGES = 2
private const val NS_PER_MS = 1_000_000L
private const val FULL_TURN = 360

/**
 * Hands the frames of a camera to a recognizer in LIVE_STREAM, on a thread of its own.
 *
 * An image is never held: it is made small at once, or closed where the recognizer does not want it.
 *
 * @param problems is given a sentence when the camera is refused or goes away.
 */
class CameraFrames(
    private val context: Context,
    private val recognizer: Recognizer,
    private val problems: (String) -> Unit,
) : AutoCloseable {
    private val thread = HandlerThread("adafocus camera").apply { start() }
    private val handler = Handler(thread.looper)
    private val manager = context.getSystemService(Context.CAMERA_SERVICE) as CameraManager
    private var device: CameraDevice? = null
    private var reader: ImageReader? = null
    private var closed = false

    /**
     * Open a camera; the permission must have been given.
     *
     * @param facing one of CameraCharacteristics.LENS_FACING_*.
     * @param shortSide of the frames at least, where the camera has such a size.
     * @param displayDegrees how far the display is turned: 0, 90, 180 or 270.
     * @param preview shows the frames; null: none.
     */
    fun start(facing: Int, shortSide: Int, displayDegrees: Int, preview: SurfaceTexture?) {
        handler.post {
            try {
                open(facing, shortSide, displayDegrees, preview)
            } catch (error: CameraAccessException) {
                problems("The camera cannot be opened (${error.message}). Close other apps that use it.")
            } catch (error: SecurityException) {
                problems("The camera was refused. Allow it in the settings of this app.")
            } catch (error: AdafocusException) {
                problems(error.message!!)
            } catch (error: IllegalArgumentException) {
                problems("The camera cannot be opened (${error.message}).")
            }
        }
    }

    // whoever calls start has asked for the permission
    @SuppressLint("MissingPermission")
    private fun open(facing: Int, shortSide: Int, displayDegrees: Int, preview: SurfaceTexture?) {
        val id = manager.cameraIdList.firstOrNull {
            manager.getCameraCharacteristics(it).get(CameraCharacteristics.LENS_FACING) == facing
        } ?: manager.cameraIdList.firstOrNull() ?: throw AdafocusException("This device has no camera.")
        val facts = manager.getCameraCharacteristics(id)
        val map = facts.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP)
            ?: throw AdafocusException("The camera says no sizes of its frames.")
        val size = sizeOf(map, shortSide)
        val sensor = facts.get(CameraCharacteristics.SENSOR_ORIENTATION) ?: 0
        val front = facts.get(CameraCharacteristics.LENS_FACING) == CameraCharacteristics.LENS_FACING_FRONT
        val degrees = (sensor + (if (front) displayDegrees else FULL_TURN - displayDegrees)) % FULL_TURN
        val frames = ImageReader.newInstance(size.width, size.height, ImageFormat.YUV_420_888, IMAGES)
        frames.setOnImageAvailableListener({ take(it, degrees) }, handler)
        reader = frames
        preview?.setDefaultBufferSize(size.width, size.height)
        val targets = listOfNotNull(frames.surface, preview?.let(::Surface))
        manager.openCamera(id, opened(targets), handler)
    }

    /** The smallest size whose short side is long enough, else the largest. */
    private fun sizeOf(map: StreamConfigurationMap, shortSide: Int): Size {
        val sizes = map.getOutputSizes(ImageFormat.YUV_420_888).orEmpty().sortedBy { it.width.toLong() * it.height }
        return sizes.firstOrNull { Math.min(it.width, it.height) >= shortSide } ?: sizes.lastOrNull()
            ?: throw AdafocusException("The camera gives no frames that can be read.")
    }

    private fun take(from: ImageReader, degrees: Int) {
        val image = from.acquireLatestImage() ?: return
        try {
            val ms = image.timestamp / NS_PER_MS
            if (!closed && recognizer.wantsFrame(ms)) recognizer.addFrame(pictureOf(image, degrees), ms)
        } catch (error: AdafocusException) {
            problems(error.message!!)
        } finally {
            image.close()
        }
    }

    private fun opened(targets: List<Surface>) = object : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            device = camera
            if (closed) return camera.close()
            val request = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
            targets.forEach(request::addTarget)
            camera.createCaptureSession(targets, running(request), handler)
        }

        override fun onDisconnected(camera: CameraDevice) {
            camera.close()
            problems("The camera went away. Another app may use it.")
        }

        override fun onError(camera: CameraDevice, error: Int) {
            camera.close()
            problems("The camera gives the error $error. Close other apps that use it.")
        }
    }

    private fun running(request: CaptureRequest.Builder) = object : CameraCaptureSession.StateCallback() {
        override fun onConfigured(session: CameraCaptureSession) {
            try {
                session.setRepeatingRequest(request.build(), null, handler)
            } catch (error: CameraAccessException) {
                problems("The camera stopped (${error.message}).")
            } catch (error: IllegalStateException) {
                problems("The camera was closed.")
            }
        }

        override fun onConfigureFailed(session: CameraCaptureSession) = problems(
            "The camera refuses this size of frames."
        )
    }

    /** Let go of the camera; the recognizer is not closed. */
    override fun close() {
        handler.post {
            closed = true
            device?.close()
            reader?.close()
            thread.quitSafely()
        }
    }
}
