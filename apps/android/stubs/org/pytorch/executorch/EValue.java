package org.pytorch.executorch;

/** See Module. */
public class EValue {
    public static EValue from(Tensor tensor) { throw new UnsupportedOperationException(); }

    public Tensor toTensor() { throw new UnsupportedOperationException(); }
}
