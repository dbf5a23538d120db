package adafocus.app

import adafocus.AdafocusException
import adafocus.LiveResult
import adafocus.Recognizer
import adafocus.RecognizerOptions
import adafocus.RunningMode
import adafocus.android.CameraFrames
import adafocus.android.backendFor
import adafocus.android.openAsset
import adafocus.bundle.Bundle
import android.Manifest
import android.content.pm.PackageManager
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraCharacteristics
import android.view.TextureView

private const val PREVIEW_PX = 900
private const val QUARTER = 90

/** Recognizes what the camera sees, every second. */
class LiveActivity : Screen() {
    private lateinit var preview: TextureView
    private var bundle: Bundle? = null
    private var recognizer: Recognizer? = null
    private var camera: CameraFrames? = null
    private var shown = false

    override fun build() {
        preview = TextureView(this)
        add(preview, PREVIEW_PX)
        show("waiting for the camera")
        if (checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            requestPermissions(arrayOf(Manifest.permission.CAMERA), 0)
        }
    }

    override fun onRequestPermissionsResult(code: Int, names: Array<out String>, given: IntArray) {
        if (given.firstOrNull() == PackageManager.PERMISSION_GRANTED) start()
        else show("The camera was refused. Allow it in the settings of this app, and come back.")
    }

    override fun onResume() {
        super.onResume()
        shown = true
        if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) start()
    }

    private fun start() = work {
        if (!shown || recognizer != null) return@work
        val opened = openAsset(this, BUNDLE)
        bundle = opened
        val live = Recognizer.createFromOptions(
            RecognizerOptions(
                opened, backendFor(this, opened), runningMode = RunningMode.LIVE_STREAM,
                resultListener = { show(told(it)) }, errorListener = { show(it.message ?: it.toString()) },
            )
        )
        recognizer = live
        runOnUiThread { whenThere { texture -> begin(live, opened, texture) } }
    }

    private fun begin(live: Recognizer, opened: Bundle, texture: SurfaceTexture) {
        val frames = CameraFrames(this, live) { show(it) }
        camera = frames
        val degrees = windowManager.defaultDisplay.rotation * QUARTER
        frames.start(CameraCharacteristics.LENS_FACING_BACK, opened.manifest.geometry.shortSide, degrees, texture)
    }

    /** The preview's texture comes some time after the view. */
    private fun whenThere(use: (SurfaceTexture) -> Unit) {
        preview.surfaceTexture?.let { return use(it) }
        preview.surfaceTextureListener = object : TextureView.SurfaceTextureListener {
            override fun onSurfaceTextureAvailable(texture: SurfaceTexture, width: Int, height: Int) = use(texture)

            override fun onSurfaceTextureSizeChanged(texture: SurfaceTexture, width: Int, height: Int) = Unit

            override fun onSurfaceTextureDestroyed(texture: SurfaceTexture) = true

            override fun onSurfaceTextureUpdated(texture: SurfaceTexture) = Unit
        }
    }

    private fun told(result: LiveResult): String {
        val lines = arrayListOf(result.shown ?: "nothing certain", told(result.prediction))
        val counts = result.counts
        lines += "frames: ${counts.kept} kept, ${counts.skipped} not needed, ${counts.dropped} too late"
        return lines.joinToString("\n")
    }

    override fun onPause() {
        shown = false
        camera?.close()
        camera = null
        work {
            try {
                recognizer?.close()
                bundle?.close()
            } catch (error: AdafocusException) {
                show(error.message!!)
            }
            recognizer = null
            bundle = null
        }
        super.onPause()
    }
}
