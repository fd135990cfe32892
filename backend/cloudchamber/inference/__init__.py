"""Running a model: worker process, generation, sampling, taps."""
