package adafocus.jvm

import adafocus.AdafocusException
import adafocus.Backend
import adafocus.Graph
import adafocus.bundle.GraphFile
import adafocus.bundle.TensorSpec
import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.ptr.PointerByReference
import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val CPU = 1
private const val READ = 0
private const val WRITE = 1

/** Bytes of a ranked tensor type, which is handed on as it comes; with room to spare. */
private const val TYPE_BYTES = 256L

/** LiteRT by the functions of its library; for machines without Android. */
class LiteRt(path: String) : Backend {
    override val runtime = "litert"
    internal val library: NativeLibrary = NativeLibrary.getInstance(path)
    private val c: NativeLibrary = NativeLibrary.getInstance("c")

    // one for the process: graphs of all recognizers live in it
    internal val environment: Pointer = made("LiteRtCreateEnvironment", 0, Pointer.NULL)

    override fun open(model: ByteBuffer, description: GraphFile, threads: Int): Graph =
        LiteRtGraph(this, model, description, threads)

    /** Call a function that gives a status. */
    internal fun call(name: String, vararg arguments: Any?) {
        val status = library.getFunction(name).invokeInt(arguments)
        if (status != 0) throw AdafocusException("LiteRT does not run this graph: $name gives the status $status.")
    }

    /** Call a function that makes something, by its last argument. */
    internal fun made(name: String, vararg arguments: Any?): Pointer {
        val found = PointerByReference()
        call(name, *arguments, found)
        return found.value
    }

    internal fun destroy(name: String, what: Pointer) {
        library.getFunction(name).invokeVoid(arrayOf(what))
    }

    /** Options of the CPU; the text is let go of by LiteRT. */
    internal fun options(threads: Int): Pointer {
        val text = "num_threads = $threads\n"
        val payload = c.getFunction("malloc").invokePointer(arrayOf(text.length + 1L))
        payload.setString(0, text)
        val found = made("LiteRtCreateOptions")
        call("LiteRtSetOptionsHardwareAccelerators", found, CPU)
        call("LiteRtAddOpaqueOptions", found, made(
            "LiteRtCreateOpaqueOptions", "xnnpack", payload, c.getFunction("free")
        ))
        return found
    }
}

private class LiteRtGraph(
    private val lite: LiteRt,
    private val bytes: ByteBuffer,
    private val description: GraphFile,
    threads: Int,
) : Graph {
    private val model: Pointer
    private val options: Pointer
    private val compiled: Pointer
    private val inputs: List<Pointer>
    private val outputs: List<Pointer>

    init {
        val start = Native.getDirectBufferPointer(bytes)
        model = lite.made("LiteRtCreateModelFromBuffer", lite.environment, start, bytes.capacity().toLong())
        options = lite.options(threads)
        compiled = lite.made("LiteRtCreateCompiledModel", lite.environment, model, options)
        val signature = lite.made("LiteRtGetModelSignature", model, 0L)
        inputs = description.inputs.indices.map { buffer("Input", signature, it.toLong()) }
        outputs = description.outputs.indices.map { buffer("Output", signature, it.toLong()) }
    }

    /** Tensors have no names of ours in the file: they go by the manifest's order. */
    private fun buffer(side: String, signature: Pointer, place: Long): Pointer {
        val tensor = lite.made("LiteRtGetSignature${side}TensorByIndex", signature, place)
        val type = Memory(TYPE_BYTES)
        lite.call("LiteRtGetRankedTensorType", tensor, type)
        val needs = lite.made("LiteRtGetCompiledModel${side}BufferRequirements", compiled, 0L, place)
        return lite.made("LiteRtCreateManagedTensorBufferFromRequirements", lite.environment, type, needs)
    }

    private fun <T> locked(buffer: Pointer, mode: Int, spec: TensorSpec, work: (ByteBuffer) -> T): T {
        val address = PointerByReference()
        lite.call("LiteRtLockTensorBuffer", buffer, address, mode)
        try {
            val bytes = address.value.getByteBuffer(0, spec.count * spec.itemBytes)
            return work(bytes.order(ByteOrder.LITTLE_ENDIAN))
        } finally {
            lite.call("LiteRtUnlockTensorBuffer", buffer)
        }
    }

    override fun run(inputs: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
        description.inputs.forEachIndexed { place, spec ->
            locked(this.inputs[place], WRITE, spec) { it.put(inputs.getValue(spec.name).duplicate()) }
        }
        val given = this.inputs.toTypedArray()
        val taken = outputs.toTypedArray()
        lite.call("LiteRtRunCompiledModel", compiled, 0L, given.size.toLong(), given, taken.size.toLong(), taken)
        return description.outputs.withIndex().associate { (place, spec) ->
            spec.name to locked(outputs[place], READ, spec) { found ->
                ByteBuffer.allocateDirect(found.capacity()).order(ByteOrder.LITTLE_ENDIAN).apply { put(found) }
            }
        }
    }

    override fun close() {
        (inputs + outputs).forEach { lite.destroy("LiteRtDestroyTensorBuffer", it) }
        lite.destroy("LiteRtDestroyCompiledModel", compiled)
        lite.destroy("LiteRtDestroyOptions", options)
        lite.destroy("LiteRtDestroyModel", model)
        // until here the graph reads from it
        bytes.limit()
    }
}
