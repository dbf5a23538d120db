"""What shows a stream: the terminal line, the preview window, the annotated video."""
