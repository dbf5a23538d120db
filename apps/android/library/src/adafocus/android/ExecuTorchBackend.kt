package adafocus.android

import adafocus.AdafocusException
import adafocus.Backend
import adafocus.Graph
import adafocus.bundle.GraphFile
import adafocus.bundle.TensorSpec
import java.io.File
import java.io.FileOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/**
 * ExecuTorch. Its Java interface takes paths and no bytes, so a graph is copied once into [folder], by its digest.
 *
 * Needs org.pytorch:executorch-android.
 */
class ExecuTorchBackend(private val folder: File) : Backend {
    override val runtime = "executorch"

    override fun open(model: ByteBuffer, description: GraphFile, threads: Int): Graph = try {
        ModuleGraph(Module.load(copied(model, description).path, Module.LOAD_MODE_MMAP), description)
    } catch (error: LinkageError) {
        throw AdafocusException(
            "ExecuTorch is not in this app. Add org.pytorch:executorch-android to its dependencies.", error
        )
    } catch (error: RuntimeException) {
        throw AdafocusException("ExecuTorch does not take ${description.file} (${error.message}).", error)
    }

    private fun copied(model: ByteBuffer, description: GraphFile): File {
        val file = File(folder, "${description.sha256}.pte")
        if (file.length() == description.bytes) return file
        folder.mkdirs()
        val beside = File(folder, "${file.name}.part")
        FileOutputStream(beside).use { it.channel.write(model.duplicate().also { bytes -> bytes.clear() }) }
        if (!beside.renameTo(file)) throw AdafocusException("$file cannot be written. Make room on the device.")
        return file
    }
}

private class ModuleGraph(private val module: Module, private val description: GraphFile) : Graph {
    private fun valueOf(spec: TensorSpec, given: ByteBuffer): EValue {
        val shape = LongArray(spec.shape.size) { spec.shape[it].toLong() }
        val bytes = given.duplicate().order(ByteOrder.nativeOrder()).also { it.clear() }
        return EValue.from(
            when (spec.numbers) {
                "float32" -> Tensor.fromBlob(bytes.asFloatBuffer(), shape)
                "uint8" -> Tensor.fromBlobUnsigned(bytes, shape)
                else -> Tensor.fromBlob(bytes, shape)
            }
        )
    }

    private fun bytesOf(spec: TensorSpec, value: EValue): ByteBuffer {
        val found = ByteBuffer.allocateDirect((spec.count * spec.itemBytes).toInt()).order(ByteOrder.LITTLE_ENDIAN)
        val tensor = value.toTensor()
        when (spec.numbers) {
            "float32" -> found.asFloatBuffer().put(tensor.dataAsFloatArray)
            "uint8" -> found.put(tensor.dataAsUnsignedByteArray)
            else -> found.put(tensor.dataAsByteArray)
        }
        found.clear()
        return found
    }

    override fun run(inputs: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
        val given = Array(description.inputs.size) { valueOf(
            description.inputs[it], inputs.getValue(description.inputs[it].name)
        ) }
        val found = module.forward(*given)
        return description.outputs.withIndex().associate { (place, spec) -> spec.name to bytesOf(spec, found[place]) }
    }

    override fun close() = module.destroy()
}
