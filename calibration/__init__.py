"""Everything that is fitted to data: clip sets, training, quantisation, evaluation."""
