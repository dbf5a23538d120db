package org.pytorch.executorch;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** See Module. */
public abstract class Tensor {
    public static Tensor fromBlob(FloatBuffer data, long[] shape) { throw new UnsupportedOperationException(); }

    public static Tensor fromBlob(ByteBuffer data, long[] shape) { throw new UnsupportedOperationException(); }

    public static Tensor fromBlobUnsigned(ByteBuffer data, long[] shape) { throw new UnsupportedOperationException(); }

    public float[] getDataAsFloatArray() { throw new UnsupportedOperationException(); }

    public byte[] getDataAsByteArray() { throw new UnsupportedOperationException(); }

    public byte[] getDataAsUnsignedByteArray() { throw new UnsupportedOperationException(); }
}
