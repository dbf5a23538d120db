package adafocus.android

import adafocus.AdafocusException
import adafocus.Backend
import adafocus.Graph
import adafocus.bundle.GraphFile
import adafocus.bundle.TensorSpec
import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** ONNX Runtime. It reads a copy of the file from the heap. Needs com.microsoft.onnxruntime:onnxruntime-android. */
class OnnxBackend : Backend {
    override val runtime = "onnx"

    override fun open(model: ByteBuffer, description: GraphFile, threads: Int): Graph = try {
        val bytes = ByteArray(model.capacity())
        model.duplicate().also { it.clear() }.get(bytes)
        val options = OrtSession.SessionOptions()
        options.setIntraOpNumThreads(threads)
        options.setInterOpNumThreads(1)
        SessionGraph(OrtEnvironment.getEnvironment().createSession(bytes, options), description)
    } catch (error: OrtException) {
        throw AdafocusException("ONNX Runtime does not take ${description.file} (${error.message}).", error)
    } catch (error: LinkageError) {
        throw AdafocusException(
            "ONNX Runtime is not in this app. Add com.microsoft.onnxruntime:onnxruntime-android to its dependencies.",
            error,
        )
    }
}

private class SessionGraph(private val session: OrtSession, private val description: GraphFile) : Graph {
    private val names = session.outputNames.toList()

    private fun tensorOf(spec: TensorSpec, bytes: ByteBuffer): OnnxTensor {
        val shape = LongArray(spec.shape.size) { spec.shape[it].toLong() }
        val environment = OrtEnvironment.getEnvironment()
        val given = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).also { it.clear() }
        return when (spec.numbers) {
            "float32" -> OnnxTensor.createTensor(environment, given.asFloatBuffer(), shape)
            "uint8" -> OnnxTensor.createTensor(environment, given, shape, OnnxJavaType.UINT8)
            else -> OnnxTensor.createTensor(environment, given, shape, OnnxJavaType.INT8)
        }
    }

    override fun run(inputs: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
        val given = LinkedHashMap<String, OnnxTensor>()
        try {
            for (spec in description.inputs) given[spec.name] = tensorOf(spec, inputs.getValue(spec.name))
            session.run(given).use { found ->
                return description.outputs.associate { spec ->
                    val place = names.indexOf(spec.name)
                    if (place < 0) throw AdafocusException("The graph gives no ${spec.name}. Convert the model again.")
                    spec.name to (found.get(place) as OnnxTensor).byteBuffer
                }
            }
        } catch (error: OrtException) {
            throw AdafocusException("ONNX Runtime does not run ${description.file} (${error.message}).", error)
        } finally {
            given.values.forEach { it.close() }
        }
    }

    override fun close() = session.close()
}
