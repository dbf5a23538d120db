package adafocus.android

import adafocus.AdafocusException
import adafocus.Backend
import adafocus.Graph
import adafocus.bundle.GraphFile
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter

/** LiteRT by its interpreter, which takes mapped files as they are. Needs com.google.ai.edge.litert:litert. */
class LiteRtBackend : Backend {
    override val runtime = "litert"

    override fun open(model: ByteBuffer, description: GraphFile, threads: Int): Graph = try {
        val options = Interpreter.Options().setNumThreads(threads).setUseXNNPACK(true)
        InterpreterGraph(Interpreter(model, options), description)
    } catch (error: IllegalArgumentException) {
        throw AdafocusException(
            "LiteRT does not take ${description.file} (${error.message}). Use its version of the table.", error
        )
    } catch (error: LinkageError) {
        throw AdafocusException(
            "LiteRT is not in this app. Add com.google.ai.edge.litert:litert to its dependencies.", error
        )
    }
}

private class InterpreterGraph(private val interpreter: Interpreter, private val description: GraphFile) : Graph {
    private val outputs = description.outputs.map { spec ->
        ByteBuffer.allocateDirect((spec.count * spec.itemBytes).toInt()).order(ByteOrder.LITTLE_ENDIAN)
    }

    override fun run(inputs: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
        // tensors have no names of ours in the file: they go by the manifest's order
        val given = Array<Any>(description.inputs.size) { inputs.getValue(description.inputs[it].name) }
        val taken = HashMap<Int, Any>()
        outputs.forEachIndexed { place, buffer -> taken[place] = buffer.also { it.clear() } }
        interpreter.runForMultipleInputsOutputs(given, taken)
        return description.outputs.withIndex().associate { (place, spec) -> spec.name to outputs[place] }
    }

    override fun close() = interpreter.close()
}
