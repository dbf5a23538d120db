package adafocus.jvm

import adafocus.AdafocusException
import adafocus.Backend
import adafocus.Graph
import adafocus.bundle.GraphFile
import adafocus.bundle.TensorSpec
import java.nio.ByteBuffer
import java.nio.ByteOrder

private val NUMBERS = listOf("uint8", "int8", "int32", "float32")

/** ExecuTorch by a small library of ours; for machines without Android. The threads are those of its pool. */
class ExecuTorch(library: String) : Backend {
    override val runtime = "executorch"

    init {
        System.load(library)
    }

    override fun open(model: ByteBuffer, description: GraphFile, threads: Int): Graph =
        ExecuTorchGraph(model, description)
}

/** What `executorch.cpp` does; a problem comes as an [AdafocusException]. */
internal object Native {
    @JvmStatic
    external fun open(model: ByteBuffer): Long

    @JvmStatic
    external fun run(
        module: Long, inputs: Array<ByteBuffer>, shapes: Array<IntArray>, types: IntArray, outputs: Array<ByteBuffer>,
    )

    @JvmStatic
    external fun close(module: Long)
}

private class ExecuTorchGraph(private val model: ByteBuffer, private val description: GraphFile) : Graph {
    private var module = Native.open(model)
    private val shapes = Array(description.inputs.size) { description.inputs[it].shape }
    private val types = IntArray(description.inputs.size) { typeOf(description.inputs[it]) }
    private val outputs = Array(description.outputs.size) {
        val spec = description.outputs[it]
        ByteBuffer.allocateDirect((spec.count * spec.itemBytes).toInt()).order(ByteOrder.LITTLE_ENDIAN)
    }

    private fun typeOf(spec: TensorSpec): Int {
        val found = NUMBERS.indexOf(spec.numbers)
        if (found < 0) throw AdafocusException(
            "${spec.name} is of ${spec.numbers}, expected one of ${NUMBERS.joinToString()}."
        )
        return found
    }

    override fun run(inputs: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
        Native.run(module, Array(shapes.size) { inputs.getValue(description.inputs[it].name) }, shapes, types, outputs)
        return description.outputs.withIndex().associate { (place, spec) -> spec.name to outputs[place] }
    }

    override fun close() {
        if (module != 0L) Native.close(module)
        module = 0
        // until here the module reads from it
        model.limit()
    }
}
