package adafocus.app

import adafocus.AdafocusException
import adafocus.Backend
import adafocus.android.backendFor
import adafocus.android.openAsset
import adafocus.bundle.Bundle
import android.app.Activity
import android.os.Bundle as State
import android.view.View
import android.view.ViewGroup
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView
import java.util.concurrent.Executors
import java.util.concurrent.RejectedExecutionException

/** The bundle in the app's assets. */
const val BUNDLE = "bundle.zip"
private const val PADDING_PX = 32
private const val TEXT_SP = 16f

/** A screen with a text, whose work is done on one thread beside that of the screen. */
abstract class Screen : Activity() {
    private val worker = Executors.newSingleThreadExecutor()
    protected lateinit var column: LinearLayout
    private lateinit var text: TextView

    override fun onCreate(state: State?) {
        super.onCreate(state)
        column = LinearLayout(this)
        column.orientation = LinearLayout.VERTICAL
        column.setPadding(PADDING_PX, PADDING_PX, PADDING_PX, PADDING_PX)
        text = TextView(this)
        text.textSize = TEXT_SP
        text.setTextIsSelectable(true)
        build()
        val scroll = ScrollView(this)
        scroll.addView(text)
        column.addView(scroll)
        setContentView(column)
    }

    /** Add views above the text. */
    protected abstract fun build()

    protected fun add(view: View, height: Int = ViewGroup.LayoutParams.WRAP_CONTENT) {
        column.addView(view, ViewGroup.LayoutParams.MATCH_PARENT, height)
    }

    /** Show a text in place of the one before. */
    protected fun show(content: String) = runOnUiThread { text.text = content }

    /** Do something beside the screen's thread; a problem is shown as its sentence. */
    protected fun work(task: () -> Unit) {
        try {
            worker.execute {
                try {
                    task()
                } catch (error: AdafocusException) {
                    show(error.message!!)
                } catch (error: OutOfMemoryError) {
                    show("The memory of this device does not suffice for this bundle.")
                }
            }
        } catch (error: RejectedExecutionException) {
            // the screen was left
        }
    }

    /** Open the bundle and choose a runtime. */
    protected fun <T> withBundle(task: (Bundle, Backend) -> T): T =
        openAsset(this, BUNDLE).use { bundle -> task(bundle, backendFor(this, bundle)) }

    override fun onDestroy() {
        worker.shutdown()
        super.onDestroy()
    }
}
