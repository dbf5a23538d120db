/** Bundles where an app has them. */
package adafocus.android

import adafocus.AdafocusException
import adafocus.Backend
import adafocus.bundle.Bundle
import android.content.Context
import android.os.ParcelFileDescriptor
import java.io.File
import java.io.IOException

/**
 * Open a bundle that lies in the app's assets, mapped from the APK. Gradle must not compress it: `noCompress += "zip"`.
 *
 * @throws AdafocusException it is not there, is compressed, or was changed.
 */
fun openAsset(context: Context, name: String): Bundle {
    val asset = try {
        context.assets.openFd(name)
    } catch (error: IOException) {
        throw AdafocusException(
            "The app has no uncompressed asset $name. Put the bundle there, with noCompress for zip.", error
        )
    }
    // it owns the descriptor, and is closed with the bundle
    val stream = ParcelFileDescriptor.AutoCloseInputStream(asset.parcelFileDescriptor)
    return Bundle.open(stream.channel, asset.startOffset, asset.length, name)
}

/** The first backend whose graphs a bundle holds and whose library is in the app. */
fun backendFor(context: Context, bundle: Bundle): Backend {
    val known = listOf(
        Triple("litert", "org.tensorflow.lite.Interpreter") { LiteRtBackend() },
        Triple("executorch", "org.pytorch.executorch.Module") { ExecuTorchBackend(
            File(context.filesDir, "executorch")
        ) },
        Triple("onnx", "ai.onnxruntime.OrtEnvironment") { OnnxBackend() },
    )
    val found = known.firstOrNull { (runtime, name) -> runtime in bundle.manifest.runtimes && isThere(name) }
    return found?.third?.invoke() ?: throw AdafocusException(
        "The bundle holds graphs for ${bundle.manifest.runtimes.joinToString()}, and this app has a library for none " +
            "of them. Add one to its dependencies."
    )
}

private fun isThere(name: String): Boolean = try {
    Class.forName(name, false, Bundle::class.java.classLoader)
    true
} catch (error: ClassNotFoundException) {
    false
}
