"""From a video to the pixels that the graphs take: frames, clips, resizing, patches."""
