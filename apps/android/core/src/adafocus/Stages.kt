package adafocus

import adafocus.bundle.Bundle
import adafocus.bundle.BundleException
import adafocus.bundle.GraphFile
import adafocus.bundle.Refusal
import adafocus.bundle.Stage
import adafocus.bundle.TensorSpec
import adafocus.rules.Form
import adafocus.rules.Values
import adafocus.rules.convert
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The descriptions of a bundle's graphs for one runtime. */
class GraphFiles(private val graphs: Map<Stage, GraphFile>) {
    operator fun get(stage: Stage): GraphFile = graphs.getValue(stage)

    operator fun contains(stage: Stage): Boolean = stage in graphs

    fun input(stage: Stage, name: String): TensorSpec = this[stage].inputs.first { it.name == name }

    fun output(stage: Stage, name: String): TensorSpec = this[stage].outputs.first { it.name == name }

    /** Hand an output of one stage to another one, in the form that this one takes. */
    fun handed(call: StageCall, name: String, stage: Stage): Values =
        convert(call.outputs.getValue(name), formOf(output(call.stage, name)), formOf(input(stage, name)))
}

/** How a tensor is stored; a recognizer refuses to open graphs whose tensors are stored otherwise. */
internal fun formOf(spec: TensorSpec): Form = spec.form ?: throw BundleException(
    Refusal.RUNTIME,
    "${spec.name} is of ${spec.numbers}, which no backend of this app takes, expected int8, uint8 or float32. " +
        "Export with --precision int8."
)

/** The opened graphs of a bundle. */
internal class Stages(bundle: Bundle, backend: Backend, threads: Int) : AutoCloseable {
    val files = GraphFiles(bundle.manifest.geometry.stages.associateWith { bundle.graph(it, backend.runtime) })
    private val opened = HashMap<Stage, Graph>()

    init {
        try {
            for (stage in bundle.manifest.geometry.stages) {
                val file = files[stage]
                (file.inputs + file.outputs).forEach(::formOf)
                opened[stage] = backend.open(bundle.bytes(file), file, threads)
            }
        } catch (error: Exception) {
            close()
            throw error
        }
    }

    /** Run a stage; the outputs are copies, which stay. */
    fun run(stage: Stage, inputs: Map<String, Values>): Map<String, Values> {
        val given = inputs.mapValues { (_, values) -> values.bytes.also { it.clear() } }
        val outputs = opened.getValue(stage).run(given)
        return files[stage].outputs.associate { spec ->
            val bytes = outputs[spec.name] ?: throw AdafocusException("The ${stage.key} graph gave no ${spec.name}.")
            spec.name to copied(bytes, spec, stage)
        }
    }

    private fun copied(bytes: ByteBuffer, spec: TensorSpec, stage: Stage): Values {
        val form = formOf(spec)
        val found = Values(form.dtype, spec.count.toInt())
        val given = bytes.duplicate().also { it.clear() }
        if (given.remaining() != found.bytes.capacity()) {
            throw AdafocusException(
                "${spec.name} of the ${stage.key} graph has ${given.remaining()} bytes, expected " +
                    "${found.bytes.capacity()}. Convert the model again."
            )
        }
        found.bytes.put(given)
        found.bytes.clear()
        found.bytes.order(ByteOrder.LITTLE_ENDIAN)
        return found
    }

    override fun close() {
        opened.values.forEach { it.close() }
        opened.clear()
    }
}
