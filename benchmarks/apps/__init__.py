"""Apps beside Python: what their code answers, and how long it takes."""
